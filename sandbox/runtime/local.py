"""`sam local` with functions of a stack that is deployed in the embedded AWS, each under its own role.

`sam local` passes to a container only the template's declarations and the credentials of its own environment. So the
address of the embedded AWS is put into the image, and the stack's resources are passed by --env-vars; so are each
function's credentials, which a copy of the built template declares.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from sandbox.agent import assume
from sandbox.engine import docker, gateway
from sandbox.runtime.image import ensure
from sandbox.server import SandboxError, free_port
from sandbox.stack import SAM, Stack, tool_environment

_LABEL: Final = "pullguard.embedded-aws"
INVOKE_TIMEOUT_S: Final = 180
_CREDENTIALS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_START_TIMEOUT_S: Final = 60
_STOP_TIMEOUT_S: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The result of one call: the function's answer, and its log."""

    answer: Any
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """`sam local start-lambda`: functions that stay warm once they were called."""

    address: str
    log_file: Path

    def call(self, function: str, event: Any) -> Any:
        """Call a function (its logical id) and return its answer; raises SandboxError if it fails.

        Calls may be made at once; a function's one container handles them one after the other.
        """
        return _post(f"{self.address}/2015-03-31/functions/{function}/invocations", event)

    def log(self) -> str:
        """Return the log so far, of all functions and of `sam local` itself."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")


class LocalRuntime:
    """The functions of ``stack`` in the Lambda runtime, inside ``with LocalRuntime(...) as runtime:``.

    ``built`` is the built template that the stack was deployed from; ``directory`` is for files of this object's own.
    The stack's AWS has to listen on the bridge's gateway as well.
    """

    def __init__(self, stack: Stack, built: Path, directory: Path) -> None:
        self._stack = stack
        self._built = built
        self._directory = directory
        self._image = ""

    def __enter__(self) -> "LocalRuntime":
        base = ensure().name
        port = self._stack.aws.port
        self._image = f"pullguard/lambda-here:{port}"
        endpoint = f"http://{gateway()}:{port}"
        self._directory.mkdir(parents=True, exist_ok=True)
        recipe = self._directory / "Dockerfile"
        recipe.write_text(f"FROM {base}\nLABEL {_LABEL}={port}\nENV AWS_ENDPOINT_URL={endpoint}\n")
        docker("build", "--quiet", "--tag", self._image, "--file", str(recipe), str(self._directory))
        given = {name: self.environment(name) | self.credentials(name) for name in self._stack.functions}
        self._variables.write_text(json.dumps(given))
        self._write_template()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the image, and those that `sam local` has built on it, which have its label."""
        self._template.unlink(missing_ok=True)
        with contextlib.suppress(SandboxError):
            images = docker("images", "--quiet", "--filter", self._label).split()
            docker("rmi", "--force", *dict.fromkeys(images))

    @property
    def _label(self) -> str:
        """The filter for this AWS's images and their containers."""
        return f"label={_LABEL}={self._stack.aws.port}"

    def _end_containers(self) -> None:
        """End warm containers at once: `sam local` would stop them one by one, beyond its own time limit."""
        with contextlib.suppress(SandboxError):
            if containers := docker("ps", "--quiet", "--filter", self._label).split():
                docker("rm", "--force", *containers)

    @property
    def _variables(self) -> Path:
        return self._directory / "variables.json"

    @property
    def _template(self) -> Path:
        """Next to the built template, since the functions' code is found from there."""
        return self._built.with_name(f"{self._directory.name}.local.yaml")

    def _write_template(self, changed: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        template = yaml.safe_load(self._built.read_text(encoding="utf-8"))
        for name in self._stack.functions:
            properties = template["Resources"][name]["Properties"] | (changed or {}).get(name, {})
            declared = properties.get("Environment", {}).get("Variables", {})
            properties["Environment"] = {"Variables": declared | dict.fromkeys(_CREDENTIALS, "")}
            template["Resources"][name]["Properties"] = properties
        self._template.write_text(yaml.safe_dump(template, sort_keys=False), encoding="utf-8")

    def environment(self, function: str) -> dict[str, str]:
        """Return the variables with which a function (its logical id) is deployed."""
        client = self._stack.aws.client("lambda")
        answer = client.get_function_configuration(FunctionName=self._stack.resources[function])
        return dict(answer["Environment"]["Variables"])

    def credentials(self, function: str) -> dict[str, str]:
        """Return the variables with credentials of a function's role."""
        client = self._stack.aws.client("lambda")
        answer = client.get_function_configuration(FunctionName=self._stack.resources[function])
        issued = assume(self._stack.aws, answer["Role"], "sam-local")
        return {
            "AWS_ACCESS_KEY_ID": issued.access_key_id,
            "AWS_SECRET_ACCESS_KEY": issued.secret_access_key,
            "AWS_SESSION_TOKEN": str(issued.session_token),
        }

    def invoke(self, function: str, event: Any, *, changed: Mapping[str, Any] | None = None) -> Invocation:
        """Call a function once by `sam local invoke`; raises SandboxError if it fails or answers with an error.

        ``changed`` are properties of the function that differ from the template's in this call.
        """
        given = self._directory / "event.json"
        given.write_text(json.dumps(event))
        command = [*self._command("invoke"), function, "--event", str(given)]
        self._write_template({function: changed or {}})
        try:
            result = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                cwd=self._directory,
                env=tool_environment(self._directory),
                timeout=INVOKE_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as expired:
            raise SandboxError(f"sam local invoke {function} was not done after {INVOKE_TIMEOUT_S} s.") from expired
        finally:
            self._write_template()
        answer = _answer(result.stdout)
        if result.returncode or answer is None or "errorType" in answer:
            tail = "\n".join((result.stderr + result.stdout).splitlines()[-30:])
            raise SandboxError(f"sam local invoke {function} failed ({result.returncode}). Its last lines:\n{tail}")
        return Invocation(answer=answer, log=result.stderr)

    @contextmanager
    def serving(self) -> Iterator[Served]:
        """Run `sam local start-lambda` and yield the interface to it; each function has one container of its own."""
        port = free_port()
        command = [*self._command("start-lambda"), "--host", "127.0.0.1", "--port", str(port)]
        command += ["--warm-containers", "LAZY", "--no-watch"]
        log_file = self._directory / "start-lambda.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env=tool_environment(self._directory),
                start_new_session=True,
            )
            try:
                _await(process, port, log_file)
                yield Served(address=f"http://127.0.0.1:{port}", log_file=log_file)
            finally:
                self._end_containers()
                _end(process)

    def _command(self, what: str) -> list[str]:
        settings = self._directory / "samconfig.toml"  # an empty one, so that the project's own settings do not apply
        settings.write_text("version = 0.1\n")
        options = ["--template-file", self._template, "--env-vars", self._variables, "--config-file", settings]
        options += ["--skip-pull-image", "--invoke-image", self._image, "--region", self._stack.aws.region]
        options += ["--layer-cache-basedir", self._directory / "layers"]
        return [str(part) for part in (SAM, "local", what, *options)]


