"""Principal and NotPrincipal: whom a statement of a resource policy names, and how directly.

The way in which a policy names a role matters. The account only delegates to its own policies; the role's ARN grants,
within the permissions boundary; a session's ARN, or everyone (``*``), grants past the boundary's implicit deny.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from pullguard.access.request import Caller, RoleSession, Service
from pullguard.access.ternary import Match, Unknown
from pullguard.domain.errors import shown

_ACCOUNT = re.compile(r"\d{12}")
_POSSIBLE = re.compile(
    r"[0-9]{12}|A[A-Z0-9]{15,127}|arn:[a-z0-9-]+:iam::[0-9]{12}:(root|(user|role)/[^*?]+)"
    r"|arn:[a-z0-9-]+:sts::[0-9]{12}:(assumed-role/[^*?/]+/[^*?/]+|federated-user/[^*?/]+)"
)
_KINDS = frozenset(("AWS", "Service", "Federated", "CanonicalUser"))
_NOBODY: frozenset[str] = frozenset()
SESSION_KEY = "aws:userid"


class Naming(IntEnum):
    """How a policy names the caller, from least to most direct."""

    NOT = 0
    ACCOUNT = 1
    ROLE = 2
    SESSION = 3


@dataclass(slots=True, kw_only=True)
class Principals:
    """The principals of one statement, not changed. ``aws`` are account ids, ARNs and role ids as written."""

    everybody: bool = False
    aws: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    def naming(self, caller: Caller) -> Naming:
        """Return the most direct way in which ``caller`` is certainly named."""
        if isinstance(caller, Service):
            return Naming.SESSION if caller.name in self.services else Naming.NOT
        if self.everybody:
            return Naming.SESSION
        if not self.aws:
            return Naming.NOT
        if caller.session and caller.session_prefix + caller.session in self.aws:
            return Naming.SESSION
        if caller.role_arn in self.aws or (caller.role_id and caller.role_id in self.aws):
            return Naming.ROLE
        return Naming.ACCOUNT if self.names_account(caller) else Naming.NOT

    def names_account(self, caller: RoleSession) -> bool:
        """Whether the caller's whole account is named, by its id or its root."""
        return caller.account in self.aws or caller.root_arn in self.aws

    def perhaps(self, caller: Caller) -> Unknown | None:
        """Return the reason why ``caller`` may be named more directly than is certain; None if it cannot be."""
        if isinstance(caller, Service):
            if self.everybody:
                return Unknown(problems=("AWS does not say whether the principal * includes services",))
            return None
        if caller.session is None:
            prefix = caller.session_prefix
            if any(name.startswith(prefix) for name in self.aws):
                return Unknown(keys=frozenset((SESSION_KEY,)))
        return None

    @property
    def wildcard_services(self) -> tuple[str, ...]:
        """The texts under ``Service`` that contain a wildcard, which IAM does not support there.

        Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html
        """
        return tuple(sorted(name for name in self.services if "*" in name or "?" in name))

    def perhaps_denied(self, caller: Caller) -> Unknown | None:
        """Return why a Deny that does not certainly name ``caller`` may apply to it; None if it cannot."""
        if isinstance(caller, Service) and self.wildcard_services:
            return Unknown(
                problems=("AWS does not say whether a Deny takes a wildcard under Service for every service",)
            )
        return self.perhaps(caller)

    def require_possible(self) -> None:
        """Raise ``ValueError`` for a principal that AWS would not accept: its effect is unknown."""
        for name in () if self.everybody else self.aws:
            if name != "*" and not _POSSIBLE.fullmatch(name):
                raise ValueError(f"{shown(name)} is not a principal")

    def excludes(self, caller: Caller) -> Match:
        """Whether a Deny with these as NotPrincipal spares ``caller``.

        Certain only if both the role (or session) and its account are listed: with only one of the two AWS "might deny"
        the other.
        Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
        """
        doubt = self.perhaps(caller)
        naming = self.naming(caller)
        if not isinstance(caller, RoleSession) or self.everybody:
            return naming is not Naming.NOT if doubt is None else doubt
        account = self.names_account(caller)
        role = caller.role_arn in self.aws or bool(caller.role_id and caller.role_id in self.aws)
        if account and role:
            return True
        if account or naming >= Naming.ROLE or doubt is not None:
            why = Unknown(problems=("NotPrincipal has to name both the role and its account to leave the role alone",))
            return why.merged(doubt)
        return False


def compile_principals(element: object) -> Principals:
    """Compile a Principal or NotPrincipal element. Raises ``ValueError`` with the rule that it breaks."""
    if element == "*":
        return Principals(everybody=True)
    if not isinstance(element, Mapping) or not element:
        raise ValueError("Principal is neither * nor an object")
    if not _KINDS.issuperset(element):
        raise ValueError(f"Principal has an unknown type: {', '.join(sorted(map(str, element.keys() - _KINDS)))}")
    named = {kind: frozenset(_names(names)) for kind, names in element.items()}
    aws, services = named.get("AWS", _NOBODY), named.get("Service", _NOBODY)
    return Principals(everybody="*" in aws, aws=aws, services=services)


def _names(value: object) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    names = [name for name in listed if isinstance(name, str)]
    if len(names) != len(listed):
        raise ValueError("Principal has a name that is not a string")
    return names
