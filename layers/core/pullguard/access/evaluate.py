"""How AWS combines the policies: any explicit deny wins; otherwise every required layer must allow.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html and
https://docs.aws.amazon.com/kms/latest/developerguide/policy-evaluation.html
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pullguard.access.decision import Citation, Decision, Verdict
from pullguard.access.grants import grant_allows
from pullguard.access.policy import Layer, Policy, Statement
from pullguard.access.principals import Naming
from pullguard.access.request import Request, RoleSession, Service
from pullguard.access.ternary import Match, Unknown, every, some
from pullguard.domain.secret import KeyGrant


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Every policy that applies to a request.

    ``boundary``: None if the role has no boundary. Control policies come as levels, the root's first; they are empty if
    the account is in no organization (or its levels cannot be read). ``resource`` is the resource's own policy: for a
    KMS key its key policy; ``more_resource`` are further ones. ``grants`` are the key's.
    """

    identity: tuple[Policy, ...] = ()
    boundary: tuple[Policy, ...] | None = None
    service_control: tuple[tuple[Policy, ...], ...] = ()
    resource_control: tuple[tuple[Policy, ...], ...] = ()
    resource: Policy | None = None
    more_resource: tuple[Policy, ...] = ()
    grants: tuple[KeyGrant, ...] | Policy = ()


@dataclass(slots=True)
class _Tally:
    """The results of one layer's statements for one request."""

    layer: Layer
    level: int | None = None
    certain: tuple[Citation, ...] = ()
    doubtful: tuple[Citation, ...] = ()
    doubt: Unknown | None = None

    def add(self, match: Match, policy: Policy, statement: Statement | None = None) -> None:
        if match is True:
            self.certain += (Citation(policy=policy, statement=statement),)
        elif match is not False:
            self.doubtful += (Citation(policy=policy, statement=statement),)
            self.doubt = match.merged(self.doubt)

    @property
    def match(self) -> Match:
        if self.certain:
            return True
        return False if self.doubt is None else self.doubt


class _Tallies:
    """One request, all layers. Allows of the resource's policy are grouped by how directly it names the caller."""

    __slots__ = ("account", "boundary", "controls", "denials", "grant", "identity", "own_grant", "role", "session")

    def __init__(self, request: Request, policies: Policies) -> None:
        own = _own_layer(request) if policies.resource is None else policies.resource.layer
        self.denials = _Tally(Layer.IDENTITY)
        self.controls = (
            *_weigh_levels(Layer.SERVICE_CONTROL, policies.service_control, request, self.denials),
            *_weigh_levels(Layer.RESOURCE_CONTROL, policies.resource_control, request, self.denials),
        )
        bounds = policies.boundary
        self.boundary = None if bounds is None else _weigh(Layer.BOUNDARY, bounds, request, self.denials)
        self.identity = _weigh(Layer.IDENTITY, policies.identity, request, self.denials)
        self.account = _Tally(own)
        self.role = _Tally(own)
        self.session = _Tally(own)
        self.grant = _Tally(Layer.GRANT)
        self.own_grant = _Tally(Layer.GRANT)
        _weigh_grants(policies.grants, request, self)
        if policies.resource is not None:
            _weigh_resource_policy(policies.resource, request, self)
        for policy in policies.more_resource:
            _weigh_resource_policy(policy, request, self)

    @property
    def every_layer(self) -> Iterable[_Tally]:
        bounds = () if self.boundary is None else (self.boundary,)
        return (*self.controls, *bounds, self.identity, self.session, self.role, self.account, self.grant)


def decide(request: Request, policies: Policies) -> Decision:
    """Decide one request as AWS would, or say why the answer is still unknown.

    If AWS's documentation allows two readings of the request, the answer is known only if both lead to the same one. An
    allow that an owner narrowed by such a key is never treated as missing: a grant would widen it.
    """
    request.work.renew()
    decision = _decide(request, policies)
    if decision.verdict is not Verdict.UNKNOWN or not request.unknowable.either:
        return decision
    first, *others = (_decide(reading, policies) for reading in request.readings)
    settled = first.verdict is not Verdict.UNKNOWN and all(each.verdict is first.verdict for each in others)
    narrowed = first.verdict is Verdict.IMPLICITLY_DENIED and request.may_be_narrowed(decision.problems)
    return first if settled and not narrowed else decision


