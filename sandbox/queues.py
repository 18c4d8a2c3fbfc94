"""Checks that SQS makes before a message enters a queue, and the embedded AWS does not.

- ``aws:PrincipalArn`` of a role session is the role's ARN. The embedded AWS uses the session's, so that a policy that
  denies every caller in AWS would seem to work.
  https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
- A rule delivers to a queue whose policy allows it, with the rule's ARN as ``aws:SourceArn``.
  https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
- A queue's ``RedriveAllowPolicy`` lists the sources of its dead letters: SQS moves them without the queue's policy.
- ``StartMessageMoveTask``: the caller needs SendMessage on the destination; messages get new ids, and all move at once.
  https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html

Runs in the embedded AWS's interpreter.
"""

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Action: TypeAlias = Callable[[dict[str, Any], str], Any]

log = logging.getLogger("sandbox.queues")


def install() -> None:
    """Install the checks in front of the embedded AWS's own handlers."""
    from ministack.core import iam_evaluator  # noqa: PLC0415
    from ministack.services import eventbridge, sqs  # noqa: PLC0415

    resolve, deliver = iam_evaluator._resolve_condition_key, eventbridge._invoke_target  # noqa: SLF001

    def resolve_condition_key(key: str, context: Any) -> Any:
        value = resolve(key, context)
        return role_of_session(value, _role_arns(value)) if key.lower() == "aws:principalarn" else value

    def invoke_target(target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
        source = str(rule.get("Arn", ""))
        if not is_of_a_rule(source) or not is_of_a_queue(target.get("Arn")) or _admits(str(target["Arn"]), source):
            deliver(target, event, rule, view)
        else:
            log.warning("the policy of %s does not let %s deliver", target["Arn"], source)

    iam_evaluator._resolve_condition_key = resolve_condition_key  # noqa: SLF001
    eventbridge._invoke_target = invoke_target  # noqa: SLF001
    handlers = sqs._HANDLERS  # noqa: SLF001
    for name in ("CreateQueue", "SetQueueAttributes"):
        handlers[name] = _as_its_dead_letters_allow(handlers[name])
    handlers["StartMessageMoveTask"] = _move


def role_of_session(principal: object, role_arns: Mapping[str, str]) -> object:
    """Return the role's ARN if ``principal`` is the ARN of a role session; ``role_arns`` are the roles' by name."""
    if not isinstance(principal, str) or ":assumed-role/" not in principal:
        return principal
    head, _, session = principal.partition(":assumed-role/")
    name = session.partition("/")[0]
    return role_arns.get(name, f"{head.replace(':sts:', ':iam:')}:role/{name}")


def is_of_a_rule(arn: str) -> bool:
    """Whether an ARN is that of a rule: EventBridge Scheduler delivers as a role, which its own call shows."""
    return ":rule/" in arn


def is_of_a_queue(arn: object) -> bool:
    """Whether an ARN is that of a queue."""
    return isinstance(arn, str) and arn.split(":")[2:3] == ["sqs"]


def allows(redrive_allow_policy: str | None, source_arn: str) -> bool:
    """Whether a queue with this RedriveAllowPolicy accepts the dead letters of the queue ``source_arn``.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    """
    policy = json.loads(redrive_allow_policy or "{}")
    match policy.get("redrivePermission", "allowAll"):
        case "allowAll":
            return True
        case "byQueue":
            return source_arn in policy.get("sourceQueueArns", ())
        case _:
            return False


def _as_its_dead_letters_allow(handle: Action) -> Action:
    def handle_as_allowed(data: dict[str, Any], url: str) -> Any:
        from ministack.core.responses import get_account_id, get_region  # noqa: PLC0415
        from ministack.services import sqs  # noqa: PLC0415

        redrive = (data.get("Attributes") or {}).get("RedrivePolicy")
        if redrive:
            name = data.get("QueueName") or str(data.get("QueueUrl", url)).rpartition("/")[2]
            target = sqs._queue_by_arn(str(json.loads(redrive).get("deadLetterTargetArn")))  # noqa: SLF001
            source = f"arn:aws:sqs:{get_region()}:{get_account_id()}:{name}"
            if target and not allows(target["attributes"].get("RedriveAllowPolicy"), source):
                reason = f"the RedriveAllowPolicy of {target['attributes']['QueueArn']} does not allow {source}"
                raise sqs._Err("InvalidParameterValue", f"The parameter RedrivePolicy is invalid. Reason: {reason}.")  # noqa: SLF001
        return handle(data, url)

    return handle_as_allowed


def _move(data: dict[str, Any], _url: str) -> dict[str, str]:
    """Move all messages of a queue; back to their sources if no destination is named."""
    from ministack.services import sqs  # noqa: PLC0415

    source = sqs._queue_by_arn(str(data.get("SourceArn")))  # noqa: SLF001
    came_from = (each["sys"].get("DeadLetterQueueSourceArn") for each in (source or {"messages": ()})["messages"])
    destination = sqs._queue_by_arn(str(data.get("DestinationArn") or next(came_from, None)))  # noqa: SLF001
    if source is None or destination is None:
        raise sqs._Err("ResourceNotFoundException", "A queue of the move does not exist.")  # noqa: SLF001
    asked = ((source, "sqs:ReceiveMessage"), (source, "sqs:DeleteMessage"), (destination, "sqs:SendMessage"))
    for queue, action in asked:
        sqs._get_q(queue["url"], action)  # noqa: SLF001
    moved, source["messages"] = source["messages"], []
    for message in moved:
        fifo = {"MessageGroupId": message.get("group_id"), "MessageDeduplicationId": str(uuid.uuid4())}
        sqs._act_send_message(  # noqa: SLF001
            {
                "QueueUrl": destination["url"],
                "MessageBody": message["body"],
                "MessageAttributes": message["message_attributes"],
                **(fifo if destination["is_fifo"] else {}),
            },
            destination["url"],
        )
    return {"TaskHandle": str(uuid.uuid4())}


def _admits(queue_arn: str, source_arn: str) -> bool:
    from ministack.services import sqs  # noqa: PLC0415

    account = source_arn.split(":")[4]
    return bool(sqs.queue_policy_allows(queue_arn, "events.amazonaws.com", source_arn, account))


def _role_arns(principal: object) -> dict[str, str]:
    """Return the ARN, including the path, of a session's role, by the role's name; empty for any other principal."""
    from ministack.services import iam  # noqa: PLC0415

    if not isinstance(principal, str) or ":assumed-role/" not in principal:
        return {}
    name = principal.partition(":assumed-role/")[2].partition("/")[0]
    role = iam._roles.get_scoped(principal.split(":")[4], None, name)  # noqa: SLF001
    return {name: str(role["Arn"])} if role else {}
