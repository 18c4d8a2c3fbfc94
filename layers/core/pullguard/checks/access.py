"""Can the execution role read the secret and decrypt it? The gates of ``access``, one check for each finding."""

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Final

from pullguard.access.contexts import ECS_TASKS
from pullguard.access.cross_check import contradiction
from pullguard.access.decision import Verdict
from pullguard.access.gates import FINDINGS_BY_GATE, KEY_GATES, FindingId, Gate, PullAccess
from pullguard.access.policy import Layer, parse_policy
from pullguard.access.verdict import Circumstances, pull_access, trust_gate
from pullguard.checks.access_remedies import (
    ASK_ORGANIZATION,
    remedy_of,
    spare,
    statements_needed,
    to_find_out,
)
from pullguard.checks.check import (
    NEEDS_KEY,
    NEEDS_KEY_POLICY,
    NEEDS_POLICIES,
    NEEDS_ROLE,
    NEEDS_SECRET,
    PRIVATE_REGISTRY,
    Check,
    gives_credentials,
    secrets_in_use,
    subject_of,
    unreadable,
)
from pullguard.checks.role_steps import attached_instead, lacking, no_room, trust_command, trust_statement
from pullguard.checks.shared_policies import left_out
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Inapplicable, Passed, Remedy, Skipped, Subject, Unsure
from pullguard.domain.lookup import Lookup, Unreadable, explained
from pullguard.domain.policy_document import INLINE_POLICIES_MAX_CHARS
from pullguard.domain.role import NamedPolicy, Role, Simulated
from pullguard.domain.secret import Key, Secret
from pullguard.domain.task_definition import Container

_EXECUTION_ROLE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html"
_EVALUATION = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"
_BOUNDARIES = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"
_CONTROL_POLICIES = "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html"
_CROSS_ACCOUNT = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html"
_KEY_STATE = "https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html"
_KEY_ACCESS = "https://docs.aws.amazon.com/kms/latest/developerguide/control-access-overview.html"
_IAM_QUOTAS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
_LEAST_PRIVILEGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege"


# https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html
_NO_WILDCARD: Final = f"IAM supports no wildcard there, so the statement has to name {ECS_TASKS}"


def access_of(facts: Facts, role: Role, secret: Secret, reference: str) -> PullAccess:
    """Decide whether ``role`` can read ``secret`` when ECS asks for it as ``reference``."""
    around = Circumstances(reference=reference, now=facts.now, organization_id=facts.organization)
    return _decided(role, secret, facts.task_definition.arn.region, around)


@lru_cache(maxsize=1024)
def _decided(role: Role, secret: Secret, region: str, around: Circumstances) -> PullAccess:
    return pull_access(role, secret, region=region, around=around)


@lru_cache(maxsize=1024)
def _trust(role: Role, region: str, around: Circumstances) -> Gate:
    return trust_gate(role, region, around)


def _accesses(facts: Facts) -> Iterable[tuple[Container, Role, Secret, PullAccess]]:
    role = facts.role
    if not isinstance(role, Role):
        return
    for container, secret in secrets_in_use(facts):
        yield container, role, secret, access_of(facts, role, secret, getattr(container.reference, "text", ""))


def _ask(finding: FindingId, facts: Facts) -> Iterable[Answer]:
    """Answer for one finding id: from the gates of each container's pull that can lead to it."""
    for container, role, secret, access in _accesses(facts):
        if secret.type is not None:  # secret-type-unusable explains it: no access makes such a secret usable
            yield Inapplicable(subject=subject_of(facts, container))
            continue
        gates = [gate for gate in access.gates if finding in FINDINGS_BY_GATE[gate.name]]
        mine = next((gate for gate in gates if gate.finding == finding), None)
        subject = _subject(facts, container, mine)
        if mine is None:
            yield from _without_gate(subject, role, gates, access)
        elif mine.state == "unknown" and (_is_deleted(secret, mine) or _is_reported(access, mine)):
            continue  # secret-scheduled-for-deletion, or the finding of an earlier gate, reports it
        elif _is_asked_elsewhere(role, mine):
            yield _asked_elsewhere(subject, mine)
        elif mine.state == "unknown":
            yield _unsure(subject, container, role, mine)
        elif mine.grant_helps and no_room(role, secret) is not None:
            continue  # inline-policy-quota reports it
        else:
            yield Failed(
                subject=subject,
                severity=mine.severity,
                cause=_cause(finding, container, secret, mine),
                evidence=_evidence(mine, role),
                remedy=remedy_of(finding, facts, container, secret, gate=mine, access=access),
            )


