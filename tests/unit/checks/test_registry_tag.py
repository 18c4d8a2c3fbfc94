"""The tag by which an owner opts a secret in: hosts, or a warning with the command that was meant."""

import pytest

from pullguard.domain.lookup import Missing
from pullguard.domain.opt_in import REGISTRY_TAG
from tests.fakes import World, container, role, secret, secret_arn, task_definition
from tests.unit.checks.answers import failed, said

CHECK = "registry-tag-unreadable"


def world(tag: str | None) -> World:
    own = secret(registry=tag)
    return World((task_definition(container(own)),), (role(reads=[own]),), (own,))


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        pytest.param(None, "Inapplicable", id="no-tag"),
        pytest.param("ghcr.io", "Passed", id="a-host"),
        pytest.param("ghcr.io registry.example.com:5000", "Passed", id="two-hosts"),
        pytest.param("", "Failed", id="empty"),
        pytest.param("http://ghcr.io", "Failed", id="a-scheme"),
        pytest.param("ghcr.io/acme", "Failed", id="a-path"),
        pytest.param("*.example.com", "Failed", id="a-wildcard"),
        pytest.param("ghcr.io https://x", "Failed", id="one-of-two"),
    ],
)
def test_a_tag_names_hosts_or_nothing_is_opted_in(tag: str | None, kind: str) -> None:
    assert said(CHECK, world(tag).facts()) == [(kind, "app")]


def test_the_owner_gets_the_command_that_was_meant() -> None:
    answer = failed(CHECK, world("http://ghcr.io").facts())
    assert answer.evidence.startswith(f"tag {REGISTRY_TAG} is ")
    assert "secretsmanager tag-resource" in (answer.remedy.snippet or "")
    assert answer.remedy.action == "none"


def test_a_secret_that_was_not_found_has_no_tag_to_judge() -> None:
    gone = World((task_definition(container(secret_arn("gone"))),), (role(),), ())
    assert said(CHECK, gone.facts()) == []
    assert isinstance(gone.facts().secrets[str(secret_arn("gone"))], Missing)
