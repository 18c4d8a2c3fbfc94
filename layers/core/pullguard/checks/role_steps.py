"""Commands that let a task's execution role read a secret: a grant, a trust policy, or a whole new role.

A remedy that names a secret is useless if the role cannot read it. So the role's missing permissions come before the
member that names the secret, in the order of pasting. No command grants what an owner has refused, and none undoes what
another has granted: a policy's name identifies its content.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from pullguard.access.decision import Verdict
from pullguard.access.gates import KEY_GATES, Gate, PullAccess
from pullguard.access.verdict import Circumstances, pull_access
from pullguard.checks.check import CREDENTIALS_FILE, gives_credentials, reference_snippet
from pullguard.checks.manual_policies import BOTH, DECRYPT, READ, Future, adding, extended, reading_policy
from pullguard.checks.new_secret import create_command, future_of
from pullguard.checks.shared_policies import in_words, is_elsewhere, is_statement, lacks_own, needs_own, widened
from pullguard.domain import secret_resolution
from pullguard.domain.arn import Arn, MalformedReference, SecretReference
from pullguard.domain.aws_cli import STDIN, command, in_order, tags_option, unless_there
from pullguard.domain.consent import missing_opt_in
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Remedy
from pullguard.domain.image import ImageReference
from pullguard.domain.lookup import Document, Lookup, Missing, NotAsked
from pullguard.domain.opt_in import MANAGED_TAG, secrets_for
from pullguard.domain.policy_document import (
    INLINE_POLICIES_MAX_CHARS,
    grant_command,
    granted_for,
    is_pullguards,
    parse_own,
    policy_document,
    render,
    size_chars,
    total_size_chars,
)
from pullguard.domain.role import Role
from pullguard.domain.secret import Secret
from pullguard.domain.task_definition import Container, lacks_credentials

Wanted: TypeAlias = Secret | Future

_POLICY_NAME_MAX_CHARS: Final = 128  # CreatePolicy and PutRolePolicy, parameter PolicyName
_DIGEST_CHARS: Final = 8
_ROLE_NAME_MAX_CHARS: Final = 64  # CreateRole, parameter RoleName
# The default quota: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_TRUST_MAX_CHARS: Final = 2048
_ECS_PERMISSIONS: Final = "policy/service-role/AmazonECSTaskExecutionRolePolicy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The text to paste, in order: ``commands``, and then ``members`` of the next revision.

    ``remarks`` are sentences about what the commands do not change, or about what to verify first.
    """

    commands: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def snippet(self, *members: str) -> str:
        """Return the text to paste, with these members at the end."""
        return "\n".join(filter(None, (in_order(*self.commands), *self.members, *members)))

    def text(self, text: str, *, first: str = "") -> str:
        """Return the instructions, after ``first``; ``text`` begins in lower case and says what the members are for."""
        before = "let the execution role read the secret by the command, and " if self.commands else ""
        sentence = f"{first}{before}{text}"
        return " ".join((f"{sentence[:1].upper()}{sentence[1:]}", *self.remarks))


def steps_for(facts: Facts, container: Container, wanted: Wanted) -> Steps:
    """Return the steps that let the role of ``facts`` read a secret that the container is to name."""
    match facts.role:
        case Role() as role:
            return _of_role(facts, role, container, wanted)
        case None if not gives_credentials(facts):  # else execution-role-missing reports it
            first = next((each for each, _ in _all_wanted(facts)), container)
            return new_role(facts, ((container, wanted),)) if first == container else Steps()
        case _:
            return Steps()


def steps_of_role(facts: Facts, role: Role) -> Steps:
    """Return the steps that let ``role`` read all secrets that the containers name, as if it were the task's role."""
    steps = [_of_role(facts, role, container, wanted) for container, wanted in _all_wanted(facts)]
    return Steps(
        commands=tuple(dict.fromkeys(each for step in steps for each in step.commands)),
        remarks=tuple(dict.fromkeys(each for step in steps for each in step.remarks)),
    )


