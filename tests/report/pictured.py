"""The account of the pictures in docs/: audited for them as any other is, so that they show what the command says."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from moto import mock_aws

from pullguard_cli.audit_result import Audit
from pullguard_cli.connection import connect
from pullguard_cli.run_audit import Auditor
from pullguard_cli.scope import Scope
from sandbox.emulator import REGION, client
from sandbox.world import ACCOUNT_KEY_POLICY, Document, Key, Role, Secret, Service, TaskDefinition, World, load

READ = "secretsmanager:GetSecretValue"
TRUST_OF_EC2: Document = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ONLY_PAYMENTS: Document = {
    "Sid": "OnlyPayments",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "kms:Decrypt",
    "Resource": "*",
    "Condition": {"StringNotLike": {"aws:PrincipalArn": "*:role/payments-*"}},
}
FROM_THE_NETWORK: Document = {"StringNotEquals": {"aws:SourceVpce": "vpce-0a1b2c3d4e5f60718"}}
BATCHES = tuple(f"batch-{number:02}" for number in range(1, 38))
TOOLS = ("cron", "intranet", "mailer", "reports", "sandbox", "tools")
HEALTHY = tuple(f"{name}-{part}" for name in ("cart", "stock", "tax", "users") for part in ("api", "jobs", "web"))


def _secret(name: str, host: str, **more: object) -> Secret:
    value = {"username": "acme", "password": "of-the-pictures"}
    return Secret(name=f"registry/{name}", value=value, tags={"pullguard:registry": host}, **more)  # type: ignore[arg-type]


def _allow(*resources: str) -> dict[str, object]:
    return {"Effect": "Allow", "Action": READ, "Resource": list(resources)}


def _role(name: str, *statements: object) -> Role:
    inline = {"registry": {"Version": "2012-10-17", "Statement": list(statements)}} if statements else {}
    tags = {"pullguard:managed": "true"}
    return Role(name=name, inline=inline, tags=tags)


def _definition(family: str, image: str, secret: str, role: str) -> TaskDefinition:
    reference = secret if secret.startswith("$") else f"${{secret:registry/{secret}}}"
    container = {
        "name": "app",
        "image": image,
        "essential": True,
        "memory": 128,
        "repositoryCredentials": {"credentialsParameter": reference},
    }
    request = {"executionRoleArn": f"${{role:{role}}}", "containerDefinitions": [container]}
    return TaskDefinition(family=family, request=request)


def _service(family: str, cluster: str = "production") -> Service:
    return Service(name=family, cluster=cluster, task_definition=f"${{task-definition:{family}}}")


def world() -> World:
    """Return forty families behind one deleted secret, and one cause or two of most other kinds."""
    harbor = "registry.acme.example:5000"
    ours, hub = "ecsTaskExecutionRole", "${secret:registry/docker-hub}"
    return World(
        keys=(
            Key(
                name="registry",
                policy={**ACCOUNT_KEY_POLICY, "Statement": [*ACCOUNT_KEY_POLICY["Statement"], ONLY_PAYMENTS]},
            ),
        ),
        secrets=(
            _secret("ghcr", "ghcr.io", deleted=True),
            _secret("docker-hub", "docker.io"),
            _secret("harbor", harbor, key="${key:registry}"),
            _secret("quay", "quay.io"),
            _secret("gitlab", "registry.gitlab.com", recreated=True),
        ),
        roles=(
            _role(
                ours, _allow("${secret:registry/ghcr}", hub, "${secret:registry/gitlab}", "${stale:registry/gitlab}")
            ),
            _role("payments-execution"),
            _role(
                "ledger-execution",
                _allow("${secret:registry/harbor}"),
                {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "${key:registry}"},
            ),
            replace(_role("nightly-export", _allow(hub)), trust=TRUST_OF_EC2),
            _role(
                "edge-execution",
                _allow("${secret:registry/quay}"),
                {"Effect": "Deny", "Action": READ, "Resource": "*", "Condition": FROM_THE_NETWORK},
            ),
            _role("tools-execution", {"Effect": "Allow", "Action": READ, "Resource": "*"}),
        ),
        task_definitions=(
            *(
                _definition(family, f"ghcr.io/acme/{family}:2026.11", "ghcr", ours)
                for family in ("checkout", "search-api", "storefront", *BATCHES)
            ),
            *(
                _definition(f"payments-{part}", f"{harbor}/payments/{part}:4.2.0", "harbor", "payments-execution")
                for part in ("api", "reports", "worker")
            ),
            _definition("ledger", f"{harbor}/ledger:1.0", "harbor", "ledger-execution"),
            _definition("docs-site", "registry.gitlab.com/acme/docs:5", "${stale:registry/gitlab}", ours),
            _definition("nightly-export", "acme/export:4", "docker-hub", "nightly-export"),
            _definition("thumbnailer", "${account}.dkr.ecr.${region}.amazonaws.com/thumbnailer:21", "docker-hub", ours),
            _definition("edge-proxy", "quay.io/acme/edge:9", "quay", "edge-execution"),
            *(_definition(family, f"acme/{family}:3", "docker-hub", "tools-execution") for family in TOOLS),
            *(_definition(family, f"acme/{family}:7", "docker-hub", ours) for family in HEALTHY),
        ),
        services=(
            *map(_service, ("checkout", "search-api", "storefront", "payments-api", "payments-worker", "ledger")),
            *map(_service, ("edge-proxy", "cart-web", "users-web")),
            _service("storefront", "canary"),
            _service("mailer", "internal"),
        ),
    )


class _Nobody:
    def found(self, families: int) -> None:
        """Ignore the progress."""

    def checked(self, family: str) -> None:
        """Ignore the progress."""


def pictured_audit() -> Audit:
    """Make the account, audit it, and return what was found; only the time is that of the pictures."""
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": REGION}
    with patch.dict(os.environ, {**keys, "AWS_DEFAULT_REGION": REGION}), mock_aws():
        load(world(), client)
        done = Auditor(connect(), Scope(), _Nobody()).run()
    ended_at = datetime(2026, 11, 23, 8, 30, 9, tzinfo=UTC)
    return replace(done, started_at=ended_at - timedelta(seconds=0.6), ended_at=ended_at)
