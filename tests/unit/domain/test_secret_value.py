import copy
import json
import logging
import pickle
import traceback
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.secret import ValueShape
from pullguard.domain.secret_value import HiddenText, read_value

PASSWORD = "hunter2-correct-horse"
HIDDEN = HiddenText(PASSWORD)


@dataclass
class Holder:
    value: HiddenText


SHOWN = {
    "repr": lambda: repr(HIDDEN),
    "str": lambda: str(HIDDEN),
    "format": lambda: f"{HIDDEN} {HIDDEN!r} {HIDDEN!s} {HIDDEN:>40}",
    "percent": lambda: "%s %r" % (HIDDEN, HIDDEN),  # noqa: UP031 (old code does this)
    "in-a-list": lambda: f"{[HIDDEN]}",
    "in-a-dict": lambda: f"{ {'password': HIDDEN} }",
    "in-a-dataclass": lambda: repr(Holder(value=HIDDEN)),
    "joined": lambda: "".join(map(str, (HIDDEN,))),
    "ascii": lambda: ascii(HIDDEN),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
def test_a_hidden_text_does_not_show_itself(show: Any) -> None:
    assert PASSWORD not in show()
    assert "<hidden>" in show()


COPIES = {
    "json": lambda: json.dumps({"password": HIDDEN}),
    "pickle": lambda: pickle.dumps(HIDDEN),
    "copy": lambda: copy.copy(HIDDEN),
    "deepcopy": lambda: copy.deepcopy(HIDDEN),
    "asdict": lambda: asdict(Holder(value=HIDDEN)),
    "vars": lambda: vars(HIDDEN),
    "concatenation": lambda: "x" + HIDDEN,  # type: ignore[operator]
    "encoding": lambda: bytes(HIDDEN),  # type: ignore[call-overload]
}


@pytest.mark.parametrize("store", COPIES.values(), ids=COPIES)
def test_a_hidden_text_cannot_be_stored_or_copied(store: Any) -> None:
    with pytest.raises(TypeError) as refused:
        store()
    assert PASSWORD not in str(refused.value)


def test_a_hidden_text_does_not_show_itself_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("the password is %s", HIDDEN, extra={"secret": HIDDEN})
    assert caplog.messages == ["the password is <hidden>"]
    assert PASSWORD not in str([vars(record) for record in caplog.records])


def test_a_hidden_text_does_not_show_itself_in_a_traceback() -> None:
    def fail(password: HiddenText) -> None:
        raise RuntimeError("it went wrong", password)

    with pytest.raises(RuntimeError) as raised:
        fail(HIDDEN)
    reported = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert "it went wrong" in reported
    assert "password = <hidden>" in reported
    assert PASSWORD not in reported


def test_a_hidden_text_is_equal_to_itself_only_and_reveals_no_length() -> None:
    assert HiddenText(PASSWORD) != HIDDEN
    with pytest.raises(TypeError):
        len(HIDDEN)  # type: ignore[arg-type]


def test_a_hidden_text_is_revealed_on_purpose() -> None:
    assert HIDDEN.reveal() == PASSWORD


# --- What the agent makes of a value -----------------------------------------------------------------------------


def shape(
    form: Any = "json-object", username: Any = "ok", password: Any = "ok", miscased: Any = (), lookalike: Any = None
) -> ValueShape:
    if form != "json-object":
        return ValueShape(form=form, version_id="v1", lookalike=lookalike)
    return ValueShape(
        form=form, username=username, password=password, miscased=miscased, version_id="v1", lookalike=lookalike
    )


# https://github.com/aws/amazon-ecs-agent/blob/master/agent/asm/asm.go
TEXTS = {
    "as-documented": ('{"username": "u", "password": "p"}', shape()),
    "keys-in-another-order-and-others-beside": ('{"a": [1], "password": "p", "b": null, "username": "u"}', shape()),
    "white-space-around": (' \n{"username": "u", "password": "p"}\t', shape()),
    "an-upper-case-key": ('{"Username": "u", "password": "p"}', shape(miscased=("Username",))),
    "both-keys-in-other-cases": (
        '{"USERNAME": "u", "PassWord": "p"}',
        shape(miscased=("PassWord", "USERNAME")),
    ),
    "no-password": ('{"username": "u"}', shape(password="missing")),
    "nothing-in-it": ("{}", shape(username="missing", password="missing")),
    "keys-with-spaces-are-other-keys": (
        '{"username ": "u", "password": "p"}',
        shape(username="missing", lookalike="other-names"),
    ),
    "a-null": ('{"username": null, "password": "p"}', shape(username="missing")),
    "an-empty-text": ('{"username": "u", "password": ""}', shape(password="empty")),
    "a-number": ('{"username": "u", "password": 12345}', shape(password="not-a-string")),
    "a-truth": ('{"username": true, "password": "p"}', shape(username="not-a-string")),
    "nested": (
        '{"username": {"username": "u"}, "password": ["p"]}',
        shape(username="not-a-string", password="not-a-string"),
    ),
    "nested-below-another-key": (
        '{"ghcr.io": {"username": "u", "password": "p"}}',
        shape(username="missing", password="missing", lookalike="by-host"),
    ),
    "duplicates-the-last-counts": ('{"username": "u", "username": "", "password": "p"}', shape(username="empty")),
    "duplicates-in-another-case-the-last-counts": (
        '{"username": "u", "USERNAME": "", "password": "p"}',
        shape(username="empty"),
    ),
    "duplicates-the-last-is-null": (
        '{"username": "u", "username": null, "password": "p"}',
        shape(username="missing"),
    ),
    "duplicates-one-of-which-is-no-text": (
        '{"username": 5, "username": "u", "password": "p"}',
        shape(username="not-a-string"),
    ),
    "an-array": ('["u", "p"]', shape("not-an-object")),
    "an-empty-array": ("[]", shape("not-an-object")),
    "a-text": ('"u:p"', shape("not-an-object", lookalike="user-and-password")),
    "null": ("null", shape("not-an-object")),
    "a-docker-config-without-braces": ("u:p", shape("not-json", lookalike="user-and-password")),
    "single-quotes": ("{'username': 'u', 'password': 'p'}", shape("not-json")),
    "a-comma-too-many": ('{"username": "u", "password": "p",}', shape("not-json")),
    "two-objects": ('{"username": "u"}{"password": "p"}', shape("not-json")),
    "a-byte-order-mark": ('\ufeff{"username": "u", "password": "p"}', shape("not-json")),
    "not-a-number-is-no-json-to-go": ('{"username": "u", "password": "p", "x": NaN}', shape("not-json")),
    "nested-too-deep": ("[" * 100_000, shape("not-json")),
    "white-space-only": ("  ", shape("not-json")),
    "empty": ("", shape("empty")),
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS)
def test_a_text_is_judged_as_the_agent_does(text: str, expected: ValueShape) -> None:
    assert read_value({"SecretString": text, "VersionId": "v1"})[0] == expected


ANSWERS: dict[str, tuple[dict[str, Any], ValueShape]] = {
    "a-binary": ({"SecretBinary": b'{"username": "u", "password": "p"}'}, ValueShape(form="binary")),
    "a-binary-beside-a-text": (
        {"SecretBinary": b"x", "SecretString": '{"username": "u", "password": "p"}'},
        ValueShape(form="json-object", username="ok", password="ok"),
    ),
    "nothing": ({}, ValueShape(form="empty")),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_judged(answer: dict[str, Any], expected: ValueShape) -> None:
    assert read_value(answer)[0] == expected


def test_the_members_that_the_agent_would_use_can_be_revealed() -> None:
    _, username, password = read_value({"SecretString": '{"Username": "a", "username": "b", "password": "p"}'})
    assert username is not None
    assert password is not None
    assert (username.reveal(), password.reveal()) == ("b", "p")


@pytest.mark.parametrize("field", ['"password": ""', '"password": null', '"password": 5', '"x": "y"'])
def test_a_member_that_the_agent_would_not_use_is_absent(field: str) -> None:
    _, username, password = read_value({"SecretString": f'{{"username": "u", {field}}}'})
    assert isinstance(username, HiddenText)
    assert password is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(anything)
def test_a_shape_holds_no_text_of_a_value(value: Any) -> None:
    marked = {"username": PASSWORD, "password": PASSWORD, "other": [PASSWORD, value], PASSWORD: value}
    judged = read_value({"SecretString": json.dumps(marked), "VersionId": "v1"})
    assert PASSWORD not in repr(judged)
