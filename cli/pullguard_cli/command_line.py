"""Adjustments to Typer: concise help and plain error messages."""

import os
from collections.abc import Sequence
from typing import Any, Final

import typer.core

_OF_THE_LIBRARY: Final = "Value error, "


_SHELLS: Final = frozenset({"bash", "zsh", "fish", "powershell", "pwsh"})
_ASK_FOR_THE_SHELL: Final = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"


def choose_shell(arguments: Sequence[str]) -> None:
    """Make ``--show-completion fish`` mean fish; Typer would otherwise use the shell that it runs in."""
    match list(arguments):
        case ["--show-completion" | "--install-completion", shell] if shell in _SHELLS:
            os.environ[_ASK_FOR_THE_SHELL] = "1"


class _Plain:
    """Hides the type of flags, which take no value, and strips the library's prefix from error messages."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, including ``--help``."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # defined by the Typer class that this mixes into
        for param in params:
            if getattr(param, "is_flag", False):
                param.display_type_rich = _nothing
        return params

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Parse the arguments. Errors lose the prefix that the library adds."""
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc]
        except Exception as error:
            if isinstance(message := getattr(error, "message", None), str):
                error.message = message.removeprefix(_OF_THE_LIBRARY)  # type: ignore[attr-defined]
            raise


class Command(_Plain, typer.core.TyperCommand):
    """A command."""


class Group(_Plain, typer.core.TyperGroup):
    """The group of all commands."""


def _nothing(ctx: Any) -> str:  # noqa: ARG001 (the library's signature)
    return ""
