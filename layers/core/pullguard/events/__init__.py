"""EventBridge events → triggers: what changed, and where.

The rules of this package
- An event is somebody else's text. A trigger holds only what was proved: ARNs, names, ids from a table; free text
  (why a task stopped) is cleaned, cut, and for people to read only. Of why a rotation failed, only the step is read.
- An event that cannot be used is ``Rejected`` with one line that says what is missing or wrong. Nothing else is raised.
- A trigger only says where to look. The answer comes from the present state, so a lost or doubled event is harmless.
- Dates inside a CloudTrail record (``Nov 23, 2026 12:00:00 AM``) are never read; the envelope's ``time`` is.

``triggers`` are the results, ``envelope`` proves what all events have in common, ``branches`` reads each of them.
Sources: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
"""

from pullguard.events.branches import BRANCHES, parse_event, parse_event_text
from pullguard.events.envelope import EVENT_MAX_BYTES
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
    "deduplication_key",
    "is_rotation",
    "parse_event",
    "parse_event_text",
    "sequence",
]
