"""What the command line says by itself: help without noise, and wrong values in plain words."""

import os
from collections.abc import Sequence
from typing import Any, Final

import typer.core

_OF_THE_LIBRARY: Final = "Value error, "


_SHELLS: Final = frozenset({"bash", "zsh", "fish", "powershell", "pwsh"})
_ASK_FOR_THE_SHELL: Final = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"


def choose_shell(arguments: Sequence[str]) -> None:
    """Let ``--show-completion fish`` mean fish, where the library would take the shell that it runs in."""
    match list(arguments):
        case ["--show-completion" | "--install-completion", shell] if shell in _SHELLS:
            os.environ[_ASK_FOR_THE_SHELL] = "1"


class _Plain:
    """Shows no type for switches, since they take no value, and tells what is wrong without the library's words."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, those of ``--help`` among them."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # of the library's class beside this one
        for param in params:
            if getattr(param, "is_flag", False):
                param.display_type_rich = _nothing
        return params

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Read the arguments; a wrong one is told without the library's own words."""
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc]
        except Exception as error:
            if isinstance(message := getattr(error, "message", None), str):
                error.message = message.removeprefix(_OF_THE_LIBRARY)  # type: ignore[attr-defined]
            raise


class Command(_Plain, typer.core.TyperCommand):
    """One command."""


class Group(_Plain, typer.core.TyperGroup):
    """The commands together."""


def _nothing(ctx: Any) -> str:  # noqa: ARG001 (the library's signature)
    return ""
