"""Two failed rotations for the page, with findings that the checks themselves produce."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pullguard.alerts import Notice
from pullguard.checks.catalogue import incident_of
from pullguard.checks.examine import examine
from pullguard.checks.next_pull import next_pull_of
from pullguard.domain.arn import Arn
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Finding
from pullguard.domain.secret import Rotation, RotationEnd, Secret
from pullguard.domain.task_definition import read_task_definition
from pullguard.domain.usage import ServiceUse, Usage
from pullguard.domain.verification import Verification
from pullguard.incidents import dependents_of
from pullguard.registry.answers import said
from pullguard.registry.origins import registry_url
from pullguard.registry.transport import Response
from sandbox.showcase.samples import HOME, ROLE, SECRET, notice, task_definition

AT = datetime(2025, 3, 17, 3, 0, 41, tzinfo=UTC)
_SECRET = Arn.parse(SECRET)
_OLD, _NEW = "5b1e6a0c-4a7e-4c0e-9f0e-2d1d3c5b7a99", "c1f0b1a2-6a34-4a5f-8f6e-90a4b7d2e613"
_CLUSTER = f"arn:aws:ecs:{HOME}:cluster/prod"


def _use(family: str, revision: int, *, running: int, desired: int) -> ServiceUse:
    return ServiceUse(
        cluster_arn=_CLUSTER,
        service_arn=f"arn:aws:ecs:{HOME}:service/prod/{family}",
        name=family,
        task_definition=task_definition(family, revision),
        running_count=running,
        desired_count=desired,
    )


_USES = (
    _use("checkout", 41, running=3, desired=3),
    _use("basket", 40, running=1, desired=2),
    _use("search", 39, running=0, desired=0),
)
_NIGHTLY = task_definition("nightly-report", 12)  # which only a schedule starts

_SHOP = Facts(
    task_definition=read_task_definition(
        {
            "taskDefinitionArn": task_definition("checkout", 41),
            "executionRoleArn": ROLE,
            "containerDefinitions": [
                {
                    "name": "app",
                    "image": "ghcr.io/acme/checkout:2.7",
                    "repositoryCredentials": {"credentialsParameter": SECRET},
                }
            ],
        },
        {},
    ),
    now=AT,
    usage=Usage(newest=True, services=_USES[:1]),
)


def _rotating(stages: dict[str, tuple[str, ...]]) -> Facts:
    secret = Secret(
        arn=_SECRET,
        name="registry/ghcr",
        stages=stages,
        rotation=Rotation(enabled=True, interval_days=30, last_rotated_at=AT - timedelta(days=30)),
        last_changed_at=AT,
    )
    return replace(_SHOP, secrets={SECRET: secret})


def _found(facts: Facts, check: str) -> Finding:
    return next(finding for finding in examine(facts).findings if finding.check == check)


def _opened(finding: Finding, *, examined: int) -> Notice:
    """Return the alert about ``finding``, while the first ``examined`` dependents have been found failing."""
    everybody = (*(use.task_definition for use in _USES), _NIGHTLY)
    services = {use.task_definition: (use.service_arn,) for use in _USES}
    next_pulls = {use.service_arn: next_pull_of(use) for use in _USES}
    return notice(
        "Finding Opened",
        findings=(finding,),
        incident_id=incident_of(finding),
        dependents=dependents_of(everybody[:examined], everybody, services, next_pulls),
        opened_at=AT,
    )


def _failed() -> Finding:
    """The rotation function failed in its third step: AWSCURRENT is unchanged, and still works."""
    end = RotationEnd(outcome="failed", at=AT, step="testSecret")
    facts = _rotating({_OLD: ("AWSCURRENT",), _NEW: ("AWSPENDING",)})
    return _found(facts.with_rotation_ends({_SECRET: end}), "secret-rotation-failed")


def _rejected() -> Finding:
    """The rotation succeeded, but the registry never received the password that it generated."""
    token_service = registry_url("ghcr.io", "/token")
    assert token_service is not None
    refusal = said(token_service, Response(status=401, body=b'{"errors": [{"code": "UNAUTHORIZED"}]}'))
    facts = _rotating({_NEW: ("AWSCURRENT", "AWSPENDING"), _OLD: ("AWSPREVIOUS",)})
    verified = {"app": Verification(answer="rejected", detail=refusal)}
    return _found(replace(facts, verifications=verified), "credentials-rejected")


FAILED = _opened(_failed(), examined=4)
REJECTED = _opened(_rejected(), examined=1)
