"""How many workers a function has at once: as many as this machine can start, not as many as a Region could.

A worker of the embedded AWS is a process that unpacks the layers and compiles what it imports, about 2 s of a core.
Eight at once on two cores make the first answer late by half a minute, and a test that waits for it fail.

Runs in the embedded AWS's interpreter.
"""

from typing import Any

WORKERS_AT_ONCE = 2
"""At least two, so that two workers of a function meet here too; AWS takes no smaller MaximumConcurrency either.

Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
"""


def install() -> None:
    """Bound what each event source mapping of a queue has in flight."""
    from ministack.services import lambda_svc  # noqa: PLC0415

    allowed = lambda_svc._sqs_esm_concurrency  # noqa: SLF001

    def bounded(*mapping: Any, **options: Any) -> int:
        return min(int(allowed(*mapping, **options)), WORKERS_AT_ONCE)

    lambda_svc._sqs_esm_concurrency = bounded  # noqa: SLF001
