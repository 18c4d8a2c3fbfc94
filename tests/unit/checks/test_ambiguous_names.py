"""An ARN that ends in a hyphen and six characters: complete, or less its suffix, of a secret whose name ends so.

Two queries decide it; the text never does.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from pullguard.checks.examine import examine
from pullguard.domain.actions import Grant, Reregister
from pullguard.domain.arn import Arn
from pullguard.domain.consent import why_not
from pullguard.domain.lookup import Unreadable
from pullguard.domain.references import references_of, secret_name
from pullguard.domain.role import Role
from pullguard.planning.planner import Rules, make_plan
from pullguard.planning.role_needs import names
from pullguard.planning.scope import is_certain, tags_of
from tests.fakes import ACCOUNT, NOW, REGION, World, container, denied, key, role, secret, task_definition

APP, APP_DOCKER = secret("app", "AppApp"), secret("app-docker", "DocDoc")
PARTIAL = str(APP_DOCKER.arn)[:-7]
DRAWN = f"{PARTIAL[:-6]}q7Rk2Z"
READER = secret("prod/gitlab-reader", "ReaRea")
ABROAD = replace(APP_DOCKER, arn=Arn.parse(f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:app-docker-DocDoc"))
# Secrets Manager has drawn "docker" for the suffix of app.
UNLUCKY = replace(APP, arn=Arn.parse(PARTIAL))
DELETED = replace(APP_DOCKER, deleted_at=NOW)
PARTIAL_ERROR = [("reference-not-full-arn", "fail", "error")]
NOT_FOUND = [("secret-not-found", "fail", "error")]
STALE = [("reference-stale", "fail", "error")]
UNKNOWN = [("reference-stale", "unknown", "error")]
THROTTLED = Unreadable(permission="secretsmanager:DescribeSecret", resource="it", reason="throttled")


@dataclass(frozen=True)
class Case:
    """A reference in a world of these secrets: what is found, and with which secret a revision is registered."""

    reference: str
    secrets: tuple[object, ...]
    found: list[tuple[str, str, str]]
    after: Arn | None = None
    unreadable: tuple[tuple[str, Unreadable], ...] = ()


def _case(reference: object, *secrets: object, found: list[tuple[str, str, str]], after: Arn | None = None) -> Case:
    return Case(str(reference), secrets, found, after)


CASES = {
    "the-whole-name-lives": _case(PARTIAL, APP_DOCKER, found=PARTIAL_ERROR, after=APP_DOCKER.arn),
    "with-a-slash": _case(str(READER.arn)[:-7], READER, found=PARTIAL_ERROR, after=READER.arn),
    "both-names-live": _case(PARTIAL, APP, APP_DOCKER, found=PARTIAL_ERROR, after=APP_DOCKER.arn),
    "in-any-order": _case(PARTIAL, APP_DOCKER, APP, found=PARTIAL_ERROR, after=APP_DOCKER.arn),
    "only-the-name-without-the-suffix-lives": _case(DRAWN, APP, found=STALE, after=APP.arn),
    "a-word-that-never-was": _case(PARTIAL, APP, found=NOT_FOUND),
    "a-word-beside-the-other-name": _case(f"{PARTIAL[:-6]}helper", APP, APP_DOCKER, found=NOT_FOUND),
    "a-misspelt-word": _case(f"{PARTIAL[:-6]}dokcer", APP, found=NOT_FOUND),
    "a-misspelt-word-beside-the-name": _case(f"{PARTIAL[:-6]}dokcer", APP, APP_DOCKER, found=NOT_FOUND),
    "a-capital-word": _case(f"{PARTIAL[:-6]}Helper", APP, found=NOT_FOUND),
    "a-month": _case(f"{PARTIAL[:-6]}202611", APP, found=NOT_FOUND),
    "no-word-beside-the-name": _case(f"{PARTIAL[:-6]}d0cker", APP, APP_DOCKER, found=NOT_FOUND),
    "no-word-beside-the-name-for-another-registry": _case(
        f"{PARTIAL[:-6]}d0cker", APP, secret("app-docker", "DocDoc", registry="quay.io"), found=STALE, after=APP.arn
    ),
    "no-word-beside-a-name-that-is-not-near": _case(DRAWN, APP, APP_DOCKER, found=STALE, after=APP.arn),
    "a-word-of-one-that-is-scheduled-for-deletion": _case(PARTIAL, replace(APP, deleted_at=NOW), found=NOT_FOUND),
    "neither-lives": _case(PARTIAL, found=NOT_FOUND),
    "the-full-arn": _case(APP_DOCKER.arn, APP, APP_DOCKER, found=[]),
    "the-suffix-of-another-secret": _case(PARTIAL, UNLUCKY, found=[]),
    "the-suffix-of-another-secret-beside-the-name": _case(PARTIAL, APP_DOCKER, UNLUCKY, found=[]),
    "a-name-is-no-arn": _case(
        "app-docker", APP, APP_DOCKER, found=[("reference-not-full-arn", "fail", "warning")]
    ),
    "a-name-of-nothing": _case("app-docker", APP, found=NOT_FOUND),
    "the-full-arn-of-one-created-again": _case(
        secret("app-docker", "OldOld").arn, APP, APP_DOCKER, found=STALE, after=APP_DOCKER.arn
    ),
    "scheduled-for-deletion": _case(PARTIAL, DELETED, found=NOT_FOUND),
    "scheduled-for-deletion-beside-the-other": _case(PARTIAL, APP, DELETED, found=NOT_FOUND),
    "the-other-is-scheduled-for-deletion": _case(
        PARTIAL, replace(APP, deleted_at=NOW), APP_DOCKER, found=PARTIAL_ERROR, after=APP_DOCKER.arn
    ),
    "in-another-region": _case(str(ABROAD.arn)[:-7], APP, ABROAD, found=PARTIAL_ERROR, after=ABROAD.arn),
    "here-is-another-of-that-name": _case(str(ABROAD.arn)[:-7], APP, APP_DOCKER, found=NOT_FOUND),
    "behind-a-json-key": _case(
        f"{PARTIAL}:password::", APP, APP_DOCKER, found=[("reference-malformed", "fail", "error")], after=APP_DOCKER.arn
    ),
    "behind-a-json-key-of-another": _case(
        f"{PARTIAL}:password::", APP, found=[("reference-malformed", "fail", "error")]
    ),
    "another-accounts": _case(PARTIAL.replace(ACCOUNT, "444455556666"), APP, APP_DOCKER, found=NOT_FOUND),
    "the-whole-name-is-denied": replace(
        _case(PARTIAL, APP, APP_DOCKER, found=UNKNOWN), unreadable=(("app-docker", denied()),)
    ),
    "the-whole-name-is-throttled": replace(
        _case(PARTIAL, APP, found=UNKNOWN), unreadable=(("app-docker", THROTTLED),)
    ),
    "the-name-without-the-suffix-is-denied": replace(
        _case(DRAWN, APP, found=UNKNOWN), unreadable=(("app", denied()),)
    ),
    "the-name-without-the-suffix-does-not-matter": replace(
        _case(PARTIAL, APP, APP_DOCKER, found=PARTIAL_ERROR, after=APP_DOCKER.arn), unreadable=(("app", denied()),)
    ),
    "longer-than-any-name": _case(
        f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{'x' * 512}-docker", found=NOT_FOUND
    ),
}  # fmt: skip
PROVED = [name for name, case in CASES.items() if case.after is not None]
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def world(case: Case, *, reads: bool = True) -> World:
    secrets = tuple(each for each in case.secrets if isinstance(each, type(APP)))
    return World(
        (task_definition(container(case.reference)),),
        (role(reads=secrets if reads else ()),),
        secrets,
        unreadable=dict(case.unreadable),
    )


@EVERY
def test_each_ambiguous_name_has_its_finding(case: Case) -> None:
    found = examine(world(case).facts()).findings
    assert [(each.check, each.status, each.severity) for each in found] == case.found


@EVERY
def test_only_a_proved_secret_is_planned(case: Case) -> None:
    facts = world(case).facts()
    made = make_plan(facts, examine(facts).findings, Rules())
    after = [change.after for each in made.actions if isinstance(each, Reregister) for change in each.changes]
    assert after == ([case.after] if case.after else [])
    assert made.refusals == ()


@EVERY
def test_no_secret_but_that_one_is_ever_granted(case: Case) -> None:
    facts = world(case, reads=False).facts()
    made = make_plan(facts, examine(facts).findings, Rules())
    granted = {each.secret for each in made.actions if isinstance(each, Grant)}
    named = {each.arn for each in world(case).secrets if case.reference in (each.name, str(each.arn))}
    assert granted == ({case.after} if case.after else named)


@pytest.mark.parametrize("name", PROVED)
def test_a_proved_secret_needs_consent_and_is_reached_by_its_events(name: str) -> None:
    case = CASES[name]
    (meant,) = (each for each in case.secrets if isinstance(each, type(APP)) and each.arn == case.after)
    keyed = replace(meant, key=key(), tags={**meant.tags, "pullguard:mode": "observe"})
    watched = replace(case, secrets=tuple(keyed if each is meant else each for each in case.secrets))
    facts = world(watched).facts()
    assert case.after is not None
    assert isinstance(facts.role, Role)
    refused = why_not(keyed, facts.role)
    assert refused is not None
    assert "observe only" in refused.why
    assert {"pullguard:mode": "observe"}.items() <= {k: v for tags in tags_of(facts) for k, v in tags.items()}.items()
    assert why_not(meant, facts.role) is None
    assert names(world(case).facts(), case.after), "it is named, or will be once the reference is corrected"
    known = {str(case.after), secret_name(case.after.region, ACCOUNT, meant.name), str(key().arn)}
    assert known <= references_of(facts)


def test_an_unreadable_candidate_is_not_certain() -> None:
    assert not is_certain(world(CASES["the-whole-name-is-denied"]).facts())
    assert is_certain(world(CASES["the-whole-name-lives"]).facts())


def test_a_reference_that_nothing_answers_to_is_known_by_both_names() -> None:
    known = references_of(world(CASES["neither-lives"]).facts())
    assert {PARTIAL, secret_name(REGION, ACCOUNT, "app"), secret_name(REGION, ACCOUNT, "app-docker")} <= known


def _reported(case: Case) -> str:
    (found,) = examine(world(case).facts()).findings
    assert found.remedy.snippet is not None
    return f"{found.cause}\n{found.evidence}\n{found.remedy.text}\n{found.remedy.snippet}"


WORDS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "the-whole-name-lives": ("its full ARN", lambda text: f'"{APP_DOCKER.arn}"' in text),
    "both-names-live": ("never the other", lambda text: str(APP.arn) not in text),
    "neither-lives": ("the likelier name", lambda text: "create-secret --region us-east-1 --name app-docker " in text),
    "scheduled-for-deletion": (
        "restored",
        lambda text: f"restore-secret --region us-east-1 --secret-id {DELETED.arn}" in text,
    ),
    "a-misspelt-word-beside-the-name": (
        "the near name, and how the ARN could be right",
        lambda text: (
            "Did you mean app-docker?" in text
            and f'"{APP_DOCKER.arn}"' in text
            and "create-secret" not in text
            and f"If the ARN was complete, its secret app was created again: register a revision with {APP.arn}."
            in text
        ),
    ),
    "a-word-beside-the-other-name": ("the whole name", lambda text: "--name app-helper " in text),
    "scheduled-for-deletion-beside-the-other": ("not the other", lambda text: str(APP.arn) not in text),
}


@pytest.mark.parametrize("name", WORDS)
def test_people_read_the_right_words(name: str) -> None:
    assert WORDS[name][1](_reported(CASES[name])), WORDS[name][0]


def test_both_readings_of_another_accounts_secret_are_named() -> None:
    (found,) = examine(world(CASES["another-accounts"]).facts()).findings
    assert "444455556666" in found.remedy.text
    assert "If the secret is called app-docker, the ARN lacks its suffix" in found.remedy.text


@pytest.mark.parametrize("name", ["both-names-live", "scheduled-for-deletion-beside-the-other"])
def test_the_finding_names_the_secret_that_is_meant(name: str) -> None:
    (found,) = examine(world(CASES[name]).facts()).findings
    assert found.secret == str(APP_DOCKER.arn)


def test_it_ends_when_nothing_has_the_name_any_more() -> None:
    before = {each.id for each in examine(world(CASES["the-whole-name-lives"]).facts()).findings}
    assert before <= examine(world(CASES["neither-lives"]).facts()).passed
    assert before <= examine(world(CASES["only-the-name-without-the-suffix-lives"]).facts()).passed


def test_while_it_is_not_known_it_stays_open() -> None:
    before = {each.id for each in examine(world(CASES["the-whole-name-lives"]).facts()).findings}
    assert not before & examine(world(CASES["the-whole-name-is-denied"]).facts()).passed
