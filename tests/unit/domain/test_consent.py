"""Do both owners agree: after a write, to what comes back, to what a rewrite keeps? No answer is not a yes."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pullguard.domain.aws_cli import tags_option
from pullguard.domain.consent import MissingKey, kept_grant, missing_key, revoked, why_not
from pullguard.domain.errors import NotNow
from pullguard.domain.findings import Remedy
from pullguard.domain.lookup import Lookup, Missing
from pullguard.domain.policy_document import Granted
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Secret
from tests.fakes import World, container, denied, key, role, secret, task_definition
from tests.worlds.commands import piped

GHCR, OTHER = secret(), secret("registry/other", "OtherO")
CONSENTED = World((task_definition(container(GHCR)),), (role(),), (GHCR,))
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


# The execution role is the task role as well, so that containers can read what it can.
SHARED = task_definition(container(GHCR), task_role=str(role().arn))


@pytest.mark.parametrize("tag", [None, "*", "api-*"])
def test_what_containers_could_read_is_granted_to_a_role_that_is_named_and_to_no_other(tag: str | None) -> None:
    tagged = secret(tags={} if tag is None else {"pullguard:roles": tag})
    facts = replace(CONSENTED, task_definitions=(SHARED,), secrets=(tagged,)).facts()
    assert isinstance(facts.role, Role)
    missing = missing_key(facts.task_definition.containers[0], tagged, facts.role)
    assert missing is not None
    assert revoked(facts, GHCR.arn) == missing.why
    assert "web-execution" in str(missing.snippet)
    assert why_not(tagged, facts.role) is not None
    assert kept_grant(tagged, facts.role, present=None, ours=GRANT) is None
    if tag != "api-*":
        assert "is also the task role, so the containers could read the secret" in missing.why
        assert why_not(tagged, role()) is None


@pytest.mark.parametrize("task_role", ["web-execution", "arn:aws:iam::111122223333:role/Web-Execution"])
def test_a_named_role_may_be_the_containers_too(task_role: str) -> None:
    shared = task_definition(container(GHCR), task_role=task_role)
    named = secret(tags={"pullguard:roles": "web-execution"})
    assert revoked(replace(CONSENTED, task_definitions=(shared,), secrets=(named,)).facts(), GHCR.arn) is None
    assert revoked(replace(CONSENTED, task_definitions=(shared,)).facts(), GHCR.arn) is not None


def test_another_task_role_asks_for_no_name() -> None:
    apart = task_definition(container(GHCR), task_role=str(role("web-task").arn))
    assert revoked(replace(CONSENTED, task_definitions=(apart,)).facts(), GHCR.arn) is None


def test_a_secret_that_the_deployment_leaves_out_gets_no_grant_and_no_command() -> None:
    outside = secret("payroll/db", registry="ghcr.io", outside="registry/*")
    missing = missing_key(CONSENTED.facts().task_definition.containers[0], outside, role())
    assert missing is not None
    assert "does not match the deployment's pattern registry/*" in missing.why
    assert (missing.snippet, missing.said_no) == (None, True)
    assert why_not(outside, role()) is not None


def pasted(missing: MissingKey | None, tags: dict[str, str]) -> dict[str, str]:
    """Return a secret's ``tags`` after the commands: the input of the last one, or its argument."""
    assert missing is not None
    there = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    written = piped(Remedy(snippet=missing.snippet), there)
    return tags | {each["Key"]: each["Value"] for each in written}


def test_the_commands_that_opt_a_secret_in_name_each_role_and_undo_no_other() -> None:
    container, tags = CONSENTED.facts().task_definition.containers[0], dict[str, str]()
    for name in ("web-execution", "api-execution", "web-execution"):
        missing = missing_key(container, secret(registry=None), role(name=name))  # as it was before any of them
        tags = pasted(missing, tags)
    assert tags == {"pullguard:registry": "ghcr.io", "pullguard:roles": "api-execution web-execution"}


def test_where_the_owner_has_named_roles_the_command_opts_in_for_the_registry_alone() -> None:
    tagged = secret(registry=None, tags={"pullguard:roles": "web-*"})
    missing = missing_key(CONSENTED.facts().task_definition.containers[0], tagged, role())
    assert missing is not None
    _, _, tags = str(missing.snippet).partition("--tags ")
    assert shlex.split(tags) == list(tags_option({"pullguard:registry": "ghcr.io"})[1:])


