"""The catalogue: every check, in the order in which a pull meets what it looks at."""

from pullguard.checks import access, execution_role, platform, reference, registry, registry_tag, secret, value
from pullguard.checks.check import Check

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
