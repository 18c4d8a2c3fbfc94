"""Which secret a reference means where AWS does not find it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain import secret_resolution
from pullguard.domain.arn import SecretReference
from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Lookup, Missing
from pullguard.domain.secret import Secret
from tests.fakes import NOW, container, denied, secret, secret_arn, task_definition

TEXT = str(secret_arn("app", "Xy12Zq"))
GONE = Missing(resource=TEXT)
WHOLE = secret("app-Xy12Zq", "AbCdEf")
SHORT = secret("app", "QwErTy")
UNREAD = denied("secretsmanager:DescribeSecret", TEXT)


def reference(text: str) -> SecretReference:
    (each,) = task_definition(container(text)).containers
    assert isinstance(each.reference, SecretReference)
    return each.reference


def facts(
    found: Lookup[Secret] = GONE,
    namesake: Lookup[Secret] | None = None,
    replacement: Lookup[Secret] | None = None,
    text: str = TEXT,
    **more: Any,
) -> Facts:
    return Facts(
        task_definition=task_definition(container(text)),
        now=NOW,
        secrets={text: found},
        namesakes={} if namesake is None else {text: namesake},
        replacements={} if replacement is None else {text: replacement},
        **more,
    )


def deleted(one: Secret) -> Secret:
    return replace(one, deleted_at=NOW + timedelta(days=7))


CASES: dict[str, tuple[Facts, Secret | None, bool]] = {
    # the facts, the live secret that is meant, whether the reference is lost
    "found": (facts(WHOLE), WHOLE, False),
    "of-the-whole-name": (facts(GONE, WHOLE), WHOLE, False),
    "created-again": (facts(GONE, GONE, SHORT), SHORT, False),
    "nothing-of-either-name": (facts(GONE, GONE, GONE), None, True),
    "the-whole-name-comes-first": (facts(GONE, WHOLE, SHORT), WHOLE, False),
    "a-secret-of-another-name": (facts(GONE, secret("else"), SHORT), None, True),
    "the-first-query-was-not-answered": (facts(GONE, UNREAD, SHORT), None, False),
    "the-second-query-was-not-answered": (facts(GONE, GONE, UNREAD), None, False),
    "scheduled-for-deletion": (facts(GONE, deleted(WHOLE)), None, False),
    "created-again-and-scheduled-for-deletion": (facts(GONE, GONE, deleted(SHORT)), None, False),
    "nearly-the-whole-name-is-opted-in": (
        facts(GONE, GONE, SHORT, near_secrets={"app": (secret("app-Xy12Zp"),)}),
        None,
        True,
    ),
    "not-described": (facts(UNREAD), None, False),
}


@pytest.mark.parametrize(("given", "secret_meant", "is_lost"), CASES.values(), ids=CASES)
def test_which_secret_is_meant(given: Facts, secret_meant: Secret | None, is_lost: bool) -> None:
    assert secret_resolution.meant(given, reference(TEXT)) is secret_meant
    assert secret_resolution.is_lost(given, reference(TEXT)) is is_lost


def test_a_suffix_that_reads_as_a_word_proves_no_replacement_and_offers_the_other_reading() -> None:
    text = str(secret_arn("app", "docker"))
    given = facts(Missing(resource=text), Missing(resource="app-docker"), SHORT, text=text)
    assert secret_resolution.replacement(given, reference(text)) is None
    assert secret_resolution.other_reading(given, reference(text)) is SHORT
    assert secret_resolution.other_reading(facts(GONE, GONE, SHORT), reference(TEXT)) is None


def test_a_secret_that_is_to_be_deleted_is_named_and_not_meant() -> None:
    gone = deleted(WHOLE)
    given = facts(GONE, gone)
    assert secret_resolution.named(given, reference(TEXT)) is gone
    assert secret_resolution.deleted(given, reference(TEXT)) is gone
    assert secret_resolution.namesake(given, reference(TEXT)) is None
    assert secret_resolution.deleted(facts(GONE, WHOLE), reference(TEXT)) is None


def test_the_query_that_was_not_answered_is_named() -> None:
    assert secret_resolution.unread(facts(GONE, GONE, UNREAD), reference(TEXT)) is UNREAD
    assert secret_resolution.unread(facts(GONE, GONE, GONE), reference(TEXT)) is None
