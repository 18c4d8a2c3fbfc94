from typing import Any

import pytest

from pullguard.eligibility import effective_mode, is_managed, registry_hosts, role_may_use
from tests.fakes import role, secret

HOSTS: dict[str, tuple[str | None, set[str]]] = {
    "no-tag": (None, set()),
    "one": ("ghcr.io", {"ghcr.io"}),
    "several": ("ghcr.io  registry.example.com:5000", {"ghcr.io", "registry.example.com:5000"}),
    "docker-hub-by-its-name": ("docker.io", {"docker.io"}),
    "docker-hub-by-its-server": ("index.docker.io", {"docker.io"}),
    "upper-case": ("GHCR.io", {"ghcr.io"}),
    "empty": ("", set()),
    "white-space": ("   ", set()),
    "a-wildcard-opens-nothing": ("*", set()),
    "a-wildcard-among-hosts-closes-them-all": ("ghcr.io *.example.com", set()),
    "a-url-is-no-host": ("https://ghcr.io", set()),
    "a-path-is-no-host": ("ghcr.io/acme", set()),
    "a-comma-is-no-separator": ("ghcr.io,docker.io", set()),
}


@pytest.mark.parametrize(("tag", "hosts"), HOSTS.values(), ids=HOSTS)
def test_the_hosts_that_a_secret_is_for(tag: str | None, hosts: set[str]) -> None:
    assert registry_hosts(secret(registry=tag)) == hosts


ROLES: dict[str, tuple[dict[str, str], bool]] = {
    "no-tag-means-every-managed-role": ({}, True),
    "by-name": ({"pullguard:roles": "web-execution"}, True),
    "by-pattern": ({"pullguard:roles": "api-* web-*"}, True),
    "by-question-mark": ({"pullguard:roles": "web-executio?"}, True),
    "every-role": ({"pullguard:roles": "*"}, True),
    "another": ({"pullguard:roles": "api-execution"}, False),
    "not-a-prefix": ({"pullguard:roles": "web"}, False),
    "case-counts": ({"pullguard:roles": "WEB-*"}, False),
    "empty": ({"pullguard:roles": ""}, False),
    "a-character-class-is-none-of-ours": ({"pullguard:roles": "[w]eb-execution"}, False),
    "one-bad-pattern-closes-all": ({"pullguard:roles": "web-* arn:aws:iam::111122223333:role/web"}, False),
}


@pytest.mark.parametrize(("tags", "may"), ROLES.values(), ids=ROLES)
def test_the_roles_that_a_secrets_owner_lets_in(tags: dict[str, str], may: bool) -> None:
    assert role_may_use(secret(tags=tags), "web-execution") is may


@pytest.mark.parametrize(
    ("value", "managed"), [("true", True), ("True", False), ("yes", False), (" true", False), ("", False)]
)
def test_a_role_is_managed_by_the_very_word_that_iam_compares(value: str, managed: bool) -> None:
    assert is_managed(role(managed=False, tags={"pullguard:managed": value})) is managed


def test_a_role_without_the_tag_is_not_managed() -> None:
    assert not is_managed(role(managed=False))


MODES: dict[str, tuple[Any, tuple[dict[str, str], ...], str]] = {
    "no-tags": ("remediate", ({}, {}), "remediate"),
    "a-tag-lowers": ("remediate", ({}, {"pullguard:mode": "observe"}), "observe"),
    "a-tag-that-agrees": ("remediate", ({"pullguard:mode": "remediate"},), "remediate"),
    "a-tag-never-raises": ("observe", ({"pullguard:mode": "remediate"},), "observe"),
    "one-of-two-lowers": ("remediate", ({"pullguard:mode": "remediate"}, {"pullguard:mode": "observe"}), "observe"),
    "a-word-that-is-none-lowers": ("remediate", ({"pullguard:mode": "Remediate"},), "observe"),
    "an-empty-word-lowers": ("remediate", ({"pullguard:mode": ""},), "observe"),
    "nothing-at-all": ("observe", (), "observe"),
}


@pytest.mark.parametrize(("mode", "tags", "effective"), MODES.values(), ids=MODES)
def test_the_mode_that_tags_can_only_lower(mode: Any, tags: tuple[dict[str, str], ...], effective: str) -> None:
    assert effective_mode(mode, *tags) == effective
