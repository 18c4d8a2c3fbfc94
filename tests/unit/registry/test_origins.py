"""The hosts of requests, and the hosts that may receive credentials."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pullguard.registry.origins import Origin, Url, may_be_trusted, onward, parse_url, registry_url


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
    ("origin", "authority"),
    [
        (Origin(scheme="https", name="a.example", port=443), "a.example"),
        (Origin(scheme="https", name="a.example", port=80), "a.example:80"),
        (Origin(scheme="https", name="a.example", port=8443), "a.example:8443"),
        (Origin(scheme="http", name="::1", port=80), "[::1]"),
    ],
)
def test_the_authority_has_the_port_unless_it_is_the_schemes(origin: Origin, authority: str) -> None:
    assert origin.authority == authority


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


REGISTRIES: dict[str, tuple[str, tuple[str, str, int] | None]] = {
    "docker-hub": ("docker.io", ("https", "registry-1.docker.io", 443)),
    "any-other": ("ghcr.io", ("https", "ghcr.io", 443)),
    "a-port": ("registry.example.com:5000", ("https", "registry.example.com", 5000)),
    "loopback": ("localhost", ("http", "localhost", 80)),
    "loopback-with-a-port": ("127.0.0.1:5000", ("http", "127.0.0.1", 5000)),
    "loopback-of-version-6": ("[::1]:5000", ("http", "::1", 5000)),
    "capitals": ("GHCR.io", None),
    "the-default-port": ("ghcr.io:443", None),
    "user-info": ("ci@ghcr.io", None),
    "empty": ("", None),
}


@pytest.mark.parametrize(("host", "origin"), REGISTRIES.values(), ids=REGISTRIES)
def test_a_host_has_the_origin_at_which_its_registry_answers(host: str, origin: tuple[str, str, int] | None) -> None:
    url = registry_url(host, "/v2/")
    found = None if url is None else (url.origin.scheme, url.origin.name, url.origin.port)
    assert found == origin
    assert url is None or (url.host, url.target, url.path) == (host, "/v2/", "/v2/")


TRUSTED: dict[str, tuple[str, str, set[str], bool]] = {
    # the token service, the registry, the hosts of the tag, whether it may be trusted
    "the-registry-itself": ("https://ghcr.io/token", "ghcr.io", set(), True),
    "another-port-of-it": ("https://ghcr.io:8443/token", "ghcr.io", set(), False),
    "docker-hubs-own": ("https://auth.docker.io/token", "docker.io", set(), True),
    "gitlabs-own": ("https://gitlab.com/jwt/auth", "registry.gitlab.com", set(), True),
    "docker-hubs-for-another": ("https://auth.docker.io/token", "ghcr.io", set(), False),
    "in-the-tag": ("https://login.example.com/token", "registry.example.com", {"login.example.com"}, True),
    "not-in-the-tag": ("https://login.example.com/token", "registry.example.com", {"example.com"}, False),
    "a-subdomain": ("https://token.ghcr.io/", "ghcr.io", {"ghcr.io"}, False),
}


@pytest.mark.parametrize(("realm", "registry", "allowed", "trusted"), TRUSTED.values(), ids=TRUSTED)
def test_which_token_service_may_get_the_credentials(
    realm: str, registry: str, allowed: set[str], trusted: bool
) -> None:
    url = parse_url(realm)
    assert url is not None
    assert may_be_trusted(url, registry, frozenset(allowed)) is trusted


GHCR = Url(origin=Origin(scheme="https", name="ghcr.io", port=443), host="ghcr.io", target="/v2/")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/moved", "/moved"),
        ("https://ghcr.io:443/moved?a=b", "/moved?a=b"),
        ("https://ghcr.io:8443/moved", None),
        ("https://evil.example/moved", None),
        ("moved", None),
        ("", None),
        ("/a b", None),
        ("/" + "a" * 5_000, None),
    ],
)
def test_a_redirect_is_followed_to_the_same_origin_only(location: str, target: str | None) -> None:
    there = onward(GHCR, location)
    assert (None if there is None else (there.origin, there.target)) == (
        None if target is None else (GHCR.origin, target)
    )
