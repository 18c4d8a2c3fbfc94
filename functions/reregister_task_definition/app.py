"""Register a corrected revision and move services to it. The only function that may write to ECS."""

import os
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from pullguard.runtime.bootstrap import Deployment
from pullguard.runtime.receiver import outcome

deployment = Deployment(os.environ, *Deployment.EXECUTOR_NEEDS)
logger, metrics = Logger(), Metrics()
processor = SqsFifoPartialProcessor(skip_group_on_error=True, logger=logger)  # type: ignore[arg-type]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> Any:
    metrics.add_metric("Messages", MetricUnit.Count, len(event["Records"]))
    reregisterer, receiver = deployment.reregisterer(), deployment.receiver("reregister_task_definition")

    def handle(record: SQSRecord) -> None:
        result = receiver.receive(record, lambda: reregisterer.receive(record.body, message_id=record.message_id))
        logger.info(outcome(result), extra=asdict(result))
        metrics.add_metric(outcome(result), MetricUnit.Count, 1)

    return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
