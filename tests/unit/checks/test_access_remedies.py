from typing import Any

import pytest

from pullguard.checks.examine import examine
from pullguard.findings import Remedy
from pullguard.gather import gather
from pullguard.model import Facts
from tests.fakes import NOW, World, container, revision_arn, role, secret, task_definition

GRANTS = "aws iam put-role-policy"


def remedy_of(check: str, *, image: str = "ghcr.io/acme/web:1", managed: bool = True, **tags: Any) -> Remedy:
    named = secret(**tags)
    world = World((task_definition(container(named, image=image)),), (role(managed=managed),), (named,))
    facts = gather(str(revision_arn()), world, now=NOW)
    assert isinstance(facts, Facts)
    (finding,) = (each for each in examine(facts).findings if each.check == check)
    return finding.remedy


@pytest.mark.parametrize(
    ("world", "action", "hands_out", "says"),
    [
        ({}, "grant", True, "Let the role"),
        ({"registry": None}, "none", True, "First make sure that registry/ghcr is meant"),
        ({"managed": False}, "none", True, "First make sure that registry/ghcr is meant"),
        ({"image": "evil.example/x:1"}, "none", False, "is for ghcr.io, the image is on evil.example"),
        ({"tags": {"pullguard:roles": "api-*"}}, "none", False, "does not name the role web-execution"),
    ],
    ids=["both-agree", "not-opted-in", "role-not-managed", "for-another-registry", "for-other-roles"],
)
def test_a_command_that_grants_is_offered_only_where_no_owner_said_no(
    world: dict[str, Any], action: str, hands_out: bool, says: str
) -> None:
    remedy = remedy_of("secret-access-missing", **world)
    assert remedy.action == action
    assert (GRANTS in (remedy.snippet or "")) == hands_out
    assert says in remedy.text


def test_nobody_is_told_how_to_add_a_strangers_host_to_a_tag() -> None:
    remedy = remedy_of("registry-mismatch", image="evil.example/x:1")
    assert remedy.snippet is None
    assert "evil.example" not in (remedy_of("secret-access-missing", image="evil.example/x:1").snippet or "")
