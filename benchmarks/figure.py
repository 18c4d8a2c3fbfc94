"""A measured figure and its goal."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A ``value`` in ``unit`` (``x``: a ratio) that should be at most or at least ``goal``."""

    name: str
    value: float
    goal: float
    unit: str = "x"
    bound: Literal["≤", "≥"] = "≤"

    @property
    def is_reached(self) -> bool:
        """Whether the goal is reached."""
        return self.value <= self.goal if self.bound == "≤" else self.value >= self.goal

    def __str__(self) -> str:
        """Return the row of a Markdown table."""
        verdict = "yes" if self.is_reached else "**no**"
        return f"| {self.name} | {self.value:.3g} {self.unit} | {self.bound} {self.goal:g} {self.unit} | {verdict} |"


def table(figures: list[Figure]) -> str:
    """Return figures as a Markdown table."""
    return "\n".join(["| figure | measured | goal | reached |", "|---|---|---|---|", *map(str, figures)])
