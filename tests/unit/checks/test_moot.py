"""A finding that is unknown or not checked for the reason of another finding is not reported beside it."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.catalogue import CHECKS
from pullguard.checks.examine import examine
from pullguard.domain.lookup import Missing, NotAsked, Unreadable
from pullguard.domain.secret import Secret
from pullguard.planning.planner import Rules, make_plan
from tests.fakes import GOOD_VALUE, NOW, World, container, key, role, secret, task_definition

GHCR = secret(key=key())
IMAGE = "ghcr.io/acme/web:1"
VALUE = "secretsmanager:GetSecretValue"
NOT_READ = NotAsked(why="the value was not read", switch="--read-values")


def unread(reason: Any = "denied", permission: str = VALUE) -> Unreadable:
    return Unreadable(permission=permission, resource=str(GHCR.arn), reason=reason)


def of(*, verified: Any = None, **changes: Any) -> tuple[Secret, Any]:
    """Return the secret as changed, and what the registry says of it."""
    return replace(GHCR, **changes), verified


def reported(its: Secret, verified: Any, *, image: str = IMAGE) -> tuple[set[tuple[str, str]], set[str]]:
    """Return the findings, as check and status, and the checks that were not asked."""
    definition = task_definition(container(its, image=image))
    verifications = {} if verified is None else {image: verified}
    examined = examine(World((definition,), (role(reads=[its]),), (its,), verifications=verifications).facts())
    return {(each.check, each.status) for each in examined.findings}, {each.check for each in examined.not_checked}


DISABLED = key(state="Disabled")
EXPLAINED: dict[str, tuple[tuple[Secret, Any], str]] = {
    **{
        f"a disabled key, and the value is {reason}": (of(key=DISABLED, value=unread(reason)), "key-unusable")
        for reason in ("denied", "refused", "throttled", "unreachable")
    },
    "a key that is gone": (of(key=Missing(resource="alias/gone"), value=unread()), "key-unusable"),
    "a key to be deleted": (of(key=key(state="PendingDeletion"), value=unread("refused")), "key-unusable"),
    "a disabled key, and only the registry's question needs the value": (
        of(key=DISABLED, value=NOT_READ, verified=unread()),
        "key-unusable",
    ),
    "a disabled key, and nothing was asked": (of(key=DISABLED, value=NOT_READ), "key-unusable"),
    "no current version": (of(stages={}, value=unread("refused")), "secret-no-current-version"),
    "no current version, and no value asked for": (of(stages={}, value=NOT_READ), "secret-no-current-version"),
    "deleted": (
        of(
            deleted_at=NOW,
            value=NOT_READ,
            resource_policy=unread("refused", "secretsmanager:GetResourcePolicy"),
        ),
        "secret-scheduled-for-deletion",
    ),
    "no password": (
        of(value=replace(GOOD_VALUE, password="empty"), verified=NotAsked(why="no password", switch="store one")),
        "secret-value-empty-field",
    ),
    "another registry": (
        of(tags={"pullguard:registry": "quay.io"}, verified=NotAsked(why="not its host", switch="tag it")),
        "registry-mismatch",
    ),
}


@pytest.mark.parametrize(("its", "check"), EXPLAINED.values(), ids=EXPLAINED)
def test_a_question_that_another_finding_explains_is_left_to_it(its: tuple[Secret, Any], check: str) -> None:
    findings, not_checked = reported(*its)
    assert findings == {(check, "fail")}
    assert not not_checked & {"credentials-rejected", "secret-value-malformed"}


STANDS_BY_ITSELF: dict[str, tuple[tuple[Secret, Any], set[tuple[str, str]]]] = {
    "the key is fine": (of(value=unread()), {("secret-value-malformed", "unknown")}),
    "the key is not known": (
        of(key=unread("denied", "kms:DescribeKey"), value=unread()),
        {
            ("secret-value-malformed", "unknown"),
            ("key-unusable", "unknown"),
            ("decrypt-access-missing", "unknown"),
        },
    ),
    "only a warning": (
        of(value=replace(GOOD_VALUE, miscased=("Username",)), verified=unread()),
        {("secret-value-key-case", "fail"), ("credentials-rejected", "unknown")},
    ),
    "deleted, and Pullguard may not read the policy": (
        of(deleted_at=NOW, resource_policy=unread("denied", "secretsmanager:GetResourcePolicy")),
        {("secret-scheduled-for-deletion", "fail"), ("secret-access-denied", "unknown")},
    ),
    "alive, and its policy is refused": (
        of(resource_policy=unread("refused", "secretsmanager:GetResourcePolicy")),
        {("secret-access-denied", "unknown")},
    ),
}


@pytest.mark.parametrize(("its", "expected"), STANDS_BY_ITSELF.values(), ids=STANDS_BY_ITSELF)
def test_an_unexplained_question_stays_unknown(its: tuple[Secret, Any], expected: set[tuple[str, str]]) -> None:
    findings, _ = reported(*its)
    assert findings == expected


def test_a_managed_external_secret_needs_no_access() -> None:
    its = replace(GHCR, type="SalesforceClientSecret")
    for who in (role(), role(reads=[its])):
        facts = World((task_definition(container(its)),), (who,), (its,)).facts()
        assert {each.check for each in examine(facts).findings} == {"secret-type-unusable"}
        assert make_plan(facts, examine(facts).findings, Rules()).actions == ()


KEY_1, KEY_2 = key(1), key(2)
VALUES: dict[str, tuple[Secret, str]] = {
    "under a customer managed key": (
        replace(GHCR, key=KEY_1),
        f", and kms:Decrypt on {KEY_1.arn} (through Secrets Manager).",
    ),
    "under a key that was not described": (
        replace(GHCR, key=unread("denied", "kms:DescribeKey")),
        f", and kms:Decrypt on {GHCR.arn} (through Secrets Manager).",
    ),
    "under either of two": (
        replace(GHCR, key=KEY_2, current_keys=(KEY_1, KEY_2)),
        f", and kms:Decrypt on {KEY_1.arn} or {KEY_2.arn} (through Secrets Manager).",
    ),
    "also under the default key": (replace(GHCR, key=KEY_2, current_keys=(None, KEY_2)), f" on {GHCR.arn}."),
    "under the default key": (replace(GHCR, key=None), f" on {GHCR.arn}."),
    "under the default key, described": (replace(GHCR, key=key(3, manager="AWS")), f" on {GHCR.arn}."),
}


@pytest.mark.parametrize(("its", "ends"), VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("check", ["secret-value-malformed", "credentials-rejected"])
def test_a_denied_value_may_lack_its_key(its: Secret, ends: str, check: str) -> None:
    denied = unread()
    shown = replace(its, value=denied if check == "secret-value-malformed" else GOOD_VALUE)
    verifications: dict[str, Any] = {} if check == "secret-value-malformed" else {IMAGE: denied}
    world = World(
        (task_definition(container(its, image=IMAGE)),), (role(reads=[its]),), (shown,), verifications=verifications
    )
    (finding,) = (each for each in examine(world.facts()).findings if each.check == check)
    assert finding.remedy.text.startswith("Allow Pullguard (or the principal that runs the audit) " + VALUE)
    assert finding.remedy.text.endswith(f"{GHCR.arn}{ends}" if ends.startswith(",") else ends)


def test_another_containers_finding_explains_nothing() -> None:
    broken = replace(secret("registry/quay", "QuayQu", registry="quay.io"), key=key(2, state="Disabled"))
    hidden = replace(GHCR, value=unread())
    definition = task_definition(container(broken, name="a", image="quay.io/a/b"), container(hidden, name="b"))
    facts = World((definition,), (role(reads=[broken, hidden]),), (broken, hidden)).facts()
    found = {(each.check, each.container, each.status) for each in examine(facts).findings}
    assert found == {("key-unusable", "a", "fail"), ("secret-value-malformed", "b", "unknown")}


def test_a_question_that_is_left_to_a_finding_is_neither_passed_nor_counted() -> None:
    its, _ = of(key=DISABLED, value=unread())
    facts = World((task_definition(container(its)),), (role(reads=[its]),), (its,)).facts()
    examined = examine(facts)
    assert examined.summary.unknown == 0
    assert examined.unread == {}
    alone = examine(facts, tuple(check for check in CHECKS if check.id == "secret-value-malformed"))
    assert [each.status for each in alone.findings] == ["unknown"], "asked alone, nothing explains it"
    assert alone.findings[0].id not in examined.passed


def test_checks_are_moot_after_checks_that_there_are() -> None:
    ids = {check.id: check for check in CHECKS}
    for check in CHECKS:
        assert set(check.moot_after) <= ids.keys() - {check.id}
        assert all(ids[each].severity == "error" for each in check.moot_after)
