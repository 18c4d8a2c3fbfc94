"""EventBridge events → triggers: what changed, and where.

The rules of this package
- An event is external text. A trigger holds only validated values: ARNs, names, ids from a table. Free text (why a task
  stopped) is cleaned, cut, and only displayed. For a failed rotation, only the step is read.
- An unusable event is ``Rejected`` with one line that says what is missing or wrong. Nothing else is raised.
- A trigger only says what to validate. The answer comes from the present state, so a lost or repeated event is
  harmless.
- Dates inside a CloudTrail record (``Nov 23, 2026 12:00:00 AM``) are never read; the envelope's ``time`` is.

``triggers`` are the results, ``envelope`` validates the common part of all events, ``branches`` reads each kind.
Sources: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
"""

from pullguard.events.envelope import EVENT_MAX_BYTES
from pullguard.events.parser import BRANCHES, parse_event, parse_event_text
from pullguard.events.triggers import (
    KeyChange,
    KeyChanged,
    PolicyChanged,
    RoleChange,
    RoleChanged,
    RotationChanged,
    RotationOutcome,
    RotationStep,
    SecretChange,
    SecretChanged,
    ServiceChanged,
    StoppedContainer,
    TaskDefinitionRegistered,
    TaskStarted,
    TaskStopped,
    Trigger,
    begins_rotation,
    current_value_of,
    debounced_resource,
    deduplication_key,
    is_rotation,
    sequence,
)

__all__ = [
    "BRANCHES",
    "EVENT_MAX_BYTES",
    "KeyChange",
    "KeyChanged",
    "PolicyChanged",
    "RoleChange",
    "RoleChanged",
    "RotationChanged",
    "RotationOutcome",
    "RotationStep",
    "SecretChange",
    "SecretChanged",
    "ServiceChanged",
    "StoppedContainer",
    "TaskDefinitionRegistered",
    "TaskStarted",
    "TaskStopped",
    "Trigger",
    "begins_rotation",
    "current_value_of",
    "debounced_resource",
    "deduplication_key",
    "is_rotation",
    "parse_event",
    "parse_event_text",
    "sequence",
]
