"""A stopped reason apart from the names in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.stopped_reason import READ_CHARS_MAX, NamedRole, read_stopped_text

ROLE = "arn:aws:iam::111122223333:role/apps/web-execution"
WORDS: dict[str, tuple[str, str]] = {
    "empty": ("", ""),
    "a-url": ("Get https://ghcr.io/v2/denied/tags: unauthorized", "get <>: unauthorized"),
    "an-arn": ("arn:aws:secretsmanager:us-east-1:1:secret:denied not found", "<> not found"),
    "an-image": ("failed to resolve ref ghcr.io/denied/web:401: not found", "failed to resolve ref <>: not found"),
    "a-quoted-name": ('repository "denied" not found', "repository <> not found"),
    "a-host": ("lookup registry.denied.example: no such host", "lookup <>: no such host"),
    "a-status": ("unexpected status code 503", "unexpected status code status503"),
    "a-number-that-is-none": ("waited 503 seconds", "waited 503 seconds"),
    "typography": ("can\u2019t  pull\n\timage", "can't pull image"),
    "copied-out-of-json": (r"pull \"denied\" failed\n", "pull <> failed"),
}


@pytest.mark.parametrize(("text", "words"), WORDS.values(), ids=WORDS)
def test_words_are_what_is_left_without_names(text: str, words: str) -> None:
    assert read_stopped_text(text).words == words


REGISTRIES: dict[str, tuple[str, str | None, bool]] = {
    "no-host": ("no space left on device", None, False),
    "an-image": ("failed to resolve ref ghcr.io/acme/web:1: not found", "ghcr.io", False),
    "docker-hubs-short-name": ("pull access denied for acme/web", "docker.io", False),
    "a-url-of-a-registry": ("Get https://quay.io/v2/: timeout", "quay.io", False),
    "a-url-of-nothing": ("Get https://example.com/x: timeout", None, False),
    "amazon-ecr": (
        "pull image 111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1: denied",
        "111122223333.dkr.ecr.us-east-1.amazonaws.com",
        True,
    ),
    "an-endpoint-of-ecr": ("dial https://api.ecr.us-east-1.amazonaws.com/: i/o timeout", None, True),
    "a-host-that-looks-like-ecr": ("dial https://api.ecr.us-east-1.amazonaws.com.evil.example/: timeout", None, False),
}


@pytest.mark.parametrize(("text", "registry", "names_ecr"), REGISTRIES.values(), ids=REGISTRIES)
def test_which_registry_a_text_is_about(text: str, registry: str | None, names_ecr: bool) -> None:
    read = read_stopped_text(text)
    assert (read.registry, read.names_ecr) == (registry, names_ecr)


ROLES: dict[str, tuple[str, NamedRole | None]] = {
    "none": ("access denied", None),
    "by-its-arn": (f"role '{ROLE}' is wrong", NamedRole(account="111122223333", name="web-execution", arn=ROLE)),
    "by-a-session": (
        "User: arn:aws:sts::111122223333:assumed-role/web-execution/abc is not authorized",
        NamedRole(account="111122223333", name="web-execution"),
    ),
    "cut-off": (f"role '{ROLE}", None),
}


@pytest.mark.parametrize(("text", "role"), ROLES.values(), ids=ROLES)
def test_the_first_role_is_named(text: str, role: NamedRole | None) -> None:
    assert read_stopped_text(text).role == role


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (NamedRole(account="1", name="a", arn="arn:aws:iam::1:role/x/a"), True),
        (NamedRole(account="1", name="a", arn="arn:aws:iam::1:role/y/a"), False),
        (NamedRole(account="1", name="a"), True),
        (NamedRole(account="2", name="a"), False),
        (NamedRole(account="1", name="b"), False),
    ],
    ids=["same-arn", "another-path", "path-not-known", "another-account", "another-name"],
)
def test_two_names_may_be_of_one_role(other: NamedRole, same: bool) -> None:
    role = NamedRole(account="1", name="a", arn="arn:aws:iam::1:role/x/a")
    assert role.may_be(other) is same
    assert other.may_be(role) is same


def test_the_beginning_and_the_end_of_a_long_text_are_read() -> None:
    text = f"unauthorized {'x ' * READ_CHARS_MAX}no space left"
    words = read_stopped_text(text).words
    assert words.startswith("unauthorized ")
    assert words.endswith("no space left")
    assert len(words) <= READ_CHARS_MAX + 10


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    read = read_stopped_text(text)
    assert read.words == read.words.lower()
    assert read.registry is None or read.registry == read.registry.lower()
