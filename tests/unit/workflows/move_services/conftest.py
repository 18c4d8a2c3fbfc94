"""The fixtures of a re-registration: a move is what follows one."""

from tests.unit.workflows.reregister.conftest import moving, set_up

__all__ = ["moving", "set_up"]
