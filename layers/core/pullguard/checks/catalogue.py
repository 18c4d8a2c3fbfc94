"""The catalogue: every check, in the order in which a pull reaches what it examines."""

from typing import Final

from pullguard.checks import access, execution_role, platform, reference, registry, registry_tag, secret, value
from pullguard.checks.check import Check
from pullguard.domain.findings import Finding
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

_BROKEN: Final = {check.id: check.broken for check in CHECKS}


def broken_by(finding: Finding) -> Breaks:
    """Return what the finding says is broken; for a removed check, its task definition."""
    return _BROKEN.get(finding.check, Breaks.DEFINITION)


def incident_of(finding: Finding) -> str:
    """Return the id of the cause that the finding belongs to, as ``incident_id`` computes it."""
    return incident_id(finding, broken_by(finding))
