from dataclasses import replace
from typing import Any

import pytest

from pullguard.domain.image import parse_image
from pullguard.domain.lookup import Lookup, Missing
from pullguard.domain.opt_in import (
    effective_mode,
    has_required_boundary,
    has_unreadable_registry_tag,
    intended_hosts,
    intended_roles,
    is_managed,
    is_meant_for,
    left_out,
    may_be_granted,
    readable_tag,
    registry_hosts,
    role_may_use,
    secrets_for,
    wants_attachment,
)
from pullguard.domain.role import NamedPolicy
from pullguard.domain.secret import Secret
from tests.fakes import NOW, denied, role, secret, task_definition

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
    "the-key-of-dockers-own-file": ("https://index.docker.io/v1/", {"docker.io"}),
    "without-its-trailing-slash": ("https://index.docker.io/v1", {"docker.io"}),
    "without-its-scheme": ("index.docker.io/v1/", {"docker.io"}),
    "docker-hubs-api": ("https://registry-1.docker.io/v2/", {"docker.io"}),
    "docker-hubs-other-name": ("https://registry.hub.docker.com/", {"docker.io"}),
    "docker-hubs-web-site": ("https://hub.docker.com", {"docker.io"}),
    "docker-hub-in-upper-case": ("HTTPS://INDEX.DOCKER.IO/v1/", {"docker.io"}),
    "all-of-it-in-upper-case": ("HTTPS://INDEX.DOCKER.IO/V1/", {"docker.io"}),
    "an-address": ("https://ghcr.io", {"ghcr.io"}),
    "an-address-with-a-trailing-slash": ("https://ghcr.io/", {"ghcr.io"}),
    "an-address-in-upper-case": ("Https://GHCR.IO/", {"ghcr.io"}),
    "a-trailing-slash": ("ghcr.io/", {"ghcr.io"}),
    "an-address-with-a-port": ("https://registry.example.com:5000/", {"registry.example.com:5000"}),
    "the-port-of-https": ("https://ghcr.io:443/", {"ghcr.io"}),
    "a-name-with-a-port": ("registry:5000", {"registry:5000"}),
    "localhost": ("localhost", {"localhost"}),
    "spellings-side-by-side": ("https://index.docker.io/v1/ ghcr.io/ QUAY.IO", {"docker.io", "ghcr.io", "quay.io"}),
    "plain-http": ("http://registry.example.com", set()),
    "another-scheme": ("docker://ghcr.io", set()),
    "a-scheme-alone": ("https://", set()),
    "a-scheme-twice": ("https://https://ghcr.io", set()),
    "no-scheme-before-the-slashes": ("//ghcr.io", set()),
    "a-path-is-no-host": ("ghcr.io/acme", set()),
    "a-path-in-an-address": ("https://ghcr.io/acme/", set()),
    "a-repository-of-docker-hub": ("docker.io/acme", set()),
    "docker-hubs-path-elsewhere": ("https://ghcr.io/v1/", set()),
    "a-path-below-docker-hubs": ("https://index.docker.io/v1/acme", set()),
    "two-slashes-at-the-end": ("https://ghcr.io//", set()),
    "a-query": ("https://ghcr.io/?a=b", set()),
    "a-user": ("https://ci@ghcr.io/", set()),
    "a-trailing-dot": ("ghcr.io.", set()),
    "a-product": ("dockerhub", set()),
    "a-name-alone": ("registry", set()),
    "one-bad-item-after-a-good-one": ("https://ghcr.io/ quay.io/acme", set()),
    "one-bad-item-before-a-good-one": ("quay.io/acme https://ghcr.io/", set()),
    "a-comma-is-no-separator": ("ghcr.io,docker.io", set()),
}


@pytest.mark.parametrize(("tag", "hosts"), HOSTS.values(), ids=HOSTS)
def test_the_hosts_that_a_secret_is_for(tag: str | None, hosts: set[str]) -> None:
    assert registry_hosts(secret(registry=tag)) == hosts


@pytest.mark.parametrize(("tag", "hosts"), HOSTS.values(), ids=HOSTS)
def test_a_tag_that_is_there_and_names_no_host_is_unreadable(tag: str | None, hosts: set[str]) -> None:
    assert has_unreadable_registry_tag(secret(registry=tag)) is (tag is not None and not hosts)