def _decide(request: Request, policies: Policies) -> Decision:
    tallies = _Tallies(request, policies)
    granting = tuple([citation for tally in tallies.every_layer for citation in tally.certain])
    if tallies.denials.certain:
        return _decision(request, Verdict.EXPLICITLY_DENIED, tallies.denials.certain, granting)
    let_in, path = _let_in(request, tallies)
    allowed = every([let_in, *[tally.match for tally in tallies.controls]])
    if allowed is False:
        return _implicit_deny(request, tallies, let_in, granting)
    doubt = tallies.denials.doubt
    if allowed is True and doubt is None:
        deciding = tuple([citation for tally in path for citation in tally.certain])
        return _decision(request, Verdict.ALLOWED, deciding, granting)
    doubtful = list(tallies.denials.doubtful)
    if allowed is not True:
        doubt = allowed.merged(doubt)
        doubtful += [c for tally in tallies.every_layer if not tally.certain for c in tally.doubtful]
    return _decision(request, Verdict.UNKNOWN, tuple(doubtful), granting, doubt)


def _decision(
    request: Request,
    verdict: Verdict,
    statements: tuple[Citation, ...],
    granting: tuple[Citation, ...],
    doubt: Unknown | None = None,
) -> Decision:
    first = statements[0].policy if statements else None
    return Decision(
        verdict=verdict,
        action=request.action,
        resource=request.resource,
        layer=Layer.IDENTITY if first is None else first.layer,
        level=None if first is None else first.level,
        statements=statements,
        granting=granting,
        missing_keys=() if doubt is None else tuple(sorted(doubt.keys)),
        problems=() if doubt is None else doubt.problems,
    )


# --- What each statement says ----------------------------------------------------------------------------------


def _own_layer(request: Request) -> Layer:
    return Layer.KEY if request.action_folded.startswith("kms:") else Layer.RESOURCE


def _weigh_levels(
    layer: Layer, levels: tuple[tuple[Policy, ...], ...], request: Request, denials: _Tally
) -> Iterable[_Tally]:
    for level, policies in enumerate(levels):
        tally = _weigh(layer, policies, request, denials)
        tally.level = level
        yield tally


def _weigh(layer: Layer, policies: Iterable[Policy], request: Request, denials: _Tally) -> _Tally:
    tally = _Tally(layer)
    for policy in policies:
        if policy.problem is not None:
            tally.add(policy.problem, policy)
            denials.add(policy.problem, policy)
            continue
        for statement in policy.allows:
            covers = statement.covers(request)
            if covers is not False:
                tally.add(covers, policy, statement)
        for statement in policy.denies:
            covers = statement.covers(request)
            if covers is not False:
                denials.add(covers, policy, statement)
    return tally


def _weigh_resource_policy(policy: Policy, request: Request, tallies: _Tallies) -> None:
    if policy.problem is not None:
        tallies.session.add(policy.problem, policy)
        tallies.denials.add(policy.problem, policy)
        return
    for statement in policy.allows:
        covers = statement.covers(request)
        if covers is not False:
            _weigh_allow(statement, covers, policy, request, tallies)
    for statement in policy.denies:
        covers = statement.covers(request)
        if covers is not False:
            named = _denial_names(statement, request, bounded=tallies.boundary is not None)
            tallies.denials.add(every((covers, named)), policy, statement)


def _weigh_allow(statement: Statement, covers: Match, policy: Policy, request: Request, tallies: _Tallies) -> None:
    if statement.principals is None:  # a statement that cannot be read
        tallies.session.add(covers, policy, statement)
        return
    match statement.principals.naming(request.caller):
        case Naming.SESSION:
            tallies.session.add(covers, policy, statement)
            return
        case Naming.ROLE:
            tallies.role.add(covers, policy, statement)
        case Naming.ACCOUNT:
            tallies.account.add(covers, policy, statement)
        case Naming.NOT:
            pass
    doubt = statement.principals.perhaps(request.caller)
    if doubt is not None:
        tallies.session.add(every((covers, doubt)), policy, statement)


def _denial_names(statement: Statement, request: Request, *, bounded: bool) -> Match:
    if statement.principals is None:
        return True
    if statement.not_principal:
        # A role with a permissions boundary is always denied:
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
        excluded = False if bounded else statement.principals.excludes(request.caller)
        return excluded if isinstance(excluded, Unknown) else not excluded
    if statement.principals.naming(request.caller) is not Naming.NOT:
        return True
    doubt = statement.principals.perhaps_denied(request.caller)
    return False if doubt is None else doubt


