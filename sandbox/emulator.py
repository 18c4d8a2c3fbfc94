"""A private AWS: starts the embedded AWS with its relay on 127.0.0.1, and always stops it again."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config

from sandbox.server import PortTaken, SandboxError, Server

ROOT = Path(__file__).resolve().parents[1]
INTERPRETER = ROOT / ".tools" / "ministack" / "bin" / "python"
REGION = "us-east-1"
ACCOUNT = "111122223333"
LOG_TAIL_LINES = 25
_LAUNCH = "import sys; sys.path.append(sys.argv.pop(1)); from sandbox.relay import main; main()"
_READ_PREFIXES = ("Get", "List", "Describe", "Head", "Batch", "Simulate", "Receive", "Query", "Scan", "Test", "Filter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A caller's signing credentials. The default is the account's root."""

    access_key_id: str = "test"
    secret_access_key: str = "test"
    session_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One AWS call. ``principal`` is the caller's ARN (``...:assumed-role/ROLE/SESSION``).

    ``target`` are the names in its request: a table and a key, a queue, a role and a policy.
    """

    epoch_s: float
    service: str
    action: str
    target: str
    principal: str
    access_key: str
    status: int
    error: str | None

    @property
    def is_read(self) -> bool:
        """Whether the call only reads."""
        return self.action.startswith(_READ_PREFIXES)

    @property
    def role(self) -> str | None:
        """The name of the caller's role, or None for any other caller."""
        _, found, session = self.principal.partition(":assumed-role/")
        return session.partition("/")[0] if found else None


class Refused(SandboxError):
    """The embedded AWS refuses the call, as AWS would."""