def sqs_event(*bodies: str, queue: str = "queue", group: str | None = None) -> dict[str, Any]:
    """Return the event with which Lambda delivers a batch of messages, with ids that no message had before.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))}
    attributes |= {"MessageGroupId": group} if group else {}
    return {
        "Records": [
            {
                "messageId": str(uuid.uuid4()),
                "receiptHandle": "handle",
                "body": body,
                "attributes": attributes,
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:us-east-1:111122223333:{queue}",
                "awsRegion": "us-east-1",
            }
            for body in bodies
        ]
    }


def _answer(text: str) -> Any:
    """Return the function's answer, which is the last line that is JSON; None if there is no such line."""
    for line in reversed(text.strip().splitlines()):
        with contextlib.suppress(ValueError):
            return json.loads(line)
    return None


def _post(url: str, event: Mapping[str, Any]) -> Any:
    request = urllib.request.Request(url, data=json.dumps(event).encode(), method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=INVOKE_TIMEOUT_S) as response:
            answer = json.loads(response.read())
    except urllib.error.HTTPError as error:
        raise SandboxError(f"the call failed: {error.code} {error.read().decode(errors='replace')}") from error
    if isinstance(answer, dict) and "errorType" in answer:
        raise SandboxError(f"the function failed: {answer}")
    return answer


def _await(process: "subprocess.Popen[bytes]", port: int, log_file: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SandboxError(f"sam local start-lambda did not start:\n{log_file.read_text(errors='replace')[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Let it remove its containers; then ensure that it has ended."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_STOP_TIMEOUT_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
