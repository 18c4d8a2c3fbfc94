"""The envelope of an event: proved before anything else is read, and the detail read without regard to case."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Rejected
from pullguard.domain.provenance import Provenance
from pullguard.events.envelope import TEXT_MAX_CHARS, Event, open_event, readable

ENVELOPE: dict[str, Any] = {
    "id": "4f2c6b6e-1111-4222-8333-944445555666",
    "account": "111122223333",
    "region": "us-east-1",
    "time": "2026-11-23T00:00:00Z",
    "resources": ["arn:aws:s3:::a"],
}
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:registry/ghcr-AbCdEf"


def opened(detail: dict[str, Any] | None = None, **changes: Any) -> Event:
    return open_event(ENVELOPE | changes, "PutSecretValue", detail or {})


def test_an_envelope_gives_every_trigger_its_origin() -> None:
    event = opened()
    provenance = Provenance(kind="PutSecretValue", event_id=ENVELOPE["id"], at=datetime(2026, 11, 23, tzinfo=UTC))
    assert event.origin == {"provenance": provenance, "account": "111122223333", "region": "us-east-1"}
    assert event.resources == ("arn:aws:s3:::a",)
    assert opened(resources="arn").resources == ()


FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "id-is-absent": ({"id": None}, "PutSecretValue event: id (absent) is not an event id"),
    "id-is-empty": ({"id": ""}, 'id "" is not an event id'),
    "id-has-a-line-end": ({"id": "a\nb"}, r'id "a\nb" is not an event id'),
    "account-is-a-number": ({"account": 111122223333}, "is not an account id"),
    "account-is-short": ({"account": "1111"}, 'account "1111" is not an account id'),
    "region-is-none": ({"region": "US-EAST-1"}, 'region "US-EAST-1" is not a Region'),
    "time-is-absent": ({"time": None}, "PutSecretValue event: time"),
    "time-is-a-word": ({"time": "yesterday"}, 'time "yesterday"'),
}


@pytest.mark.parametrize(("changes", "reason"), FORGED.values(), ids=FORGED)
def test_a_forged_envelope_is_rejected_with_the_member(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected, match=re.escape(reason)):
        opened(**changes)


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ({"awsRegion": "eu-west-1"}, 'detail.awsRegion "eu-west-1" is not the event\'s, us-east-1'),
        ({"recipientAccountId": "444455556666"}, 'detail.recipientAccountId "444455556666" is not the event\'s'),
        ({"AWSREGION": 7}, "detail.awsRegion"),
    ],
    ids=["region", "account", "number"],
)
def test_a_detail_that_contradicts_its_envelope_is_rejected(detail: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected, match=re.escape(reason)):
        opened(detail)


DETAIL = {"Request": {"SecretId": "registry", "n": 7, "null": None, "list": ["a"]}, "request": {"name": "second"}}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("request", "secretid"), "registry"),
        (("REQUEST", "SECRETID"), "registry"),
        (("request", "n"), 7),
        (("request", "null"), None),
        (("request", "absent"), None),
        (("request", "list", "a"), None),
        (("request", "name"), None),
        (("absent", "a"), None),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_a_path_is_followed_whatever_the_case(path: tuple[str, ...], found: object) -> None:
    assert opened(DETAIL).at(*path) == found


def test_a_null_in_one_case_does_not_hide_a_value_in_another() -> None:
    assert opened({"a": None, "A": "x"}).at("a") == "x"
    assert opened({1: "x"}).at("1") is None  # type: ignore[dict-item]


def test_a_text_must_fit_its_pattern() -> None:
    event = opened(DETAIL)
    assert event.proved(re.compile("[a-z]+"), "a name", "request", "secretId") == "registry"
    for path, reason in (
        (("request", "gone"), "request.gone is missing"),
        (("request", "n"), 'request.n "7" is not a name'),
        (("request", "list"), "is not a name"),
    ):
        with pytest.raises(Rejected, match=reason):
            event.proved(re.compile("[a-z]+"), "a name", *path)


def test_a_refusal_names_the_event() -> None:
    assert str(opened().refuse("why")) == f"PutSecretValue event {ENVELOPE['id']}: why"


def test_an_arn_of_the_event_is_proved() -> None:
    assert opened().arn(SECRET, "secret", Arn.parse) == Arn.parse(SECRET)


ARNS: dict[str, tuple[object, dict[str, bool], str]] = {
    "no-text": (None, {}, "secret (absent) is not an ARN"),
    "no-arn": ("registry", {}, "secret: "),
    "another-region": (SECRET.replace("us-east-1", "eu-west-1"), {}, "is not of the event's Region, us-east-1"),
    "another-partition": (SECRET.replace(":aws:", ":aws-cn:"), {}, "is not of the event's Region"),
    "another-account": (SECRET.replace("111122223333", "444455556666"), {}, "is not of the event's account"),
    "no-account": (SECRET.replace("111122223333", ""), {"own_account": False}, "is not of the event's account"),
    "regional-though-global": (SECRET, {"regional": False}, "is not of the event's Region"),
}


@pytest.mark.parametrize(("text", "options", "reason"), ARNS.values(), ids=ARNS)
def test_an_arn_of_elsewhere_is_rejected(text: object, options: dict[str, bool], reason: str) -> None:
    with pytest.raises(Rejected, match=re.escape(reason)):
        opened().arn(text, "secret", Arn.parse, **options)


def test_another_accounts_secret_and_a_global_policy_are_admitted_where_asked() -> None:
    theirs = SECRET.replace("111122223333", "444455556666")
    assert opened().arn(theirs, "secret", Arn.parse, own_account=False) == Arn.parse(theirs)
    policy = "arn:aws:iam::111122223333:policy/read"
    assert opened().arn(policy, "policy", Arn.parse, regional=False) == Arn.parse(policy)


@pytest.mark.parametrize(
    ("found", "text"),
    [("plain", "plain"), ("a\nb\x1b", r"a\nb\x1b"), ("", ""), (None, ""), (7, ""), (["a"], ""), ("büro", "büro")],
)
def test_a_text_for_people_has_no_control_characters(found: object, text: str) -> None:
    assert readable(found) == text
    assert opened({"reason": found}).text("reason") == text


@given(st.text(max_size=TEXT_MAX_CHARS + 50))
def test_any_text_is_printable_and_no_longer_than_its_bound(text: str) -> None:
    assert readable(text).isprintable()
    assert len(readable("x" * len(text))) == min(len(text), TEXT_MAX_CHARS)
