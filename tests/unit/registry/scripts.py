"""Registries that ask for credentials, as Docker knows them."""

import json

from pullguard.domain.image import ImageReference, parse_image
from pullguard.domain.verification import Verification
from pullguard.registry import verify
from tests.registry.recording import BASIC, Recording, Reply, Request, Script, credentials

DIGEST = f"sha256:{'0' * 64}"


TOKEN = Reply(body=b'{"token": "abc.DEF-1_~+/=="}')


def error(*codes: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": "…"} for code in codes]}).encode()


def image_at(record: Recording, rest: str = "team/app:1.0") -> ImageReference:
    return parse_image(f"{record.host}/{rest}")


def ask(record: Recording, rest: str = "team/app:1.0", *more_hosts: str) -> Verification:
    return verify(
        image_at(record, rest), *credentials(), allowed_hosts=frozenset({record.host, *more_hosts}), timeout_s=5
    )


def basic(manifest: Reply, *, anonymous: Reply | None = None) -> Script:
    """A registry with Basic: ``manifest`` for the right credentials, ``anonymous`` for none, else 401."""
    asks = Reply(status=401, headers=(("WWW-Authenticate", 'Basic realm="r"'),), body=error("UNAUTHORIZED"))

    def script(request: Request) -> Reply:
        if request.authorization == BASIC:
            return Reply() if request.path == "/v2/" else manifest
        return anonymous if anonymous is not None and "/manifests/" in request.path else asks

    return script


def bearer(record: Recording, manifest: Reply, token: Reply, *, anonymous: Reply | None = None) -> Script:
    """A registry that is its own token service, at /token."""
    challenge = f'Bearer realm="http://{record.host}/token?x=1",service="the registry",scope="repository:a/b:push"'

    def script(request: Request) -> Reply:
        if request.path == "/token":
            if request.authorization is None:
                return Reply(body=b'{"token": "nobody"}')
            return token if request.authorization == BASIC else Reply(status=401)
        if request.authorization == "Bearer abc.DEF-1_~+/==":
            return manifest
        if request.authorization == "Bearer nobody" and anonymous is not None:
            return anonymous
        return Reply(status=401, headers=(("Www-Authenticate", challenge),))

    return script
