"""What a cold start may cost, beside a bare boto3 function that does as little as can be with the same services.

Time is asked for twice. The processor's: at 512 MB a start is nothing but imports. And the time on the wall, but for
the time in which the process could run and others did (the kernel counts it), so that a start that waits for something
shows, and a machine with other work to do does not. The least of some rounds is taken, since noise only ever adds;
more rounds bring both functions nearer to what they cost.
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
