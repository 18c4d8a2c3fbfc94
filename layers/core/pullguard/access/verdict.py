"""Can this role read this registry secret? The gates of one pull, each with its decision.

``pull_access`` is the entry point. Each distinct cause has its own finding id. A gate that depends on unreadable
content, or on a condition that is unknown until the task starts, is ``unknown`` and never passes.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from pullguard.access.contexts import (
    DECRYPT,
    ECS_TASKS,
    READ_VALUE,
    Circumstances,
    decrypt_request,
    secret_request,
    tags_of,
)
from pullguard.access.decision import Citation, Decision, Verdict
from pullguard.access.evaluate import Policies, decide
from pullguard.access.gates import FindingId, Gate, GateName, PullAccess, grant_would_help
from pullguard.access.gathered import (
    PolicyLevels,
    key_grants,
    key_policy,
    other_secret_policies,
    role_policies,
    secret_policy,
)
from pullguard.access.policy import Layer, Policy, parse_policy
from pullguard.access.request import Request
from pullguard.access.trust import trust_allows_ecs_tasks
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Lookup, Missing, NotAsked, Unreadable, explained, vanished
from pullguard.domain.role import Role
from pullguard.domain.secret import Key, Secret

__all__ = [
    "Circumstances",
    "Gate",
    "PullAccess",
    "grant_would_help",
    "pull_access",
    "trust_allows_ecs_tasks",
    "trust_gate",
]

NOWHERE = Circumstances()
"""Nothing is known beyond the role and the secret."""

USABLE_STATES = frozenset(("Enabled", "Updating"))
_UNUSABLE = frozenset(
    ("Disabled", "PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Unavailable", "Creating")
)
_Unread = Missing | Unreadable | NotAsked
# Conditions that a grant also has, or that match every Decrypt that Secrets Manager sends for the role.
_OF_A_GRANT = frozenset(("kms:viaservice", "kms:encryptioncontext:secretarn", "kms:calleraccount"))
_ALIAS = re.compile(r"(?:arn:[^:]*:kms:[^:]*:[^:]*:)?alias/")
_BY_AWS = "aws/secretsmanager"
# placeholder for aws/secretsmanager, whose id was not looked up
_DEFAULT_KEY = "key/00000000-0000-0000-0000-000000000000"
_EVERYBODY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}'
_EVERYTHING = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


def pull_access(
    role: Role,
    secret: Secret,
    *,
    region: str | None = None,
    around: Circumstances = NOWHERE,
    resource_control: PolicyLevels = (),
) -> PullAccess:
    """Decide every gate between ``role`` and the value of ``secret``, in the order of a pull.

    ``region`` is the task's; ``resource_control`` are the levels of resource control policies above the secret's
    account, the root's first, empty if they cannot be read. Never raises because of a policy's content.
    """
    ours = role_policies(role, resource_control)
    secret_gates = _secret_gates(role, secret, ours, around)
    gates = (
        trust_gate(role, region, around),
        *secret_gates,
        *_key_gates(role, secret, ours, around),
        *_scope_gates(role, secret, secret_gates[0], around),
    )
    return PullAccess(role=str(role.arn), secret=str(secret.arn), gates=gates)


# --- Gates -----------------------------------------------------------------------------------------------------


def trust_gate(role: Role, region: str | None, around: Circumstances = NOWHERE) -> Gate:
    """Decide whether ECS may assume ``role`` for a task in ``region``; the secret does not matter."""
    decision = trust_allows_ecs_tasks(role, region=region, around=around)
    gate = _gate("trust-policy", decision, "execution-role-not-assumable")
    return replace(gate, reason=f"{gate.reason[:-1]} (for {ECS_TASKS}).")


def _secret_gates(role: Role, secret: Secret, ours: Policies, around: Circumstances) -> tuple[Gate, ...]:
    request = secret_request(role, secret, around)
    theirs, ours = secret_policy(secret), replace(ours, more_resource=other_secret_policies(secret))
    unread = _unread(role, secret.resource_policy, secret.other_policies, around.organization_id)
    if request.same_account:
        return (_secret_access(request, replace(ours, resource=theirs), unread),)
    # Across accounts both sides must allow: each is evaluated as if the other did, so that each cause appears
    # separately.
    denies = () if theirs is None else theirs.denies
    open_door = replace(parse_policy(_EVERYBODY, layer=Layer.RESOURCE), denies=denies)
    all_powerful = Policies(
        identity=(parse_policy(_EVERYTHING, layer=Layer.IDENTITY),),
        resource=theirs,
        more_resource=ours.more_resource,
    )
    role_side = _secret_access(request, replace(ours, resource=open_door), unread)
    decision = decide(request, all_powerful)
    if decision.verdict is Verdict.EXPLICITLY_DENIED:
        return (role_side,)  # which reports it already
    return role_side, _gate("secret-resource-policy", decision, "secret-resource-policy-missing", unread)


def _secret_access(request: Request, policies: Policies, unread: tuple[_Unread, ...]) -> Gate:
    decision = decide(request, policies)
    gate = _gate("secret-access", decision, _secret_finding(decision), unread)
    return _with_grant(gate, request, policies)


def _key_gates(role: Role, secret: Secret, ours: Policies, around: Circumstances) -> tuple[Gate, ...]:
    """Decide the keys of the current version, any one of which opens it; warn if the next version's key stays shut.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_update-encryption-key.html
    """
    current, present = secret.current_keys, _gates_under(secret.key, role, secret, ours, around)
    if current is None or current == ():
        return present
    if not isinstance(current, tuple):
        why = vanished(current) if isinstance(current, Missing) else None
        return _unknown_key_gates(current, "The keys of the current version", why)
    of_present = _name_of(secret.key)
    others = [_gates_under(key, role, secret, ours, around) for key in current if _name_of(key) != of_present]
    opening = [present] if len(others) < len(current) else []
    best = min((*opening, *others), key=_hardness)
    if best is present:
        return best
    if _hardness(best) == 0:
        return (*best, *_of_next_version(present, best))
    if opening:
        return best
    renewed = _hardness(present) == 0
    after = f" A new version is encrypted under {of_present}{', which the role can use' if renewed else ''}."
    return tuple(
        replace(gate, reason=f"{gate.reason}{after}", grant_helps=False, new_version_helps=renewed)
        if gate.state != "pass"
        else gate
        for gate in best
    )


def _hardness(gates: tuple[Gate, ...]) -> int:
    states = {gate.state for gate in gates}
    return 2 if "fail" in states else 1 if "unknown" in states else 0


def _of_next_version(present: tuple[Gate, ...], best: tuple[Gate, ...]) -> Iterator[Gate]:
    """Yield the gates that fail for the secret's present key. No grant is planned for them: the pull works now."""
    now = f" The current version opens with {_name_of(best[0].key)}; the next one is encrypted under this key."
    for gate in present:
        if gate.state != "pass":
            yield replace(gate, severity="warning", reason=f"{gate.reason}{now}", grant_helps=False)


