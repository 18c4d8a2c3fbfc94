"""The reconciliation of one role keeps its promises under any schedule; judges.py says which they are.

A failure prints the shortest history that breaks the same promise. More: ``python -m tests.simulation survey 10000``.
"""

from dataclasses import dataclass

import pytest

from tests.simulation.histories import Operation, history
from tests.simulation.running import broken, explained
from tests.simulation.truth import POLICIES, REGIONS
from tests.simulation.weakened import without

SEEDS, CHUNK = 300, 30
EU, US = REGIONS


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_no_random_history_breaks_an_invariant(first: int) -> None:
    found = {seed: broken(history(seed), seed) for seed in range(first, first + CHUNK)}
    failed = {seed: invariants for seed, invariants in found.items() if invariants}
    seed, invariants = next(iter(failed.items()), (first, set()))
    assert not failed, f"{failed}\n{explained(seed, min(invariants))}"


@dataclass(frozen=True, slots=True)
class Case:
    """A history that once went wrong, with its schedule; without ``rule`` it breaks ``invariant`` again."""

    rule: str
    invariant: str
    schedule: int
    operations: tuple[tuple[float, str, tuple[object, ...]], ...]

    @property
    def history(self) -> list[Operation]:
        return [Operation(*each) for each in self.operations]


A, B, C = "abc"
CASES = (
    # A copy of the message in another group reads before a write and plans after it.
    Case(
        "sequence", "LOST", 21,
        ((19.7, "register", ("t0", EU, A)), (19.9, "forge", (EU, "t0", "group")), (44.5, "register", ("t1", EU, B))),
    ),
    # Two runs at once, of which one dies after its write: the other reads a policy without it.
    Case(
        "wait for the outcome", "LOST", 16,
        (
            (39.7, "register", ("t0", EU, A)), (40.7, "forge", (EU, "t0", "one")),
            (41.3, "register", ("t1", EU, C)), (41.7, "forge", (EU, "t1", "two")),
        ),
    ),
    # IAM still shows the policy as it was before the first write when the second is decided.
    Case("base", "LOST", 5, ((0.2, "register", ("t0", EU, C)), (9.3, "register", ("t1", EU, A)))),
    # Every run dies for an hour after the write; by then the grant is no longer young, but was never confirmed.
    Case("confirmed", "CONSENT", 57, ((1.5, "register", ("t0", EU, A)), (19.0, "observe_role", ()))),
    # Another policy allows it too: the grant is not lacking, but still named.
    Case("named", "NAMED", 2, ((1413.6, "register", ("t0", US, C)), (1711.5, "attach", (C,)))),
    # Only its description says that the task definition names the secret.
    Case("every dependent", "NAMED", 0, ((100.0, "register", ("t0", EU, A, True, False)),)),
    # Somebody adds a grant to our policy while we write it.
    Case("strangers", "FOREIGN", 0, ((8.0, "register", ("t0", EU, A)), (72.9, "edit_add", (POLICIES[EU], C)))),
    # A rollback leaves another principal's grant in our policy.
    Case(
        "strangers in a rollback", "FOREIGN", 8,
        (
            (8.0, "edit_add", (POLICIES[EU], C)), (300.0, "register", ("t0", EU, A)),
            (900.0, "rollback", (EU,)), (2000.0, "release", (EU,)),
        ),
    ),
    # One stack grants nothing because another has; then the other revokes.
    Case(
        "siblings", "OUTAGE", 0,
        ((360.0, "register", ("t0", EU, C)), (681.6, "register", ("t1", US, C)), (1975.0, "deregister", ("t1",))),
    ),
    Case(
        "hands off", "HANDS-OFF", 0,
        ((651.8, "register", ("t0", EU, B)), (2171.1, "deregister", ("t0",)), (2171.2, "observe_role", ())),
    ),
    # Consent is refused between the reading and the write, and no event says so.
    Case("last check", "HOUR", 10, ((7.9, "register", ("t0", EU, B)), (20.9, "untag", (B,)))),
    # The run dies after its write.
    Case("closed", "UNREPORTED", 3, ((1360.0, "register", ("t0", EU, B)),)),
    # The role is held between a plan and its write.
    Case("wait", "HOLD", 28, ((13.6, "register", ("t0", EU, A)), (19.3, "rollback", (EU,)))),
    # We grant to a role that was created again. Then IAM shows the earlier role to a run that writes.
    Case(
        "later role", "LOST", 2076,
        (
            (0.0, "register", ("t0", EU, B)), (42.2, "forge", (EU, "t0", "role")), (44.1, "delete_role", ()),
            (50.4, "create_role", (True,)), (52.9, "register", ("new", EU, A)), (53.5, "forge", (EU, "none", "role")),
            (54.5, "forge", (EU, "none", "role")),
        ),
    ),
    # IAM shows it to a run that has nothing to write, and consent is refused later.
    Case(
        "later role", "CONSENT", 2,
        (
            (0.0, "delete_role", ()), (0.5, "create_role", (True,)), (1.0, "register", ("t0", EU, A)),
            (8.0, "forge", (EU, "none", "role")), (23.0, "untag", (A,)),
        ),
    ),
    # IAM shows the earlier role to the run that grants, so the ledger knows that one.
    Case(
        "earlier role", "CONSENT", 0,
        (
            (0.2, "register", ("t0", EU, C)), (10.8, "delete_role", ()), (14.3, "untag", (C,)),
            (15.8, "create_role", (True,)),
        ),
    ),
    # The former policy is tidied before the grant stands in our own.
    Case("move first", "MOVED", 0, ((0.0, "former_grant", (EU, A)), (0.0, "register", ("t0", EU, A)))),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_history_that_once_went_wrong_goes_well(case: Case) -> None:
    assert broken(case.history, case.schedule) == set()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_without_its_rule_the_history_goes_wrong_again(case: Case) -> None:
    with without(case.rule) as switched_off:
        assert case.invariant in broken(case.history, case.schedule, switched_off)
