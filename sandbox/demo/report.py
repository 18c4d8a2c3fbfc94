"""The demo's output: the table of before and after, the messages, the audits, and the deviations."""

from collections.abc import Mapping
from typing import Any

from rich.box import ASCII_DOUBLE_HEAD
from rich.console import Console
from rich.table import Table

from sandbox.demo.evidence import OWN_POLICY, Evidence
from sandbox.demo.observation import Observation, reference_of
from sandbox.demo.outcomes import FAMILIES, OUTCOMES
from sandbox.inbox import Letter

_PLAIN_WIDTH = 160


def console() -> Console:
    """Return the console: as wide as the terminal, or wide and plain without a terminal."""
    shown = Console(highlight=False, emoji=False)
    if shown.is_terminal:
        return shown
    return Console(highlight=False, emoji=False, width=_PLAIN_WIDTH, color_system=None)


def show(evidence: Evidence, faults: Mapping[str, tuple[str, ...]], out: Console) -> None:
    """Print everything."""
    tables = (
        _families(evidence, faults),
        _messages((*evidence.letters, *evidence.broken, *evidence.fixed)),
        _others(evidence, faults),
    )
    for table in tables:
        table.box = table.box if out.is_terminal else ASCII_DOUBLE_HEAD
        out.print(table)
    for letter in evidence.broken[:1]:
        out.rule("one of them in full")
        out.print(letter.text, markup=False, soft_wrap=True)
        out.rule()
    for name, found in faults.items():
        for fault in found:
            out.print(f"NOT AS STATED: {name}: {fault}", markup=False, soft_wrap=True)


def _families(evidence: Evidence, faults: Mapping[str, tuple[str, ...]]) -> Table:
    table = Table(title="Seen from outside: the agent's credentials, IAM, ECS")
    for column in ("family", "agent before", "agent after", "written", "newest / running", "stated", "proved"):
        table.add_column(column, overflow="fold")
    for outcome in FAMILIES:
        before, after = evidence.before[outcome.name], evidence.after[outcome.name]
        table.add_row(
            outcome.name,
            _fetch(before),
            _fetch(after),
            _written(after),
            _newest(after),
            outcome.stated,
            _verdict(faults[outcome.name]),
        )
    return table


def _fetch(observation: Observation) -> str:
    fetch = observation.fetch
    return "gets credentials" if fetch.ok else ("refuses the value" if fetch.code == "value" else str(fetch.code))


def _written(observation: Observation) -> str:
    statements: list[Mapping[str, Any]] = observation.policies.get(OWN_POLICY, {}).get("Statement", [])
    lines = [f"{each['Action']} on {_short(each['Resource'][0])}" for each in statements]
    if len(observation.revisions) > 1:
        lines.append(f"a revision that names {_short(reference_of(observation.newest))}")
    return "\n".join(lines) or "nothing"


def _short(arn: str) -> str:
    return arn.split(":", 5)[-1]


def _newest(observation: Observation) -> str:
    newest = f"{observation.family}:{observation.numbers[-1]}"
    return f"{newest} / {observation.running}" if observation.running else newest


def _verdict(faults: tuple[str, ...]) -> str:
    return "NO" if faults else "yes"


def _messages(letters: tuple[Letter, ...]) -> Table:
    table = Table(title="Messages to the topic's subscribers")
    for column in ("kind", "subject"):
        table.add_column(column, overflow="fold")
    for letter in letters:
        table.add_row(letter.attributes.get("kind", ""), letter.subject.replace("[", "\\["))
    return table


def _others(evidence: Evidence, faults: Mapping[str, tuple[str, ...]]) -> Table:
    table = Table(title="And besides")
    for column in ("what", "stated", "seen", "proved"):
        table.add_column(column, overflow="fold")
    seen = {
        "broken rotation": f"{len(evidence.broken)} message(s)",
        "good rotation": f"{len(evidence.fixed)} message(s)",
        "dead letters": f"{sum(evidence.dead.values())}",
        "secrecy": f"{len(evidence.scene.passwords)} passwords; "
        + ", ".join(f"{len(place.texts)} in {place.name}" for place in evidence.places),
        "audit": "\n".join(
            f"{when}: {audit.summary()}" for when, audit in zip(("before", "after"), evidence.audits, strict=True)
        ),
    }
    for outcome in OUTCOMES[len(FAMILIES) :]:
        table.add_row(outcome.name, outcome.stated, seen[outcome.name], _verdict(faults[outcome.name]))
    return table
