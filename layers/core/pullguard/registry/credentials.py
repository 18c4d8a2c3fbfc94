"""Verify a secret's credentials at the registry of an image that they are for."""

import base64
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, Protocol

from pullguard.domain.arn import Arn
from pullguard.domain.errors import PullguardError, shown
from pullguard.domain.image import ImageReference
from pullguard.domain.lookup import Lookup, NotAsked
from pullguard.domain.opt_in import REGISTRY_TAG, UNREADABLE_TAG, has_unreadable_registry_tag, left_out, registry_hosts
from pullguard.domain.secret import Secret, ValueShape
from pullguard.domain.secret_value import Credentials, HiddenText
from pullguard.domain.verification import Verification
from pullguard.registry.exchange import Exchange, within
from pullguard.registry.inquiry import Inquiry
from pullguard.registry.origins import registry_url
from pullguard.registry.transport import Transport

TIMEOUT_S: Final = 10.0
_THREAD_GRACE_S: Final = 0.25  # so that a wait with a specific reason ends before the general time-out


class Logins(Protocol):
    """Registries' answers to logins (a secret, its version, a host), so that a wrong password is tried once."""

    def known(self, login: tuple[Arn, str, str]) -> Verification | None:
        """Return the answer to that login if it is still valid; None: ask, and then ``keep`` it."""

    def keep(self, login: tuple[Arn, str, str], said: Verification) -> None:
        """Keep a registry's answer to a login."""


class HostNotAllowed(PullguardError):
    """The secret's owner does not allow its credentials to go to the image's registry."""


class VerificationBroke(PullguardError):
    """A fault of Pullguard's own: the text names its kind and place, and nothing that was sent."""


def verification(
    secret: Secret,
    image: ImageReference,
    read: Callable[[Arn, str | None], Lookup[Credentials]],
    *,
    ask: Callable[..., Verification] | None = None,
    logins: Logins | None = None,
    transport: Transport | None = None,
) -> Lookup[Verification]:
    """Verify the credentials that ``secret`` holds for ``image``; ``read`` returns its value, if it may be read.

    ``logins`` answers if the registry has refused this version before: it is not asked again, for any image.

    The value of a secret whose owner has not bound it to the image's registry host is not even read. If the current
    value is refused and a rotation has begun another one, the registry is asked about that one too (docs/adr/0015).
    """
    if (why_not := _not_to_verify(secret, image)) is not None:
        return why_not
    hosts = registry_hosts(secret)
    value = read(secret.arn, None)
    if not isinstance(value, tuple):
        return value
    if value[1] is None or value[2] is None:
        return NotAsked(why="the secret holds no username and password to verify", switch="store both in the secret")

    def asked(shape: ValueShape, username: HiddenText, password: HiddenText) -> Verification:
        login = (secret.arn, shape.version_id, image.host) if shape.version_id else None
        known = logins.known(login) if logins and login else None
        if known is not None:
            return known
        said = (ask or partial(verify, transport=transport))(image, username, password, allowed_hosts=hosts)
        if logins and login:
            logins.keep(login, said)
        return said

    current = asked(value[0], value[1], value[2])
    if current.answer != "rejected" or secret.pending_version is None:
        return current
    value = read(secret.arn, secret.pending_version)
    if not isinstance(value, tuple) or value[1] is None or value[2] is None:
        return current
    return replace(current, pending=asked(value[0], value[1], value[2]).answer)


def _not_to_verify(secret: Secret, image: ImageReference) -> NotAsked | None:
    if (outside := left_out(secret)) is not None:
        return outside
    if has_unreadable_registry_tag(secret):
        return UNREADABLE_TAG
    if image.host not in registry_hosts(secret):
        return NotAsked(
            why=f"the secret's tag {REGISTRY_TAG} does not name the image's registry host",
            switch=f"tag the secret {REGISTRY_TAG}={image.host}",
        )
    if secret.deleted_at is not None:
        return NotAsked(why="a secret that is to be deleted has no value to verify", switch="restore the secret")
    if secret.type is not None:
        return NotAsked(why="a managed external secret is never read", switch="name a secret of the usual kind")
    return None


def verify(
    image: ImageReference,
    username: HiddenText,
    password: HiddenText,
    *,
    allowed_hosts: frozenset[str],
    timeout_s: float = TIMEOUT_S,
    transport: Transport | None = None,
) -> Verification:
    """Ask the registry of ``image`` whether these credentials can pull it: by digest, else by tag, else ``latest``.

    ``allowed_hosts`` are the hosts of the secret's tag, in canonical spelling. ``timeout_s`` is for all requests
    together. ``unreachable`` means that the registry gave no answer to the question, for the reason in ``detail``.

    Raises ``HostNotAllowed`` before anything is sent, and ``VerificationBroke``.
    """
    return _ask(image, _basic(username, password), allowed_hosts, timeout_s, transport)


def anonymous_pull(
    image: ImageReference,
    *,
    allowed_hosts: frozenset[str],
    timeout_s: float = TIMEOUT_S,
    transport: Transport | None = None,
) -> Verification:
    """Ask the registry of ``image`` whether it serves it anonymously: ``verify`` without credentials.

    Raises as ``verify`` does: a registry is asked only if a secret is kept for it.
    """
    return _ask(image, None, allowed_hosts, timeout_s, transport)


def _ask(
    image: ImageReference,
    basic: HiddenText | None,
    allowed_hosts: frozenset[str],
    timeout_s: float,
    transport: Transport | None,
) -> Verification:
    registry = registry_url(image.host, "/v2/") if image.host in allowed_hosts else None
    if registry is None:
        named = ", ".join(sorted(allowed_hosts)) or "no host"
        raise HostNotAllowed(f"the registry host {shown(image.host)} is not one that the secret is for ({named})")
    exchange = Exchange(transport or Transport(), timeout_s)
    inquiry = Inquiry(
        image=image,
        registry=registry,
        allowed_hosts=allowed_hosts,
        basic=basic,
        exchange=exchange,
    )
    broken: str
    try:
        return within(timeout_s + _THREAD_GRACE_S, inquiry.outcome, exchange.abort)
    except TimeoutError:
        detail = f"{registry.origin.authority} does not answer in time."
        return Verification(answer="unreachable", detail=detail)
    except Exception as error:  # noqa: BLE001 (its frames hold what was sent: only its kind and place go on)
        broken = _place(error)
    raise VerificationBroke(f"asking {registry.origin.authority} failed on our side: {broken}")


def _basic(username: HiddenText, password: HiddenText) -> HiddenText:
    pair = f"{username.reveal()}:{password.reveal()}".encode(errors="replace")
    return HiddenText(f"Basic {base64.b64encode(pair).decode()}")


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code if trace is not None else None
    where = f" in {code.co_name}, line {trace.tb_lineno}" if code is not None and trace is not None else ""
    return f"{type(error).__name__}{where}"
