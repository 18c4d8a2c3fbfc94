"""The resources and conditions that each AWS action may have in any statement."""

from typing import Any

_ACCOUNT = "${AWS::Region}:${AWS::AccountId}"
# Resources of actions outside the stack. This table is security-critical: change it with care.
RESOURCES = {
    "ecs:DescribeTaskDefinition": ["*"],
    "ecs:ListClusters": ["*"],
    "ecs:ListServices": ["*"],
    "ecs:ListTasks": ["*"],
    "ecs:ListTaskDefinitionFamilies": ["*"],
    # One statement for both, since each has its own form of ARN and IAM matches an action with no other.
    "ecs:DescribeServices": [f"arn:${{AWS::Partition}}:ecs:{_ACCOUNT}:{each}/*" for each in ("service", "task")],
    "ecs:DescribeTasks": [f"arn:${{AWS::Partition}}:ecs:{_ACCOUNT}:{each}/*" for each in ("service", "task")],
    "ecs:RegisterTaskDefinition": [f"arn:${{AWS::Partition}}:ecs:{_ACCOUNT}:task-definition/*"],
    "ecs:TagResource": [f"arn:${{AWS::Partition}}:ecs:{_ACCOUNT}:task-definition/*"],
    "ecs:UpdateService": [f"arn:${{AWS::Partition}}:ecs:{_ACCOUNT}:service/${{ServicePattern}}"],
    "secretsmanager:DescribeSecret": ["arn:${AWS::Partition}:secretsmanager:*:*:secret:*"],
    "secretsmanager:ListSecretVersionIds": ["arn:${AWS::Partition}:secretsmanager:*:*:secret:*"],
    "secretsmanager:GetResourcePolicy": ["arn:${AWS::Partition}:secretsmanager:*:*:secret:*"],
    "secretsmanager:ListResourcePolicies": ["arn:${AWS::Partition}:secretsmanager:*:*:secret:*"],
    "secretsmanager:GetSecretValue": ["arn:${AWS::Partition}:secretsmanager:*:*:secret:${RegistrySecretPattern}"],
    "secretsmanager:ListSecrets": ["*"],
    "kms:DescribeKey": ["arn:${AWS::Partition}:kms:*:*:key/*"],
    "kms:GetKeyPolicy": ["arn:${AWS::Partition}:kms:*:*:key/*"],
    "kms:ListAliases": ["*"],
    "organizations:DescribeOrganization": ["*"],
    "kms:ListGrants": ["arn:${AWS::Partition}:kms:*:*:key/*"],
    "events:ListRuleNamesByTarget": ["*"],
    "events:ListTargetsByRule": [f"arn:${{AWS::Partition}}:events:{_ACCOUNT}:rule/*"],
    "scheduler:ListSchedules": ["*"],
    "scheduler:GetSchedule": [f"arn:${{AWS::Partition}}:scheduler:{_ACCOUNT}:schedule/*"],
    "iam:GetRole": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"],
    "iam:GetRolePolicy": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"],
    "iam:ListAttachedRolePolicies": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"],
    "iam:ListRolePolicies": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"],
    "iam:GetPolicy": ["arn:${AWS::Partition}:iam::*:policy/*"],
    "iam:GetPolicyVersion": ["arn:${AWS::Partition}:iam::*:policy/*"],
    "iam:PassRole": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${PassedRolePattern}"],
    "iam:DeleteRolePolicy": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${ManagedRolePattern}"],
    "iam:PutRolePolicy": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${ManagedRolePattern}"],
    "ssm:GetParameter": [f"arn:${{AWS::Partition}}:ssm:{_ACCOUNT}:parameter${{StopSwitch}}"],
    "iam:SimulatePrincipalPolicy": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"],
}
# The conditions without which an action would be a confused deputy's (docs/adr/0002).
_OPTED_IN = {"aws:ResourceTag/pullguard:managed": "true"}
_WITH_BOUNDARY = {**_OPTED_IN, "iam:PermissionsBoundary": {"Ref": "RequireRoleBoundary"}}
# Both actions support the condition key. The embedded AWS does not know it.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
MANAGED_ROLES: dict[str, Any] = {
    "Fn::If": ["RequiresRoleBoundary", {"StringEquals": _WITH_BOUNDARY}, {"StringEquals": _OPTED_IN}]
}
CONDITIONS: dict[str, dict[str, Any]] = {
    "iam:DeleteRolePolicy": MANAGED_ROLES,
    "iam:PutRolePolicy": MANAGED_ROLES,
    "iam:PassRole": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
    # A principal that can tag existing resources could raise a lowered mode or mark a revision as Pullguard's.
    "ecs:TagResource": {"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}},
    "secretsmanager:GetSecretValue": {"StringLike": {"aws:ResourceTag/pullguard:registry": "?*"}},
}
# Whatever else is under a key stays closed: what Secrets Manager encrypts has the secret's ARN in its context.
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
VIA_SECRETS_MANAGER = {
    "StringLike": {
        "kms:ViaService": {"Fn::Sub": "secretsmanager.*.${AWS::URLSuffix}"},
        "kms:EncryptionContext:SecretARN": {
            "Fn::Sub": "arn:${AWS::Partition}:secretsmanager:*:*:secret:${RegistrySecretPattern}"
        },
    }
}
