"""The token service of a private registry, which issues tokens for an account's permissions."""

import base64
import json
import secrets
import threading
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sandbox.server import SandboxError

SERVICE: Final = "sandbox"
_TOKEN_LIFE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account that may pull. ``repositories`` are patterns; only a token service applies them."""

    password: str
    repositories: tuple[str, ...] = ("*",)


class TokenService:
    """The token service of a registry, in this process: a correct password yields the account's permissions."""

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
        """The certificate that the registry trusts."""
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
            "iss": SERVICE,
            "sub": name,
            "aud": SERVICE,
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
