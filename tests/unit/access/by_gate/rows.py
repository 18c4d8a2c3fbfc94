"""The rows of the tables: each begins with an execution role and the secret that it is to read, by what it is."""

from typing import TypeAlias

from pullguard.access.gates import FindingId
from pullguard.domain.role import Role
from pullguard.domain.secret import Secret

# The finding of the gate, the first that fails, and whether a grant helps.
Failures: TypeAlias = dict[str, tuple[Role, Secret, FindingId, bool]]
Passes: TypeAlias = dict[str, tuple[Role, Secret]]
# The finding, and what it names: a key, a permission or a problem.
Unknowns: TypeAlias = dict[str, tuple[Role, Secret, FindingId, str]]
