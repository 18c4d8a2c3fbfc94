from datetime import UTC, datetime

from pullguard.domain.findings import Finding, Remedy, Severity, Status, Summary
from pullguard_cli.audit_result import Audit
from pullguard_cli.incidents import in_reading_order, incidents_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:registry/ghcr-a1b2c3"


def finding(
    family: str,
    check: str = "secret-value-empty-field",
    *,
    severity: Severity = "error",
    status: Status = "fail",
    secret: str | None = SECRET,
    role: str | None = None,
) -> Finding:
    return Finding(
        id="0" * 16,
        check=check,
        status=status,
        severity=severity,
        task_definition=f"arn:aws:ecs:eu-central-1:111122223333:task-definition/{family}:1",
        container=f"c-{family}",
        image="ghcr.io/acme/app:1",
        secret=secret,
        role=role,
        key=None,
        cause=f"The secret registry/ghcr of container c-{family} has no password.",
        evidence="-",
        remedy=Remedy(text="Store both."),
        source="https://docs.aws.amazon.com/",
    )


def audit(*findings: Finding, in_use: tuple[str, ...] = ()) -> Audit:
    return Audit(
        account="111122223333",
        region="eu-central-1",
        findings=findings,
        summary=Summary(),
        in_use={f"arn:aws:ecs:eu-central-1:111122223333:task-definition/{each}:1": ("service s",) for each in in_use},
        started_at=NOW,
        ended_at=NOW,
    )


def test_one_broken_secret_that_breaks_forty_families_is_one_incident() -> None:
    (incident,) = incidents_of(audit(*(finding(f"f{n}") for n in range(40)), in_use=("f7",)))
    assert len(incident.task_definitions) == 40
    assert [arn.rpartition("/")[2] for arn in incident.in_use] == ["f7:1"]
    assert incident.what == "secret registry/ghcr"
    assert incident.sentence == "The secret registry/ghcr has no password."


def test_incidents_differ_by_secret_role_check_and_status() -> None:
    role = "arn:aws:iam::111122223333:role/team/r"
    incidents = incidents_of(
        audit(
            finding("a"),
            finding("b", secret=SECRET.replace("ghcr", "hub")),
            finding("c", "secret-access-missing", role=role),
            finding("d", "secret-access-missing", role=f"{role}2"),
            finding("e", status="unknown"),
        )
    )
    assert len(incidents) == 5
    assert "role team/r, secret registry/ghcr" in {incident.what for incident in incidents}


def test_equal_names_are_distinguished_by_account_and_region() -> None:
    abroad = SECRET.replace("eu-central-1", "us-east-1")
    incidents = incidents_of(audit(finding("a"), finding("b", secret=abroad)))
    assert {incident.what for incident in incidents} == {
        "secret registry/ghcr (111122223333 eu-central-1)",
        "secret registry/ghcr (111122223333 us-east-1)",
    }


def test_revisions_in_use_come_first() -> None:
    incidents = incidents_of(
        audit(
            *(finding(f"old{n}") for n in range(9)),
            finding("web", "secret-value-binary"),
            finding("warn", "reference-not-full-arn", severity="warning"),
            in_use=("web", "warn"),
        )
    )
    assert [incident.check for incident in incidents] == [
        "secret-value-binary",
        "secret-value-empty-field",
        "reference-not-full-arn",
    ]


def test_the_order_is_errors_then_in_use_then_failed() -> None:
    findings = (
        finding("w", severity="warning"),
        finding("doubt", status="unknown"),
        finding("sure"),
        finding("runs", status="unknown"),
    )
    running = audit(in_use=("runs",)).in_use
    ordered = in_reading_order(findings, running)
    assert [each.container for each in ordered] == ["c-runs", "c-sure", "c-doubt", "c-w"]
