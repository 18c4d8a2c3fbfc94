"""Do the owners of a secret, a role and a task definition consent to a grant, and what can they do if not?"""

import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pullguard.domain.aws_cli import tags_option
from pullguard.domain.consent import (
    MissingConsent,
    is_observed,
    missing_of,
    missing_opt_in,
    missing_role_opt_in,
    why_not,
)
from pullguard.domain.findings import Remedy
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Secret
from tests.fakes import World, container, denied, role, secret, task_definition
from tests.worlds.commands import piped

GHCR, OTHER = secret(), secret("registry/other", "OtherO")
CONSENTED = World((task_definition(container(GHCR)),), (role(),), (GHCR,))
EVIL = container(GHCR, image="evil.example/x:1")


def consent_missing(world: World, wanted: Secret | None = None) -> MissingConsent | None:
    """The consent without which the first container may not use ``wanted`` (by default the first secret)."""
    facts, one = world.facts(), wanted or world.secrets[0]
    assert isinstance(facts.role, Role)
    definition = facts.task_definition
    return why_not(one, facts.role, container=definition.containers[0], definition=definition)


def refused(world: World, wanted: Secret | None = None) -> str | None:
    """Why the first container may not use ``wanted`` (by default the first secret); None if all owners consent."""
    found = consent_missing(world, wanted)
    return None if found is None else found.why


ENDED: dict[str, tuple[dict[str, Any], str]] = {
    "the-secrets-tag-is-gone": ({"secrets": (replace(GHCR, tags={}),)}, "is not opted in"),
    "the-roles-tag-is-gone": ({"roles": (role(managed=False),)}, "has no tag pullguard:managed"),
    "the-secret-is-for-other-roles": (
        {"secrets": (replace(GHCR, tags={**GHCR.tags, "pullguard:roles": "x-*"}),)},
        "does not name the role",
    ),
    "the-secrets-tag-does-not-parse": ({"secrets": (secret(registry="ghcr.io evil_host!"),)}, "does not parse"),
    "the-secret-is-for-another-registry": ({"secrets": (secret(registry="docker.io"),)}, "is for docker.io"),
    "the-secret-is-outside-of-the-deployments-pattern": (
        {"secrets": (replace(GHCR, outside="prod/*"),)},
        "does not match the deployment's pattern",
    ),
    "the-images-name-is-invalid": (
        {"task_definitions": (task_definition(container(GHCR, image="http://x")),)},
        "the image name is invalid",
    ),
    "another-container-with-an-honest-image-does-not-help": (
        {
            "task_definitions": (task_definition(EVIL, container(OTHER, name="side")),),
            "secrets": (GHCR, OTHER),
        },
        "the image is on evil.example",
    ),
}


# The execution role is the task role as well, so that containers can read what it can.
SHARED = task_definition(container(GHCR), task_role=str(role().arn))


@pytest.mark.parametrize("tag", [None, "*", "api-*"])
def test_a_secret_that_containers_could_read_is_granted_only_to_a_role_that_is_named(tag: str | None) -> None:
    tagged = secret(tags={} if tag is None else {"pullguard:roles": tag})
    facts = replace(CONSENTED, task_definitions=(SHARED,), secrets=(tagged,)).facts()
    assert isinstance(facts.role, Role)
    missing = missing_opt_in(facts.task_definition.containers[0], tagged, facts.role)
    assert missing is not None
    assert missing_of(facts, facts.task_definition.containers[0], tagged) == missing
    assert "web-execution" in str(missing.snippet)
    assert why_not(tagged, facts.role) is not None
    if tag != "api-*":
        assert "is also the task role, so the containers could read the secret" in missing.why
        assert why_not(tagged, role()) is None


@pytest.mark.parametrize("task_role", ["web-execution", "arn:aws:iam::111122223333:role/Web-Execution"])
def test_a_named_role_may_be_the_containers_too(task_role: str) -> None:
    shared = task_definition(container(GHCR), task_role=task_role)
    named = secret(tags={"pullguard:roles": "web-execution"})
    assert refused(replace(CONSENTED, task_definitions=(shared,), secrets=(named,))) is None
    assert refused(replace(CONSENTED, task_definitions=(shared,))) is not None


