"""The gates of one image pull, in the order in which ECS reaches them, with a verdict for each."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from pullguard.access.contexts import Circumstances
from pullguard.access.gates import Gate, GateName
from pullguard.access.verdict import trust_gate
from pullguard.checks.access import access_of
from pullguard.checks.check import GATES, Check, PullGate, image_text, is_ecr, shown_reference
from pullguard.checks.examine import answers_of
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Passed, Remedy, Severity, Skipped, Unsure
from pullguard.domain.lookup import Lookup, Unreadable
from pullguard.domain.references import reference_text
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Key, Secret
from pullguard.domain.task_definition import Container
from pullguard.domain.verification import Verification
from pullguard_cli.failed_reads import lacks_in

OTHER_GATE: Final = "There is nothing to check, because of another gate."
Verdict: TypeAlias = Literal["pass", "fail", "unknown", "not checked", "not looked at"]
_ACCESS_GATES: Final[Mapping[PullGate, tuple[GateName, ...]]] = {
    "trust": ("trust-policy",),
    "secret access": ("secret-access", "secret-resource-policy"),
    "key": ("key-usable",),
    "decrypt": ("key-access",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A policy statement that decides, and the policy that contains it."""

    title: str
    statement: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A check's finding at a gate."""

    check: str
    severity: Severity
    status: Literal["fail", "unknown"]
    cause: str
    evidence: str
    remedy: Remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One gate: the verdict with its reason, the deciding statements, and the checks' findings.

    - ``missing_keys``: condition keys whose values are known only when the task starts. They make a gate unknown.
    - ``unread``: AWS reads that failed. They make a gate unknown; if ``unseen``, a retry may succeed.
    - ``how_to``: how to check a gate that was not checked; None for other verdicts.

    A gate with only warnings passes.
    """

    gate: str
    verdict: Verdict
    reason: str
    quotes: tuple[Quote, ...] = ()
    remarks: tuple[Remark, ...] = ()
    missing_keys: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    unseen: bool = False
    how_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """The image pull of one container."""

    container: str
    image: str
    reference: str | None
    steps: tuple[Step, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the pull as JSON."""
        return asdict(self)

    @property
    def unseen(self) -> bool:
        """Whether a gate is unknown because an AWS read failed, for now or for this caller."""
        return any(step.unseen for step in self.steps)


def pulls_of(facts: Facts) -> tuple[Pull, ...]:
    """Return the pull of every container, gate by gate."""
    answers = answers_of(facts)
    return tuple(_pull(facts, container, answers) for container in facts.task_definition.containers)


def _pull(facts: Facts, container: Container, answers: list[tuple[Check, Answer]]) -> Pull:
    mine = [(check, answer) for check, answer in answers if answer.subject.container in (None, container.name)]
    return Pull(
        container=container.name,
        image=image_text(container),
        reference=shown_reference(container),
        steps=tuple(_steps(facts, container, mine)),
    )


def _steps(facts: Facts, container: Container, answers: list[tuple[Check, Answer]]) -> Iterator[Step]:
    """Yield the gates that apply. Without a secret reference: whether one is needed, and other failures."""
    gates = _access_gates(facts, container) if container.reference is not None else {}
    for name in GATES:
        here = [(check, answer) for check, answer in answers if check.gate == name]
        open_ = any(isinstance(answer, Failed | Unsure) for _, answer in here)
        if name == "credentials":
            applies = open_ or any(isinstance(answer, Skipped) for _, answer in here)
        elif name == "platform":
            applies = open_
        else:
            applies = container.reference is not None or any(
                isinstance(answer, Failed | Unsure) and answer.subject.container is not None for _, answer in here
            )
        if applies:
            met = [gates[gate] for gate in _ACCESS_GATES.get(name, ()) if gate in gates]
            yield _step(name, facts, container, here, met)


def _access_gates(facts: Facts, container: Container) -> dict[str, Gate]:
    """Return the gates that can be evaluated. Without the secret, that is the trust policy only."""
    role, secret = facts.role, facts.secrets.get(reference_text(container))
    if not isinstance(role, Role) or is_ecr(container):
        return {}
    if not isinstance(secret, Secret):
        around = Circumstances(reference=reference_text(container), now=facts.now)
        return {"trust-policy": trust_gate(role, facts.task_definition.arn.region, around)}
    access = access_of(facts, role, secret, reference_text(container))
    return {gate.name: _reported(gate, role) for gate in access.gates if not gate.is_of_next_version}


