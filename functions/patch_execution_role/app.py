"""Grant what a role lacks and revoke unused grants, each proved again. The only function that may write IAM."""

import os
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from pullguard.runtime.bootstrap import Deployment
from pullguard.runtime.receiver import outcome

deployment = Deployment(os.environ, *Deployment.PATCHER_NEEDS)
logger, metrics = Logger(), Metrics()
processor = SqsFifoPartialProcessor(skip_group_on_error=True, logger=logger)  # type: ignore[arg-type]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> Any:
    metrics.add_metric("Messages", MetricUnit.Count, len(event["Records"]))
    patcher, receiver = deployment.patcher(), deployment.receiver("patch_execution_role")

    def handle(record: SQSRecord) -> None:
        result = receiver.receive(record, lambda: patcher.run(record.body, message_id=record.message_id))
        logger.info(outcome(result), extra=asdict(result))
        metrics.add_metric(outcome(result), MetricUnit.Count, 1)

    return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
