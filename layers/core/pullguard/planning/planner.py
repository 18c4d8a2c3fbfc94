"""Plan the remediation of findings: grants, new revisions and service moves, and the actions refused.

Pure. Only errors lead to actions: nothing that works today is changed. Everything that an action names comes from AWS
descriptions; the task definition only says which secret to read (docs/adr/0002).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pullguard.access.verdict import grant_would_help
from pullguard.checks.access import access_of
from pullguard.checks.catalogue import fix_of
from pullguard.checks.credentials_missing import CHECK as CREDENTIALS_MISSING
from pullguard.checks.credentials_missing import to_attach
from pullguard.checks.reference import ON_ECR, STALE
from pullguard.checks.unread import how_to_read
from pullguard.domain import secret_resolution
from pullguard.domain.actions import Fix, Grant, Plan, ReferenceChange, Refusal, Reregister
from pullguard.domain.arn import Arn, MalformedReference, SecretReference
from pullguard.domain.aws_batch import OWNED, is_owned_by_batch, register_job_definition, registering_job_definition
from pullguard.domain.aws_cli import command
from pullguard.domain.consent import missing_of, missing_opt_in
from pullguard.domain.errors import shown
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Finding
from pullguard.domain.lookup import Unreadable
from pullguard.domain.role import Role
from pullguard.domain.secret import Key, Secret
from pullguard.domain.task_definition import Container
from pullguard.domain.usage import Usage
from pullguard.planning.infrastructure_as_code import owner, snippets
from pullguard.planning.schedules import pins
from pullguard.planning.service_moves import moves


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The deployment's settings that affect a plan."""

    infrastructure_tags: tuple[str, ...] = ()
    move_services: bool = False
    redeploy_on_rotation: bool = False


def make_plan(facts: Facts, findings: Iterable[Finding], rules: Rules) -> Plan:
    """Return the actions for ``findings``, grants first, and the refused actions with their reasons."""
    errors = tuple(each for each in findings if each.status == "fail" and each.severity == "error")
    steps = (*_grants(facts, errors), *_reregistration(facts, errors, rules))
    return Plan(
        actions=tuple(step for step in steps if not isinstance(step, Refusal)),
        refusals=tuple(step for step in steps if isinstance(step, Refusal)),
    )


def next_actions(plan: Plan) -> tuple[Fix, ...]:
    """Return the actions to take first: no revision is registered while its role still lacks a grant.

    Every action ends with a new validation, which requests the rest. If a grant is refused, the rest waits too: a new
    revision could not start either.
    """
    grants = tuple(action for action in plan.actions if isinstance(action, Grant))
    refused = any(refusal.kind == "grant" for refusal in plan.refusals)
    return grants if grants or refused else plan.actions