def _name_of(key: Lookup[Key] | None) -> str:
    """Return the name by which keys are compared and people know them."""
    match key:
        case None:
            return _BY_AWS
        case Key():
            return _BY_AWS if key.manager == "AWS" else str(key.arn)
        case Missing() | Unreadable():
            return key.resource
        case NotAsked():
            return key.why
        case _:
            assert_never(key)


def _gates_under(
    key: Lookup[Key] | None, role: Role, secret: Secret, ours: Policies, around: Circumstances
) -> tuple[Gate, ...]:
    """Decide the gates of one key, as if it were the only one."""
    gates = _gates_of_key(role, replace(secret, key=key), ours, around)
    return tuple(replace(gate, key=key) for gate in gates)


def _gates_of_key(role: Role, secret: Secret, ours: Policies, around: Circumstances) -> tuple[Gate, ...]:
    key = secret.key
    match key:
        case Missing():
            reason = f"The key {key.resource} does not exist."
            return (Gate(name="key-usable", state="fail", finding="key-unusable", reason=reason),)
        case Unreadable() | NotAsked():
            return _unknown_key_gates(key, "The key of the secret")
        case None:
            return _default_key_gates(role, secret, ours, around)
        case Key():
            if key.manager == "AWS":
                return _default_key_gates(role, secret, ours, around)
            return _state_gate(key), _key_access(role, secret, key, ours, around)
        case _:
            assert_never(key)


def _unknown_key_gates(unread: Missing | Unreadable | NotAsked, what: str, why: str | None = None) -> tuple[Gate, ...]:
    problem = why or explained(unread)
    return tuple(
        Gate(
            name=name,
            state="unknown",
            finding=finding,
            reason=f"{what} could not be looked up: {problem}.",
            problems=(problem,),
            unreadable=(unread,) if isinstance(unread, Unreadable) else (),
            not_asked=(unread,) if isinstance(unread, NotAsked) else (),
            vanished=(unread,) if isinstance(unread, Missing) else (),
        )
        for name, finding in _KEY_FINDINGS
    )


_KEY_FINDINGS: tuple[tuple[GateName, FindingId], ...] = (
    ("key-usable", "key-unusable"),
    ("key-access", "decrypt-access-missing"),
)


