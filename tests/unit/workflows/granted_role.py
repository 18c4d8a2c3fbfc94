"""A role that this stack has granted something, as IAM shows it and as the ledger remembers it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import Granted, policy_document
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.role_item import GrantRecord, PolicyWrite, WriteOutcome
from pullguard.domain.secret import Secret
from pullguard.store.ledger import Ledger
from tests.fakes import NOW, granted, revision_arn, role, role_arn
from tests.flows import OWN_POLICY

ROLE = role_arn()
YESTERDAY = NOW - timedelta(days=1)


def recorded(*secrets: Secret, **changes: Any) -> tuple[GrantRecord, ...]:
    """The records of grants that were made and confirmed yesterday."""
    made = {"task_definition": str(revision_arn("web", 6)), "granted_at": YESTERDAY, "is_confirmed": True, **changes}
    return tuple(GrantRecord(granted=each, **made) for each in granted(*secrets))


def keep(ledger: Ledger, *records: GrantRecord, writes: tuple[PolicyWrite, ...] = (), to: Arn = ROLE) -> None:
    """Let the ledger know these records of a role, and these writes of its policy."""
    item = ledger.roles.item(to)
    known = {each.granted.secret: each for each in (*item.grants, *records)}
    assert ledger.roles.replace(to, item, replace(item, grants=tuple(known.values()), writes=(*item.writes, *writes)))


def count_write(ledger: Ledger, secret: Arn, at: datetime, to: Arn = ROLE) -> None:
    """Let the ledger know that the grant of ``secret`` was written, which others have undone since."""
    item = ledger.roles.item(to)
    assert ledger.roles.replace(to, item, item.with_writes((secret,), at))


def a_write(
    before: tuple[Granted, ...], after: tuple[Granted, ...], *, outcome: WriteOutcome = "done", **changes: Any
) -> PolicyWrite:
    """A write of our policy, made just now."""
    whole = PolicyWrite(id="m-0.0", policy=OWN_POLICY, at=NOW, before=before, after=after, outcome=outcome)
    return replace(whole, **changes)


def holder(*secrets: Secret, policy: str = OWN_POLICY, **changes: Any) -> Role:
    """The role with our policy, which grants these secrets."""
    ours = NamedPolicy(name=policy, document=policy_document(granted(*secrets)))
    return role(inline_policies=(ours,), **changes)
