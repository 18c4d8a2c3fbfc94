"""The gates of one pull, in the order in which ECS meets them, and how each stands."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from pullguard.access.contexts import Circumstances
from pullguard.access.gates import Gate, GateName
from pullguard.access.verdict import trust_gate
from pullguard.checks.access import access_of
from pullguard.checks.check import GATES, Check, PullGate, image_text, is_ecr, reference_text, told_reference
from pullguard.checks.examine import answers_of
from pullguard.findings import Answer, Failed, Passed, Remedy, Severity, Skipped, Unsure
from pullguard.model import Container, Facts, Key, NamedPolicy, Role, Secret, Unreadable, Verification
from pullguard_cli.unread import lacks_in

EARLIER: Final = "There is nothing to look at, because of an earlier gate."
Verdict: TypeAlias = Literal["pass", "fail", "unknown", "not looked at"]
_ACCESS_GATES: Final[Mapping[PullGate, tuple[GateName, ...]]] = {
    "trust": ("trust-policy",),
    "secret access": ("secret-access", "secret-resource-policy"),
    "key": ("key-usable",),
    "decrypt": ("key-access",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A statement that decides, and where it stands."""

    title: str
    statement: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What a check found at a gate."""

    check: str
    severity: Severity
    status: Literal["fail", "unknown"]
    cause: str
    evidence: str
    remedy: Remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One gate: its verdict, why, the statements that decide, and what the checks found there.

    ``missing_keys`` and ``unread`` are why a gate is unknown: condition keys that only the task's start will tell, and
    what AWS did not answer (``unseen``: asking again may help). A gate that a warning is about passes.
    """

    gate: str
    verdict: Verdict
    reason: str
    quotes: tuple[Quote, ...] = ()
    remarks: tuple[Remark, ...] = ()
    missing_keys: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    unseen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """The pull of one container's image."""

    container: str
    image: str
    reference: str | None
    steps: tuple[Step, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the pull for JSON."""
        return asdict(self)

    @property
    def unseen(self) -> bool:
        """Whether a gate is unknown since AWS would not tell, now or to this caller."""
        return any(step.unseen for step in self.steps)


def pulls_of(facts: Facts) -> tuple[Pull, ...]:
    """Return every container's pull, gate by gate."""
    answers = answers_of(facts)
    return tuple(_pull(facts, container, answers) for container in facts.task_definition.containers)


def _pull(facts: Facts, container: Container, answers: list[tuple[Check, Answer]]) -> Pull:
    mine = [(check, answer) for check, answer in answers if answer.subject.container in (None, container.name)]
    needs = container.reference is not None or any(isinstance(each, Failed) for _, each in mine)
    return Pull(
        container=container.name,
        image=image_text(container),
        reference=told_reference(container),
        steps=tuple(_steps(facts, container, mine)) if needs else (),
    )


def _steps(facts: Facts, container: Container, answers: list[tuple[Check, Answer]]) -> Iterator[Step]:
    gates = _access_gates(facts, container)
    for name in GATES:
        here = [(check, answer) for check, answer in answers if check.gate == name]
        met = [gates[gate] for gate in _ACCESS_GATES.get(name, ()) if gate in gates]
        if name == "platform" and not any(isinstance(answer, Failed | Unsure) for _, answer in here):
            continue
        yield _step(name, facts, container, here, met)


def _access_gates(facts: Facts, container: Container) -> dict[str, Gate]:
    """Return the gates that can be answered: whether ECS can assume the role, it can be told without the secret."""
    role, secret = facts.role, facts.secrets.get(reference_text(container))
    if not isinstance(role, Role) or is_ecr(container):
        return {}
    if not isinstance(secret, Secret):
        around = Circumstances(reference=reference_text(container), now=facts.now)
        return {"trust-policy": trust_gate(role, facts.task_definition.arn.region, around)}
    access = access_of(facts, role, secret, reference_text(container))
    return {gate.name: _told(gate, role, secret) for gate in access.gates}


def _told(gate: Gate, role: Role, secret: Secret) -> Gate:
    """Say of a gate what was read, and no more."""
    if gate.name == "key-access" and gate.state == "pass" and not _has_own_key(secret):
        return replace(gate, reason=_DEFAULT_KEY, statements=())  # nobody has read the policy of aws/secretsmanager
    if gate.finding == "secret-access-blocked-by-boundary" and isinstance(role.boundary, NamedPolicy):
        return replace(gate, reason=f"{gate.reason} The boundary is {role.boundary.arn or role.boundary.name}.")
    return gate


def _has_own_key(secret: Secret) -> bool:
    return secret.key is not None and not (isinstance(secret.key, Key) and secret.key.manager == "AWS")


def _step(name: str, facts: Facts, container: Container, answers: list[tuple[Check, Answer]], met: list[Gate]) -> Step:
    remarks = tuple(
        Remark(
            check=check.id,
            severity=(answer.severity if isinstance(answer, Failed) else None) or check.severity,
            status="fail" if isinstance(answer, Failed) else "unknown",
            cause=answer.cause,
            evidence=answer.evidence,
            remedy=answer.remedy,
        )
        for check, answer in answers
        if isinstance(answer, Failed | Unsure)
    )
    verdict = _verdict([answer for _, answer in answers], remarks, met)
    return Step(
        gate=name,
        verdict=verdict,
        reason=_reason(verdict, _fine(name, facts, container), answers, met),
        quotes=tuple(
            Quote(title=citation.title, statement=citation.text) for gate in met for citation in gate.statements
        ),
        remarks=remarks,
        missing_keys=tuple(key for gate in met for key in gate.missing_keys),
        unread=tuple(dict.fromkeys(map(str, _unread(answers, met)))),
        unseen=bool(lacks_in(_unread(answers, met))),
    )


def _unread(answers: list[tuple[Check, Answer]], met: list[Gate]) -> Iterator[Unreadable]:
    for _, answer in answers:
        yield from answer.unread if isinstance(answer, Unsure) else ()
    for gate in met:
        yield from gate.unreadable


def _verdict(answers: list[Answer], remarks: tuple[Remark, ...], met: list[Gate]) -> Verdict:
    errors = {remark.status for remark in remarks if remark.severity == "error"}
    states = {gate.state for gate in met if gate.severity == "error"} | errors
    if "fail" in states:
        return "fail"
    if "unknown" in states or any(remark.status == "unknown" for remark in remarks):
        return "unknown"
    looked = met or any(isinstance(answer, Passed | Failed) for answer in answers)
    return "pass" if looked else "not looked at"


def _reason(verdict: Verdict, fine: str, answers: list[tuple[Check, Answer]], met: list[Gate]) -> str:
    if met:
        return " ".join(gate.reason for gate in met)
    wrong = [answer.cause for _, answer in answers if isinstance(answer, Failed | Unsure)]
    if wrong:
        return " ".join(dict.fromkeys(wrong))
    if verdict == "pass":
        return fine
    skipped = next((answer for _, answer in answers if isinstance(answer, Skipped)), None)
    if skipped is not None:
        return f"{skipped.why[:1].upper()}{skipped.why[1:]}. To look: {skipped.switch}."
    return EARLIER


_DEFAULT_KEY: Final = (
    "By AWS's rule for aws/secretsmanager, whoever may read a secret of its own account may decrypt it as well."
)
_REGISTRY_FINE = "The registry takes the credentials and has the image."
_ANYBODYS = " It serves the image to anybody as well: the pull needs no credentials."
_ASKS_NOBODY = (
    "The registry serves the image without credentials: it is public, so nobody can tell whether it takes these."
)


def _fine(name: str, facts: Facts, container: Container) -> str:
    secret = facts.secrets.get(reference_text(container))
    secret_name = secret.name if isinstance(secret, Secret) else ""
    verified = facts.verifications.get(container.name)
    role_name = facts.role.name if isinstance(facts.role, Role) else ""
    named = reference_text(container)
    full = isinstance(secret, Secret) and named == str(secret.arn)
    return {
        "reference": f"{named} is the full ARN of a secret." if full else f"{named} names the secret {secret_name}.",
        "secret": f"The secret {secret_name} exists and has a current version.",
        "value": f"The value of {secret_name} has a username and a password.",
        "role": f"The execution role {role_name} exists.",
        "registry": _registry_fine(verified if isinstance(verified, Verification) else None),
    }.get(name, "Nothing is wrong.")


def _registry_fine(verified: Verification | None) -> str:
    if verified is None:
        return _REGISTRY_FINE
    if verified.answer == "anonymous-ok":
        return _ASKS_NOBODY
    return _REGISTRY_FINE + _ANYBODYS if verified.is_public else _REGISTRY_FINE
