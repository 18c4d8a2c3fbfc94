"""Run histories, and explain what one breaks."""

from tests.simulation.histories import Operation, history, shrunk
from tests.simulation.world import World


def broken(operations: list[Operation], seed: int, without: frozenset[str] = frozenset()) -> set[str]:
    return {each.invariant for each in World(operations, seed, without=without).run()}


def explained(seed: int, invariant: str, without: frozenset[str] = frozenset()) -> str:
    """Return the shortest history that breaks the same invariant, and what happens in it."""
    operations, schedule = shrunk(history(seed), seed, lambda some, other: invariant in broken(some, other, without))
    world = World(operations, schedule, without=without, is_logged=True)
    world.run()
    return "\n".join(
        [
            f"--- {invariant}: seed {seed}, schedule {schedule}, {len(operations)} operations",
            *map(str, operations),
            *(f"      {line}" for line in world.log or ()),
        ]
    )
