"""The questions to a registry about one image, in the order in which Docker asks them."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from pullguard.domain.errors import shown
from pullguard.domain.image import ImageReference
from pullguard.domain.opt_in import REGISTRY_TAG
from pullguard.domain.secret_value import HiddenText
from pullguard.domain.verification import Refused, RegistryAnswer, Verification
from pullguard.registry.answers import (
    codes_of,
    is_address_refused,
    is_locked_out,
    meaning,
    said,
    token_in,
    usable_challenge,
)
from pullguard.registry.challenges import Challenge, parse_challenges
from pullguard.registry.exchange import Exchange, NoAnswer
from pullguard.registry.origins import Url, may_be_trusted, parse_url
from pullguard.registry.transport import Response

_DEFAULT_TAG: Final = "latest"
# https://github.com/opencontainers/image-spec/blob/main/media-types.md
# https://distribution.github.io/distribution/spec/manifest-v2-2/
_MANIFESTS: Final = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    )
)
# Answers to HEAD that may be about HEAD, or about the caller's address, and not about the image: then GET decides, and
# names the error. GET comes second, since on Docker Hub a GET of a manifest counts as a pull and a HEAD does not.
# https://docs.docker.com/docker-hub/usage/pulls/
_ASK_AGAIN: Final = frozenset({400, 403, 404, 405, 501})
_SERVER_ERRORS: Final = range(500, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """One verification in progress. ``basic`` is the Authorization header for the credentials; None: anonymous."""

    image: ImageReference
    registry: Url
    allowed_hosts: frozenset[str]
    basic: HiddenText | None
    exchange: Exchange

    def outcome(self) -> Verification:
        """Ask, and return the result."""
        try:
            return self._asked()
        except NoAnswer as failure:
            return Verification(answer="unreachable", detail=failure.detail)

    def _asked(self) -> Verification:
        ping = self.exchange.ask("GET", self.registry)
        if is_address_refused(ping):
            return _address_refused(self.registry, ping)
        if meaning(ping) == "rate-limited" or ping.status in _SERVER_ERRORS or is_locked_out(ping):
            return Verification(answer=self._meaning(ping), detail=said(self.registry, ping))
        challenge = usable_challenge(ping)
        if challenge is None:
            manifest = self._manifest(None)
            challenge = usable_challenge(manifest)
            if challenge is None:
                return self._without_challenge(ping, manifest)
        authorization = self._authorization(challenge, self.basic)
        if isinstance(authorization, Verification):
            verified = authorization
        else:
            verified = self._judged(self._manifest(authorization), challenge)
        distinct = verified.answer in {"ok", "rejected"} and self.basic is not None
        return self._or_public(verified, challenge) if distinct else verified

    # --- the image ---

    @property
    def _manifest_url(self) -> Url:
        reference = self.image.digest or self.image.tag or _DEFAULT_TAG
        target = f"/v2/{self.image.repository}/manifests/{reference}"
        return Url(origin=self.registry.origin, host=self.registry.host, target=target)

    def _meaning(self, response: Response) -> RegistryAnswer:
        return meaning(response, of_login=self.basic is not None)

    def _manifest(self, authorization: HiddenText | None) -> Response:
        """Request the manifest by HEAD, and by GET if the answer may be about HEAD and not about the image.

        GET is also used if the answer may be a firewall's refusal or a lock after failed logins: an answer to HEAD has
        no body that says so.
        """
        response = self.exchange.ask("HEAD", self._manifest_url, authorization=authorization, accept=_MANIFESTS)
        maybe_locked = authorization is not None and response.status == HTTPStatus.TOO_MANY_REQUESTS
        if response.status not in _ASK_AGAIN and not maybe_locked:
            return response
        return self.exchange.ask("GET", self._manifest_url, authorization=authorization, accept=_MANIFESTS)

    def _judged(self, manifest: Response, challenge: Challenge) -> Verification:
        if is_address_refused(manifest):
            return _address_refused(self._manifest_url, manifest)
        answer, detail = self._meaning(manifest), said(self._manifest_url, manifest)
        if self.basic is None:
            public = answer == "ok"
            detail += " It was asked without credentials."
            return Verification(answer="anonymous-ok" if public else answer, detail=detail, is_public=public)
        if answer != "rejected" or is_locked_out(manifest):
            return Verification(answer=answer, detail=detail)
        if challenge.scheme == "bearer":
            detail += (
                " The token service took the credentials, so they may not read this repository, or it does not exist."
            )
            return Verification(answer=answer, detail=detail, refuses="repository")
        detail += " The credentials are wrong, or they may not read this repository, or it does not exist."
        # A 401 asks for other credentials; a known user without permission gets another answer.
        # https://www.rfc-editor.org/rfc/rfc9110#section-15.5.4
        refuses: Refused = "credentials" if manifest.status == HTTPStatus.UNAUTHORIZED else "repository"
        return Verification(answer=answer, detail=detail, refuses=refuses)

    def _without_challenge(self, ping: Response, manifest: Response) -> Verification:
        """Judge the answers of a registry that asked for no credentials, or for a kind that Docker does not support."""
        if is_address_refused(manifest):
            return _address_refused(self._manifest_url, manifest)
        answer, detail = self._meaning(manifest), said(self._manifest_url, manifest)
        if is_locked_out(manifest):
            return Verification(answer=answer, detail=detail)
        if answer == "ok":
            return Verification(
                answer="anonymous-ok",
                detail=f"{detail} It asked for no credentials: the image is public.",
                is_public=True,
            )
        schemes = sorted({each.scheme for each in parse_challenges((*ping.challenges, *manifest.challenges))})
        if answer == "rejected":
            asked = shown(", ".join(schemes)) if schemes else "nothing"
            return Verification(answer="unreachable", detail=f"{detail} It asks for {asked}, not for Basic or Bearer.")
        if answer == "no-such-image" and meaning(ping) == "no-such-image" and not codes_of(manifest):
            return Verification(answer="unreachable", detail=f"{detail} It does not seem to be a registry.")
        return Verification(answer=answer, detail=detail)

    def _or_public(self, verified: Verification, challenge: Challenge) -> Verification:
        """Add whether the image can be pulled anonymously, regardless of the credentials' result."""
        try:
            authorization = self._authorization(challenge, None)
            if isinstance(authorization, Verification) or meaning(self._manifest(authorization)) != "ok":
                return verified
        except NoAnswer:
            return verified
        public = "Without credentials it would serve the image, which is public."
        return replace(verified, detail=f"{verified.detail} {public}", is_public=True)

    # --- the credentials ---

    def _authorization(self, challenge: Challenge, basic: HiddenText | None) -> HiddenText | Verification | None:
        """Return the Authorization header for the registry; without ``basic``, the anonymous one. Else the refusal."""
        if challenge.scheme == "basic":
            return basic
        realm = self._realm(challenge)
        response = self.exchange.ask("GET", realm, authorization=basic, with_body=True)
        if is_address_refused(response):
            return _address_refused(realm, response)
        answer = meaning(response, of_login=basic is not None)
        asks_again = answer == "rejected" and response.status != HTTPStatus.UNAUTHORIZED
        if asks_again and not is_locked_out(response) and self._are_taken(challenge, basic):
            detail = f"{said(realm, response)} It takes the credentials where no repository is asked for."
            return Verification(answer=answer, detail=detail, refuses="repository")
        if answer in {"rejected", "rate-limited"}:
            return Verification(answer=answer, detail=said(realm, response))
        token = token_in(response.body) if answer == "ok" else None
        if token is None:
            raise NoAnswer(f"{said(realm, response)} That is not a token.")
        return token

    def _are_taken(self, challenge: Challenge, basic: HiddenText | None) -> bool:
        """Whether the token service accepts the credentials as such: a 403 may be about them or the repository.

        Docker's own login also requests a token without a scope.
        Source: https://distribution.github.io/distribution/spec/auth/token/
        """
        if basic is None:
            return False
        try:
            response = self.exchange.ask(
                "GET", self._realm(challenge, scoped=False), authorization=basic, with_body=True
            )
        except NoAnswer:
            return False
        return meaning(response) == "ok" and token_in(response.body) is not None

    def _realm(self, challenge: Challenge, *, scoped: bool = True) -> Url:
        """Return the token request of a Bearer challenge, if credentials may go there; its scope is pull, no more.

        Without ``scoped`` it names no repository. Raises ``NoAnswer`` with the host that is refused.
        """
        text = challenge.parameters["realm"]
        realm = parse_url(text)
        if realm is None:
            raise NoAnswer(
                f"{self.registry.origin.authority} names the token service {shown(text)}, which is not an https "
                "address: no credentials were sent."
            )
        if not may_be_trusted(realm, self.image.host, self.allowed_hosts):
            raise NoAnswer(
                f"{self.registry.origin.authority} names the token service {shown(realm.host)}, another host, to which "
                f"no credentials were sent. If it is trusted, add it to the secret's tag {REGISTRY_TAG}."
            )
        service = challenge.parameters.get("service")
        query = urlencode(
            {
                **({"service": service} if service else {}),
                **({"scope": f"repository:{self.image.repository}:pull"} if scoped else {}),
            }
        )
        joint = ("&" if "?" in realm.target else "?") if query else ""
        return Url(origin=realm.origin, host=realm.host, target=f"{realm.target}{joint}{query}")


def _address_refused(url: Url, response: Response) -> Verification:
    return Verification(answer="unreachable", detail=said(url, response), address_refused=True)
