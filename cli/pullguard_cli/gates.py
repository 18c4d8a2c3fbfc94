"""The gates of one pull, in the order in which ECS meets them, and how each stands."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

from pullguard.access.gates import Gate, GateName
from pullguard.checks.access import access_of
from pullguard.checks.check import Check, image_text, is_ecr, reference_text, told_reference
from pullguard.checks.examine import answers_of
from pullguard.findings import Answer, Failed, Passed, Remedy, Severity, Skipped, Unsure
from pullguard.model import Container, Facts, Role, Secret, Verification

Verdict: TypeAlias = Literal["pass", "fail", "unknown", "not looked at"]
_OF_REFERENCE: Final = ("reference-", "credentials-missing", "credentials-on-ecr-image", "registry-mismatch")
# The gate of each check: by the beginning of its id, the first that fits.
STEPS: Final[dict[str, tuple[str, ...]]] = {
    "reference": _OF_REFERENCE,
    "value": ("secret-value-",),
    "secret access": ("secret-access-", "secret-resource-policy-", "inline-policy-quota"),
    "secret": ("secret-",),
    "role": ("execution-role-missing", "execution-role-not-found"),
    "trust": ("execution-role-not-assumable",),
    "key": ("key-", "default-key-"),
    "decrypt": ("decrypt-",),
    "registry": ("credentials-rejected", "image-not-found", "registry-"),
    "platform": ("fargate-", "container-agent-", "task-start-"),
}
ORDER: Final = (
    "reference", "secret", "value", "role", "trust", "secret access", "key", "decrypt", "registry", "platform",
)  # fmt: skip
_ACCESS_GATES: Final[dict[str, tuple[GateName, ...]]] = {
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

    ``missing_keys`` and ``unread`` are what an unknown hangs on: condition keys that only the task's start will
    tell, and permissions that the caller lacks. A gate that a warning is about passes.
    """

    gate: str
    verdict: Verdict
    reason: str
    quotes: tuple[Quote, ...] = ()
    remarks: tuple[Remark, ...] = ()
    missing_keys: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


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


def step_of(check: str) -> str:
    """Return the gate that a check of this id is about."""
    return next(step for step, beginnings in STEPS.items() if check.startswith(beginnings))


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
    for name in ORDER:
        here = [(check, answer) for check, answer in answers if step_of(check.id) == name]
        met = [gates[gate] for gate in _ACCESS_GATES.get(name, ()) if gate in gates]
        if name == "platform" and not any(isinstance(answer, Failed | Unsure) for _, answer in here):
            continue
        yield _step(name, facts, container, here, met)


def _access_gates(facts: Facts, container: Container) -> dict[str, Gate]:
    secret = facts.secrets.get(reference_text(container))
    if not isinstance(facts.role, Role) or not isinstance(secret, Secret) or is_ecr(container):
        return {}
    access = access_of(facts, facts.role, secret, reference_text(container))
    return {gate.name: gate for gate in access.gates}


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
        unread=tuple(str(unread) for gate in met for unread in gate.unreadable),
    )


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
    return "There is nothing to look at, because of an earlier gate."


_REGISTRY_FINE = {
    False: "The registry takes the credentials and has the image.",
    True: "The registry serves the image without credentials: it is public, so nobody can tell whether it takes these.",
}


def _fine(name: str, facts: Facts, container: Container) -> str:
    secret = facts.secrets.get(reference_text(container))
    secret_name = secret.name if isinstance(secret, Secret) else ""
    verified = facts.verifications.get(container.name)
    role_name = facts.role.name if isinstance(facts.role, Role) else ""
    return {
        "reference": f"{reference_text(container)} is a secret, and it may be used for this image.",
        "secret": f"The secret {secret_name} exists and has a current version.",
        "value": f"The value of {secret_name} has a username and a password.",
        "role": f"The execution role {role_name} exists.",
        "registry": _REGISTRY_FINE[isinstance(verified, Verification) and verified.answer == "anonymous-ok"],
    }.get(name, "Nothing is wrong.")
