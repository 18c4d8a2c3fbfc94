"""Validate whether the image pull works and plan the fix: findings go to the bus, commands to the queues."""

import os
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSEvent, SQSRecord

from pullguard.runtime.bootstrap import Deployment
from pullguard.runtime.receiver import outcome

deployment = Deployment(os.environ, *Deployment.VALIDATOR_NEEDS)
logger, metrics = Logger(), Metrics()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False, logger=logger)  # type: ignore[arg-type]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> Any:
    metrics.add_metric("Messages", MetricUnit.Count, len(event["Records"]))
    validator, receiver = deployment.validator(), deployment.receiver("validate_task_definition", context)
    validator.expect(record["body"] for record in event["Records"])

    def run(record: SQSRecord) -> Any:
        receives, handle = int(record.attributes.approximate_receive_count), record.receipt_handle
        return validator.run(record.body, message_id=record.message_id, receives=receives, receipt_handle=handle)

    with receiver.at_once(SQSEvent(event).records, run) as result_of:

        def handle(record: SQSRecord) -> None:
            result = receiver.receive(record, lambda: result_of(record))
            logger.info(outcome(result), extra=asdict(result))
            metrics.add_metric(outcome(result), MetricUnit.Count, 1)

        return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
