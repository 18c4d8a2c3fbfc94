"""Findings about a secret's kind, tags and credentials never quote the value nor contradict the registry."""

import json
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pullguard.checks.examine import examine
from pullguard.domain.findings import Finding
from pullguard.domain.lookup import NotAsked
from pullguard.domain.secret import CrossAccountPrimary, Rotation, Secret, ValueShape
from pullguard.domain.secret_value import read_value
from pullguard.domain.verification import Verification
from pullguard.planning.planner import Rules, make_plan
from tests.fakes import NOW, World, container, key, role, secret, secret_arn, task_definition
from tests.worlds.commands import commands_of

PASSWORD = "hunter2-correct-horse"
IMAGE = "ghcr.io/acme/web:1"
ACCEPTED, REFUSED = Verification(answer="ok"), Verification(answer="rejected")


def found(own: Secret, verification: Verification | None = None) -> tuple[Finding, ...]:
    """The findings on a task definition that names the secret, which its role may read."""
    asked = {} if verification is None else {IMAGE: verification}
    world = World((task_definition(container(own)),), (role(reads=[own]),), (own,), verifications=asked)
    return examine(world.facts()).findings


def secret_with(value: Any, created_at: datetime | None = None, **changes: Any) -> Secret:
    answer = {"SecretString": value if isinstance(value, str) else json.dumps(value), "VersionId": "v1"}
    return secret(value=replace(read_value(answer)[0], created_at=created_at), **changes)


# --- Forms -------------------------------------------------------------------------------------------------------

FORMS: dict[str, tuple[Any, str, str]] = {
    "pull-through-cache": (
        {"username": "u", "accessToken": PASSWORD},
        "secret-value-empty-field",
        'Rename accessToken: {"username": "...", "accessToken": "..."} becomes {"username": "...", "password": "..."}.',
    ),
    "docker": (
        {"auths": {"ghcr.io": {"auth": PASSWORD}}},
        "secret-value-empty-field",
        '{"auths": {"HOST": {"auth": "..."}}} becomes {"username": "...", "password": "..."}.',
    ),
    "kubernetes-docker-config": (
        {".dockerconfigjson": json.dumps({"auths": {"ghcr.io": {"auth": PASSWORD}}})},
        "secret-value-empty-field",
        '{".dockerconfigjson": {"auths": {"HOST": {"auth": "..."}}}} becomes {"username": "...", "password": "..."}.',
    ),
    "kubernetes-secret": (
        {"kind": "Secret", "data": {".dockerconfigjson": PASSWORD}},
        "secret-value-empty-field",
        '{"kind": "Secret", "data": {".dockerconfigjson": "..."}} becomes {"username": "...", "password": "..."}.',
    ),
    "nested": (
        {"credentials": {"username": "u", "password": PASSWORD}},
        "secret-value-empty-field",
        '{"NAME": {"username": "...", "password": "..."}} becomes {"username": "...", "password": "..."}.',
    ),
    "as-curl-takes-it": (
        f"u:{PASSWORD}",
        "secret-value-malformed",
        'username:password becomes {"username": "...", "password": "..."}.',
    ),
    "in-a-list": (
        [{"username": "u", "password": PASSWORD}],
        "secret-value-malformed",
        'becomes {"username": "...", "password": "..."}.',
    ),
    "unknown": ({"host": PASSWORD}, "secret-value-empty-field", "Store both a username and a password."),
}


@pytest.mark.parametrize(("value", "check", "rewrite"), FORMS.values(), ids=FORMS)
def test_a_known_form_gets_its_exact_rewrite(value: Any, check: str, rewrite: str) -> None:
    (finding,) = found(secret_with(value))
    assert finding.check == check
    assert rewrite in finding.remedy.text
    assert "put-secret-value" in str(finding.remedy.snippet)
    assert PASSWORD not in repr(finding)