def test_another_task_role_asks_for_no_name() -> None:
    apart = task_definition(container(GHCR), task_role=str(role("web-task").arn))
    assert refused(replace(CONSENTED, task_definitions=(apart,))) is None


def test_a_secret_that_the_deployment_leaves_out_gets_no_grant_and_no_command() -> None:
    outside = secret("payroll/db", registry="ghcr.io", outside="registry/*")
    missing = missing_opt_in(CONSENTED.facts().task_definition.containers[0], outside, role())
    assert missing is not None
    assert "does not match the deployment's pattern registry/*" in missing.why
    assert (missing.snippet, missing.said_no) == (None, True)
    assert why_not(outside, role()) is not None


def pasted(missing: MissingConsent | None, tags: dict[str, str]) -> dict[str, str]:
    """Return a secret's ``tags`` after the commands: the input of the last one, or its argument."""
    assert missing is not None
    there = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    written = piped(Remedy(snippet=missing.snippet), there)
    return tags | {each["Key"]: each["Value"] for each in written}


def test_the_commands_that_opt_a_secret_in_name_each_role_and_undo_no_other() -> None:
    container, tags = CONSENTED.facts().task_definition.containers[0], dict[str, str]()
    for name in ("web-execution", "api-execution", "web-execution"):
        missing = missing_opt_in(container, secret(registry=None), role(name=name))  # as it was before any of them
        tags = pasted(missing, tags)
    assert tags == {"pullguard:registry": "ghcr.io", "pullguard:roles": "api-execution web-execution"}


def test_the_command_opts_in_for_the_registry_alone_if_the_owner_has_named_roles() -> None:
    tagged = secret(registry=None, tags={"pullguard:roles": "web-*"})
    missing = missing_opt_in(CONSENTED.facts().task_definition.containers[0], tagged, role())
    assert missing is not None
    _, _, tags = str(missing.snippet).partition("--tags ")
    assert shlex.split(tags) == list(tags_option({"pullguard:registry": "ghcr.io"})[1:])


@pytest.mark.parametrize("known", ["api-*", "api-*  x-1", ""])
def test_a_role_is_added_to_those_that_the_tag_names_by_then(known: str) -> None:
    tagged = secret(tags={"pullguard:roles": "api-*"})
    missing = missing_opt_in(CONSENTED.facts().task_definition.containers[0], tagged, role())
    names = " ".join(known.split())
    assert pasted(missing, {"pullguard:roles": known, "team": "x"}) == {
        "pullguard:roles": f"{names} web-execution".strip(),
        "team": "x",
    }


def test_a_role_without_the_required_boundary_gets_no_grant_and_its_owner_the_command() -> None:
    limits = "arn:aws:iam::111122223333:policy/limits"
    bare = role(required_boundary=limits)
    missing = missing_opt_in(CONSENTED.facts().task_definition.containers[0], GHCR, bare)
    assert missing is not None
    assert f"lacks the permissions boundary {limits}" in missing.why
    assert "put-role-permissions-boundary --role-name web-execution --permissions-boundary" in str(missing.snippet)
    assert why_not(GHCR, bare) is not None
    bounded = role(required_boundary=limits, boundary=NamedPolicy(name="limits", document={}, arn=limits))
    assert missing_opt_in(CONSENTED.facts().task_definition.containers[0], GHCR, bounded) is None


def test_both_owners_consent() -> None:
    assert refused(CONSENTED) is None


@pytest.mark.parametrize(("changes", "why"), ENDED.values(), ids=ENDED)
def test_consent_has_ended(changes: dict[str, Any], why: str) -> None:
    assert why in str(refused(replace(CONSENTED, **changes)))


