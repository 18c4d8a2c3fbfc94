"""KMS grants: whether one of them allows the request.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/grants.html and
https://docs.aws.amazon.com/kms/latest/developerguide/create-grant-overview.html (constraints)
"""

from collections.abc import Mapping

from pullguard.access.request import Request, RoleSession
from pullguard.access.ternary import Match, Unknown, every
from pullguard.domain.secret import KeyGrant

_CONTEXT = "kms:EncryptionContext:"
_CONTEXT_KEYS = "kms:EncryptionContextKeys"


def grant_allows(grant: KeyGrant, request: Request) -> Match:
    """Whether ``grant`` allows the request: operation, grantee and constraints. A retiring principal gains nothing."""
    service, _, operation = request.action.partition(":")
    if service.lower() != "kms" or operation.lower() not in {name.lower() for name in grant.operations}:
        return False
    return every((_is_grantee(grant.grantee, request), _constraints_hold(grant, request)))


def _is_grantee(grantee: str, request: Request) -> Match:
    caller = request.caller
    if not isinstance(caller, RoleSession):
        return grantee == caller.name
    if grantee == caller.role_arn:
        return True
    if grantee == caller.root_arn:
        return Unknown(problems=("AWS does not say whether a grant to an account is one to its roles",))
    if not grantee.startswith(caller.session_prefix):
        return False
    if caller.session is None:
        return Unknown(keys=frozenset(("aws:userid",)))
    return grantee == caller.session_prefix + caller.session


def _constraints_hold(grant: KeyGrant, request: Request) -> Match:
    subset = every(_pair_holds(name, value, request) for name, value in grant.encryption_context_subset.items())
    if not grant.encryption_context_equals:
        return subset
    return every((subset, _context_equals(grant.encryption_context_equals, request)))


def _context_equals(wanted: Mapping[str, str], request: Request) -> Match:
    sent = request.context.get(_CONTEXT_KEYS.lower())
    if sent is None and request.unknowable.covers(_CONTEXT_KEYS.lower()):
        return Unknown(keys=frozenset((_CONTEXT_KEYS,)))
    if set(sent or ()) != set(wanted):
        return False
    return every(_pair_holds(name, value, request) for name, value in wanted.items())


def _pair_holds(name: str, value: str, request: Request) -> Match:
    key = _CONTEXT + name
    sent = request.context.get(key.lower())
    if sent is None:
        return Unknown(keys=frozenset((key,))) if request.unknowable.covers(key.lower()) else False
    names = request.context.get(_CONTEXT_KEYS.lower())
    return sent == (value,) and (names is None or name in names)