INTENDED: dict[str, tuple[str, tuple[str, ...]]] = {
    "a-path": ("https://ghcr.io/acme", ("ghcr.io",)),
    "plain-http": ("http://registry.example.com:5000/", ("registry.example.com:5000",)),
    "commas": ("quay.io, GHCR.io;docker.io", ("docker.io", "ghcr.io", "quay.io")),
    "another-scheme": ("docker://index.docker.io/v1/", ("docker.io",)),
    "a-user": ("ci:hunter2@registry.example.com", ("registry.example.com",)),
    "only-what-can-be-understood": ("ghcr.io *.example.com", ("ghcr.io",)),
    "a-user-with-a-slash": ("https://ci:1234/hunter2@ghcr.io", ("ghcr.io",)),
    "a-user-with-a-space": ("ci:1234 hunter2@ghcr.io", ("ghcr.io",)),
    "products": ("DockerHub quay", ("docker.io", "quay.io")),
    "nothing": ("*", ()),
    "empty": ("", ()),
}


@pytest.mark.parametrize(("tag", "hosts"), INTENDED.values(), ids=INTENDED)
def test_the_hosts_that_an_unreadable_tag_seems_to_mean(tag: str, hosts: tuple[str, ...]) -> None:
    assert intended_hosts(secret(registry=tag)) == hosts
    assert registry_hosts(secret(registry=tag)) == set()


SHOWN = {
    "hosts": ("GHCR.io quay.io", "GHCR.io and quay.io"),
    "one-item-that-is-no-host": ("ghcr.io hunter2", "ghcr.io and 1 other item (not shown)"),
    "two-that-are-none": ("ghcr.io hunter2 hunter3", "ghcr.io and 2 other items (not shown)"),
    "nothing-but-such": ("hunter2", "1 other item (not shown)"),
    "what-may-be-a-user-and-a-password": ("bob:1234 5@ghcr.io", "2 other items (not shown)"),
    "separators-alone": (" ,; ", "empty"),
    "empty": ("", "empty"),
}


@pytest.mark.parametrize(("tag", "shown"), SHOWN.values(), ids=SHOWN)
def test_only_the_hosts_of_a_tag_are_shown(tag: str, shown: str) -> None:
    assert readable_tag(secret(registry=tag)) == shown


def test_only_a_secret_that_the_deployment_leaves_out_is_not_read() -> None:
    assert left_out(secret()) is None
    assert "does not match registry/*" in str(left_out(secret(outside="registry/*")))


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


NAMED = {
    "no-tag": (None, False),
    "by-name": ("web-execution", True),
    "by-pattern": ("api-* web-*", True),
    "any-role": ("*", False),
    "any-role-in-other-words": ("** ?* *?", False),
    "any-role-and-the-name": ("* web-execution", True),
    "any-role-and-another-name": ("* api-execution", False),
    "one-bad-pattern-closes-all": ("web-execution a/b", False),
}


@pytest.mark.parametrize(("tag", "meant"), NAMED.values(), ids=NAMED)
def test_a_role_that_is_the_containers_too_has_to_be_named(tag: str | None, meant: bool) -> None:
    tagged = secret(tags={} if tag is None else {"pullguard:roles": tag})
    assert is_meant_for(tagged, "web-execution") is meant
    assert may_be_granted(tagged, role(is_task_role=True)) is meant
    assert may_be_granted(tagged, role()) is role_may_use(tagged, "web-execution")


def test_a_secret_that_the_deployment_excludes_is_offered_and_never_granted() -> None:
    outside = secret(outside="registry/*", tags={"pullguard:roles": "web-execution"})
    assert not may_be_granted(outside, role())
    assert secrets_for(parse_image("ghcr.io/acme/web:1"), (outside,)) == ()


LIMITS = "arn:aws:iam::111122223333:policy/limits"
BOUNDARIES = {
    "none-is-required": ("", None, True),
    "the-one": (LIMITS, NamedPolicy(name="limits", document={}, arn=LIMITS), True),
    "the-one-that-cannot-be-read": (LIMITS, denied("iam:GetPolicyVersion", LIMITS), True),
    "none": (LIMITS, None, False),
    "another": (LIMITS, NamedPolicy(name="limits", document={}, arn=LIMITS.replace("limits", "other")), False),
    "another-that-is-gone": (LIMITS, Missing(resource=LIMITS.replace("1111", "9999")), False),
}


@pytest.mark.parametrize(("required", "boundary", "has"), BOUNDARIES.values(), ids=BOUNDARIES)
def test_a_boundary_that_is_required(required: str, boundary: Lookup[NamedPolicy] | None, has: bool) -> None:
    assert has_required_boundary(role(required_boundary=required, boundary=boundary)) is has


MEANT: dict[str, tuple[str, tuple[str, ...]]] = {
    "a-comma": ("api-*,web-*", ("api-*", "web-*")),
    "the-other-side": ("web-*,api-*", ("web-*", "api-*")),
    "a-comma-and-a-space": ("web-*, api-*", ("web-*", "api-*")),
    "semicolons": ("web-execution;api-execution", ("web-execution", "api-execution")),
    "another-role-beside": ("x,web-* y", ("x", "web-*", "y")),
    "a-trailing-comma": ("web-execution,", ("web-execution",)),
    "it-names-the-role-already": ("web-*, web-execution", ()),
    "no-side-names-the-role": ("api-*,x-*", ()),
    "one-side-is-no-pattern": ("web-*,${aws:username}", ()),
    "spaces": ("api-* x-*", ()),
    "empty": ("", ()),
}