def _state_gate(key: Key) -> Gate:
    if key.state in USABLE_STATES:
        return Gate(name="key-usable", state="pass", reason=f"The key {key.arn} is {key.state}.")
    when = "" if key.deletion_at is None else f", to be deleted at {key.deletion_at.isoformat()}"
    reason = f"The key {key.arn} is {key.state}{when}."
    return Gate(
        name="key-usable",
        state="fail" if key.state in _UNUSABLE else "unknown",
        finding="key-unusable",
        reason=reason,
        problems=() if key.state in _UNUSABLE else (f"the key state {key.state} is not known",),
    )


def _key_access(role: Role, secret: Secret, key: Key, ours: Policies, around: Circumstances) -> Gate:
    request = decrypt_request(role, secret, key.arn, key.aliases, around)
    policies = replace(ours, resource=key_policy(key), grants=key_grants(key))
    decision = decide(request, policies)
    unread = _unread(role, key.policy, key.grants, key.aliases, around.organization_id, tags_of(key.arn))
    gate = _gate("key-access", decision, _decrypt_finding(decision), unread)
    if gate.state == "fail":
        gate = replace(gate, reason=" ".join((gate.reason, *_names_aliases(ours, request))))
    return _with_grant(gate, request, policies)


def _names_aliases(ours: Policies, request: Request) -> Iterator[str]:
    """Describe each statement meant to allow the request whose Resource is an alias, which never matches a key.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
    """
    for policy in (*ours.identity, *(ours.boundary or ())):
        for statement in policy.allows:
            aliases = [text for text in statement.resource_texts if _ALIAS.match(text)]
            if aliases and statement.covers_action(request):
                title = Citation(policy=policy, statement=statement).title
                yield (
                    f"{title[:1].upper()}{title[1:]} names {' and '.join(aliases)}: as a Resource that is the alias "
                    f"itself, not its key, so it has to name {request.resource}."
                )


def _default_key_gates(role: Role, secret: Secret, ours: Policies, around: Circumstances) -> tuple[Gate, ...]:
    if role.arn.account != secret.arn.account:
        reason = (
            f"The secret is encrypted under aws/secretsmanager of account {secret.arn.account}, which no role of "
            f"account {role.arn.account} can use."
        )
        return (Gate(name="key-usable", state="fail", finding="default-key-cross-account", reason=reason),)
    arn = secret.key.arn if isinstance(secret.key, Key) else replace(secret.arn, service="kms", resource=_DEFAULT_KEY)
    request = decrypt_request(role, secret, arn, ("alias/aws/secretsmanager",), around)
    # Resource control policies do not apply to AWS managed keys.
    decision = decide(request, replace(ours, resource_control=(), resource=_default_key_policy(secret.arn, request)))
    if secret.key is None:  # people know it by its alias
        decision = replace(decision, resource=str(replace(arn, resource="alias/aws/secretsmanager")))
    usable = Gate(name="key-usable", state="pass", reason="aws/secretsmanager serves every role of its own account.")
    unread = _unread(role, around.organization_id)
    return usable, _gate("key-access", decision, _decrypt_finding(decision), unread)


