"""The fixtures of a re-registration: a move is what follows one."""

from tests.unit.workflows.reregister.conftest import act, moving

__all__ = ["act", "moving"]
