"""After a write: do both owners still agree? No answer is not a yes."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.consent import withdrawn
from pullguard.errors import NotNow
from tests.fakes import World, container, denied, role, secret, task_definition

GHCR, OTHER = secret(), secret("registry/other", "OtherO")
AGREED = World((task_definition(container(GHCR)),), (role(),), (GHCR,))
EVIL = container(GHCR, image="evil.example/x:1")

ENDED: dict[str, tuple[dict[str, Any], str]] = {
    "the-secrets-tag-is-gone": ({"secrets": (replace(GHCR, tags={}),)}, "is not opted in"),
    "the-roles-tag-is-gone": ({"roles": (role(managed=False),)}, "has no tag pullguard:managed"),
    "the-role-is-gone": ({"roles": ()}, "the role is gone"),
    "the-secret-is-for-other-roles": (
        {"secrets": (replace(GHCR, tags={**GHCR.tags, "pullguard:roles": "x-*"}),)},
        "does not name the role",
    ),
    "the-secret-is-gone": ({"secrets": ()}, "is gone"),
    "the-secret-is-swapped": ({"secrets": (secret(suffix="NewNew"),)}, "is gone"),
    "another-container-with-an-honest-image-does-not-help": (
        {
            "task_definitions": (task_definition(EVIL, container(OTHER, name="side")),),
            "secrets": (GHCR, OTHER),
        },
        "the image is on evil.example",
    ),
}


def test_both_agree() -> None:
    assert withdrawn(AGREED.facts(), GHCR.arn) is None


@pytest.mark.parametrize(("changes", "why"), ENDED.values(), ids=ENDED)
def test_consent_has_ended(changes: dict[str, Any], why: str) -> None:
    assert why in str(withdrawn(replace(AGREED, **changes).facts(), GHCR.arn))


@pytest.mark.parametrize("what", ["role", "secret"])
def test_what_cannot_be_read_is_asked_again(what: str) -> None:
    with pytest.raises(NotNow):
        withdrawn(replace(AGREED, unreadable={what: denied()}).facts(), GHCR.arn)
