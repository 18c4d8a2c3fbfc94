"""Commands of the AWS CLI that people may copy: each argument quoted for a shell."""

import re
import shlex
from typing import Final

from pullguard.eligibility import REGISTRY_TAG, ROLES_TAG
from pullguard.model import Key, Secret

# AWS advises against such names: it takes their end for the six characters of an ARN.
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
_LIKE_A_SUFFIX: Final = re.compile(r"-[A-Za-z0-9]{6}$")


def on_secret(secret: Secret, operation: str, *arguments: str) -> str:
    """Return the AWS CLI command that does ``operation`` to a secret, in the Region that it lies in."""
    at = ("--region", secret.arn.region, "--secret-id", str(secret.arn))
    return shlex.join(("aws", "secretsmanager", operation, *at, *arguments))


def create_beside(secret: Secret, name: str) -> str:
    """Return the AWS CLI command that creates another secret for the same registry and roles, under the same key."""
    if _LIKE_A_SUFFIX.search(name):
        name = f"{name}/pull"
    tags = [f"Key={key},Value={secret.tags[key]}" for key in (REGISTRY_TAG, ROLES_TAG) if key in secret.tags]
    key = secret.key
    under = ("--kms-key-id", str(key.arn)) if isinstance(key, Key) and key.manager == "CUSTOMER" else ()
    named = ("--region", secret.arn.region, "--name", name, "--secret-string", "file://credentials.json")
    return shlex.join(("aws", "secretsmanager", "create-secret", *named, *under, *(("--tags", *tags) if tags else ())))


def redeploying(region: str, cluster: str, service: str) -> str:
    """Return the AWS CLI command that lets a service start its tasks anew."""
    at = ("--region", region, "--cluster", cluster, "--service", service)
    return shlex.join(("aws", "ecs", "update-service", *at, "--force-new-deployment"))