ANEW, FOR_WEB = secret(suffix="NewNew"), secret(tags={"pullguard:roles": "web-execution"})
ALSO_CONSENTED: dict[str, tuple[World, Secret]] = {
    "to-what-replaces-a-secret-that-is-gone": (replace(CONSENTED, secrets=(ANEW,)), ANEW),
    "to-what-a-container-without-credentials-may-get": (
        replace(
            CONSENTED,
            task_definitions=(task_definition(container(), tags={"pullguard:attach": "true"}),),
            secrets=(FOR_WEB,),
        ),
        FOR_WEB,
    ),
}


@pytest.mark.parametrize(("world", "meant"), ALSO_CONSENTED.values(), ids=ALSO_CONSENTED)
def test_both_owners_consent_to_a_replacement_or_attachment(world: World, meant: Secret) -> None:
    assert refused(world, meant) is None
    untagged = replace(world, secrets=(replace(meant, tags={}),))
    assert refused(untagged) is not None


ATTACH, NAMES_WEB = {"pullguard:attach": "true"}, {"pullguard:roles": "web-execution"}
ATTACHED: dict[str, tuple[dict[str, str], dict[str, str], str | None]] = {
    "every-owner-consents": (ATTACH, NAMES_WEB, None),
    "the-task-definition-has-no-tag": ({}, NAMES_WEB, "has no tag pullguard:attach=true"),
    "the-secret-names-no-role": (ATTACH, {}, "names the role web-execution, and a pattern of wildcards only"),
    "the-secret-names-every-role": (ATTACH, {"pullguard:roles": "*"}, "and a pattern of wildcards only"),
    "the-secret-names-another-role": (ATTACH, {"pullguard:roles": "api-*"}, "does not name the role web-execution"),
}


@pytest.mark.parametrize(("definitions", "secrets", "why"), ATTACHED.values(), ids=ATTACHED)
def test_a_container_that_names_no_secret_gets_one_by_every_owners_consent(
    definitions: dict[str, str], secrets: dict[str, str], why: str | None
) -> None:
    bare, kept = task_definition(container(), tags=definitions), secret(tags=secrets)
    found = refused(replace(CONSENTED, task_definitions=(bare,), secrets=(kept,)))
    assert found is None if why is None else why in str(found)
    assert why_not(kept, role(), definition=bare) == missing_opt_in(None, kept, role())  # for any container


NO_CONSENT: dict[str, tuple[dict[str, Any], bool, bool]] = {
    "observed": ({"roles": (role(tags={"pullguard:mode": "observe"}),)}, False, False),
    "the-secret-has-no-tag": ({"secrets": (secret(registry=None),)}, False, False),
    "the-role-has-no-tag": ({"roles": (role(managed=False),)}, False, False),
    "the-secret-is-for-another-registry": ({"secrets": (secret(registry="docker.io"),)}, True, False),
    "the-secret-is-for-other-roles": ({"secrets": (secret(tags={"pullguard:roles": "x-*"}),)}, True, False),
    "the-deployment-excludes-the-secret": ({"secrets": (secret(outside="prod/*"),)}, True, False),
    "the-role-is-the-task-role": ({"task_definitions": (SHARED,)}, False, False),
    "no-owner-asked-to-attach-a-secret": ({"task_definitions": (task_definition(container()),)}, False, True),
}


@pytest.mark.parametrize(("changes", "said_no", "unasked"), NO_CONSENT.values(), ids=NO_CONSENT)
def test_an_owner_who_said_no_differs_from_one_who_was_not_asked(
    changes: dict[str, Any], *, said_no: bool, unasked: bool
) -> None:
    found = consent_missing(replace(CONSENTED, **changes))
    assert found is not None
    assert (found.said_no, found.unasked) == (said_no, unasked)


def test_the_remedy_explains_jq_only_for_a_command_that_needs_it() -> None:
    named = secret(registry=None, tags={"pullguard:roles": "web-*"})
    for secrets, image, needs in ((secret(registry=None), True, True), (named, True, False), (named, False, False)):
        here = CONSENTED.facts().task_definition.containers[0] if image else None
        found = missing_opt_in(here, secrets, role())
        assert found is not None
        assert ("jq" in found.remedy) is ("jq" in str(found.snippet)) is needs
    found = missing_opt_in(None, secret(registry=None), role())
    assert found is not None
    assert (found.snippet, "jq" in found.remedy) == (None, False)


