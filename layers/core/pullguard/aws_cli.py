"""Commands of the AWS CLI that people may copy: each argument quoted for a shell."""

import shlex

from pullguard.model import Secret


def on_secret(secret: Secret, operation: str, *arguments: str) -> str:
    """Return the AWS CLI command that does ``operation`` to a secret, in the Region that it lies in."""
    at = ("--region", secret.arn.region, "--secret-id", str(secret.arn))
    return shlex.join(("aws", "secretsmanager", operation, *at, *arguments))


def redeploying(region: str, cluster: str, service: str) -> str:
    """Return the AWS CLI command that lets a service start its tasks anew."""
    at = ("--region", region, "--cluster", cluster, "--service", service)
    return shlex.join(("aws", "ecs", "update-service", *at, "--force-new-deployment"))