def test_a_secret_that_amazon_ecr_reads_in_its_form_is_left_alone() -> None:
    value = {"username": "u", "accessToken": PASSWORD}
    (finding,) = found(
        secret_with(value, name="ecr-pullthroughcache/hub", key=key(), tags={"pullguard:roles": "web-*"})
    )
    requests, creates, grants = commands_of(finding.remedy)
    assert [each.operation for each in (requests, creates, grants)] == [
        "describe-secret",
        "create-secret",
        "put-role-policy",
    ]
    assert requests.options["--secret-id"] == creates.options["--name"] == "registry/hub"
    assert creates.options["--kms-key-id"] == str(key().arn)
    assert json.loads(creates.options["--tags"]) == [
        {"Key": "pullguard:registry", "Value": "ghcr.io"},
        {"Key": "pullguard:roles", "Value": "web-*"},
    ]
    assert "secret:registry/hub-??????" in grants.options["--policy-document"]
    assert "Leave this secret" in finding.remedy.text


# --- Values that no registry issued ------------------------------------------------------------------------------

ODD = {"username": "u", "password": f"{PASSWORD}\n"}


def test_white_space_is_named_and_not_shown() -> None:
    (finding,) = found(secret_with(ODD))
    assert (finding.check, finding.severity) == ("secret-value-suspicious", "warning")
    assert "its password begins or ends with white space" in finding.cause
    assert PASSWORD not in repr(finding)


def test_credentials_that_the_registry_accepts_are_not_suspicious() -> None:
    assert found(secret_with(ODD), ACCEPTED) == ()


def test_credentials_that_the_registry_refuses_are_suspicious() -> None:
    assert {each.check for each in found(secret_with(ODD), REFUSED)} == {
        "credentials-rejected",
        "secret-value-suspicious",
    }


def test_a_public_image_proves_no_credentials() -> None:
    assert len(found(secret_with(ODD), Verification(answer="anonymous-ok"))) == 1


# --- Passwords that expire by themselves -------------------------------------------------------------------------

TOKEN = {"username": "oauth2accesstoken", "password": PASSWORD}
OLD, YOUNG = NOW - timedelta(hours=2), NOW - timedelta(minutes=10)
ROTATIONS: dict[str, tuple[Rotation, bool]] = {
    "none": (Rotation(enabled=False), False),
    "none-any-more": (Rotation(enabled=False, schedule="rate(1 hour)"), False),
    "by-the-hour": (Rotation(enabled=True, schedule="rate(1 hour)", interval_days=1), True),
    "every-four-hours": (Rotation(enabled=True, schedule="rate(4 hours)", interval_days=1), False),
    "by-the-day": (Rotation(enabled=True, interval_days=1), False),
    "by-a-calendar-hourly": (
        Rotation(
            enabled=True,
            schedule="cron(0 * * * ? *)",
            last_rotated_at=YOUNG,
            next_rotation_at=YOUNG + timedelta(hours=1),
        ),
        True,
    ),
    "by-a-calendar-daily": (
        Rotation(
            enabled=True,
            schedule="cron(0 8 * * ? *)",
            last_rotated_at=YOUNG,
            next_rotation_at=YOUNG + timedelta(days=1),
        ),
        False,
    ),
}


@pytest.mark.parametrize(("rotation", "fast"), ROTATIONS.values(), ids=ROTATIONS)
def test_rotation_has_to_be_faster_than_the_password_expires(rotation: Rotation, fast: bool) -> None:
    checks = [each.check for each in found(secret_with(TOKEN, rotation=rotation))]
    assert ("credentials-short-lived" in checks) is not fast


def test_a_short_lived_password_names_what_to_use_instead_and_no_username() -> None:
    (finding,) = found(secret_with(TOKEN))
    assert "a Google access token: it expires within an hour" in finding.cause
    assert "_json_key" in finding.remedy.text
    assert "rotate the secret at least every hour." in finding.remedy.text
    assert "oauth2accesstoken" not in repr(finding)


OUTLIVED = {
    "older-and-accepted": (OLD, ACCEPTED, False),
    "older-and-refused": (OLD, REFUSED, True),
    "older-and-not-asked": (OLD, None, True),
    "younger-and-accepted": (YOUNG, ACCEPTED, True),
    "of-unknown-age-and-accepted": (None, ACCEPTED, True),
}