def _without_gate(subject: Subject, role: Role, gates: list[Gate], access: PullAccess) -> Iterable[Answer]:
    """Answer for a finding to which none of its possible gates leads."""
    states = {gate.state for gate in gates if not gate.is_of_next_version}
    if states == {"pass"}:
        yield Passed(subject=subject)
    elif "fail" in states and "unknown" not in states:
        yield Inapplicable(subject=subject)  # another fault certainly closes it
    elif not gates and access.state == "pass":
        yield Inapplicable(subject=subject)  # the gate no longer exists: the key is another one
    elif gates and all(gate.state == "pass" or _is_asked_elsewhere(role, gate) for gate in gates):
        yield Inapplicable(subject=subject)  # the open question belongs to another finding


def _is_asked_elsewhere(role: Role, gate: Gate) -> bool:
    """Whether only the account of the key can answer what is unknown: no permission here changes that."""
    theirs = isinstance(gate.key, Key) and gate.key.arn.account != role.arn.account
    asked = {explained(each) for each in gate.not_asked}
    return gate.state == "unknown" and theirs and not gate.missing_keys and bool(asked) and {*gate.problems} <= asked


def _asked_elsewhere(subject: Subject, gate: Gate) -> Skipped:
    return Skipped(
        subject=subject,
        question="Does the account of the key let the execution role decrypt?",
        why="; ".join(each.why for each in gate.not_asked),
        switch="; ".join(f"{each.switch}: {each.command}" if each.command else each.switch for each in gate.not_asked),
    )


def _is_reported(access: PullAccess, gate: Gate) -> bool:
    """Whether the keys of the current version could not be listed, which the finding of ``key-usable`` reports."""
    listed = (each for each in access.gates if each.name == "key-usable" and each.key is None)
    return gate.name == "key-access" and any(each.reason == gate.reason for each in listed)


def _subject(facts: Facts, container: Container, gate: Gate | None) -> Subject:
    """Name the subject of an answer, with the key of its gate: of several keys that is not always the secret's own."""
    subject = subject_of(facts, container)
    if gate is None or gate.name not in KEY_GATES or gate.state == "unknown":
        return subject
    return replace(subject, key=str(gate.key.arn) if isinstance(gate.key, Key) else None)


def _cause(finding: FindingId, container: Container, secret: Secret, gate: Gate | None = None) -> str:
    which = "next version of the secret" if gate is not None and gate.is_of_next_version else "secret"
    return _CAUSES[finding].format(container=container.name, secret=f"{which} {secret.name}")


def _is_deleted(secret: Secret, gate: Gate) -> bool:
    """Whether everything unknown is what Secrets Manager does not disclose about a secret scheduled for deletion.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html
    """
    refused = gate.unreadable and all(each.reason == "refused" for each in gate.unreadable)
    return secret.deleted_at is not None and bool(refused) and not gate.missing_keys


def _blocked_by_organization(facts: Facts) -> Iterable[Answer]:
    """Combine the gates with the answers of AWS's simulator, if it was asked; it can only take access away."""
    finding: FindingId = "secret-access-blocked-by-organization"
    answers = {answer.subject.container: answer for answer in _ask(finding, facts)}
    for container, _, secret, access in _accesses(facts):
        answer = answers.get(container.name)
        simulated = facts.simulations.get(container.name)
        if isinstance(answer, Passed) and simulated is not None:
            answer = _second_opinion(answer, container, secret, access, simulated)
        if answer is not None:
            yield answer


