"""An account on moto: a role, a key, a secret, and two revisions that share them."""

import json
from typing import Any

import boto3

from pullguard.aws.clients import Clients
from pullguard.aws.readers import AwsReaders
from pullguard.domain.secret import Secret
from tests.fakes import REGION, TRUST

MOTO = "123456789012"  # the account of moto
PASSWORD = "correct-horse-battery-staple"
Session = tuple[boto3.Session, list[str]]


def build(session: boto3.Session, *, registry: str | None = "ghcr.io", keyed: bool = True) -> tuple[str, str]:
    """A role, a key, a secret under it, and two revisions of one family that share them."""
    iam, kms = session.client("iam"), session.client("kms")
    its_role = iam.create_role(RoleName="web", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="web", PolicyName="own", PolicyDocument=document)
    managed = iam.create_policy(PolicyName="managed", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="web", PolicyArn=managed)
    its_key = kms.create_key()["KeyMetadata"]["Arn"]
    tags: Any = [{"Key": "pullguard:registry", "Value": registry}] if registry else []
    value = json.dumps({"username": "bot", "password": PASSWORD})
    under: Any = {"KmsKeyId": its_key} if keyed else {}
    secret = session.client("secretsmanager").create_secret(Name="ghcr", SecretString=value, Tags=tags, **under)["ARN"]
    container: Any = {
        "name": "app",
        "image": "ghcr.io/acme/web:1",
        "memory": 64,
        "repositoryCredentials": {"credentialsParameter": secret},
    }
    ecs = session.client("ecs")
    arns = [
        ecs.register_task_definition(family="web", executionRoleArn=its_role, containerDefinitions=[container])[
            "taskDefinition"
        ]["taskDefinitionArn"]
        for _ in range(2)
    ]
    return arns[0], arns[1]


def secret_as_read(session: Session, values: Any) -> Secret:
    found = AwsReaders(Clients(session[0]), account=MOTO, values=values).secret("ghcr", REGION)
    assert isinstance(found, Secret)
    return found
