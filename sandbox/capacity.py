"""Limit the concurrent workers of a function to what this machine can start, which is less than in a Region.

A worker of the embedded AWS is a process of its own that imports the layers, about a second of a core. Eight
at once on two cores delay the first answer by half a minute, and a test that waits for it fails.

Runs in the embedded AWS's interpreter.
"""

from typing import Any

WORKERS_AT_ONCE = 2
"""At least two, so that two workers of a function also run concurrently here; AWS's minimum for MaximumConcurrency is
two as well.

Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
"""


def install() -> None:
    """Limit the messages in flight of each event source mapping of a queue."""
    from ministack.services import lambda_svc  # noqa: PLC0415

    allowed = lambda_svc._sqs_esm_concurrency  # noqa: SLF001

    def bounded(*mapping: Any, **options: Any) -> int:
        return min(int(allowed(*mapping, **options)), WORKERS_AT_ONCE)

    lambda_svc._sqs_esm_concurrency = bounded  # noqa: SLF001
