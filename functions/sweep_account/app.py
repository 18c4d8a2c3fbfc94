"""Request a validation of everything in scope, one page of families at a time."""

import os
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from pullguard.runtime.bootstrap import Deployment
from pullguard.runtime.receiver import measures, outcome

deployment = Deployment(os.environ, *Deployment.SWEEPER_NEEDS)
logger, metrics = Logger(), Metrics()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False, logger=logger)  # type: ignore[arg-type]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> Any:
    metrics.add_metric("Messages", MetricUnit.Count, len(event["Records"]))
    sweeper, receiver = deployment.sweeper(), deployment.receiver("sweep_account")

    def handle(record: SQSRecord) -> None:
        result = receiver.receive(record, lambda: sweeper.step(record.body))
        logger.info(outcome(result), extra=asdict(result))
        for name, value in measures(result).items():
            metrics.add_metric(name, MetricUnit.Count, value)

    return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