def naming(facts: Facts, container: Container, secret: Secret, what: str) -> Remedy:
    """Return the remedy that names ``secret``: ``what`` is done once the role can read it."""
    steps = steps_for(facts, container, secret)
    return Remedy(action="reregister", text=steps.text(what), snippet=steps.snippet(reference_snippet(secret)))


def creating(facts: Facts, container: Container, future: Future, text: str, *, printed: bool = True) -> Remedy:
    """Return the remedy that creates ``future``; ``printed``: a revision has to name the ARN that it prints."""
    steps = steps_for(facts, container, future)
    then = (
        "Then register a revision whose credentialsParameter is the ARN that create-secret prints." if printed else ""
    )
    return Remedy(
        text=" ".join(filter(None, (text, CREDENTIALS_FILE, then, *steps.remarks))),
        snippet=replace(steps, commands=(_created(future), *steps.commands)).snippet(),
    )


def _created(future: Future) -> str:
    """Return the commands that create the secret, unless another finding has them, and print its ARN."""
    at = (("--region", future.home.region), ("--secret-id", future.name), ("--query", "ARN"), ("--output", "text"))
    return unless_there(command("secretsmanager", "describe-secret", *at), create_command(future))


def _of_role(facts: Facts, role: Role, container: Container, wanted: Wanted) -> Steps:
    secret = wanted if isinstance(wanted, Secret) else wanted.as_secret()
    around = Circumstances(reference=str(secret.arn), now=facts.now, organization_id=facts.organization)
    access = pull_access(role, secret, region=facts.task_definition.arn.region, around=around)
    failures = access.failures
    missing = missing_opt_in(container, secret, role)
    said_no = missing is not None and missing.said_no
    commands, remarks = [], []
    for gate in (each for each in failures if not each.grant_helps):
        if gate.name == "trust-policy" and (trust := trust_command(role, gate)) is not None:
            commands.append(trust)
            continue
        opening = () if said_no or isinstance(wanted, Future) else widened(role, _under_its_key(wanted, gate), gate)
        opened = [(each, not (is_statement(each) or is_elsewhere(role, gate))) for each in opening]
        commands += [str(each.snippet) for each, is_pasted in opened if is_pasted]
        remarks += [each.text if is_pasted else in_words(each) for each, is_pasted in opened]
        if not opened:
            remarks.append(f"That alone does not let the role read it: {gate.reason}")
    lacks = any(gate.grant_helps or needs_own(role, gate) for gate in failures)
    if lacks or (isinstance(wanted, Future) and wanted.key is not None):
        if missing is not None and missing.said_no:
            remarks.append(f"The role {role.name} cannot read it, and {missing.why}. {missing.remedy}")
        else:
            commands.append(grant_by_hand(role, _with_its_key(wanted, failures), lacking(access)))
            if missing is not None:
                remarks.insert(0, f"First make sure that {secret.name} is meant for this image and this role.")
    return Steps(commands=tuple(dict.fromkeys(commands)), remarks=tuple(dict.fromkeys(remarks)))


def _with_its_key(wanted: Wanted, failures: tuple[Gate, ...]) -> Wanted:
    """Return the secret under the key that its current version needs, if that differs from its own."""
    gate = next((each for each in failures if lacks_own(each) and each.name in KEY_GATES), None)
    return _under_its_key(wanted, gate) if gate is not None and isinstance(wanted, Secret) else wanted


def _under_its_key(secret: Secret, gate: Gate) -> Secret:
    return replace(secret, key=gate.key) if gate.name in KEY_GATES else secret


# --- A grant -----------------------------------------------------------------------------------------------------


def lacking(access: PullAccess) -> frozenset[str]:
    """Return the actions that certainly no policy allows: for others, a grant might bypass existing conditions."""
    return frozenset(
        _ACTIONS[gate.name]
        for gate in access.gates
        if gate.state == "fail" and gate.name in _ACTIONS and (gate.grant_helps or lacks_own(gate))
    )


_ACTIONS: Final[Mapping[str, str]] = {"secret-access": READ, "key-access": DECRYPT}


