"""API calls that a plan would make."""

import json

from sandbox.world import World
from tests.unit.cli.conftest import Run, in_account


def test_plan_keeps_the_grants_of_our_policy(run: Run, broken: World) -> None:
    other = in_account("secretsmanager").describe_secret(SecretId="registry/dockerhub-batch")["ARN"]
    own = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "PullguardSecrets",
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": [other],
            }
        ],
    }
    in_account("iam").put_role_policy(
        RoleName="web-execution", PolicyName="pullguard-registry-credentials-us-east-1", PolicyDocument=json.dumps(own)
    )
    (call,) = json.loads(run("plan", "web").out)["calls"]
    (statement,) = json.loads(call["parameters"]["PolicyDocument"])["Statement"]
    assert len(statement["Resource"]) == 2
    assert [each for each in statement["Resource"] if each == other]