def _reported(gate: Gate, role: Role) -> Gate:
    """Return the gate with a reason that claims only what was read."""
    if gate.name == "key-access" and gate.state == "pass" and not _has_own_key(gate):
        return replace(gate, reason=_DEFAULT_KEY, statements=())  # the policy of aws/secretsmanager was not read
    if gate.finding == "secret-access-blocked-by-boundary" and isinstance(role.boundary, NamedPolicy):
        return replace(gate, reason=f"{gate.reason} The boundary is {role.boundary.arn or role.boundary.name}.")
    return gate


def _has_own_key(gate: Gate) -> bool:
    return gate.key is not None and not (isinstance(gate.key, Key) and gate.key.manager == "AWS")


def _step(
    name: PullGate, facts: Facts, container: Container, answers: list[tuple[Check, Answer]], met: list[Gate]
) -> Step:
    remarks = tuple(
        Remark(
            check=check.id,
            severity=answer.severity or check.severity,
            status="fail" if isinstance(answer, Failed) else "unknown",
            cause=answer.cause,
            evidence=answer.evidence,
            remedy=answer.remedy,
        )
        for check, answer in answers
        if isinstance(answer, Failed | Unsure)
    )
    verdict = _verdict([answer for _, answer in answers], remarks, met)
    skipped = next((answer for _, answer in answers if isinstance(answer, Skipped)), None)
    not_checked = skipped if verdict == "not checked" else None
    return Step(
        gate=name,
        verdict=verdict,
        reason=_why_not(not_checked) if not_checked else _reason(verdict, _fine(name, facts, container), answers, met),
        quotes=tuple(
            Quote(title=citation.title, statement=citation.text) for gate in met for citation in gate.statements
        ),
        remarks=remarks,
        missing_keys=tuple(key for gate in met for key in gate.missing_keys),
        unread=tuple(dict.fromkeys(map(str, _unread(answers, met)))),
        unseen=bool(lacks_in(_unread(answers, met))),
        how_to=not_checked.switch if not_checked else None,
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
    unsure = any(isinstance(answer, Unsure) and answer.severity is None for answer in answers)
    skipped = any(isinstance(answer, Skipped) for answer in answers)
    if "unknown" in states and "unknown" not in errors and skipped and not unsure:
        return "not checked"  # the only unknown is a question that was skipped
    if "unknown" in states or unsure:
        return "unknown"
    if met or any(isinstance(answer, Failed) for answer in answers):
        return "pass"
    if skipped:
        return "not checked"
    return "pass" if any(isinstance(answer, Passed) for answer in answers) else "not looked at"


def _why_not(skipped: Skipped) -> str:
    return f"{skipped.question} Not checked, because {skipped.why}. To check: {skipped.switch}."


def _reason(verdict: Verdict, fine: str, answers: list[tuple[Check, Answer]], met: list[Gate]) -> str:
    if met:
        return " ".join(gate.reason for gate in met)
    wrong = [answer.cause for _, answer in answers if isinstance(answer, Failed | Unsure)]
    if wrong:
        return " ".join(dict.fromkeys(wrong))
    return fine if verdict == "pass" else OTHER_GATE


_DEFAULT_KEY: Final = (
    "The AWS managed key aws/secretsmanager lets every principal that can read a secret in its account decrypt it."
)
_REGISTRY_FINE = "The registry accepts the credentials and has the image."
_PUBLIC_TOO = " The image is public as well: the pull needs no credentials."
_PUBLIC = "The image is public: the registry serves it without credentials, so these could not be verified."


def _fine(name: PullGate, facts: Facts, container: Container) -> str:
    """Return why a gate passes. Name only what was found."""
    secret = facts.secrets.get(reference_text(container))
    match name:
        case "reference":
            return _reference_fine(secret, shown_reference(container))
        case "secret" if isinstance(secret, Secret):
            return f"The secret {secret.name} exists and has a current version."
        case "value" if isinstance(secret, Secret):
            return f"The value of {secret.name} has a username and a password."
        case "role" if isinstance(facts.role, Role):
            return f"The execution role {facts.role.name} exists."
        case "registry":
            verified = facts.verifications.get(container.name)
            return _registry_fine(verified if isinstance(verified, Verification) else None)
        case _:
            return "Nothing is wrong."


def _reference_fine(secret: Lookup[Secret] | None, named: str | None) -> str:
    if named is None:
        return "Nothing is wrong."
    if not isinstance(secret, Secret):
        return f"The reference {named} is well-formed."
    if named == str(secret.arn):
        return f"{named} is the full ARN of a secret."
    return f"{named} names the secret {secret.name}."


def _registry_fine(verified: Verification | None) -> str:
    if verified is None:
        return _REGISTRY_FINE
    if verified.answer == "anonymous-ok":
        return _PUBLIC
    return _REGISTRY_FINE + _PUBLIC_TOO if verified.is_public else _REGISTRY_FINE
