"""The catalogue: every check, in the order in which a pull reaches what it examines."""

from typing import Final

from pullguard.checks import access, execution_role, platform, reference, registry, registry_tag, secret, value
from pullguard.checks.check import Check
from pullguard.domain.findings import Finding, RemedyAction
from pullguard.incidents.identity import Breaks, incident_id

CHECKS: tuple[Check, ...] = (
    *reference.CHECKS,
    registry_tag.CHECK,
    *secret.CHECKS,
    *value.CHECKS,
    *execution_role.CHECKS,
    *access.ROLE_CHECKS,
    *access.KEY_CHECKS,
    *registry.CHECKS,
    *platform.CHECKS,
)

_BY_ID: Final = {check.id: check for check in CHECKS}


def check_of(finding: Finding) -> Check | None:
    """Return the check that the finding is an answer of; None for a removed check."""
    return _BY_ID.get(finding.check)


def broken_by(finding: Finding) -> Breaks:
    """Return what the finding says is broken; for a removed check, its task definition."""
    check = check_of(finding)
    return check.broken if check else Breaks.DEFINITION


def fix_of(finding: Finding) -> RemedyAction:
    """Return what Pullguard itself may do about the finding's check; for a removed check, nothing."""
    check = check_of(finding)
    return check.fix if check else "none"


def incident_of(finding: Finding) -> str:
    """Return the id of the incident that the finding belongs to, as ``incident_id`` computes it."""
    return incident_id(finding, broken_by(finding))