@pytest.mark.parametrize("known", ["api-*", "api-*  x-1", ""])
def test_a_role_is_added_to_those_that_the_tag_names_by_then(known: str) -> None:
    tagged = secret(tags={"pullguard:roles": "api-*"})
    missing = missing_key(CONSENTED.facts().task_definition.containers[0], tagged, role())
    names = " ".join(known.split())
    assert pasted(missing, {"pullguard:roles": known, "team": "x"}) == {
        "pullguard:roles": f"{names} web-execution".strip(),
        "team": "x",
    }


def test_a_role_without_the_required_boundary_gets_no_grant_and_its_owner_the_command() -> None:
    limits = "arn:aws:iam::111122223333:policy/limits"
    bare = role(required_boundary=limits)
    missing = missing_key(CONSENTED.facts().task_definition.containers[0], GHCR, bare)
    assert missing is not None
    assert f"lacks the permissions boundary {limits}" in missing.why
    assert "put-role-permissions-boundary --role-name web-execution --permissions-boundary" in str(missing.snippet)
    assert why_not(GHCR, bare) is not None
    bounded = role(required_boundary=limits, boundary=NamedPolicy(name="limits", document={}, arn=limits))
    assert missing_key(CONSENTED.facts().task_definition.containers[0], GHCR, bounded) is None


def test_both_agree() -> None:
    assert revoked(CONSENTED.facts(), GHCR.arn) is None


@pytest.mark.parametrize(("changes", "why"), ENDED.values(), ids=ENDED)
def test_consent_has_ended(changes: dict[str, Any], why: str) -> None:
    assert why in str(revoked(replace(CONSENTED, **changes).facts(), GHCR.arn))


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
def test_both_agree_too(world: World, meant: Secret) -> None:
    assert revoked(world.facts(), meant.arn) is None
    untagged = replace(world, secrets=(replace(meant, tags={}),))
    assert revoked(untagged.facts(), meant.arn) is not None


@pytest.mark.parametrize("what", ["role", "secret"])
def test_what_cannot_be_read_is_asked_again(what: str) -> None:
    with pytest.raises(NotNow):
        revoked(replace(CONSENTED, unreadable={what: denied()}).facts(), GHCR.arn)


UNREADABLE = {
    "a-path": ("https://ghcr.io/acme quay.io", "Key=pullguard:registry,Value=ghcr.io quay.io"),
    "a-wildcard": ("*", None),
}