@pytest.mark.parametrize(("created_at", "verification", "is_found"), OUTLIVED.values(), ids=OUTLIVED)
def test_a_password_that_outlives_such_a_token_is_not_one(
    created_at: datetime | None, verification: Verification | None, is_found: bool
) -> None:
    checks = [each.check for each in found(secret_with(TOKEN, created_at), verification)]
    assert ("credentials-short-lived" in checks) is is_found


# --- The owner's date --------------------------------------------------------------------------------------------

# NOW is 2026-11-23 12:00 UTC.
DATES: dict[str, tuple[str, str | None]] = {
    "far-away": ("2027-11-23", None),
    "fifteen-days": ("2026-12-08", None),
    "fourteen-days": ("2026-12-07", "warning"),
    "tomorrow": ("2026-11-24", "warning"),
    "today": ("2026-11-23", "warning"),
    "yesterday": ("2026-11-22", "error"),
    "long-ago": ("2020-01-01", "error"),
    "without-hyphens": ("20261122", "error"),
    "a-time-to-come": ("2026-11-23T12:00:01Z", "warning"),
    "a-time-gone-by": ("2026-11-23T11:59:59+00:00", "error"),
    "a-time-elsewhere": ("2026-11-23T13:30:00+02:00", "error"),
    "a-time-without-a-zone": ("2026-11-23 11:00", "error"),
    "white-space-around": (" 2027-11-23 ", None),
    "not-a-date": ("soon", "warning"),
    "a-date-of-another-form": ("23.11.2027", "warning"),
    "an-impossible-date": ("2027-02-30", "warning"),
    "empty": ("", "warning"),
    "the-first-day": ("0001-01-01", "error"),
    "the-last-day": ("9999-12-31", None),
}


@pytest.mark.parametrize(("tag", "severity"), DATES.values(), ids=DATES)
def test_the_date_that_the_owner_gave(tag: str, severity: str | None) -> None:
    findings = found(secret(tags={"pullguard:expires": tag}))
    assert [(each.check, each.severity) for each in findings] == (
        [] if severity is None else [("credentials-expiring", severity)]
    )


def test_without_the_tag_nothing_is_said() -> None:
    assert found(secret()) == ()


GONE_BY = {"pullguard:expires": "2026-11-01"}
AGES: dict[str, tuple[datetime | None, Verification | None, str]] = {
    "stored-before-it": (datetime(2026, 1, 1, tzinfo=UTC), None, "error"),
    "of-unknown-age": (None, None, "error"),
    "refused": (datetime(2026, 1, 1, tzinfo=UTC), REFUSED, "error"),
    "stored-after-it": (datetime(2026, 11, 2, tzinfo=UTC), None, "warning"),
    "accepted-today": (datetime(2026, 1, 1, tzinfo=UTC), ACCEPTED, "warning"),
}


@pytest.mark.parametrize(("created_at", "verification", "severity"), AGES.values(), ids=AGES)
def test_a_tag_that_is_out_of_date_is_no_error(
    created_at: datetime | None, verification: Verification | None, severity: str
) -> None:
    own = secret_with({"username": "u", "password": PASSWORD}, created_at, tags=GONE_BY)
    severities = {each.check: each.severity for each in found(own, verification)}
    assert severities["credentials-expiring"] == severity


def test_the_remedy_of_an_expired_password_ends_the_finding() -> None:
    (finding,) = found(secret(tags=GONE_BY))
    put, untag = commands_of(finding.remedy)
    assert put.operation == "put-secret-value"
    assert (untag.operation, untag.options["--tag-keys"]) == ("untag-resource", "pullguard:expires")