def _weigh_grants(grants: tuple[KeyGrant, ...] | Policy, request: Request, tallies: _Tallies) -> None:
    if isinstance(grants, Policy):
        if grants.problem is not None:
            tallies.grant.add(grants.problem, grants)
        return
    for grant in grants:
        match = grant_allows(grant, request)
        if match is not False:
            policy = Policy(name=grant.grant_id, layer=Layer.GRANT, kind=Layer.GRANT)
            tallies.grant.add(match, policy)
            if isinstance(request.caller, RoleSession) and grant.issuer == request.caller.account:
                tallies.own_grant.add(match, policy)


# --- How the layers combine ------------------------------------------------------------------------------------


def _let_in(request: Request, tallies: _Tallies) -> tuple[Match, tuple[_Tally, ...]]:
    """Return whether any path past the control policies is open, and the layers of the first that certainly is."""
    doubt: Unknown | None = None
    for path in _paths(request, tallies):
        match = every([tally.match for tally in path])
        if match is True:
            return True, path
        if match is not False:
            doubt = match.merged(doubt)
    return (False if doubt is None else doubt), ()


def _paths(request: Request, tallies: _Tallies) -> Iterator[tuple[_Tally, ...]]:
    """Yield each path to an allow, as the layers that must all allow."""
    if isinstance(request.caller, Service):
        yield (tallies.session,)
        return
    bounds = () if tallies.boundary is None else (tallies.boundary,)
    if not request.same_account:
        for named in (tallies.session, tallies.role, tallies.account, tallies.grant):
            yield (tallies.identity, *bounds, named)
        yield (tallies.own_grant, *_bounds_of_grant(bounds))
        if tallies.grant.match is not False:
            yield (tallies.grant, _DOUBTED_GRANT)
        return
    delegated = (tallies.account,) if _own_layer(request) is Layer.KEY else ()
    yield (tallies.identity, *bounds, *delegated)
    yield (tallies.session,)
    yield (tallies.role, *bounds)
    if tallies.grant.match is not False:
        yield (tallies.grant, *_bounds_of_grant(bounds))


# "A grant or IAM policy in your account" lets a role use another account's key. AWS does not say whether a grant made
# in the key's account is enough by itself.
# Source: https://docs.aws.amazon.com/kms/latest/developerguide/policy-evaluation.html
_DOUBTED_GRANT = _Tally(
    layer=Layer.IDENTITY,
    doubt=Unknown(problems=("AWS does not say whether a grant of the key's account needs an identity policy as well",)),
)


def _bounds_of_grant(bounds: tuple[_Tally, ...]) -> tuple[_Tally, ...]:
    if all(tally.match is not False for tally in bounds):
        return bounds
    why = Unknown(problems=("AWS does not say whether a permissions boundary limits what a grant allows",))
    return (_Tally(layer=Layer.BOUNDARY, doubt=why),)


def _implicit_deny(request: Request, tallies: _Tallies, let_in: Match, granting: tuple[Citation, ...]) -> Decision:
    """Name the layers whose allow is indispensable; first those that the role's owner cannot change."""
    lacking = [tally for tally in tallies.controls if tally.match is False]
    if let_in is False:
        lacking += _lacking(request, tallies)
    first = lacking[0]
    return Decision(
        verdict=Verdict.IMPLICITLY_DENIED,
        action=request.action,
        resource=request.resource,
        layer=first.layer,
        level=first.level,
        lacking=tuple(dict.fromkeys([tally.layer for tally in lacking])),
        granting=granting,
    )


def _lacking(request: Request, tallies: _Tallies) -> list[_Tally]:
    if isinstance(request.caller, Service):
        return [tallies.session]
    if request.same_account and tallies.role.match is not False and tallies.boundary is not None:
        return [tallies.boundary]  # otherwise naming the role would have been enough
    lacking = [] if tallies.boundary is None or tallies.boundary.match is not False else [tallies.boundary]
    if tallies.identity.match is False:
        lacking.append(tallies.identity)
    if not request.same_account:
        sides = (tallies.session, tallies.role, tallies.account, tallies.grant)
        return lacking if some([tally.match for tally in sides]) is not False else [*lacking, tallies.account]
    if _own_layer(request) is Layer.KEY and tallies.account.match is False:
        lacking.append(tallies.account)
    return lacking
