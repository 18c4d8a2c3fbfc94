"""The SAM commands of ``make deploy``, ``remove``, ``sync`` and ``logs``, and the cases in which they are refused.

``--env`` is an environment of samconfig.toml: ``local`` (the embedded AWS of ``make demo KEEP=1``), ``dev``, ``prod``.
Without one, the answers to a first, guided deployment are kept in ``--answers`` for this directory alone.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOPBACK: Final = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\]):[0-9]+/?")
DEMO_STACK: Final = ("--stack-name", "pullguard")
DEMO_PARAMETERS: Final = "Mode=remediate MoveServices=true"
# No account knows this key: calls that leave the machine in spite of the endpoint are refused there.
EMBEDDED_KEY: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
}
FIRST: Final = (
    "A first deployment: sam asks for everything, and offers the template's defaults. "
    "A running stack keeps its parameters with make deploy ENV=prod (the stack pullguard)."
)


class Refused(Exception):
    """The target must not run: one line that says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One stack: ``env`` names its environment, "" the stack of the guided deployment in ``answers``.

    ``parameters`` are overrides as the SAM CLI takes them; ``sam`` is its command.
    """

    env: str
    answers: Path
    parameters: str
    sam: tuple[str, ...]

    def check(self, target: str) -> None:
        """Raise ``Refused`` where ``target`` (deploy, remove, sync, logs) is not for this environment."""
        if target == "sync" and self.env not in ("", "dev"):
            raise Refused(
                "make sync is for ENV=dev alone: it skips the change set that other environments ask for (make deploy)."
            )
        if target == "logs" and self.env not in ("", "dev", "prod"):
            raise Refused(
                "make logs follows a stack in an account: ENV is dev or prod. "
                "make invoke shows what a function logs here."
            )
        if self.env not in ("", "local", "dev", "prod"):
            raise Refused(f"samconfig.toml has no environment '{self.env}': ENV is local, dev or prod.")
        if self.env == "local" and not is_embedded(os.environ):
            raise Refused(
                "ENV=local is the embedded AWS alone, and AWS_ENDPOINT_URL is not (or not the only) address of this "
                "machine: run make demo KEEP=1, export what it prints, and unset AWS_ENDPOINT_URL_…; "
                "for an account use ENV=dev."
            )
        if target == "remove" and self.is_first:
            raise Refused(
                "Nothing was deployed from this directory without ENV: name the stack, "
                "make remove ENV=prod (pullguard) or ENV=dev (pullguard-dev)."
            )

    @property
    def is_first(self) -> bool:
        """Whether this directory has never deployed without an environment."""
        return not self.env and not self.answers.exists()

    def deploy(self) -> int:
        """Deploy, warn of patterns that admit everything, and forget the parameters that the stack now has."""
        code = self._deploy_first() if self.is_first else self._deploy_again()
        if code == 0:
            self._warn()
            self._forget_parameters()
        return code

    def _deploy_first(self) -> int:
        sys.stderr.write(f"{FIRST}\n")
        self.answers.write_text("version = 0.1\n", encoding="utf-8")
        options = (*self._settings(), *DEMO_STACK, "--capabilities", "CAPABILITY_IAM", "--confirm-changeset")
        try:
            return self._run("deploy", "--guided", *options, *self._overrides(self.parameters))
        finally:
            if not self._stack_name():
                self.answers.unlink()

    def _deploy_again(self) -> int:
        options = ("--no-fail-on-empty-changeset", *self._settings())
        if self.env != "local":
            return self._run("deploy", *options, *self._overrides(self.parameters))
        demo = self._overrides(self.parameters or DEMO_PARAMETERS)
        return self._run("deploy", *options, *DEMO_STACK, "--no-confirm-changeset", *demo)

    def remove(self) -> int:
        """Delete the stack; the answers of a guided deployment go with it."""
        named = (*DEMO_STACK, "--no-prompts") if self.env == "local" else self._named()
        code = self._run("delete", *self._settings(), *named)
        if not self.env and not self._outputs():
            self.answers.unlink(missing_ok=True)
        return code

    def sync(self) -> int:
        """Carry each change over to the stack of ENV=dev as it is saved."""
        return self._run("sync", "--watch", "--config-env", "dev")

    def logs(self, function: str) -> int:
        """Follow the logs of the stack, or of one ``function`` (its logical id)."""
        return self._run(
            "logs", "--tail", "--config-env", self.env or "dev", *(("--name", function) if function else ())
        )

    def _warn(self) -> None:
        """The stack's output OpenPatterns names patterns of * where it remediates."""
        if open_patterns := self._outputs().get("OpenPatterns", "").strip():
            sys.stderr.write(
                f"Warning: Mode=remediate with patterns of * (any): {open_patterns}. Narrow them "
                "(make deploy PARAMETERS='ManagedRolePattern=*-execution'; README.md).\n"
            )

    def _forget_parameters(self) -> None:
        """Drop the guided parameters once the stack has them: a later deployment would set them again."""
        if not self.env and self.answers.exists() and self._outputs():
            lines = self.answers.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = (line for line in lines if not line.startswith("parameter_overrides"))
            self.answers.write_text("".join(kept), encoding="utf-8")

    def _outputs(self) -> Mapping[str, str]:
        """Return the stack's outputs; empty where there is no such stack, or it cannot be described."""
        named = DEMO_STACK if self.env == "local" else self._named()
        command = (*self.sam, "list", "stack-outputs", "--output", "json", *self._settings(), *named)
        ran = subprocess.run(command, env=self._environment(), capture_output=True, text=True, check=False)
        try:
            return {each["OutputKey"]: each.get("OutputValue", "") for each in json.loads(ran.stdout)}
        except (ValueError, KeyError, TypeError):
            return {}

    def _settings(self) -> tuple[str, str]:
        return ("--config-env", self.env) if self.env else ("--config-file", str(self.answers))

    def _named(self) -> tuple[str, ...]:
        return () if self.env else ("--stack-name", self._stack_name())

    def _stack_name(self) -> str:
        """Return the stack's name in the answers; empty where none was given."""
        found = re.search(r'^stack_name = "(.*)"$', self.answers.read_text(encoding="utf-8"), re.MULTILINE)
        return found[1] if found else ""

    def _overrides(self, parameters: str) -> tuple[str, ...]:
        return ("--parameter-overrides", parameters) if parameters else ()

    def _environment(self) -> dict[str, str]:
        if self.env != "local":
            return dict(os.environ)
        own = {name: value for name, value in os.environ.items() if name not in ("AWS_PROFILE", "AWS_SESSION_TOKEN")}
        return {**own, **EMBEDDED_KEY}

    def _run(self, *arguments: str) -> int:
        return subprocess.run((*self.sam, *arguments), env=self._environment(), check=False).returncode


