"""The output of `sam build`, for inspection."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from sandbox.runtime.cost import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """``template`` is the built template; ``layers`` is what the functions find in /opt, one layer over the other."""

    template: Path
    layers: Path

    @property
    def python(self) -> Path:
        """The import path."""
        return self.layers / "python"

    def limits(self, logical_id: str) -> Limits:
        """A function's limits in the template."""
        template = yaml.safe_load(self.template.read_text(encoding="utf-8"))
        given = template["Globals"]["Function"] | template["Resources"][logical_id]["Properties"]
        return Limits(memory_mb=given["MemorySize"], timeout_s=given["Timeout"])

    def files(self) -> Iterator[Path]:
        """Every file of the layers."""
        return (path for path in sorted(self.layers.rglob("*")) if path.is_file())