def _second_opinion(
    passed: Passed, container: Container, secret: Secret, access: PullAccess, simulated: Lookup[tuple[Simulated, ...]]
) -> Answer:
    finding: FindingId = "secret-access-blocked-by-organization"
    if isinstance(simulated, Unreadable):
        return unreadable(passed.subject, f"The simulator's decision on container {container.name}", simulated)
    said = contradiction(access, simulated) if isinstance(simulated, tuple) else None
    if said is None:
        return passed
    if said.by_organization:
        return Failed(
            subject=passed.subject,
            cause=_cause(finding, container, secret),
            evidence=said.evidence,
            remedy=Remedy(text=ASK_ORGANIZATION, snippet=statements_needed(secret)),
        )
    return Unsure(
        subject=passed.subject,
        cause=f"AWS's simulator denies what the policies of container {container.name} seem to allow.",
        evidence=said.evidence,
        remedy=Remedy(text="Compare the statement with the simulator's: one of the two has a condition that differs."),
    )


def _not_assumable(facts: Facts) -> Iterable[Answer]:
    """The trust policy is the role's own: one answer for the task definition, regardless of its secrets."""
    role = facts.role
    if not isinstance(role, Role) or not gives_credentials(facts):
        return
    gate = _trust(role, facts.task_definition.arn.region, Circumstances(now=facts.now))
    subject = subject_of(facts)
    if gate.state == "pass":
        yield Passed(subject=subject)
    elif gate.state == "unknown":
        cause = f"Could not determine whether ECS may assume the execution role {role.name}."
        yield Unsure(subject=subject, cause=cause, evidence=_evidence(gate), remedy=to_find_out(gate, role))
    else:
        yield Failed(
            subject=subject,
            cause=f"ECS cannot assume the execution role {role.name}.",
            evidence=_trust_evidence(role, gate),
            remedy=_let_ecs_assume(role, gate),
        )


def _let_ecs_assume(role: Role, gate: Gate) -> Remedy:
    if gate.decision is not None and gate.decision.verdict is Verdict.EXPLICITLY_DENIED:
        return spare(role, None, gate.statements[0])
    if (trust := trust_command(role, gate)) is not None:
        text = (
            "Let ecs-tasks.amazonaws.com assume the role for the tasks of its own account; whom the trust policy lets "
            "in already stays. The command needs jq."
        )
        return Remedy(text=f"{text}{left_out(role.trust_policy)}", snippet=trust)
    text = "Put a trust policy on the role that lets ecs-tasks.amazonaws.com assume it, by this statement."
    return Remedy(text=text, snippet=trust_statement(role.arn.account))


def _trust_evidence(role: Role, gate: Gate) -> str:
    """Quote the statements that name ECS but do not admit it, or that name services by a wildcard."""
    if gate.statements:
        return _evidence(gate)
    said = [gate.reason]
    for statement in parse_policy(role.trust_policy, layer=Layer.TRUST).allows:
        wildcards = statement.principals.wildcard_services if statement.principals is not None else ()
        if wildcards:
            said.append(f'"Service": {" and ".join(map(json.dumps, wildcards))} is not a service: {_NO_WILDCARD}.')
        if wildcards or ECS_TASKS in statement.text:
            said.append(statement.text)
    return " ".join(said)


def _unsure(subject: Subject, container: Container, role: Role, gate: Gate) -> Unsure:
    what = "read the next version of its credentials" if gate.is_of_next_version else "get its credentials"
    return Unsure(
        subject=subject,
        severity="warning" if gate.is_of_next_version else None,
        cause=f"Could not verify whether container {container.name} can {what}.",
        evidence=_evidence(gate),
        remedy=to_find_out(gate, role),
        unread=gate.unreadable,
    )


def _evidence(gate: Gate, role: Lookup[Role] | None = None) -> str:
    quoted = " ".join(filter(None, (citation.text for citation in gate.statements)))
    bounds = role.boundary if isinstance(role, Role) else None
    if gate.finding == "secret-access-blocked-by-boundary" and isinstance(bounds, NamedPolicy):
        quoted = f"The boundary is {bounds.arn or bounds.name}. {quoted}"
    return f"{gate.reason} {quoted}".strip()


