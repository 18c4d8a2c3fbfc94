"""The tasks that failed to start a moment ago, which say something about now."""

from datetime import timedelta
from typing import Final

from pullguard.errors import shown
from pullguard.model import Facts, FailedStart, Usage

# As long as a service needs for a few more tries.
_RECENT: Final = timedelta(minutes=15)
_REASON_MAX_CHARS: Final = 500


def recent_starts(facts: Facts) -> tuple[FailedStart, ...]:
    """Return the starts that failed within the last minutes; none where nobody looked."""
    starts = facts.usage.failed_starts if isinstance(facts.usage, Usage) else ()
    return tuple(start for start in starts if facts.now - start.stopped_at <= _RECENT)


def quoted(start: FailedStart) -> str:
    """Return the task and what ECS says of it, shortened and without control characters."""
    return f"{start.task_arn}: {'; '.join(shown(reason, _REASON_MAX_CHARS) for reason in start.reasons)}"