@pytest.mark.parametrize(
    ("created_at", "verification"), [(NOW, None), (None, ACCEPTED)], ids=["stored after it", "still accepted"]
)
def test_no_credentials_are_renewed_if_only_the_tag_is_out_of_date(
    created_at: datetime | None, verification: Verification | None
) -> None:
    own = secret_with({"username": "u", "password": PASSWORD}, created_at, tags=GONE_BY)
    (finding,) = found(own, verification)
    (untag,) = commands_of(finding.remedy)
    assert (untag.operation, untag.options["--tag-keys"]) == ("untag-resource", "pullguard:expires")
    assert "Store" not in finding.remedy.text


def test_a_date_that_does_not_parse_is_removed_until_its_owner_knows_it() -> None:
    (finding,) = found(secret(tags={**GONE_BY, "pullguard:expires": "31.12.2026"}))
    (untag,) = commands_of(finding.remedy)
    assert (untag.operation, untag.options["--tag-keys"]) == ("untag-resource", "pullguard:expires")
    assert "in the form 2027-03-31" in finding.remedy.text


# --- Kinds of secrets --------------------------------------------------------------------------------------------

EXTERNAL = secret(type="GitLabAccessToken", value=NotAsked(why="never read", switch="none"))


def test_a_managed_external_secret_is_one_error_and_nothing_else() -> None:
    (finding,) = found(EXTERNAL, REFUSED)
    assert (finding.check, finding.severity) == ("secret-type-unusable", "error")
    assert "GitLabAccessToken" in finding.evidence
    assert "create-secret" in str(finding.remedy.snippet)


def test_it_ends_what_was_said_of_its_value_before() -> None:
    wrong = replace(EXTERNAL, type=None, value=ValueShape(form="json-object"))
    before = {each.id for each in found(wrong)}
    world = World((task_definition(container(EXTERNAL)),), (role(reads=[EXTERNAL]),), (EXTERNAL,))
    assert before
    assert before <= examine(world.facts()).passed
    assert not examine(world.facts()).not_checked


@pytest.mark.parametrize("reference", ["its-arn", "none", "a-stale-arn"])
def test_no_write_is_planned_for_it(reference: str) -> None:
    named = {"its-arn": EXTERNAL, "none": None, "a-stale-arn": secret_arn(suffix="OldOld")}[reference]
    world = World((task_definition(container(named)),), (role(),), (EXTERNAL,), verifications={IMAGE: REFUSED})
    facts = world.facts()
    assert make_plan(facts, examine(facts).findings, Rules()).actions == ()


PRIMARY = CrossAccountPrimary(arn=str(secret_arn(account="444455556666")), status="Detached", status_message="stopped")
STATES: dict[str, tuple[str, timedelta, bool]] = {
    "in-sync": ("InSync", timedelta(days=9), False),
    "failed": ("Failed", timedelta(minutes=1), True),
    "detached": ("Detached", timedelta(minutes=1), True),
    "just-begun": ("InProgress", timedelta(minutes=1), False),
    "just-created": ("Pending", timedelta(minutes=1), False),
    "in-progress-for-hours": ("InProgress", timedelta(hours=2), True),
    "pending-for-hours": ("Pending", timedelta(hours=2), True),
    "of-a-state-of-next-year": ("Sleeping", timedelta(minutes=1), True),
}


@pytest.mark.parametrize(("status", "changed", "is_found"), STATES.values(), ids=STATES)
def test_how_a_cross_account_replica_is_fed(status: str, changed: timedelta, is_found: bool) -> None:
    own = secret(cross_account_primary=replace(PRIMARY, status=status), last_changed_at=NOW - changed)
    checks = [(each.check, each.severity) for each in found(own)]
    assert checks == ([("secret-replica-failed", "warning")] if is_found else [])


def test_it_is_repaired_from_its_primarys_account() -> None:
    (finding,) = found(secret(cross_account_primary=PRIMARY))
    command = shlex.split(str(finding.remedy.snippet))
    assert command[2] == "associate-cross-account-replica"
    assert command[command.index("--secret-id") + 1] == PRIMARY.arn
    assert command[-1] == str(secret_arn())
    assert "in account 444455556666" in finding.remedy.text
    assert "Detached stopped" in finding.evidence


