"""Which version and which key of a secret count."""

from dataclasses import replace

import pytest

from tests.fakes import denied, key, secret


@pytest.mark.parametrize(
    ("stages", "current", "pending"),
    [
        ({}, None, None),
        ({"v1": ("AWSCURRENT",)}, "v1", None),
        ({"v1": ("AWSCURRENT",), "v2": ("AWSPENDING",)}, "v1", "v2"),
        ({"v1": ("AWSPREVIOUS",), "v2": ("AWSPENDING", "AWSCURRENT")}, "v2", None),
        ({"v1": (), "v2": ("blue",)}, None, None),
    ],
    ids=["no-version", "current", "rotating", "rotated", "other-labels"],
)
def test_which_version_is_current_and_which_a_rotation_has_begun(
    stages: dict[str, tuple[str, ...]], current: str | None, pending: str | None
) -> None:
    found = secret(stages=stages)
    assert (found.current_version, found.pending_version) == (current, pending)


def test_every_key_of_a_secret_is_listed() -> None:
    assert secret().keys == (None,)
    assert secret(key=key(), current_keys=(key(2), None)).keys == (key(), key(2), None)
    assert secret(key=key(), current_keys=denied()).keys == (key(),)


def test_secrets_are_compared_by_identity() -> None:
    one = secret()
    assert one == one  # noqa: PLR0124
    assert one != replace(one)
