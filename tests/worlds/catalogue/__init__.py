"""The catalogue's worlds: for each finding id a world that causes it, and a near miss that is fine.

``CASES`` is the table: one row for each way to cause a finding. ``clean`` is a world in which everything is written in
every legal way, and nothing is wrong.
"""

from tests.worlds.catalogue import execution_role, key, organization, platform, reference, registry, secret, value
from tests.worlds.catalogue.scene import Case

CASES: tuple[Case, ...] = (
    *reference.CASES,
    *secret.CASES,
    *value.CASES,
    *execution_role.CASES,
    *organization.CASES,
    *key.CASES,
    *registry.CASES,
    *platform.CASES,
)