def _default_key_policy(secret: Arn, request: Request) -> Policy:
    """Return the key policy that AWS gives aws/secretsmanager.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    """
    via = request.context["kms:viaservice"][0]
    statement = {
        "Sid": "Allow access through AWS Secrets Manager",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [DECRYPT],
        "Resource": "*",
        "Condition": {"StringEquals": {"kms:CallerAccount": secret.account, "kms:ViaService": via}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return parse_policy(policy, layer=Layer.KEY, name="AWS's own rule for aws/secretsmanager, not read")


def _scope_gates(role: Role, secret: Secret, access: Gate, around: Circumstances) -> tuple[Gate, ...]:
    """Evaluate the allowing statements for a secret that does not exist: one that allows it allows all secrets."""
    if access.decision is None or access.decision.verdict is not Verdict.ALLOWED:
        return ()
    stranger = replace(
        secret,
        arn=replace(secret.arn, resource="secret:0x7Qz.not.a.secret/of=anyone-Zz09Yy"),
        tags={},
        primary_region=None,
    )
    request = secret_request(role, stranger, replace(around, reference=None))
    broad = tuple(
        citation
        for citation in access.decision.granting
        if citation.policy.layer is Layer.IDENTITY
        and citation.statement is not None
        and all(citation.statement.covers(reading) is True for reading in request.readings)
    )
    if not broad:
        reason = "No statement of the role's policies lets it read every secret."
        return (Gate(name="access-scope", state="pass", severity="warning", reason=reason),)
    reason = f"{_titles(broad)} lets the role read every secret of the account in {secret.arn.region}."
    return (
        Gate(
            name="access-scope",
            state="fail",
            severity="warning",
            finding="secret-access-too-broad",
            reason=reason,
            decision=access.decision,
            statements=broad,
        ),
    )


def _titles(citations: tuple[Citation, ...]) -> str:
    titles = " and ".join(citation.title for citation in citations)
    return titles[:1].upper() + titles[1:]


# --- From a decision to a gate ---------------------------------------------------------------------------------


def _gate(name: GateName, decision: Decision, finding: FindingId, unread: tuple[_Unread, ...] = ()) -> Gate:
    if decision.verdict is Verdict.ALLOWED:
        return Gate(name=name, state="pass", reason=decision.reason, decision=decision, statements=decision.statements)
    hanging = [each for each in unread if _hangs_on(each, decision.problems)]
    return Gate(
        name=name,
        state="unknown" if decision.verdict is Verdict.UNKNOWN else "fail",
        finding=finding,
        reason=decision.reason,
        decision=decision,
        statements=decision.statements,
        missing_keys=decision.missing_keys,
        problems=decision.problems,
        unreadable=tuple(each for each in hanging if isinstance(each, Unreadable)),
        not_asked=tuple(each for each in hanging if isinstance(each, NotAsked)),
        vanished=tuple(each for each in hanging if isinstance(each, Missing)),
    )


def _hangs_on(lookup: _Unread, problems: tuple[str, ...]) -> bool:
    if isinstance(lookup, Missing):
        return any(vanished(lookup) in problem for problem in problems)
    return explained(lookup) in problems


def _secret_finding(decision: Decision) -> FindingId:
    blocked = _blocked(decision)
    if blocked is not None:
        return blocked
    return "secret-access-denied" if _denies(decision) else "secret-access-missing"


def _decrypt_finding(decision: Decision) -> FindingId:
    blocked = _blocked(decision)
    if blocked is not None:
        return blocked
    shut = _denies(decision) or Layer.KEY in decision.lacking
    return "decrypt-access-denied" if shut else "decrypt-access-missing"


def _blocked(decision: Decision) -> FindingId | None:
    if decision.layer in (Layer.SERVICE_CONTROL, Layer.RESOURCE_CONTROL):
        return "secret-access-blocked-by-organization"
    if decision.layer is Layer.BOUNDARY and not _denies(decision):
        return "secret-access-blocked-by-boundary"
    return None


def _denies(decision: Decision) -> bool:
    """Whether a Deny decides, or may decide: a resource policy that cannot be read may contain one."""
    if not decision.statements:
        return False
    first = decision.statements[0]
    if first.statement is None:
        return first.policy.layer in (Layer.RESOURCE, Layer.KEY)
    return first.statement.effect == "Deny"


def _unread(role: Role, *lookups: object) -> tuple[_Unread, ...]:
    all_lookups = (role.inline_policies, role.attached_policies, role.boundary, *lookups)
    return tuple(dict.fromkeys(lookup for lookup in all_lookups if isinstance(lookup, Missing | Unreadable | NotAsked)))


def _with_grant(gate: Gate, request: Request, policies: Policies) -> Gate:
    """Determine whether a grant opens the gate: evaluate again as if the role had one.

    It does if the answer is then Allowed, or depends only on conditions that no grant can settle.
    """
    if gate.state != "fail":
        return replace(gate, conditional=gate.state == "pass" and _is_conditional(gate.decision))
    granted = parse_policy(_grant(request), layer=Layer.IDENTITY, name="a grant", kind="inline")
    after = decide(request, replace(policies, identity=(*policies.identity, granted)))
    hangs = after.verdict is Verdict.UNKNOWN and not after.problems
    return replace(gate, grant_helps=after.verdict is Verdict.ALLOWED or hangs)


def _is_conditional(decision: Decision | None) -> bool:
    """Whether every allow of the role, in its own policies or else in the resource's, has an owner's conditions."""
    granting = () if decision is None else decision.granting
    own = [each for each in granting if each.policy.layer is Layer.IDENTITY]
    letting_in = own or [each for each in granting if each.policy.layer in (Layer.RESOURCE, Layer.KEY, Layer.GRANT)]
    return bool(letting_in) and all(map(_has_conditions, letting_in))


def _has_conditions(citation: Citation) -> bool:
    conditions = () if citation.statement is None else citation.statement.conditions
    return any(getattr(each, "key", "") not in _OF_A_GRANT for each in conditions)


def _grant(request: Request) -> dict[str, object]:
    action = READ_VALUE if request.action == READ_VALUE else DECRYPT
    statement = {"Effect": "Allow", "Action": action, "Resource": request.resource}
    return {"Version": "2012-10-17", "Statement": [statement]}
