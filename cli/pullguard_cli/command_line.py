"""Adjustments to Typer: concise help, plain error messages, and commands that are imported when they are needed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Final

import typer.core
import typer.main

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


@dataclass(frozen=True, slots=True)
class Listed:
    """A command as the help text of the group lists it.

    ``source`` is ``MODULE:FUNCTION`` in ``pullguard_cli.commands``; the command has the name of the module. ``summary``
    is the first sentence of the function's docstring.
    """

    source: str
    summary: str
    panel: str
    epilog: str | None = None

    @property
    def name(self) -> str:
        """The name on the command line."""
        return self.source.partition(":")[0]

    def command(self) -> typer.core.TyperCommand:
        """Return the command as the list shows it: without parameters."""
        return Command(name=self.name, help=self.summary, rich_help_panel=self.panel)

    def imported(self) -> Any:
        """Import the command."""
        module, _, function = self.source.partition(":")
        single = typer.Typer(add_completion=False, rich_markup_mode="markdown")
        register = single.command(self.name, cls=Command, rich_help_panel=self.panel, epilog=self.epilog)
        register(getattr(import_module(f"pullguard_cli.commands.{module}"), function))
        return typer.main.get_command(single)


class Group(_Plain, typer.core.TyperGroup):
    """The group of all commands. Each is imported only to be run, completed, or asked for its own help."""

    listed: ClassVar[tuple[Listed, ...]] = ()

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": [each.command() for each in self.listed]})

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that the arguments name, imported, and the other arguments."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, next(each.imported() for each in self.listed if each.name == name), rest


def _nothing(ctx: Any) -> str:  # noqa: ARG001 (the library's signature)
    return ""
