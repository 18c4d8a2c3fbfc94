"""The texts of a registry that are read: challenges and URLs. Any text may come."""

import string

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pullguard.domain.image import parse_image
from pullguard.registry import verify
from pullguard.registry.challenges import Challenge, parse_challenges
from tests.registry.recording import PASSWORD, Reply, credentials, recording


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Basic", [("basic", {})]),
        ('Basic realm="a b"', [("basic", {"realm": "a b"})]),
        ('BEARER Realm="https://x/y",SERVICE="z"', [("bearer", {"realm": "https://x/y", "service": "z"})]),
        ("Bearer realm=https://x/y,service=z", [("bearer", {"realm": "https://x/y", "service": "z"})]),
        (r'Bearer realm="a\"b\\c"', [("bearer", {"realm": r'a"b\c'})]),
        ('Bearer realm="a,b", scope="r:a:pull,push"', [("bearer", {"realm": "a,b", "scope": "r:a:pull,push"})]),
        ('Basic realm="r", Bearer realm="s"', [("basic", {"realm": "r"}), ("bearer", {"realm": "s"})]),
        ("Negotiate, Basic realm=r", [("negotiate", {}), ("basic", {"realm": "r"})]),
        ("Negotiate abc==, Basic realm=r", [("negotiate", {}), ("basic", {"realm": "r"})]),
        ('Bearer realm="first",realm="second"', [("bearer", {"realm": "first"})]),
        ("", []),
        (" , ,", []),
    ],
)
def test_challenges(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    found = [(each.scheme, dict(each.parameters)) for each in parse_challenges([header])]
    assert [each for each in found if each[0] in {"basic", "bearer", "negotiate"}] == expected


TOKENS = st.text(string.ascii_letters + string.digits + "-_.~", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=30)
CHALLENGES = st.lists(
    st.builds(
        Challenge,
        scheme=TOKENS.map(str.lower),
        parameters=st.dictionaries(TOKENS.map(str.lower), VALUES, min_size=1, max_size=4),
    ),
    max_size=4,
)


def written(challenge: Challenge) -> str:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    return f"{challenge.scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in challenge.parameters.items())


@given(CHALLENGES)
def test_challenges_are_read_as_they_were_written(challenges: list[Challenge]) -> None:
    assert parse_challenges([", ".join(map(written, challenges))]) == tuple(challenges)
    assert parse_challenges(map(written, challenges)) == tuple(challenges)


HEADERISH = st.text(st.sampled_from('Bearealm basic="\\,; =:/\t\x00é'), max_size=200) | st.text(max_size=200)


@given(st.lists(HEADERISH, max_size=5))
@example(['Bearer realm="' + "\\" * 9000])
@example(["=" * 9000])
@example(["," * 9000])
@example(['a="' * 3000])
@example(['x a="' + '\\",a="' * 1200])
@example(["a " * 4000])
def test_no_header_breaks_the_parser(headers: list[str]) -> None:
    for challenge in parse_challenges(headers):
        assert challenge.scheme


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.sampled_from('Bearealm basic="\\,; =:/htp?127.0.0.1é'), max_size=80))
def test_no_challenge_breaks_a_verification(header: str) -> None:
    headers = (("WWW-Authenticate", header),)
    with recording(lambda _: Reply(status=401, headers=headers)) as record:
        image = parse_image(f"{record.host}/app")
        verified = verify(image, *credentials(), allowed_hosts=frozenset({record.host}), timeout_s=5)
        assert verified.answer in {"unreachable", "rejected"}
        assert PASSWORD not in verified.detail
