"""AWS's own simulator as a second opinion, for policies that only the organization's management account can read.

SimulatePrincipalPolicy knows identity policies, boundaries and service control policies; it knows no resource policies
for roles, no key policies and no grants. So it can only take access away: if it contradicts an allow, the answer is a
deny by the organization, if it says so, and otherwise unknown.
Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from dataclasses import dataclass

from pullguard.access.contexts import Circumstances, decrypt_request, secret_request
from pullguard.access.gates import Gate, PullAccess
from pullguard.access.policy import Layer
from pullguard.access.request import Request
from pullguard.domain.role import Role, Simulated
from pullguard.domain.secret import Key, Secret

_SET_BY_AWS = ("aws:principal", "aws:userid", "aws:viaawsservice", "aws:calledvia")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One simulation: an action on a resource, in the context that the real request would have."""

    action: str
    resource: str
    context: tuple[tuple[str, tuple[str, ...]], ...]


def questions(role: Role, secret: Secret, around: Circumstances) -> tuple[Question, ...]:
    """Return the simulations for a pull: GetSecretValue, and Decrypt with each customer managed key."""
    requests = [secret_request(role, secret, around)]
    keys = {key.arn: key for key in secret.keys if isinstance(key, Key) and key.manager == "CUSTOMER"}
    requests += [decrypt_request(role, secret, arn, key.aliases, around) for arn, key in keys.items()]
    return tuple(_question(request) for request in requests)


def _question(request: Request) -> Question:
    context = {
        name: tuple(value for value in values if isinstance(value, str))
        for name, values in request.context.items()
        if not name.lower().startswith(_SET_BY_AWS)
    }
    return Question(
        action=request.action,
        resource=request.resource,
        context=tuple(sorted((name, values) for name, values in context.items() if values)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """The simulator denies a request that we allow; ``by_organization`` if it names a control policy as the reason."""

    by_organization: bool
    evidence: str


def contradiction(access: PullAccess, answers: tuple[Simulated, ...]) -> Contradiction | None:
    """Return how the simulator contradicts an access that passes; None if it does not."""
    if access.state != "pass":
        return None
    for answer in answers:
        if not _rests_on(access, answer):
            continue
        said = f"SimulatePrincipalPolicy: {answer.action} on {answer.resource} is {answer.decision}"
        if answer.organization_allows is False:
            return Contradiction(by_organization=True, evidence=f"{said}; AllowedByOrganizations is false")
        if answer.decision != "allowed" and _identity_allows(access, answer.action):
            return Contradiction(by_organization=False, evidence=f"{said}, and an identity policy allows it")
    return None


def _rests_on(access: PullAccess, answer: Simulated) -> bool:
    """Whether the pull needs the simulated action: of several keys of a version, one is enough."""
    decisions = (gate.decision for gate in access.gates if gate.state == "pass")
    return any(each and (each.action, each.resource) == (answer.action, answer.resource) for each in decisions)


def _identity_allows(access: PullAccess, action: str) -> bool:
    """Whether our allow of ``action`` rests on an identity policy, which the simulator knows as well."""
    gates: tuple[Gate | None, ...] = (access.gate("secret-access"), access.gate("key-access"))
    return any(
        citation.policy.layer is Layer.IDENTITY
        for gate in gates
        if gate is not None and gate.decision is not None and gate.decision.action == action
        for citation in gate.decision.statements
    )
