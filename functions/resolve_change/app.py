"""Resolve a change to the task definitions that it affects, and request one validation of each."""

import os
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from pullguard.runtime.bootstrap import Deployment
from pullguard.runtime.receiver import outcome

deployment = Deployment(os.environ, *Deployment.RESOLVER_NEEDS)
logger, metrics = Logger(), Metrics()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False, logger=logger)  # type: ignore[arg-type]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> Any:
    metrics.add_metric("Messages", MetricUnit.Count, len(event["Records"]))
    resolver, receiver = deployment.resolver(), deployment.receiver("resolve_change", context)

    def handle(record: SQSRecord) -> None:
        result = receiver.receive(record, lambda: resolver.resolve(record.body))
        logger.info(outcome(result), extra=asdict(result))
        metrics.add_metric(outcome(result), MetricUnit.Count, 1)

    return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