def grant_by_hand(role: Role, wanted: Wanted, actions: Set[str] = BOTH) -> str:
    """Return the command that grants one secret, in a separate policy: it removes no other grant.

    Pullguard's own policy holds all its grants, and ``put-role-policy`` replaces a policy as a whole. For an existing
    secret it allows only ``actions``.
    """
    if isinstance(wanted, Secret):
        if no_room(role, wanted) is not None:
            return attached_instead(role, wanted, actions)
        name, document = wanted.arn.resource_name, reading_policy((granted_for(wanted),), actions=actions)
    else:
        name, document = wanted.name, reading_policy((), (wanted,))
    return grant_command(role.name, document, policy_name=_policy_name(document, "read", name))


def _policy_name(document: Document, *parts: str) -> str:
    """Return the name of a policy that is never written with anything but ``document``.

    It ends in the document's digest. A name that is too long loses its beginning.
    """
    legal = re.sub(r"[^A-Za-z0-9+=,.@_-]", "-", "-".join((*parts, _digest(render(document)))))
    return legal[-_POLICY_NAME_MAX_CHARS:]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARS]


def no_room(role: Lookup[Role] | None, secret: Secret) -> int | None:
    """Return the length in characters of the inline policies with a grant, if it is too much; else None."""
    if not isinstance(role, Role) or not isinstance(role.inline_policies, tuple):
        return None
    ours = [policy for policy in role.inline_policies if is_pullguards(policy.name)]
    own = max(ours, key=lambda policy: size_chars(policy.document), default=None)
    others = {policy.name: policy.document for policy in role.inline_policies if policy is not own}
    present = {granted.secret: granted for granted in (parse_own(own.document)[0] if own else ())}
    document = policy_document((present | {secret.arn: granted_for(secret)}).values())
    size = total_size_chars(others) + size_chars(document)
    return size if size > INLINE_POLICIES_MAX_CHARS else None


def attached_instead(role: Role, secret: Secret, actions: Set[str] = BOTH) -> str:
    """Return the commands that grant access by a managed policy, for a role whose inline policies have no room."""
    document = reading_policy((granted_for(secret),), actions=actions)
    name = _policy_name(document, role.name, "read", secret.arn.resource_name)
    at = ("--policy-arn", f"arn:{role.arn.partition}:iam::{role.arn.account}:policy/{name}")
    create = command("iam", "create-policy", ("--policy-name", name), ("--policy-document", render(document)))
    return in_order(
        unless_there(command("iam", "get-policy", at), create),
        command("iam", "attach-role-policy", ("--role-name", role.name), at),
    )


# --- Trust -------------------------------------------------------------------------------------------------------


def trust_statement(account: str) -> str:
    """Return the statement by which a role of ``account`` lets ECS assume it for tasks of that account.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    return json.dumps(_trust(account), separators=(",", ":"))


def _trust(account: str) -> dict[str, object]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }


def trust_command(role: Role, gate: Gate) -> str | None:
    """Return the command that adds ECS to the trust policy of ``role``; None if no added statement would help."""
    if gate.decision is not None and gate.decision.verdict is Verdict.EXPLICITLY_DENIED:
        return None
    statement, named = _trust(role.arn.account), ("--role-name", role.name)
    trust = extended(role.trust_policy, statement)
    if trust is None or len(render(trust)) > _TRUST_MAX_CHARS:
        return None
    query = (("--query", "Role.AssumeRolePolicyDocument"), ("--output", "json"))
    return adding(
        command("iam", "get-role", named, *query),
        command("iam", "update-assume-role-policy", named, ("--policy-document", STDIN)),
        statement,
        present=role.trust_policy,
    )


# --- A new role --------------------------------------------------------------------------------------------------


def new_role(facts: Facts, wanted: Iterable[tuple[Container, Wanted]] = (), *, arn: Arn | None = None) -> Steps:
    """Return the commands for a role that lets ECS pull all images of the task definition.

    ``arn`` is the role that it names; without it, the role gets a name, which ``members`` contain. ``wanted`` are
    further secrets that the containers are to name.
    """
    home = facts.task_definition.arn
    named = arn or Arn(
        partition=home.partition,
        service="iam",
        region="",
        account=home.account,
        resource=f"role/{_role_name(facts.task_definition.family)}",
    )
    path, _, name = named.resource.removeprefix("role").rpartition("/")
    all_of_them = (*wanted, *_all_wanted(facts))
    role = Role(arn=named, name=name)
    granted, remarks = _consented(role, all_of_them)
    trust = render({"Version": "2012-10-17", "Statement": [_trust(named.account)]})
    tags = (tags_option({MANAGED_TAG: "true"}),) if facts.granted_keys else ()
    at = (("--role-name", name), *((("--path", f"{path}/"),) if path else ()))
    create = command("iam", "create-role", *at, ("--assume-role-policy-document", trust), *tags)
    commands = [unless_there(command("iam", "get-role", ("--role-name", name)), create)]
    commands += [grant_by_hand(role, each) for each in granted]
    if _uses_more_of_ecs(facts):
        attached = ("--policy-arn", f"arn:{named.partition}:iam::aws:{_ECS_PERMISSIONS}")
        commands.append(command("iam", "attach-role-policy", ("--role-name", name), attached))
    member = () if arn else (f'"executionRoleArn": {json.dumps(str(named))}',)
    return Steps(commands=tuple(commands), members=member, remarks=remarks)


def _role_name(family: str) -> str:
    """Return the name of a family's new role; one that is too long ends in a digest, so that it stays unique."""
    name = f"ecsTaskExecutionRole-{family}"
    if len(name) <= _ROLE_NAME_MAX_CHARS:
        return name
    return f"{name[: _ROLE_NAME_MAX_CHARS - _DIGEST_CHARS - 1]}-{_digest(family)}"