@pytest.mark.parametrize("world", [replace(CONSENTED, roles=()), replace(CONSENTED, unreadable={"role": denied()})])
def test_the_owner_of_a_role_that_is_gone_or_cannot_be_read_has_not_consented(world: World) -> None:
    facts = world.facts()
    missing = missing_of(facts, facts.task_definition.containers[0], GHCR)
    assert missing is not None
    assert "no execution role that could be read" in missing.why


@pytest.mark.parametrize("managed", [True, False])
def test_the_roles_owner_is_asked_if_there_is_no_secret(*, managed: bool) -> None:
    facts = replace(CONSENTED, roles=(role(managed=managed),)).facts()
    assert isinstance(facts.role, Role)
    missing = missing_of(facts, facts.task_definition.containers[0], None)
    assert missing == missing_role_opt_in(facts.role)
    assert (missing is None) is managed


UNREADABLE = {
    "a-path": ("https://ghcr.io/acme quay.io", "Key=pullguard:registry,Value=ghcr.io quay.io"),
    "a-wildcard": ("*", None),
}


@pytest.mark.parametrize(("tag", "command"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_tag_that_does_not_parse_gets_the_command_that_was_meant_and_never_the_images_host(
    tag: str, command: str | None
) -> None:
    facts = replace(CONSENTED, task_definitions=(task_definition(EVIL),)).facts()
    missing = missing_opt_in(facts.task_definition.containers[0], secret(registry=tag), role())
    assert missing is not None
    assert "not opted in: its tag pullguard:registry does not parse" in missing.why
    assert "evil.example" not in f"{missing}"
    assert (missing.snippet is None) if command is None else f"'{command}'" in str(missing.snippet)


def test_patterns_that_are_separated_by_commas_grant_nothing_and_the_text_says_why() -> None:
    tagged = secret(tags={"pullguard:roles": "api-*,web-*"})
    missing = missing_opt_in(CONSENTED.facts().task_definition.containers[0], tagged, role())
    assert missing is not None
    assert missing.said_no
    assert "does not name the role web-execution" in missing.why
    assert "separated by spaces" in missing.why
    assert '"Value": "api-* web-*"' in str(missing.snippet)
    assert refused(replace(CONSENTED, secrets=(tagged,))) == missing.why
    assert str(why_not(tagged, role())).startswith("MissingConsent(why='the tag pullguard:roles")


# --- Who says what, and on what --------------------------------------------------------------------------------------

OBSERVED = {"pullguard:mode": "observe"}
# Another value than remediate lowers the mode too; remediate lowers and raises nothing.
MODES = {"observe": True, "off": True, "": True, "remediate": False}
WHERE: dict[str, Callable[[dict[str, str]], World]] = {
    "secret": lambda tags: replace(CONSENTED, secrets=(secret(tags=tags),)),
    "role": lambda tags: replace(CONSENTED, roles=(role(tags=tags),)),
    "definition": lambda tags: replace(CONSENTED, task_definitions=(task_definition(container(GHCR), tags=tags),)),
}


@pytest.mark.parametrize(("value", "observed"), MODES.items())
@pytest.mark.parametrize("where", WHERE)
def test_a_mode_tag_ends_consent_on_any_of_its_resources(where: str, value: str, *, observed: bool) -> None:
    world = WHERE[where]({"pullguard:mode": value})
    assert ("to observe only" in str(refused(world))) is observed
    if where != "definition":
        assert (why_not(world.secrets[0], world.roles[0]) is not None) is observed


@pytest.mark.parametrize("name", ["secret", "role"])
def test_a_grant_by_itself_is_observed_by_the_tags_of_its_secret_and_its_role(name: str) -> None:
    tags = OBSERVED if name == "secret" else {}
    assert is_observed(secret(tags=tags), role(tags={} if tags else OBSERVED))
    assert not is_observed(GHCR, role())
    assert is_observed(GHCR, role(), OBSERVED)
