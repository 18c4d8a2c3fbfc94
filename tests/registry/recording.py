"""A registry that records every request and returns prepared answers, over HTTP or TLS."""

import base64
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection as connect
from socket import socket
from tempfile import TemporaryDirectory
from typing import BinaryIO, TypeAlias, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pullguard.domain.secret_value import HiddenText
from pullguard.registry import Transport
from pullguard.registry.origins import Origin

USERNAME = "robot$ci"
PASSWORD = "correct horse: battery-staple"
BASIC = f"Basic {base64.b64encode(f'{USERNAME}:{PASSWORD}'.encode()).decode()}"
TRACES = (USERNAME, PASSWORD, BASIC.removeprefix("Basic "))
"""A value that may appear only in an Authorization header."""


def credentials() -> tuple[HiddenText, HiddenText]:
    return HiddenText(USERNAME), HiddenText(PASSWORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came; the names of ``headers`` are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer; ``raw`` writes it byte by byte instead."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    raw: Callable[[BinaryIO], None] | None = None


Script: TypeAlias = Callable[[Request], Reply]


@dataclass(slots=True, kw_only=True)
class Recording:
    """A running server and what it was sent."""

    port: int
    script: Script = lambda _: Reply(status=404)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def sent(self) -> list[tuple[str, str, str | None]]:
        """Method, path and Authorization header of each request."""
        return [(each.method, each.path, each.authorization) for each in self.requests]

    @property
    def everything(self) -> str:
        """All that was sent, in one text."""
        return "\n".join(f"{each.method} {each.target} {dict(each.headers)}" for each in self.requests)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, record: Recording) -> None:
        self.record = record
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket, tuple[str, int]]:
        self.record.connections += 1
        return super().get_request()

    def handle_error(self, request: object, client_address: object) -> None:
        """A handshake that the client broke off is what some tests want."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, target=self.path, headers=headers)
        self.server.record.requests.append(request)
        try:
            self._reply(self.server.record.script(request))
        except OSError:
            self.close_connection = True  # the client has heard enough

    def _reply(self, reply: Reply) -> None:
        if reply.raw is not None:
            reply.raw(cast("BinaryIO", self.wfile))
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name that is overridden)
        """Stay quiet."""


@contextmanager
def recording(script: Script | None = None, *, tls_name: str | None = None) -> Iterator[Recording]:
    """Serve on a free loopback port; with ``tls_name``, over TLS with a certificate of the test's authority for it."""
    record = Recording(port=0)
    if script is not None:
        record.script = script
    server = _Server(record)
    if tls_name is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with TemporaryDirectory() as scratch:
            chain = Path(scratch) / "chain.pem"
            chain.write_bytes(_authority().issue(tls_name))
            context.load_cert_chain(chain)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    record.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield record
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere(Transport):
    """A transport for which hosts of the Internet live on loopback ports; ``ports`` is keyed by ``name:port``."""

    ports: Mapping[str, int]

    def _connect(self, origin: Origin, timeout_s: float) -> socket:
        return connect(("127.0.0.1", self.ports[f"{origin.name}:{origin.port}"]), timeout_s)


def trusting() -> ssl.SSLContext:
    """Return a context like the real one, that trusts the test's authority and no other."""
    return ssl.create_default_context(cadata=_authority().certificate)


def authority_pem() -> str:
    """Return the certificate of the test's authority."""
    return _authority().certificate


class _Authority:
    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
        self._own = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None))
        self.certificate = self._own.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, host: str) -> bytes:
        """Return a key and a certificate for ``host``, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test host")])
        certificate = self._signed(name, key, x509.SubjectAlternativeName([x509.DNSName(host)]))
        return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def _signed(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, what: x509.ExtensionType) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(what, critical=isinstance(what, x509.BasicConstraints))
            .sign(self._key, hashes.SHA256())
        )


@lru_cache(maxsize=1)
def _authority() -> _Authority:
    return _Authority()