@pytest.mark.parametrize(("tag", "command"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_tag_that_does_not_parse_gets_the_command_that_was_meant_and_never_the_images_host(
    tag: str, command: str | None
) -> None:
    facts = replace(CONSENTED, task_definitions=(task_definition(EVIL),)).facts()
    missing = missing_key(facts.task_definition.containers[0], secret(registry=tag), role())
    assert missing is not None
    assert "not opted in: its tag pullguard:registry does not parse" in missing.why
    assert "evil.example" not in f"{missing}"
    assert (missing.snippet is None) if command is None else f"'{command}'" in str(missing.snippet)


def test_patterns_that_are_separated_by_commas_grant_nothing_and_the_text_says_why() -> None:
    tagged = secret(tags={"pullguard:roles": "api-*,web-*"})
    missing = missing_key(CONSENTED.facts().task_definition.containers[0], tagged, role())
    assert missing is not None
    assert missing.said_no
    assert "does not name the role web-execution" in missing.why
    assert "separated by spaces" in missing.why
    assert '"Value": "api-* web-*"' in str(missing.snippet)
    assert revoked(replace(CONSENTED, secrets=(tagged,)).facts(), GHCR.arn) == missing.why
    assert str(why_not(tagged, role())).startswith("MissingKey(why='the tag pullguard:roles")


# --- One secret by itself ----------------------------------------------------------------------------------------

GRANT = Granted(secret=GHCR.arn, key=None)
# Deleted and created again: another secret, though it has the name, and both owners would agree to it.
RECREATED = secret(suffix="NewNew")
JUDGED: dict[str, tuple[Lookup[Secret], Role, Granted | None]] = {
    "both-agree": (GHCR, role(), GRANT),
    "with-the-key-that-it-has-now": (replace(GHCR, key=key()), role(), Granted(secret=GHCR.arn, key=key().arn)),
    "another-secret-is-found-by-its-name": (RECREATED, role(), None),
    "it-is-gone": (Missing(resource=str(GHCR.arn)), role(), None),
    "its-tag-is-gone": (replace(GHCR, tags={}), role(), None),
    "its-tag-half-parses": (secret(registry="ghcr.io evil_host!"), role(), None),
    "its-tag-is-a-wildcard": (secret(registry="*"), role(), None),
    "its-tag-is-empty": (secret(registry=""), role(), None),
    "it-is-for-other-roles": (replace(GHCR, tags={**GHCR.tags, "pullguard:roles": "x-*"}), role(), None),
    "the-roles-tag-is-gone": (GHCR, role(managed=False), None),
}


@pytest.mark.parametrize(("found", "to", "expected"), JUDGED.values(), ids=JUDGED)
@pytest.mark.parametrize("known", ["present", "ours"])
def test_what_a_rewrite_keeps_of_only_the_policy_or_only_the_ledger_needs_the_same(
    found: Lookup[Secret], to: Role, expected: Granted | None, known: str
) -> None:
    grants: dict[str, Granted | None] = {"present": None, "ours": None, known: GRANT}
    assert kept_grant(found, to, **grants) == expected


def test_what_this_stack_granted_and_stands_is_kept_for_the_very_secret_only() -> None:
    assert kept_grant(replace(GHCR, tags={}), role(), present=GRANT, ours=GRANT) == GRANT
    assert kept_grant(RECREATED, role(), present=GRANT, ours=GRANT) is None


# Grants that this stack's need keeps, and whether they get the secret's present key.
NEW_KEY: dict[str, tuple[Secret, Role, bool]] = {
    "both-agree": (GHCR, role(), True),
    "its-tag-is-gone": (replace(GHCR, tags={}), role(), False),
    "it-is-for-other-roles": (replace(GHCR, tags={**GHCR.tags, "pullguard:roles": "x-*"}), role(), False),
    "outside-of-the-deployments-pattern": (replace(GHCR, outside="prod/*"), role(), False),
    "the-roles-tag-is-gone": (GHCR, role(managed=False), False),
    "the-role-lacks-the-boundary": (GHCR, role(required_boundary="arn:aws:iam::111122223333:policy/x"), False),
}


@pytest.mark.parametrize(("found", "to", "gets_it"), NEW_KEY.values(), ids=NEW_KEY)
def test_a_new_key_needs_the_consent_of_an_addition(found: Secret, to: Role, *, gets_it: bool) -> None:
    old, new = (Granted(secret=GHCR.arn, key=key(number).arn) for number in (1, 2))
    assert kept_grant(replace(found, key=key(2)), to, present=old, ours=old) == (new if gets_it else old)


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
def test_a_mode_tag_ends_consent_on_whatever_it_stands(where: str, value: str, *, observed: bool) -> None:
    world = WHERE[where]({"pullguard:mode": value})
    assert ("to observe only" in str(revoked(world.facts(), GHCR.arn))) is observed
    if where != "definition":
        assert (why_not(world.secrets[0], world.roles[0]) is not None) is observed


WATCHED = {
    "secret": (secret(tags=OBSERVED), role()),
    "role": (GHCR, role(tags=OBSERVED)),
    "secret-with-a-new-key": (secret(tags=OBSERVED, key=key()), role()),
}
KNOWN: dict[str, tuple[Granted | None, Granted | None, Granted | None]] = {
    "what-is-not-there-is-not-added": (None, GRANT, None),
    "what-this-stack-granted-stays-as-it-is": (GRANT, GRANT, GRANT),
    "what-another-stack-granted-stays-as-it-is": (GRANT, None, GRANT),
}


@pytest.mark.parametrize(("present", "ours", "kept"), KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize(("found", "to"), WATCHED.values(), ids=WATCHED)
def test_what_is_observed_is_neither_added_nor_taken_away_nor_given_a_new_key(
    found: Secret, to: Role, present: Granted | None, ours: Granted | None, *, kept: Granted | None
) -> None:
    assert kept_grant(found, to, present=present, ours=ours) == kept


def test_what_somebody_wrote_of_an_observed_secret_without_its_owners_key_is_not_kept() -> None:
    assert kept_grant(secret(registry=None, tags=OBSERVED), role(), present=GRANT, ours=None) is None
