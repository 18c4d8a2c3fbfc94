"""Budgets of a cold start, relative to a minimal boto3 function with the same clients.

Two times are measured. Processor time: at 512 MB a start consists of imports. And wall time, without the time in which
the process was runnable while others ran (the kernel counts it), so that waiting of the start shows and load of the
machine does not. The minimum of several rounds counts, since noise only adds; more rounds bring both functions closer
to their true cost.
"""

from collections.abc import Sequence
from typing import Final

from sandbox.runtime.cost import Cost

INIT_RATIO_MAX: Final = 1.5
MEMORY_RATIO_MAX: Final = 1.5

PROCESSOR, WALL, MEMORY = "init, processor s", "init, wall s", "peak memory MB"


def figures(costs: Sequence[Cost]) -> dict[str, float]:
    """The least of each figure over some rounds."""
    return {
        PROCESSOR: min(each.init.cpu_s for each in costs),
        WALL: min(each.init.own_wall_s for each in costs),
        MEMORY: min(each.done.peak_memory_mb for each in costs),
    }


def excess(ours: Sequence[Cost], theirs: Sequence[Cost]) -> list[str]:
    """Say of each figure that is over its budget what it is, and what it may be."""
    found, bare = figures(ours), figures(theirs)
    most = {
        PROCESSOR: INIT_RATIO_MAX * bare[PROCESSOR],
        WALL: INIT_RATIO_MAX * bare[WALL],
        MEMORY: MEMORY_RATIO_MAX * bare[MEMORY],
    }
    return [f"{name} {found[name]:.2f}, at most {most[name]:.2f}" for name in found if found[name] > most[name]]
