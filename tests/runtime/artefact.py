"""What `sam build` left, to look into."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """``template`` is the built template; ``layers`` is what the functions find in /opt, one layer over the other."""

    template: Path
    layers: Path

    @property
    def python(self) -> Path:
        """What is on the import path."""
        return self.layers / "python"

    def files(self) -> Iterator[Path]:
        """Every file of the layers."""
        return (path for path in sorted(self.layers.rglob("*")) if path.is_file())