def distinct(refusals: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
    """Return the refusals to report. If one owner's command resolves a grant and a registration, report only the grant.

    This yields one alert for all waiting families. Without a command, each family has its own mistake to fix and gets
    its own alert. Refusals of actions that no owner asked for are reported with their finding.
    """
    ended = {(each.why, each.snippet) for each in refusals if each.kind == "grant" and each.snippet is not None}
    return tuple(
        each
        for each in refusals
        if not each.unasked and (each.kind != "reregister" or (each.why, each.snippet) not in ended)
    )


# --- Grants


def _grants(facts: Facts, errors: tuple[Finding, ...]) -> Iterator[Fix | Refusal]:
    role = facts.role
    if not isinstance(role, Role):
        return
    done: set[Arn] = set()
    for container, secret in (*_denied(facts, errors), *_about_to_be_named(facts, errors)):
        if secret.arn in done:
            continue
        done.add(secret.arn)
        ids = tuple(each.id for each in errors if each.container == container.name)
        missing = missing_opt_in(container, secret, role)
        if missing is not None:
            yield Refusal(
                kind="grant",
                task_definition=facts.task_definition.arn,
                target=str(role.arn),
                why=missing.why,
                remedy=missing.remedy,
                snippet=missing.snippet,
                findings=ids,
            )
            continue
        key = secret.key
        yield Grant(
            task_definition=facts.task_definition.arn,
            role=role.arn,
            secret=secret.arn,
            key=key.arn if isinstance(key, Key) and key.manager == "CUSTOMER" else None,
            findings=ids,
        )


def _denied(facts: Facts, errors: tuple[Finding, ...]) -> Iterator[tuple[Container, Secret]]:
    """Yield the secrets to which the role lacks access, if a grant is all that it lacks."""
    lacking = {each.container for each in errors if fix_of(each) == "grant"}
    for container in facts.task_definition.containers:
        if container.name in lacking and isinstance(container.reference, SecretReference):
            secret = facts.secrets.get(container.reference.text)
            if not isinstance(secret, Secret) or secret.type is not None:  # no grant makes another type usable
                continue
            if _grant_helps(facts, secret, container.reference.text):
                yield container, secret


def _grant_helps(facts: Facts, secret: Secret, reference: str) -> bool:
    """Whether a grant would open every failing gate; otherwise it would widen the role without effect."""
    return isinstance(facts.role, Role) and grant_would_help(access_of(facts, facts.role, secret, reference))


def _about_to_be_named(facts: Facts, errors: tuple[Finding, ...]) -> Iterator[tuple[Container, Secret]]:
    """Yield the secrets that a new revision would name and that the role could not read."""
    for container, after, _ in _changes(facts, errors):
        if after is not None and _grant_helps(facts, after, str(after.arn)):
            yield container, after


# --- Re-registration


def _reregistration(facts: Facts, errors: tuple[Finding, ...], rules: Rules) -> Iterator[Fix | Refusal]:
    yield from _not_attached(facts, errors)
    found = tuple(_changes(facts, errors))
    if not found:
        return
    ids = tuple(each for _, _, each in found)
    changes = tuple(
        ReferenceChange(
            container=container.name,
            before=container.reference.text if container.reference else None,
            after=after.arn if after else None,
        )
        for container, after, _ in found
    )
    refusal = _refuse_reregistration(facts, found, changes, rules, ids)
    if refusal is not None:
        yield refusal
    elif isinstance(facts.usage, Usage) and facts.usage.successor is not None:
        yield from _moves(facts, facts.usage, rules, changes, ids)
    else:
        yield Reregister(task_definition=facts.task_definition.arn, changes=changes, findings=ids)


def _changes(facts: Facts, errors: tuple[Finding, ...]) -> Iterator[tuple[Container, Secret | None, str]]:
    """Yield the containers whose reference must change, each with its new secret and the finding's id."""
    for container, finding in _to_register(facts, errors):
        if finding.check == ON_ECR.id:
            yield container, None, finding.id
        elif finding.check == CREDENTIALS_MISSING.id:
            secret = to_attach(facts, container)
            if secret is not None and missing_of(facts, container, secret) is None:
                yield container, secret, finding.id
        elif (meant := _meant(facts, container, finding.check)) is not None:
            yield container, meant, finding.id


def _not_attached(facts: Facts, errors: tuple[Finding, ...]) -> Iterator[Refusal]:
    """Refuse to attach secrets without every owner's consent, one by one, so that other fixes proceed."""
    for container, finding in _to_register(facts, errors):
        secret = to_attach(facts, container) if finding.check == CREDENTIALS_MISSING.id else None
        missing = missing_of(facts, container, secret) if secret is not None else None
        if missing is not None:
            yield Refusal(
                kind="reregister",
                task_definition=facts.task_definition.arn,
                target=facts.task_definition.family,
                why=missing.why,
                remedy=missing.remedy,
                snippet=missing.snippet,
                findings=(finding.id,),
                unasked=missing.unasked,
            )


def _to_register(facts: Facts, errors: tuple[Finding, ...]) -> Iterator[tuple[Container, Finding]]:
    """Yield the containers that a new revision would fix, each with its finding."""
    by_container = {
        each.container: each for each in errors if fix_of(each) == "reregister" and each.container is not None
    }
    for container in facts.task_definition.containers:
        if container.name in by_container:
            yield container, by_container[container.name]


def _meant(facts: Facts, container: Container, check: str) -> Secret | None:
    """Return the only secret that the container can have meant, or None."""
    reference = container.reference
    if isinstance(reference, MalformedReference):
        reference = reference.meant
    if reference is None:
        return None
    if check == STALE.id:
        secret = secret_resolution.replacement(facts, reference)
    else:
        found = facts.secrets.get(reference.text)
        secret = found if isinstance(found, Secret) else secret_resolution.namesake(facts, reference)
    return secret if secret is not None and secret.type is None else None


def _refuse_reregistration(
    facts: Facts,
    found: tuple[tuple[Container, Secret | None, str], ...],
    changes: tuple[ReferenceChange, ...],
    rules: Rules,
    findings: tuple[str, ...],
) -> Refusal | None:
    definition = facts.task_definition

    def refuse(why: str, remedy: str, snippet: str | None = None) -> Refusal:
        return Refusal(
            kind="reregister",
            task_definition=definition.arn,
            target=definition.family,
            why=why,
            remedy=remedy,
            snippet=snippet,
            findings=findings,
        )

    if is_owned_by_batch(definition):
        belongs = "; ".join(map(_belongs, changes))
        return refuse(OWNED, registering_job_definition(belongs), register_job_definition(definition.arn))
    if (iac := owner(definition.tags, rules.infrastructure_tags)) is not None:
        return refuse(
            f"the task definition belongs to {iac.tool} (tag {iac.tag}), which would undo or fight the change",
            "Change the reference in the template that it comes from.",
            snippets(changes),
        )
    for container, after, _ in found:
        if after is not None and (why := _out_of_reach(facts, after)) is not None:
            return refuse(
                f"a new revision could not pull either: {why}",
                "Fix the access first; pullguard explain shows each gate.",
            )
        if (missing := missing_of(facts, container, after)) is not None:
            return refuse(missing.why, missing.remedy, missing.snippet)
    usage = facts.usage
    if not isinstance(usage, Usage):
        return refuse(
            "it could not be read whether this is the newest revision of its family",
            how_to_read((usage,)) if isinstance(usage, Unreadable) else "Run the audit, which reads where it runs.",
        )
    if not usage.newest and usage.successor is None:
        newest = usage.latest.resource_name if usage.latest else "the newest one"
        return refuse(
            "a newer revision of the family exists; a copy of this one would become the newest and hide it",
            f"Let whatever still runs this revision run {newest}, or register the change by hand.",
        )
    return None


def _belongs(change: ReferenceChange) -> str:
    member = f'"repositoryCredentials": {{"credentialsParameter": "{change.after}"}}' if change.after else None
    return f"{member or 'no repositoryCredentials'} (container {shown(change.container)})"


def _out_of_reach(facts: Facts, secret: Secret) -> str | None:
    """Return why the role cannot read ``secret`` even with a grant; None if it can, or could with a grant."""
    if not isinstance(facts.role, Role):
        return "its execution role cannot be read"
    access = access_of(facts, facts.role, secret, str(secret.arn))
    if not access.failures or grant_would_help(access):
        return None
    return next((gate for gate in access.failures if not gate.grant_helps), access.failures[0]).reason


def _moves(
    facts: Facts, usage: Usage, rules: Rules, changes: tuple[ReferenceChange, ...], findings: tuple[str, ...]
) -> Iterator[Fix | Refusal]:
    before, successor = facts.task_definition.arn, usage.successor
    if successor is None:
        return
    planned, refused = moves(
        usage.services, before, successor, findings, changes, infrastructure_tags=rules.infrastructure_tags
    )
    yield from refused
    yield from pins(usage.schedules, before, successor, findings)
    for move in planned:
        if rules.move_services:
            yield move
        else:
            yield Refusal(
                kind="move-service",
                task_definition=before,
                target=move.service,
                why="MoveServices is off",
                remedy=f"Let the service run {successor.resource_name}, or switch MoveServices on.",
                snippet=command(
                    "ecs",
                    "update-service",
                    *(("--region", before.region), ("--cluster", move.cluster), ("--service", move.service)),
                    ("--task-definition", str(successor)),
                ),
                findings=findings,
            )