def is_embedded(environment: Mapping[str, str]) -> bool:
    """Whether all calls go to this machine: one endpoint, a loopback address, and none for a single service."""
    own = [name for name in environment if name.startswith("AWS_ENDPOINT_URL_")]
    return not own and LOOPBACK.fullmatch(environment.get("AWS_ENDPOINT_URL", "")) is not None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one target; return the SAM CLI's exit code, 1 where the target is refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=("deploy", "remove", "sync", "logs"))
    parser.add_argument("--check", action="store_true", help="only say whether the target may run")
    parser.add_argument("--env", default="")
    parser.add_argument("--answers", type=Path, default=Path("samconfig.guided.toml"))
    parser.add_argument("--parameters", default="")
    parser.add_argument("--function", default="")
    parser.add_argument("--sam", default="sam", type=lambda text: tuple(shlex.split(text)))
    given = parser.parse_args(arguments)
    stack = Deployment(env=given.env, answers=given.answers, parameters=given.parameters, sam=given.sam)
    try:
        stack.check(given.target)
    except Refused as why:
        sys.stderr.write(f"{why}\n")
        return 1
    if given.check:
        return 0
    match given.target:
        case "deploy":
            return stack.deploy()
        case "remove":
            return stack.remove()
        case "sync":
            return stack.sync()
        case _:
            return stack.logs(given.function)


if __name__ == "__main__":
    sys.exit(main())
