"""Rows of the gate ``trust-policy``: may ECS assume the role?"""

from tests.unit.access.by_gate.rows import Failures, Unknowns
from tests.unit.access.worlds import READS, TRUST, document, ours, role

FAILURES: Failures = {
    "trust": (
        role(READS, trust=TRUST | {"Principal": {"Service": "ec2.amazonaws.com"}}),
        ours,
        "execution-role-not-assumable",
        False,
    ),
    "trust-denies": (
        role(READS, trust_policy=document(TRUST, TRUST | {"Effect": "Deny"})),
        ours,
        "execution-role-not-assumable",
        False,
    ),
}

UNKNOWNS: Unknowns = {
    "malformed-trust": (role(READS, trust_policy="{"), ours, "execution-role-not-assumable", "it is not JSON"),
}