def _consented(role: Role, wanted: Iterable[tuple[Container, Wanted]]) -> tuple[tuple[Wanted, ...], tuple[str, ...]]:
    """Return the secrets that a new role may read: those that no owner keeps for another registry or other roles."""
    granted: dict[str, Wanted] = {}
    remarks: dict[str, None] = {}
    for container, each in wanted:
        missing = missing_opt_in(container, each, role) if isinstance(each, Secret) else None
        if missing is not None and missing.said_no:
            remarks[f"The policy leaves out {each.name}, since {missing.why}. {missing.remedy}"] = None
        else:
            granted[str(each.arn) if isinstance(each, Secret) else each.pattern] = each
    return tuple(granted.values()), tuple(remarks)


def _all_wanted(facts: Facts) -> Iterator[tuple[Container, Wanted]]:
    """Yield the secrets that the containers name, or will name once their references are corrected."""
    for container in facts.task_definition.containers:
        wanted = _wanted_by(facts, container)
        if wanted is not None:
            yield container, wanted


def _wanted_by(facts: Facts, container: Container) -> Wanted | None:
    reference = container.reference
    if isinstance(reference, MalformedReference):
        reference = reference.meant
    if isinstance(reference, SecretReference):
        found = secret_resolution.named(facts, reference) or secret_resolution.replacement(facts, reference)
        looked_up = facts.secrets.get(reference.text)
        is_gone = isinstance(looked_up, Missing) and secret_resolution.unread(facts, reference) is None
        # If a reference was not looked up, its text itself says what the role is to read.
        is_named = is_gone or isinstance(looked_up, NotAsked)
        return (
            found or secret_resolution.deleted(facts, reference) or (future_of(facts, reference) if is_named else None)
        )
    if lacks_credentials(container) and isinstance(container.image, ImageReference):
        listed = facts.registry_secrets if isinstance(facts.registry_secrets, tuple) else ()
        candidates = secrets_for(container.image, listed)
        return candidates[0] if len(candidates) == 1 else None
    return None


def _uses_more_of_ecs(facts: Facts) -> bool:
    """Whether the task needs what AWS's own policy allows: images from Amazon ECR, and logs to CloudWatch.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    drivers = (
        (each.get("logConfiguration") or {}).get("logDriver")
        for each in facts.task_definition.raw.get("containerDefinitions") or ()
    )
    images = (container.image for container in facts.task_definition.containers)
    return "awslogs" in drivers or any(isinstance(image, ImageReference) and image.is_ecr for image in images)
