"""A wrong password is tried once for all callers, then at growing intervals; without a request there is no answer."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

import pullguard.registry
from pullguard.aws.readers import AwsReaders
from pullguard.domain.image import ImageReference, parse_image
from pullguard.domain.lookup import Unreadable
from pullguard.domain.secret import Secret
from pullguard.domain.secret_value import Credentials, read_value
from pullguard.domain.verification import Verification
from pullguard.registry import verification
from pullguard.registry.refused_logins import RefusedLogins
from pullguard.store.logins import CLAIM_S, RATE_LIMITED_S, REFUSED_S, TAKEN_S, LoginStore
from tests.fakes import ACCOUNT, NOW, secret
from tests.unit.store.test_malformed_items import MALFORMED

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

GHCR = replace(secret(), tags={"pullguard:registry": "ghcr.io quay.io"})
VERSION = "4d383ea9-084a-49c9-8722-cbfb0f25c456"
LOGIN = (GHCR.arn, VERSION, "ghcr.io")
OK = Verification(answer="ok")
REFUSED = Verification(answer="rejected", detail="ghcr.io answered 401 to /token.")
FORBIDDEN = Verification(answer="rejected", refuses="repository")
LIMITED = Verification(answer="rate-limited")
MISSING = Verification(answer="no-such-image")
SILENT = Verification(answer="unreachable")
IMAGES = [parse_image(f"ghcr.io/acme/app{number}:1") for number in range(10)]


@dataclass
class Registry:
    """A registry that says the same to everybody, and counts who asked."""

    says: Verification
    asked: list[str] = field(default_factory=list)
    takes_s: float = 0.0

    def __call__(self, image: ImageReference, *_: Any, **__: Any) -> Verification:
        self.asked.append(image.text)
        sleep(self.takes_s)
        return self.says


@dataclass
class Clock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logins(ledger: Any, dynamodb: "DynamoDBClient", clock: Clock) -> LoginStore:
    return LoginStore(dynamodb, "ledger", now=clock.now, pause=clock.later)


def read(version: str = VERSION) -> Any:
    def value(*_: Any) -> Credentials:
        return read_value({"SecretString": '{"username": "u", "password": "p"}', "VersionId": version})

    return value


def batch(logins: LoginStore, registry: Registry, *, its: Secret = GHCR, version: str = VERSION) -> list[str]:
    """Verify ten images as one batch does; return the answers."""
    remembered = RefusedLogins(logins)
    looked = [verification(its, image, read(version), ask=registry, logins=remembered) for image in IMAGES]
    return [each.answer for each in looked if isinstance(each, Verification)]


# A registry's answer, and the number of requests that three batches of ten images make.
BATCHES = {
    "wrong credentials": (REFUSED, 1),
    "too many requests": (LIMITED, 1),
    "right credentials": (OK, 30),
    "a repository that they may not read": (FORBIDDEN, 30),
    "no such image": (MISSING, 30),
}


@pytest.mark.parametrize(("says", "questions"), BATCHES.values(), ids=BATCHES)
def test_a_refused_login_is_tried_once_and_answered_as_the_registry_did(
    logins: LoginStore, says: Verification, questions: int
) -> None:
    registry = Registry(says)
    for _ in range(3):
        assert batch(logins, registry) == [says.answer] * 10
    assert len(registry.asked) == questions


SPANS = [(REFUSED, REFUSED_S), (LIMITED, RATE_LIMITED_S)]


@pytest.mark.parametrize(("says", "spans_s"), SPANS, ids=["wrong credentials", "too many requests"])
def test_a_login_that_is_refused_again_is_tried_less_and_less_often(
    logins: LoginStore, clock: Clock, says: Verification, spans_s: tuple[int, ...]
) -> None:
    registry = Registry(says)
    for number, span_s in enumerate((*spans_s, spans_s[-1]), start=1):
        batch(logins, registry)
        clock.later(span_s - 1)
        batch(logins, registry)
        assert len(registry.asked) == number
        clock.later(1)


def test_wrong_credentials_are_tried_twice_in_a_quarter_of_an_hour_and_in_each_hour(
    logins: LoginStore, clock: Clock
) -> None:
    registry = Registry(REFUSED)
    tried: list[int] = []
    for minute in range(24 * 60):
        batch(logins, registry)
        tried += [minute] * (len(registry.asked) - len(tried))
        clock.later(60)
    assert tried[:4] == [0, 5, 20, 65]
    assert max(sum(start <= each < start + 15 for each in tried) for start in tried) == 2
    assert REFUSED_S[-1] < 3600  # an hourly validation asks


def test_once_it_is_accepted_the_next_refusal_is_the_first(logins: LoginStore, clock: Clock) -> None:
    for says in (REFUSED, REFUSED, OK, REFUSED):
        batch(logins, registry := Registry(says))
        assert registry.asked
        clock.later(REFUSED_S[1])
    clock.later(REFUSED_S[0] - REFUSED_S[1])
    assert batch(logins, registry := Registry(OK)) == ["ok"] * 10


NEWS = {
    "another version": {"version": "00000000-084a-49c9-8722-cbfb0f25c456"},
    "another secret": {"its": replace(GHCR, arn=secret("other", "Others").arn)},
}


@pytest.mark.parametrize("other", NEWS.values(), ids=NEWS)
def test_another_login_is_asked_at_once(logins: LoginStore, other: dict[str, Any]) -> None:
    batch(logins, Registry(REFUSED))
    assert batch(logins, Registry(OK), **other) == ["ok"] * 10


def test_another_host_is_asked_at_once(logins: LoginStore) -> None:
    batch(logins, Registry(REFUSED))
    looked = verification(GHCR, parse_image("quay.io/acme/app:1"), read(), ask=Registry(OK), logins=logins)
    assert looked == OK


def test_a_remembered_answer_says_so_and_when_it_was(logins: LoginStore) -> None:
    logins.keep(LOGIN, REFUSED)
    known = logins.known(LOGIN)
    assert known is not None
    assert known.detail == (
        "ghcr.io answered 401 to /token. That was at 12:00:00 UTC; to lock no account, the same credentials are not "
        "tried before 12:05:00."
    )


# --- At the same time ---------------------------------------------------------------------------------------------


def test_a_run_that_comes_during_a_query_waits_for_the_answer(
    dynamodb: "DynamoDBClient", logins: LoginStore, clock: Clock
) -> None:
    assert logins.known(LOGIN) is None  # the first run asks the registry now

    def pause(seconds: float) -> None:
        clock.later(seconds)
        logins.keep(LOGIN, REFUSED)  # ... and is answered

    second = LoginStore(dynamodb, "ledger", now=clock.now, pause=pause)
    known = second.known(LOGIN)
    assert known is not None
    assert known.answer == "rejected"


@pytest.mark.parametrize("says", [OK, SILENT], ids=["accepted", "unreachable"])
def test_a_run_that_waited_asks_if_nothing_was_refused(
    dynamodb: "DynamoDBClient", logins: LoginStore, clock: Clock, says: Verification
) -> None:
    assert logins.known(LOGIN) is None
    logins.keep(LOGIN, says)
    assert logins.known(LOGIN) is None


def test_a_run_that_claimed_it_and_died_holds_it_for_seconds(logins: LoginStore, clock: Clock) -> None:
    assert logins.known(LOGIN) is None
    since = clock.now()
    assert logins.known(LOGIN) in (
        None,
        Verification(
            answer="unreachable", detail=("ghcr.io was being asked by another run, which got no answer in time.")
        ),
    )
    assert (clock.now() - since).total_seconds() == pytest.approx(CLAIM_S)
    assert logins.known(LOGIN) is None


def test_a_login_that_works_delays_no_other_for_a_minute(logins: LoginStore, clock: Clock) -> None:
    logins.keep(LOGIN, OK)
    clock.later(TAKEN_S - 1)
    assert [logins.known(LOGIN) for _ in range(5)] == [None] * 5
    assert clock.now() == NOW + timedelta(seconds=TAKEN_S - 1)


# --- The readers --------------------------------------------------------------------------------------------------


@pytest.fixture
def ghcr(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """In the place of the registry that the readers ask."""
    registry = Registry(REFUSED)

    def asked(its: Secret, image: ImageReference, _: Any, **others: Any) -> Any:
        return verification(its, image, read(), ask=registry, **others)

    monkeypatch.setattr(pullguard.registry, "verification", asked)
    return registry


@pytest.mark.parametrize("says", [REFUSED, LIMITED], ids=["wrong credentials", "too many requests"])
def test_an_audit_of_many_images_tries_wrong_credentials_once(ghcr: Registry, says: Verification) -> None:
    ghcr.says = says
    clients: Any = None
    readers = AwsReaders(clients, account=ACCOUNT, values="never", verify=True)
    answers = [readers.verification(GHCR, image) for image in IMAGES]
    assert answers == [says] * 10
    assert len(ghcr.asked) == 1


@pytest.mark.parametrize(("by_firewall", "times"), [(False, 1), (True, 10)])
def test_a_host_is_given_up_for_a_batch_unless_its_firewall_answers(
    ghcr: Registry, by_firewall: bool, times: int
) -> None:
    """An organization's firewall at a shared host says nothing of another organization's images."""
    ghcr.says = Verification(answer="unreachable", address_refused=by_firewall)
    clients: Any = None
    readers = AwsReaders(clients, account=ACCOUNT, values="never", verify=True)
    assert {readers.verification(GHCR, image) for image in IMAGES} == {ghcr.says}
    assert len(ghcr.asked) == times


def test_threads_try_wrong_credentials_once_and_all_get_the_answer(dynamodb: "DynamoDBClient", ghcr: Registry) -> None:
    """The first question to a host is asked alone; another login there is claimed in the ledger."""
    logins = LoginStore(dynamodb, "ledger", now=lambda: NOW, pause=lambda _: sleep(0.01))
    clients: Any = None
    readers = AwsReaders(clients, account=ACCOUNT, values="never", verify=True, logins=logins)
    other = replace(GHCR, arn=replace(GHCR.arn, resource=f"{GHCR.arn.resource}x"))
    ghcr.says = OK
    readers.verification(other, IMAGES[0])
    ghcr.says, ghcr.takes_s = REFUSED, 0.05
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda image: readers.verification(GHCR, image), IMAGES))
    assert [each.answer for each in answers if isinstance(each, Verification)] == ["rejected"] * 10
    assert len(ghcr.asked) == 2


# --- An unreadable item -------------------------------------------------------------------------------------------

GOOD: dict[str, Any] = {
    "state": "said",
    "answer": "rejected",
    "detail": "",
    "at": "12:00:00",
    "in_a_row": 1,
    "until_epoch_s": 9e9,
}
CHANGED: dict[str, dict[str, Any]] = {
    "a-state-of-another-kind": {"state": "locked"},
    "a-pass-that-was-never-kept": {"answer": "ok"},
    "an-answer-of-another-kind": {"answer": 7},
    "no-number": {"in_a_row": "many"},
    "a-number-without-end": {"in_a_row": float("inf")},
    "less-than-none": {"in_a_row": -1},
    "no-time": {"until_epoch_s": None},
    "not-a-number": {"until_epoch_s": float("nan")},
    "a-time-without-end": {"until_epoch_s": float("inf")},
    "a-time-beyond-all": {"until_epoch_s": 1e300},
}
LACKING = {f"no-{name}": {each: GOOD[each] for each in GOOD if each != name} for name in GOOD}
WHOLE = {**{name: {**GOOD, **changes} for name, changes in CHANGED.items()}, **LACKING}
UNREAD = {**MALFORMED, **{name: {"data": {"S": json.dumps(data)}} for name, data in WHOLE.items()}}


@pytest.mark.parametrize("malformed", UNREAD.values(), ids=UNREAD)
def test_an_unreadable_item_is_named_and_no_login_is_tried(
    dynamodb: "DynamoDBClient",
    logins: LoginStore,
    ghcr: Registry,
    malformed: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = {"pk": {"S": f"LOGIN#{GHCR.arn}"}, "sk": {"S": f"{VERSION}#ghcr.io"}}
    dynamodb.put_item(TableName="ledger", Item={**names, **malformed})
    clients: Any = None
    readers = AwsReaders(clients, account=ACCOUNT, values="never", verify=True, logins=logins)
    answers = [readers.verification(GHCR, image) for image in IMAGES]
    assert ghcr.asked == []
    assert all(isinstance(each, Unreadable) and f"LOGIN#{GHCR.arn}" in each.detail for each in answers)
    assert any(f"LOGIN#{GHCR.arn}" in line for line in caplog.messages)
    ghcr.says = OK  # others are asked
    assert readers.verification(replace(GHCR, arn=secret("other", "Others").arn), IMAGES[0]) == OK


def test_a_kept_answer_can_be_read(dynamodb: "DynamoDBClient", logins: LoginStore) -> None:
    names = {"pk": {"S": f"LOGIN#{GHCR.arn}"}, "sk": {"S": f"{VERSION}#ghcr.io"}}
    dynamodb.put_item(TableName="ledger", Item={**names, "data": {"S": json.dumps(GOOD)}})
    known = logins.known(LOGIN)
    assert known is not None
    assert known.answer == "rejected"
