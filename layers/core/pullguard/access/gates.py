"""The gates that one pull passes through, in order, with the state of each."""

from dataclasses import dataclass
from typing import Literal

from pullguard.access.decision import Citation, Decision
from pullguard.domain.lookup import Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.secret import Key

GateName = Literal[
    "trust-policy", "secret-access", "secret-resource-policy", "key-usable", "key-access", "access-scope"
]
State = Literal["pass", "fail", "unknown"]
FindingId = Literal[
    "execution-role-not-assumable",
    "secret-access-missing",
    "secret-access-denied",
    "secret-access-blocked-by-boundary",
    "secret-access-blocked-by-organization",
    "secret-resource-policy-missing",
    "secret-access-too-broad",
    "key-unusable",
    "decrypt-access-missing",
    "decrypt-access-denied",
    "default-key-cross-account",
]
FINDINGS_BY_GATE: dict[GateName, tuple[FindingId, ...]] = {
    "trust-policy": ("execution-role-not-assumable",),
    "secret-access": (
        "secret-access-missing",
        "secret-access-denied",
        "secret-access-blocked-by-boundary",
        "secret-access-blocked-by-organization",
    ),
    "secret-resource-policy": ("secret-resource-policy-missing",),
    "key-usable": ("key-unusable", "default-key-cross-account"),
    "key-access": (
        "decrypt-access-missing",
        "decrypt-access-denied",
        "secret-access-blocked-by-boundary",
        "secret-access-blocked-by-organization",
    ),
    "access-scope": ("secret-access-too-broad",),
}


_GRANTED: frozenset[GateName] = frozenset(("secret-access", "key-access"))
KEY_GATES: frozenset[GateName] = frozenset(("key-usable", "key-access"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate.

    ``finding`` is the id of the fault, or of the one that could not be ruled out; None if the gate passes. ``reason``
    is one sentence. ``statements`` decide. For an unknown gate ``missing_keys`` are the undecided condition keys,
    ``unreadable`` the questions that AWS did not answer (each names the missing permission), ``not_asked`` those that
    were not asked, ``vanished`` the resources that AWS did not find although another answer had just named them,
    ``problems`` all of these and any other unreadable part, in words. ``grant_helps``: a statement in an identity
    policy of the role, on the exact resource, opens this gate. ``key`` is the key that a key's gate is about (None:
    ``aws/secretsmanager``); a key that the next version of the secret will need is a ``warning``.
    ``new_version_helps``: storing the value again opens it, since that happens under another key. ``conditional``: it
    passes, but only under conditions that a grant would not have.
    """

    name: GateName
    state: State
    reason: str
    finding: FindingId | None = None
    severity: Literal["error", "warning"] = "error"
    decision: Decision | None = None
    statements: tuple[Citation, ...] = ()
    missing_keys: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    not_asked: tuple[NotAsked, ...] = ()
    vanished: tuple[Missing, ...] = ()
    grant_helps: bool = False
    key: Lookup[Key] | None = None
    new_version_helps: bool = False
    conditional: bool = False

    @property
    def is_of_next_version(self) -> bool:
        """Whether the pull works now, and fails here once the secret has a new version."""
        return self.severity == "warning" and self.name in KEY_GATES


@dataclass(frozen=True, slots=True, kw_only=True)
class PullAccess:
    """Whether one role can read one secret, gate by gate, in the order of a pull."""

    role: str
    secret: str
    gates: tuple[Gate, ...]

    @property
    def state(self) -> State:
        """``fail`` if any gate certainly fails, else ``unknown`` if any is unknown, else ``pass``; without warnings."""
        states = {gate.state for gate in self.gates if gate.severity == "error"}
        return "fail" if "fail" in states else "unknown" if "unknown" in states else "pass"

    @property
    def failures(self) -> tuple[Gate, ...]:
        """The gates that fail, in order; without warnings."""
        return tuple(gate for gate in self.gates if gate.state == "fail" and gate.severity == "error")

    @property
    def may_be_narrowed(self) -> Gate | None:
        """The first gate that a grant would also open and that is unknown, or passes under conditions; else None."""
        granted = (gate for gate in self.gates if gate.name in _GRANTED and gate.severity == "error")
        return next((gate for gate in granted if gate.state == "unknown" or gate.conditional), None)

    @property
    def warnings(self) -> tuple[Gate, ...]:
        """The gates that pass too easily."""
        return tuple(gate for gate in self.gates if gate.state == "fail" and gate.severity == "warning")

    def gate(self, name: GateName) -> Gate | None:
        """Return the gate of that name, None if this pull does not have it."""
        return next((gate for gate in self.gates if gate.name == name), None)


def grant_would_help(access: PullAccess) -> bool:
    """Whether a grant in the role's identity policy opens every failing gate; False if no gate fails.

    Also False if another gate that the grant would open is unknown or passes under conditions: a grant has none of the
    owner's conditions, so it might override them.
    """
    lacking = access.failures
    return bool(lacking) and all(gate.grant_helps for gate in lacking) and access.may_be_narrowed is None
