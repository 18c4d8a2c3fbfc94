"""A private registry of one's own: Debian's docker-registry on 127.0.0.1, with a token service if wanted.

Nothing of Docker's is needed besides: images are pushed by the registry's HTTP API.
"""

import atexit
import base64
import contextlib
import gzip
import hashlib
import io
import json
import os
import platform
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sandbox.emulator import SandboxError

BINARY: Final = "docker-registry"
HTPASSWD: Final = "htpasswd"
DEBIAN_PACKAGES: Final = {BINARY: "docker-registry", HTPASSWD: "apache2-utils"}
MANIFEST_TYPE: Final = "application/vnd.docker.distribution.manifest.v2+json"
_SERVICE: Final = "sandbox"
_ARCHITECTURE: Final = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "amd64")
_PUSHER: Final = "sandbox-pusher"
_STARTS: Final = 3
_START_TIMEOUT_S: Final = 20.0
_TOKEN_LIFE: Final = timedelta(minutes=5)
_PATIENCE_S: Final = 1.0
# Runs the registry, and when standard input closes, that is, when whoever started this is gone, ends it and removes
# what it wrote.
_SUPERVISE: Final = """
import select, shutil, subprocess, sys
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
while child.poll() is None:
    if select.select([sys.stdin], [], [], 0.1)[0] and not sys.stdin.buffer.read(1):
        child.kill()
        child.wait()
        shutil.rmtree(sys.argv[1], ignore_errors=True)
sys.exit(child.wait())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who may pull. ``repositories`` are patterns; they count with a token service only (htpasswd knows none)."""

    password: str
    repositories: tuple[str, ...] = ("*",)


def missing_packages() -> tuple[str, ...]:
    """Return the Debian packages that a private registry needs and this machine lacks."""
    return tuple(package for program, package in DEBIAN_PACKAGES.items() if shutil.which(program) is None)