@pytest.mark.parametrize(("tag", "patterns"), MEANT.values(), ids=MEANT)
def test_patterns_that_are_separated_by_commas_name_no_role_and_seem_to(tag: str, patterns: tuple[str, ...]) -> None:
    tagged = secret(tags={"pullguard:roles": tag})
    assert intended_roles(tagged, "web-execution") == patterns
    assert not (patterns and role_may_use(tagged, "web-execution"))


def test_a_comma_may_be_part_of_a_name() -> None:
    tagged = secret(tags={"pullguard:roles": "a,b=c"})
    assert role_may_use(tagged, "a,b=c")
    assert intended_roles(tagged, "a,b=c") == ()


def test_without_the_tag_nothing_seems_to_be_meant() -> None:
    assert intended_roles(secret(), "web-execution") == ()


@pytest.mark.parametrize(
    ("value", "managed"), [("true", True), ("True", False), ("yes", False), (" true", False), ("", False)]
)
def test_a_role_is_managed_by_the_very_word_that_iam_compares(value: str, managed: bool) -> None:
    assert is_managed(role(managed=False, tags={"pullguard:managed": value})) is managed


def test_a_role_without_the_tag_is_not_managed() -> None:
    assert not is_managed(role(managed=False))


@pytest.mark.parametrize(
    ("tags", "wants"),
    [
        ({"pullguard:attach": "true"}, True),
        ({"pullguard:attach": "True"}, False),
        ({"pullguard:attach": "yes"}, False),
        ({"pullguard:attach": ""}, False),
        ({}, False),
    ],
)
def test_a_secret_is_attached_by_the_very_word_only(tags: dict[str, str], *, wants: bool) -> None:
    assert wants_attachment(task_definition(tags=tags)) is wants


MODES: dict[str, tuple[Any, tuple[dict[str, str], ...], str]] = {
    "no-tags": ("remediate", ({}, {}), "remediate"),
    "a-tag-lowers": ("remediate", ({}, {"pullguard:mode": "observe"}), "observe"),
    "a-tag-that-agrees": ("remediate", ({"pullguard:mode": "remediate"},), "remediate"),
    "a-tag-never-raises": ("observe", ({"pullguard:mode": "remediate"},), "observe"),
    "one-of-two-lowers": ("remediate", ({"pullguard:mode": "remediate"}, {"pullguard:mode": "observe"}), "observe"),
    "a-word-that-is-none-lowers": ("remediate", ({"pullguard:mode": "Remediate"},), "observe"),
    "another-word-lowers": ("remediate", ({"pullguard:mode": "write"},), "observe"),
    "an-empty-word-lowers": ("remediate", ({"pullguard:mode": ""},), "observe"),
    "nothing-at-all": ("observe", (), "observe"),
}


@pytest.mark.parametrize(("mode", "tags", "effective"), MODES.values(), ids=MODES)
def test_the_mode_that_tags_can_only_lower(mode: Any, tags: tuple[dict[str, str], ...], effective: str) -> None:
    assert effective_mode(mode, *tags) == effective


USABLE, LATER = secret(registry="ghcr.io"), secret("registry/later", "LaterL", registry="ghcr.io quay.io")
OFFERED: dict[str, tuple[tuple[Secret, ...], tuple[Secret, ...]]] = {
    "one": ((USABLE,), (USABLE,)),
    "several-by-their-arns": ((LATER, USABLE), (USABLE, LATER)),
    "one-that-is-scheduled-for-deletion": ((replace(USABLE, deleted_at=NOW), LATER), (LATER,)),
    "only-one-that-is-scheduled-for-deletion": ((replace(USABLE, deleted_at=NOW),), ()),
    "another-type": ((replace(USABLE, type="SalesforceClientSecret"),), ()),
    "another-registrys": ((secret(registry="quay.io"),), ()),
    "one-whose-tag-half-parses": ((secret(registry="ghcr.io evil_host!"),), ()),
    "one-without-the-tag": ((secret(registry=None),), ()),
}


@pytest.mark.parametrize(("secrets", "offered"), OFFERED.values(), ids=OFFERED)
def test_which_secrets_are_offered_for_an_image(secrets: tuple[Secret, ...], offered: tuple[Secret, ...]) -> None:
    assert secrets_for(parse_image("ghcr.io/acme/web:1"), secrets) == offered