def test_a_replica_that_was_never_fed_is_associated_and_not_written_to() -> None:
    pending = replace(PRIMARY, status="Pending")
    findings = found(secret(cross_account_primary=pending, stages={}, last_changed_at=NOW))
    assert [each.check for each in findings] == ["secret-no-current-version"]
    assert "associate-cross-account-replica" in str(findings[0].remedy.snippet)


WHERE = {
    "itself": ({}, "us-east-1", str(secret_arn())),
    "in-the-primarys-region": (
        {"primary_region": "eu-west-1"},
        "eu-west-1",
        str(replace(secret_arn(), region="eu-west-1")),
    ),
    "in-the-primarys-account": (
        {"cross_account_primary": replace(PRIMARY, status="InSync")},
        "us-east-1",
        PRIMARY.arn,
    ),
    "where-the-primary-is-not-known": (
        {"cross_account_primary": CrossAccountPrimary(arn="", status="InSync")},
        "us-east-1",
        str(secret_arn()),
    ),
}


@pytest.mark.parametrize(("changes", "region", "arn"), WHERE.values(), ids=WHERE)
def test_a_value_is_stored_where_a_replica_gets_it_from(changes: dict[str, Any], region: str, arn: str) -> None:
    (finding,) = found(secret_with({"username": "u"}, **changes))
    command = shlex.split(str(finding.remedy.snippet))
    assert command[command.index("--region") + 1] == region
    assert command[command.index("--secret-id") + 1] == arn
    assert ("is a replica" in finding.remedy.text) is (arn != str(secret_arn()))


# --- The registry tag --------------------------------------------------------------------------------------------


def test_an_unreadable_tag_is_a_warning_with_the_command_that_was_meant() -> None:
    own = secret(registry="https://GHCR.io/acme")
    (finding,) = found(own)
    assert (finding.check, finding.severity) == ("registry-tag-unreadable", "warning")
    assert str(finding.remedy.snippet).endswith("--tags Key=pullguard:registry,Value=ghcr.io")


def test_a_tag_that_means_nothing_gets_no_command_and_never_the_images_host() -> None:
    own = secret(registry="*")
    definition = task_definition(container(own, image="evil.example/web:1"))
    (finding,) = examine(World((definition,), (role(reads=[own]),), (own,)).facts()).findings
    assert finding.check == "registry-tag-unreadable"
    assert finding.remedy.snippet is None
    assert "evil.example" not in repr(finding.remedy)


PASTED = {
    "a user": ("https://ci:hunter2@ghcr.io", "1 other item (not shown)"),
    "a slash": ("https://bob:hun/ter2@ghcr.io", "1 other item (not shown)"),
    "an at sign": ("bob:hun@ter2@ghcr.io", "1 other item (not shown)"),
    "a space": ("bob:hunter 2@ghcr.io", "2 other items (not shown)"),
    "a number": ("bob:4711 hunter2@ghcr.io", "2 other items (not shown)"),
    "beside a host": ("GHCR.io bob:hunter2", "GHCR.io and 1 other item (not shown)"),
    "a query": ("ghcr.io/?token=hunter2", "1 other item (not shown)"),
    "a port": ("https://ghcr.io:hunter2", "1 other item (not shown)"),
    "commas": ("quay.io,hunter2", "quay.io and 1 other item (not shown)"),
    "nothing": ("", "empty"),
}


@pytest.mark.parametrize(("tag", "said"), PASTED.values(), ids=PASTED)
def test_only_the_hosts_of_an_unreadable_tag_are_repeated(tag: str, said: str) -> None:
    (finding,) = found(secret(registry=tag))
    assert finding.check == "registry-tag-unreadable"
    assert finding.evidence == f"tag pullguard:registry is {said}"
    assert not any(part in repr(finding) for part in ("hun", "ter2", "4711", "bob"))
    if "@" in tag:
        assert str(finding.remedy.snippet).endswith("Value=ghcr.io")


def test_another_host_is_still_a_mismatch() -> None:
    (finding,) = found(secret(registry="https://quay.io/"))
    assert (finding.check, finding.severity) == ("registry-mismatch", "error")