# --- Causes ------------------------------------------------------------------------------------------------------

_CAUSES: Final[dict[FindingId, str]] = {
    "execution-role-not-assumable": "ECS cannot assume the execution role.",
    "secret-access-missing": "The execution role may not read the {secret} of container {container}.",
    "secret-access-denied": "A policy forbids the execution role to read the {secret} of container {container}.",
    "secret-access-blocked-by-boundary": (
        "The execution role's permissions boundary does not let it read the {secret} of container {container}."
    ),
    "secret-access-blocked-by-organization": (
        "A control policy of the organization does not let the execution role read the {secret} of container "
        "{container}."
    ),
    "secret-resource-policy-missing": (
        "The {secret} of container {container} is another account's, and its resource policy does not let the "
        "execution role in."
    ),
    "secret-access-too-broad": (
        "The execution role may read every secret, not only the {secret} of container {container}."
    ),
    "key-unusable": "The key of the {secret} of container {container} cannot be used.",
    "decrypt-access-missing": (
        "The execution role may not decrypt the {secret} of container {container} with its customer managed key."
    ),
    "decrypt-access-denied": ("The key of the {secret} of container {container} is closed to the execution role."),
    "default-key-cross-account": (
        "The {secret} of container {container} is another account's, and encrypted under aws/secretsmanager, "
        "which works in its own account only."
    ),
}


# --- The quota ---------------------------------------------------------------------------------------------------


def _inline_policy_quota(facts: Facts) -> Iterable[Answer]:
    """Replaces the findings that a grant would fix, because no grant fits within the quota."""
    role = facts.role
    if not isinstance(role, Role) or not isinstance(role.inline_policies, tuple):
        return
    for container, _, secret, access in _accesses(facts):
        shut = [gate for gate in access.gates if gate.grant_helps]
        subject = subject_of(facts, container)
        if not shut or secret.type is not None:
            yield Inapplicable(subject=subject)
            continue
        size = no_room(role, secret)
        if size is None:
            yield Passed(subject=subject)
            continue
        yield Failed(
            subject=subject,
            cause=(
                f"The execution role may not read the secret {secret.name} of container {container.name}, and the "
                f"inline policies of the role {role.name} have no room for a grant."
            ),
            evidence=(
                f"With a grant they would have {size} of {INLINE_POLICIES_MAX_CHARS} characters. "
                f"{' '.join(gate.reason for gate in shut)}"
            ),
            remedy=Remedy(
                text=(
                    "Attach a managed policy that lets the role read this secret, or make room by moving an inline "
                    "policy of the role into a managed one."
                ),
                snippet=attached_instead(role, secret, lacking(access)),
            ),
        )


# --- The checks --------------------------------------------------------------------------------------------------


