"""The quota of ECS for calls that describe or list task definitions, and the pace of a sweep below it. Pure.

DescribeTaskDefinition, ListTaskDefinitions and ListTaskDefinitionFamilies share a bucket of 50 calls that is refilled
at 20 a second, for the whole account and Region. A sweep takes 18.5 a second, so that 10,000 families and their pages
take 546 seconds, 1.09 times what the quota imposes. The rest, and the 50 calls of the full bucket, are left to events
and to the account's own deployments.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
"""

from datetime import datetime, timedelta
from typing import Final

BURST: Final = 50
QUOTA_PER_S: Final = 20.0
SHARE_PER_S: Final = 18.5
# The longest delay of an SQS message.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
DELAY_MAX_S: Final = 900
# Delays are whole seconds and queues deliver late: a step that is late by no more than this is made up for.
_CATCH_UP: Final = timedelta(seconds=10)


def delays_s(requests: int, *, calls: int = 1) -> tuple[int, ...]:
    """Return the delays of ``requests`` messages, each of which leads to ``calls`` calls, in seconds."""
    return tuple(min(int(number * calls / SHARE_PER_S), DELAY_MAX_S) for number in range(requests))


def paced_until(before: datetime | None, calls: int, *, now: datetime) -> datetime:
    """Return the time until which ``calls`` more calls fill the share; ``before`` is that of the earlier ones."""
    return max(before or now, now - _CATCH_UP) + timedelta(seconds=calls / SHARE_PER_S)


def wait_s(until: datetime | None, *, now: datetime) -> int:
    """Return the delay of a message that is due at ``until``, in whole seconds."""
    seconds = 0.0 if until is None else (until - now).total_seconds()
    return min(max(int(seconds), 0), DELAY_MAX_S)
