"""A failure that others explain: which of them does, or what was ruled out and what was not examined."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pullguard.checks.check import Check
from pullguard.domain.findings import Answer, Failed, Passed, Skipped, Unsure

# Asked from Pullguard's own network: a pass rules nothing out for the task's network.
_OF_THE_NETWORK: Final = frozenset({"registry-unreachable", "registry-rate-limited"})
# A warning, since a limit ends by itself; it still explains a failed pull.
_LIMITED: Final = "registry-rate-limited"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdicts:
    """The ids of the checks that failed as an error, failed as a warning, were undecided, were not asked, passed."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    unsure: tuple[str, ...]
    skipped: dict[str, str]
    passed: tuple[str, ...]


def explained(answers: Sequence[tuple[Check, Answer]]) -> list[tuple[Check, Answer]]:
    """Return the answers; the remedy of a failure that others explain names them, or what is ruled out."""
    return [(check, _explain(check, answer, answers)) for check, answer in answers]


def _explain(check: Check, answer: Answer, answers: Sequence[tuple[Check, Answer]]) -> Answer:
    if not isinstance(answer, Failed) or not answer.explained_by:
        return answer
    unrelated = {each.id for each, _ in answers if each.gate in answer.unrelated_gates} | {check.id}
    explaining = tuple(each for each in answer.explained_by if each not in unrelated)
    if not any(each.gate == "registry" and each.id in explaining for each, _ in answers):
        unrelated |= _OF_THE_NETWORK  # the pull was not reached
    others = [(each, its) for each, its in answers if each.id not in unrelated]
    if explaining:
        # otherwise the passed checks asked about another role than the one that was used
        rules_out = not answer.unrelated_gates
        said = " ".join(_sentences(_verdicts(others), explaining, answer.remedy.text, rules_out=rules_out))
    else:
        said = answer.remedy.text
    return replace(answer, explained_by=explaining, remedy=replace(answer.remedy, text=said))


def _sentences(verdicts: _Verdicts, explaining: tuple[str, ...], how_to_fix: str, *, rules_out: bool) -> Iterable[str]:
    if reasons := [
        each for each in explaining if each in verdicts.errors or (each == _LIMITED and each in verdicts.warnings)
    ]:
        yield f"It is explained by the finding {' and '.join(reasons)}, whose remedy fixes it."
        return
    if verdicts.errors:
        yield f"It may be explained by the finding {' and '.join(verdicts.errors)}: fix that first."
        return
    yield how_to_fix
    passed = [each for each in verdicts.passed if each not in _OF_THE_NETWORK]
    if rules_out and (relevant := [each for each in explaining if each in passed]):
        more = len(passed) - len(relevant)
        yield f"Ruled out, since it is in order now: {', '.join(relevant)}{_and_more(more)}."
    if any(each in _OF_THE_NETWORK for each in verdicts.passed):
        yield "From Pullguard's network the registry answers; the task's own may not reach it."
    if verdicts.unsure:
        yield f"Could not be determined: {', '.join(verdicts.unsure)}."
    for why, ids in _by_reason(verdicts.skipped).items():
        yield f"Not checked: {', '.join(ids)} ({why})."


def _and_more(count: int) -> str:
    """Return how many further checks passed; the audit has their names."""
    return f", and {count} further checks" if count else ""


def _verdicts(answers: Sequence[tuple[Check, Answer]]) -> _Verdicts:
    by_check: dict[str, list[Answer]] = {}
    for check, answer in answers:
        by_check.setdefault(check.id, []).append(answer)

    def those(*kinds: type[Answer], but: tuple[type[Answer], ...] = ()) -> tuple[str, ...]:
        return tuple(
            id_
            for id_, its in by_check.items()
            if any(isinstance(each, kinds) for each in its) and not any(isinstance(each, but) for each in its)
        )

    skipped = {
        id_: next(f"{each.why}; to look: {each.switch}" for each in by_check[id_] if isinstance(each, Skipped))
        for id_ in those(Skipped, but=(Failed, Unsure))
    }
    failed = those(Failed)
    severe = {
        check.id
        for check, answer in answers
        if isinstance(answer, Failed) and (answer.severity or check.severity) == "error"
    }
    return _Verdicts(
        errors=tuple(id_ for id_ in failed if id_ in severe),
        warnings=tuple(id_ for id_ in failed if id_ not in severe),
        unsure=those(Unsure, but=(Failed,)),
        skipped=skipped,
        passed=those(Passed, but=(Failed, Unsure, Skipped)),
    )


def _by_reason(skipped: dict[str, str]) -> dict[str, list[str]]:
    by_reason: dict[str, list[str]] = {}
    for id_, why in skipped.items():
        by_reason.setdefault(why, []).append(id_)
    return by_reason
