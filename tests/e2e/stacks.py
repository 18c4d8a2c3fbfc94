"""The functions' calls in all stacks of the run, which several processes deploy.

Each process records the calls in its stacks; the last file of the run reads all records.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox.demo.progress import wait_until
from sandbox.demo.scene import Scene

WITHIN_S = 540


class Used:
    """The functions' successful AWS calls in the whole run; all processes share ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._scenes: list[Scene] = []

    def watch(self, scene: Scene) -> None:
        """Put down what is called in a stack, once the last of its tests has run."""
        self._scenes.append(scene)

    def close(self, stack: str) -> None:
        """Put down what was called in the stack whose last test has run."""
        found: dict[str, set[str]] = {}
        for scene in self._scenes:
            functions = {role: function for function, role in scene.roles.items()}
            for call in scene.calls():
                if "AccessDenied" not in (call.error or ""):
                    found.setdefault(functions[str(call.role)], set()).add(f"{call.service}:{call.action}")
        self._scenes.clear()
        draft = self._directory / f"{stack}.draft"
        draft.write_text(json.dumps({function: sorted(actions) for function, actions in found.items()}))
        draft.rename(self._record(stack))

    def granted(self, stacks: Sequence[str]) -> dict[str, set[str]]:
        """Return what was called in these stacks by function (its logical id), as soon as all of them have ended."""
        missing: list[str] = []

        def ended() -> bool:
            missing[:] = [stack for stack in stacks if not self._record(stack).exists()]
            return not missing

        if not stacks or not wait_until(ended, timeout_s=WITHIN_S):
            pytest.fail(f"What was called is known once all tests of this folder have run; still to come: {missing}")
        granted: dict[str, set[str]] = {}
        for stack in stacks:
            for function, actions in json.loads(self._record(stack).read_text()).items():
                granted.setdefault(function, set()).update(actions)
        return granted

    def _record(self, stack: str) -> Path:
        return self._directory / f"called-{stack}.json"