class Emulator(Server):
    """The embedded AWS, running inside ``with Emulator() as aws:``.

    ``port``: None uses a free one. ``second_address``: another address to listen on (the gateway of Docker's own
    bridge, for containers). ``log_file``: the path of a log that is kept; without it the log is removed with the rest.
    ``docker``: let it use the machine's Docker engine. ``start_timeout_s`` limits the start.

    Raises SandboxError if its environment is missing, the port is taken or it does not come up.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        second_address: str | None = None,
        log_file: Path | None = None,
        docker: bool = False,
        start_timeout_s: float = 60,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(port)
        self.account_id = ACCOUNT
        self.region = REGION
        self.credentials = Credentials()
        self._second_address = second_address
        self._docker = docker
        self._start_timeout_s = start_timeout_s
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: Path | None = None
        self._wanted_log = log_file
        self._log: IO[bytes] | None = None
        self.log_file = log_file or Path(os.devnull)

    # --- life ---

    def _require(self) -> None:
        if not INTERPRETER.exists():
            raise SandboxError(f"The embedded AWS is not installed ({INTERPRETER} is missing): run `make setup`.")

    def _launch(self) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="pullguard-aws-"))
        self.log_file = self._wanted_log or self._scratch / "emulator.log"
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self._log = self.log_file.open("ab")
        addresses = ["127.0.0.1", *([self._second_address] if self._second_address else [])]
        binds = [argument for address in addresses for argument in ("--bind", f"{address}:{self.port}")]
        # -P keeps the working directory out of the import path; a closed standard input signals the parent's death.
        command = [INTERPRETER, "-P", "-c", _LAUNCH, ROOT, *binds, "--scratch", self._scratch]
        self._process = subprocess.Popen(
            [str(argument) for argument in command],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=self._scratch,
            env=self._child_environment(self._scratch),
            start_new_session=True,
        )

    def _child_environment(self, scratch: Path) -> dict[str, str]:
        """Return a clean environment: functions inherit it, so nothing of ours may be in it."""
        inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
        own = {
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "STATE_DIR": str(scratch / "state"),
            "S3_DATA_DIR": str(scratch / "s3"),
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": self.region,
            "MINISTACK_ACCOUNT_ID": self.account_id,
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            # Functions inherit it: their registries are on this machine.
            "PULLGUARD_LOOPBACK_REGISTRIES": "true",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if not self._docker:
            own["DOCKER_HOST"] = f"unix://{scratch}/no-docker.sock"
        return inherited | own | self._environment

    def _wait(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                tail = self.log_tail()
                if "Address already in use" in tail or "cannot listen on" in tail:
                    raise PortTaken(tail)
                raise SandboxError(f"The embedded AWS ended while starting. Its last lines:\n{tail}")
            with contextlib.suppress(OSError, ValueError):
                self._fetch("GET", "/_ministack/health")
                if self._is_ours():
                    return
            time.sleep(0.1)
        raise SandboxError(
            f"The embedded AWS did not answer within {self._start_timeout_s:g} s. Its last lines:\n{self.log_tail()}"
        )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _end_group(process)
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _is_ours(self) -> bool:
        """Whether the process that answers on the port is the one that we started."""
        return self._process is not None and self._process.poll() is None

    # --- use ---

    @property
    def endpoint_url(self) -> str:
        """The endpoint of all services."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point any AWS tool at this AWS, as root."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, credentials: Credentials | None = None, *, region: str | None = None) -> Any:
        """Return a boto3 client of a service, as root or with other credentials, in this AWS's Region or another."""
        return client(service, endpoint_url=self.endpoint_url, region=region or self.region, credentials=credentials)

    def calls(self, *, since_epoch_s: float = 0) -> tuple[Call, ...]:
        """Return every AWS call since then, in order, by any caller."""
        names = Call.__dataclass_fields__
        found = self._fetch("GET", f"/_sandbox/calls?since={since_epoch_s!r}")
        return tuple(Call(**{name: record[name] for name in names}) for record in found)

    def events(self) -> tuple[dict[str, Any], ...]:
        """Return every event on every bus so far, as in PutEvents, except native ``Secret Label Updated``."""
        return tuple(self._fetch("GET", "/_sandbox/events"))

    def emit(self, events: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
        """Put events (EventBridge's own form) on the default bus as AWS would, and return their ids."""
        return tuple(self._fetch("POST", "/_sandbox/emit", list(events)))

    def task_credentials(self, role_arn: str) -> Credentials | None:
        """Return an execution role's credentials as ECS gets them; None if the role does not trust ECS."""
        try:
            issued = self._fetch("POST", "/_sandbox/task-credentials", {"role": role_arn, "region": self.region})
        except Refused:
            return None
        return Credentials(**issued)

    def reset(self) -> None:
        """Remove everything that was created; the lists of calls and events stay."""
        self._fetch("POST", "/_ministack/reset")

    @contextlib.contextmanager
    def hold_calls(self, action: str, mark: str) -> Iterator[Callable[[], bool]]:
        """Hold calls of ``action`` with ``mark`` in their body; yields a function that says whether one waits now.

        They continue when the context ends, and after ``sandbox.holds.PATIENCE_S`` in any case.
        """
        self._fetch("POST", "/_sandbox/holds", [action, mark])
        try:
            yield lambda: [action, mark] in self._fetch("GET", "/_sandbox/holds")
        finally:
            self._fetch("DELETE", "/_sandbox/holds", [action, mark])

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines of the log."""
        try:
            text = self.log_file.read_text(errors="replace")
        except OSError:
            return "(no log)"
        return "\n".join(text.splitlines()[-lines:])

    def _fetch(self, method: str, path: str, payload: Any = None) -> Any:
        body = None if payload is None else json.dumps(payload).encode()
        request = urllib.request.Request(f"{self.endpoint_url}{path}", data=body, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.FORBIDDEN:
                raise Refused(error.read().decode(errors="replace")) from error
            raise SandboxError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error


@cache
def client(
    service: str, *, endpoint_url: str | None = None, region: str = REGION, credentials: Credentials | None = None
) -> Any:
    """Return a boto3 client with its own credentials, Region and address, independent of the machine's configuration.

    Clients are cached: creating one costs more than most calls.
    """
    signer = credentials or Credentials()
    config = Config(retries={"max_attempts": 2}, connect_timeout=5, read_timeout=70, s3={"addressing_style": "path"})
    with _session_lock:
        make: Any = _session().client
        return make(
            service,
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id=signer.access_key_id,
            aws_secret_access_key=signer.secret_access_key,
            aws_session_token=signer.session_token,
            config=config,
        )


_session_lock = threading.Lock()


@cache
def _session() -> boto3.session.Session:
    """Return the one session: it caches the services' descriptions, and creating a client is not thread-safe."""
    return boto3.session.Session()


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End a process group, first with SIGTERM, then with SIGKILL; and wait for its leader."""
    for what, patience_s in ((signal.SIGTERM, 3), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, what)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience_s)
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
