"""A private registry for tests: Debian's docker-registry on 127.0.0.1, optionally with a token service.

Docker itself is not needed: images are pushed by the registry's HTTP API.
"""

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
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sandbox.server import PortTaken, SandboxError, Server
from sandbox.token_service import SERVICE, Account, TokenService

BINARY: Final = "docker-registry"
HTPASSWD: Final = "htpasswd"
DEBIAN_PACKAGES: Final = {BINARY: "docker-registry", HTPASSWD: "apache2-utils"}
MANIFEST_TYPE: Final = "application/vnd.docker.distribution.manifest.v2+json"
_ARCHITECTURE: Final = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "amd64")
_PUSHER: Final = "sandbox-pusher"
_START_TIMEOUT_S: Final = 20.0
_PATIENCE_S: Final = 1.0
# Runs the registry. When standard input closes, that is, when the parent process is gone, it ends the registry and
# removes its files.
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


def missing_packages() -> tuple[str, ...]:
    """Return the Debian packages that a private registry needs and this machine lacks."""
    return tuple(package for program, package in DEBIAN_PACKAGES.items() if shutil.which(program) is None)


class PrivateRegistry(Server):
    """A registry, running inside ``with PrivateRegistry({"ci": Account(password=...)}) as registry:``.

    ``bearer``: tokens from a token service on another port, instead of Basic. ``public``: patterns of the repositories
    that anyone may pull (with ``bearer`` only). ``port``: None uses a free one.

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
        super().__init__(port)
        self._accounts = {_PUSHER: Account(password=secrets.token_urlsafe(16)), **accounts}
        self.tokens = TokenService(self._accounts, tuple(public)) if bearer else None
        self._scratch: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    # --- life ---

    def _require(self) -> None:
        if lacking := missing_packages():
            raise SandboxError(f"No private registry: install the Debian package(s) {', '.join(lacking)} with apt-get.")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()  # then it ends by itself, with its child
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
        if self.tokens is not None:
            self.tokens.stop()

    def _launch(self) -> None:
        if self.tokens is not None:
            self.tokens.start()
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
        path.write_text(json.dumps(config))  # JSON is valid YAML
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
                "service": SERVICE,
                "issuer": SERVICE,
                "rootcertbundle": str(certificate),
            }
        }

    def _write_htpasswd(self) -> None:
        """Write the file again; the registry rereads it when its modification time changes."""
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
                tail = self.log_tail()
                if "address already in use" in tail:
                    raise PortTaken(tail)
                raise SandboxError(f"The registry ended while starting. Its last lines:\n{tail}")
            with contextlib.suppress(OSError):
                self._fetch("GET", "/v2/", repository=None, timeout_s=_PATIENCE_S)
                if self._process.poll() is None:
                    return
            time.sleep(0.05)
        raise SandboxError(f"The registry did not answer within {_START_TIMEOUT_S:g} s.\n{self.log_tail()}")

    # --- use ---

    @property
    def host(self) -> str:
        """The registry host, as in an image reference and in a secret's tag."""
        return f"127.0.0.1:{self.port}"

    def admit(self, name: str, account: Account) -> None:
        """Add an account that may pull from now on."""
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


def _htpasswd_line(name: str, password: str) -> str:
    """Hash a password as the registry requires (bcrypt, at its lowest cost); it is passed by standard input."""
    command = [HTPASSWD, "-n", "-i", "-B", "-C", "4", name]
    result = subprocess.run(command, input=password, capture_output=True, text=True, check=True, timeout=10)
    return f"{result.stdout.strip()}\n"


def _layer_and_config(content: bytes) -> tuple[bytes, bytes]:
    """Return the smallest possible image: one layer with one file, and its configuration."""
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