ROLE_CHECKS = (
    Check(
        id="execution-role-not-assumable",
        gate="trust",
        severity="error",
        fails_when="the role's trust policy does not let ecs-tasks.amazonaws.com assume it",
        needs=NEEDS_ROLE,
        remedy="let ecs-tasks.amazonaws.com assume the role: aws iam update-assume-role-policy",
        source=_EXECUTION_ROLE,
        ask=_not_assumable,
    ),
    Check(
        id="secret-access-missing",
        gate="secret access",
        severity="error",
        fails_when="no statement allows secretsmanager:GetSecretValue (implicit deny)",
        fix="grant",
        needs=NEEDS_POLICIES,
        remedy="aws iam put-role-policy with secretsmanager:GetSecretValue on this secret alone",
        source=PRIVATE_REGISTRY,
        ask=partial(_ask, "secret-access-missing"),
    ),
    Check(
        id="secret-access-denied",
        gate="secret access",
        severity="error",
        fails_when="a statement denies it explicitly; the finding quotes the policy and the statement",
        needs=NEEDS_POLICIES,
        remedy="its owner removes the statement that denies, or exempts this role and secret in it",
        source=_EVALUATION,
        ask=partial(_ask, "secret-access-denied"),
    ),
    Check(
        id="secret-access-blocked-by-boundary",
        gate="secret access",
        severity="error",
        fails_when="the role's permissions boundary does not allow it",
        needs=NEEDS_POLICIES,
        remedy="aws iam create-policy-version of the boundary, which allows the pull too",
        source=_BOUNDARIES,
        ask=partial(_ask, "secret-access-blocked-by-boundary"),
    ),
    Check(
        id="secret-access-blocked-by-organization",
        gate="secret access",
        severity="error",
        fails_when="a service or resource control policy does not allow it",
        needs="the organization's policies, or the simulator (CrossCheck, --cross-check)",
        remedy="ask the owners of the organization's policies to allow the statements",
        source=_CONTROL_POLICIES,
        ask=_blocked_by_organization,
    ),
    Check(
        id="secret-resource-policy-missing",
        gate="secret access",
        severity="error",
        fails_when="the secret is another account's, and its resource policy does not let the role in",
        needs=NEEDS_POLICIES,
        remedy="in the secret's account, aws secretsmanager put-resource-policy that lets the role in",
        source=_CROSS_ACCOUNT,
        ask=partial(_ask, "secret-resource-policy-missing"),
    ),
    Check(
        id="secret-access-too-broad",
        gate="secret access",
        severity="warning",
        fails_when="access comes from a statement over * or over every secret",
        needs=NEEDS_POLICIES,
        remedy="aws iam put-role-policy for this secret alone, then remove the broad statement",
        source=_LEAST_PRIVILEGE,
        ask=partial(_ask, "secret-access-too-broad"),
    ),
    Check(
        id="inline-policy-quota",
        gate="secret access",
        place="role",
        severity="error",
        fails_when="the grant would take the role's inline policies past 10,240 characters",
        needs=NEEDS_POLICIES,
        remedy="aws iam create-policy and attach-role-policy for this secret alone",
        source=_IAM_QUOTAS,
        ask=_inline_policy_quota,
    ),
)

KEY_CHECKS = (
    Check(
        id="key-unusable",
        gate="key",
        severity="error",
        fails_when=(
            "the key is not found, disabled, pending deletion, pending import or unavailable; a warning where another "
            "key still opens the current version"
        ),
        needs=NEEDS_KEY,
        remedy="aws kms enable-key or cancel-key-deletion; if it is gone, store the value again under another key",
        source=_KEY_STATE,
        ask=partial(_ask, "key-unusable"),
    ),
    Check(
        id="decrypt-access-missing",
        gate="decrypt",
        severity="error",
        fails_when=(
            "the secret has a customer managed key, and nothing allows kms:Decrypt through Secrets Manager; a warning "
            "where another key still opens the current version"
        ),
        fix="grant",
        needs=NEEDS_KEY_POLICY,
        remedy="aws iam put-role-policy with kms:Decrypt on this key, through Secrets Manager",
        source=PRIVATE_REGISTRY,
        ask=partial(_ask, "decrypt-access-missing"),
        moot_after=("key-unusable",),
    ),
    Check(
        id="decrypt-access-denied",
        gate="decrypt",
        severity="error",
        fails_when=(
            "a statement denies kms:Decrypt explicitly, or the key policy neither names the role nor delegates to its"
            " account, and no grant does"
        ),
        needs=NEEDS_KEY_POLICY,
        remedy="aws kms put-key-policy that lets the role decrypt through Secrets Manager, or remove what denies",
        source=_KEY_ACCESS,
        ask=partial(_ask, "decrypt-access-denied"),
        moot_after=("key-unusable",),
    ),
    Check(
        id="default-key-cross-account",
        gate="key",
        severity="error",
        fails_when="another account's secret is encrypted under aws/secretsmanager",
        needs=NEEDS_SECRET,
        remedy="in the secret's account, aws secretsmanager update-secret --kms-key-id KEY-ARN",
        source=_CROSS_ACCOUNT,
        ask=partial(_ask, "default-key-cross-account"),
    ),
)
