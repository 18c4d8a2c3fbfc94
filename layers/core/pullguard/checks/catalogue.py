"""The catalogue: every check, in the order in which a pull meets what it looks at."""

from pullguard.checks import access, execution_role, platform, reference, registry, secret
from pullguard.checks.check import Check

CHECKS: tuple[Check, ...] = (
    *reference.CHECKS,
    *secret.CHECKS,
    *execution_role.CHECKS,
    *access.ROLE_CHECKS,
    *access.KEY_CHECKS,
    *registry.CHECKS,
    *platform.CHECKS,
)
