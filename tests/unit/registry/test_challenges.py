"""The texts of a registry that are read: challenges and URLs. Any text may come."""

import string

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pullguard.domain.image import parse_image
from pullguard.registry import verify
from pullguard.registry.challenges import Challenge, parse_challenges
from pullguard.registry.origins import Origin, Url, onward, parse_url, registry_url
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


@given(st.text(max_size=100) | st.text("htps:/@127.0.0.1:[]#?\\%x ", max_size=60).map("https://".__add__))
@example("https://[::1")
@example("https://[::ffff:1.2.3.4]/")
@example("https://a:99999/")
@example("https://a:/")
def test_no_url_breaks_the_parser_and_none_hides_another_host(text: str) -> None:
    url = parse_url(text)
    if url is not None:
        assert url.origin.scheme == "https" or url.origin.is_loopback
        assert text.lower().removeprefix(f"{url.origin.scheme}://").startswith(url.origin.name.lower()[:1] or "[")
        assert "@" not in url.host
        assert url.target.startswith("/") or url.target.startswith("?")


@pytest.mark.parametrize(
    ("text", "host", "origin"),
    [
        ("https://ghcr.io/token", "ghcr.io", ("https", "ghcr.io", 443)),
        ("HTTPS://GHCR.IO:443/token", "ghcr.io", ("https", "ghcr.io", 443)),
        (
            "https://registry.example.com:5000/t?a=b",
            "registry.example.com:5000",
            ("https", "registry.example.com", 5000),
        ),
        ("http://127.0.0.1/t", "127.0.0.1:80", ("http", "127.0.0.1", 80)),
        ("http://[::1]:7/t", "[::1]:7", ("http", "::1", 7)),
        ("http://127.0.0.1:443/t", "127.0.0.1:443", ("http", "127.0.0.1", 443)),
    ],
)
def test_urls(text: str, host: str, origin: tuple[str, str, int]) -> None:
    url = parse_url(text)
    assert url is not None
    assert url.host == host
    assert (url.origin.scheme, url.origin.name, url.origin.port) == origin


@pytest.mark.parametrize(
    "text",
    [
        "http://ghcr.io/",
        "https://user@ghcr.io/",
        "https://ghcr.io./",
        "https://ghcr.io /",
        "ghcr.io",
        "https://ghcr.io/a b",
        "https://ghcr.io/a\r\nX-Injected: 1",
        "https://ghcr.io/é",
        "https://ghcr.io/\x7f",
    ],
)
def test_texts_that_are_no_urls_to_ask(text: str) -> None:
    assert parse_url(text) is None


def test_the_query_of_a_url_without_a_path_is_kept() -> None:
    url = parse_url("https://ghcr.io?service=x")
    assert url is not None
    assert url.target == "/?service=x"


def test_authorities() -> None:
    def authority(host: str) -> str:
        url = registry_url(host, "/v2/")
        assert url is not None
        return url.origin.authority

    assert authority("docker.io") == "registry-1.docker.io"
    assert authority("registry.example.com:5000") == "registry.example.com:5000"
    assert authority("[2606:2800:21f::1]:5000") == "[2606:2800:21f::1]:5000"
    assert authority("localhost") == "localhost"


def test_a_redirect_keeps_to_the_same_origin() -> None:
    url = Url(origin=Origin(scheme="https", name="ghcr.io", port=443), host="ghcr.io", target="/v2/")
    moved = onward(url, "https://ghcr.io/v2/x?y#z")
    assert moved is None  # a fragment is nothing that a server is asked for
    moved = onward(url, "https://ghcr.io/v2/x?y")
    assert moved is not None
    assert (moved.origin, moved.target, moved.path) == (url.origin, "/v2/x?y", "/v2/x")
    assert onward(url, "/\\evil.example/x") == Url(origin=url.origin, host=url.host, target="/\\evil.example/x")
    assert onward(url, "http://ghcr.io/v2/") is None
    assert onward(url, "//evil.example/") is None