class PrivateRegistry:
    """A registry, running inside ``with PrivateRegistry({"ci": Account(password=...)}) as registry:``.

    ``bearer``: tokens from a token service on another port, instead of Basic. ``public``: patterns of the
    repositories that anybody may pull (with ``bearer`` only). ``port``: None takes a free one.

    Raises SandboxError if its Debian packages are missing or it does not come up.
    """

    def __init__(
        self,
        accounts: Mapping[str, Account],
        *,
        bearer: bool = False,
        public: Iterable[str] = (),
        port: int | None = None,
    ) -> None:
        self._accounts = {_PUSHER: Account(password=secrets.token_urlsafe(16)), **accounts}
        self.tokens = TokenService(self._accounts, tuple(public)) if bearer else None
        self._fixed_port = port
        self.port = port or 0
        self._scratch: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    # --- life ---

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if lacking := missing_packages():
            raise SandboxError(f"No private registry: install the Debian package(s) {', '.join(lacking)} with apt-get.")
        atexit.register(self.stop)
        if self.tokens is not None:
            self.tokens.start()
        for attempt in range(1, _STARTS + 1):
            self.port = self._fixed_port or _free_port()
            try:
                self._launch()
                self._wait()
            except _Ended as ended:
                self._end()
                if self._fixed_port or attempt == _STARTS or "address already in use" not in str(ended):
                    self.stop()
                    raise SandboxError(f"The registry ended while starting. Its last lines:\n{ended}") from None
            except BaseException:
                self.stop()
                raise
            else:
                return

    def stop(self) -> None:
        """Stop it and its token service, and remove what they wrote. Stopping twice is fine."""
        atexit.unregister(self.stop)
        self._end()
        if self.tokens is not None:
            self.tokens.stop()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()  # at which it ends by itself, with its child
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)

    def _launch(self) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="pullguard-registry-"))
        self._write_htpasswd()
        config = {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self._scratch / "images")}},
            "http": {"addr": f"127.0.0.1:{self.port}", "secret": secrets.token_hex(16)},
            "auth": self._auth_config(self._scratch),
        }
        path = self._scratch / "config.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        with (self._scratch / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _SUPERVISE, str(self._scratch), BINARY, "serve", str(path)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ.get("PATH", os.defpath), "OTEL_TRACES_EXPORTER": "none"},
                start_new_session=True,
            )

    def _auth_config(self, scratch: Path) -> dict[str, Any]:
        if self.tokens is None:
            return {"htpasswd": {"realm": "sandbox", "path": str(scratch / "htpasswd")}}
        certificate = scratch / "issuer.pem"
        certificate.write_bytes(self.tokens.certificate_pem)
        return {
            "token": {
                "realm": self.tokens.realm,
                "service": _SERVICE,
                "issuer": _SERVICE,
                "rootcertbundle": str(certificate),
            }
        }

    def _write_htpasswd(self) -> None:
        """Write the file anew; the registry reads it again when its time of change is another."""
        if self._scratch is None or self.tokens is not None:
            return
        lines = [_htpasswd_line(name, account.password) for name, account in self._accounts.items()]
        fresh = self._scratch / "htpasswd.new"
        fresh.write_text("".join(lines))
        fresh.replace(self._scratch / "htpasswd")

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise _Ended(self.log_tail())
            with contextlib.suppress(OSError):
                self._fetch("GET", "/v2/", repository=None, timeout_s=_PATIENCE_S)
                if self._process.poll() is None:
                    return
            time.sleep(0.05)
        raise SandboxError(f"The registry did not answer within {_START_TIMEOUT_S:g} s.\n{self.log_tail()}")

    # --- use ---

    @property
    def host(self) -> str:
        """The registry host, as it stands in an image reference and in a secret's tag."""
        return f"127.0.0.1:{self.port}"

    def admit(self, name: str, account: Account) -> None:
        """Let somebody pull from now on."""
        self._accounts[name] = account
        self._write_htpasswd()

    def set_password(self, name: str, password: str) -> None:
        """Change an account's password; the old one is refused from now on."""
        self._accounts[name] = replace(self._accounts[name], password=password)
        self._write_htpasswd()

    def push(self, repository: str, tag: str, content: bytes = b"pullguard") -> str:
        """Push an image whose only file holds ``content`` (a program, if it is to run), and return its digest."""
        layer, config = _layer_and_config(content)
        described = [
            {"mediaType": kind, "size": len(blob), "digest": self._push_blob(repository, blob)}
            for kind, blob in (
                ("application/vnd.docker.container.image.v1+json", config),
                ("application/vnd.docker.image.rootfs.diff.tar.gzip", layer),
            )
        ]
        manifest = json.dumps(
            {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": described[0], "layers": described[1:]}
        ).encode()
        self._fetch("PUT", f"/v2/{repository}/manifests/{tag}", repository=repository, body=manifest)
        return _digest(manifest)

    def log_tail(self, lines: int = 25) -> str:
        """Return the last lines of the registry's log."""
        if self._scratch is None:
            return "(no log)"
        return "\n".join((self._scratch / "log").read_text(errors="replace").splitlines()[-lines:])

    def _push_blob(self, repository: str, blob: bytes) -> str:
        place = self._fetch("POST", f"/v2/{repository}/blobs/uploads/", repository=repository, body=b"")["Location"]
        where = urllib.parse.urlsplit(place)
        query = f"{where.query}&digest={_digest(blob)}" if where.query else f"digest={_digest(blob)}"
        self._fetch("PUT", f"{where.path}?{query}", repository=repository, body=blob)
        return _digest(blob)

    def _fetch(
        self, method: str, target: str, *, repository: str | None, body: bytes | None = None, timeout_s: float = 10
    ) -> Any:
        """Ask the registry with the right to do anything, and return the answer's headers."""
        kind = MANIFEST_TYPE if "/manifests/" in target else "application/octet-stream"
        headers = {"Authorization": self._authorization(repository), "Content-Type": kind}
        request = urllib.request.Request(f"http://{self.host}{target}", data=body, method=method, headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=timeout_s) as response:
            return response.headers

    def _authorization(self, repository: str | None) -> str:
        if self.tokens is None:
            pair = f"{_PUSHER}:{self._accounts[_PUSHER].password}"
            return f"Basic {base64.b64encode(pair.encode()).decode()}"
        return f"Bearer {self.tokens.sign(_PUSHER, {repository: ['pull', 'push']} if repository else {})}"


class TokenService:
    """The token service of a registry, in this process: who asks with a right password gets what the account may."""

    def __init__(self, accounts: Mapping[str, Account], public: tuple[str, ...]) -> None:
        self._accounts = accounts
        self._public = public
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _self_signed(self._key)
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Serve, in a thread, until ``stop``."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, answer = service.answer(self.path, self.headers.get("Authorization"))
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name that is overridden)
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Stop serving. Stopping twice is fine."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    @property
    def host(self) -> str:
        """Its host and port, as an owner adds it to a secret's tag."""
        if self._server is None:
            raise SandboxError("The token service is not running.")
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def realm(self) -> str:
        """The URL that the registry names in its challenge."""
        return f"http://{self.host}/token"

    @property
    def certificate_pem(self) -> bytes:
        """What the registry trusts."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def answer(self, target: str, authorization: str | None) -> tuple[int, dict[str, Any]]:
        """Return status and body for a token request."""
        account: Account | None = None
        name = ""
        if authorization is not None:
            name, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            account = self._accounts.get(name)
            if account is None or not secrets.compare_digest(account.password.encode(), password.encode()):
                return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]}
        patterns = (account.repositories if account else ()) + self._public
        granted: dict[str, list[str]] = {}
        for scope in urllib.parse.parse_qs(urllib.parse.urlsplit(target).query).get("scope", []):
            kind, _, rest = scope.partition(":")
            repository, _, actions = rest.rpartition(":")
            if kind == "repository" and any(fnmatchcase(repository, pattern) for pattern in patterns):
                granted[repository] = [action for action in actions.split(",") if action == "pull"]
        return 200, {"token": self.sign(name, granted), "expires_in": int(_TOKEN_LIFE.total_seconds())}

    def sign(self, name: str, granted: Mapping[str, list[str]]) -> str:
        """Return a token that lets ``name`` do ``granted``.

        Source: https://distribution.github.io/distribution/spec/auth/jwt/
        """
        now = datetime.now(UTC)
        certificate = base64.b64encode(self._certificate.public_bytes(serialization.Encoding.DER)).decode()
        claims = {
            "iss": _SERVICE,
            "sub": name,
            "aud": _SERVICE,
            "iat": int(now.timestamp()),
            "nbf": int((now - timedelta(minutes=1)).timestamp()),
            "exp": int((now + _TOKEN_LIFE).timestamp()),
            "jti": secrets.token_hex(8),
            "access": [
                {"type": "repository", "name": repository, "actions": actions}
                for repository, actions in granted.items()
            ],
        }
        signed = ".".join(_url_safe(json.dumps(part).encode()) for part in (_header(certificate), claims))
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_url_safe(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class _Ended(Exception):
    """The registry did not live to answer."""


def _header(certificate: str) -> dict[str, Any]:
    return {"typ": "JWT", "alg": "ES256", "x5c": [certificate]}


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Pullguard sandbox token service")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _htpasswd_line(name: str, password: str) -> str:
    """Hash a password as the registry wants it (bcrypt, at its lowest cost); it goes by standard input."""
    command = [HTPASSWD, "-n", "-i", "-B", "-C", "4", name]
    result = subprocess.run(command, input=password, capture_output=True, text=True, check=True, timeout=10)
    return f"{result.stdout.strip()}\n"


def _layer_and_config(content: bytes) -> tuple[bytes, bytes]:
    """Return the smallest image there is: one layer with one file, and its configuration."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("pullguard")
        entry.size, entry.mode = len(content), 0o755
        tar.addfile(entry, io.BytesIO(content))
    rootfs = {"type": "layers", "diff_ids": [_digest(archive.getvalue())]}
    config = {"architecture": _ARCHITECTURE, "os": "linux", "config": {"Cmd": ["/pullguard"]}, "rootfs": rootfs}
    return gzip.compress(archive.getvalue(), mtime=0), json.dumps(config).encode()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
