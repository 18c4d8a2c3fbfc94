"""Task definitions that AWS Batch registers for its own jobs: only the job definition changes what they run.

Batch starts only the revisions that it registered itself, never a revision that someone else adds to the family. Its
role may register task definitions only with the request tag ``AWSBatchServiceTag``.
Source: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/BatchServiceRolePolicy.html
"""

import re
import shlex
from dataclasses import replace
from typing import Final

from pullguard.domain.arn import Arn
from pullguard.domain.aws_cli import in_order
from pullguard.domain.findings import Remedy
from pullguard.domain.lookup import Tags
from pullguard.domain.task_definition import TaskDefinition

BATCH_TAG: Final = "AWSBatchServiceTag"
_SERVICE_ROLE: Final = ":assumed-role/AWSServiceRoleForBatch/"

OWNED: Final = f"AWS Batch registered the task definition for its jobs (tag {BATCH_TAG}), and runs no other revision"
# Members that describe-job-definitions returns and register-job-definition does not accept.
# https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
OUTPUT_ONLY: Final = ("jobDefinitionArn", "revision", "status", "containerOrchestrationType")
_SHOWN: Final = (
    f"shows of it, without its {', '.join(OUTPUT_ONLY[:-1])} and {OUTPUT_ONLY[-1]}, which register-job-definition does "
    "not take."
)
_HOW: Final = (
    "Register the job definition again, with that change, and let jobs and schedules use its new revision. "
    f"job-definition.json holds what aws batch describe-job-definitions --status ACTIVE {_SHOWN}"
)
_INSTEAD: Final = (
    "AWS Batch runs only the revisions that it registered itself: what is to change in the task definition is changed "
    "in the job definition (RegisterJobDefinition)."
)
_A_REVISION: Final = re.compile(r"\b(register) a revision\b", re.IGNORECASE)
_OF_JOB_DEFINITION: Final = r"\1 a new job definition revision"
_BY_JOB_DEFINITION: Final = (
    "This is RegisterJobDefinition: AWS Batch runs only the revisions that it registered itself. job-definition.json "
    f"holds, with that change, what aws batch describe-job-definitions --status ACTIVE {_SHOWN}"
)


def owned_by_batch(tags: Tags, registered_by: object = None) -> bool:
    """Whether AWS Batch registered a task definition: by its tag, or by the role that registered it."""
    return BATCH_TAG in tags or (isinstance(registered_by, str) and _SERVICE_ROLE in registered_by)


def is_owned_by_batch(definition: TaskDefinition) -> bool:
    """Whether AWS Batch registered the revision."""
    return owned_by_batch(definition.tags, definition.raw.get("registeredBy"))


def registering_job_definition(belongs: str | None) -> str:
    """Describe how to change a container in its job definition; ``belongs`` is the member to add, None if not known."""
    change = f"In the job definition belongs {belongs}. " if belongs else ""
    return f"{change}{_HOW}"


def register_job_definition(at: Arn) -> str:
    """Return the command that registers the job definition again, in the Region of ``at``."""
    command = ("aws", "batch", "register-job-definition", "--region", at.region)
    return shlex.join((*command, "--cli-input-json", "file://job-definition.json"))


def instead_of_a_revision(remedy: Remedy, definition: TaskDefinition) -> Remedy:
    """Return the remedy for a finding on ``definition``; if AWS Batch owns it, the remedy changes the job definition.

    The remedy still contains the change itself: as a member, or in the words of ``remedy``.
    """
    if not is_owned_by_batch(definition):
        return remedy
    if remedy.action == "reregister" and remedy.members:
        remarks = _A_REVISION.sub(_OF_JOB_DEFINITION, remedy.text.partition(". ")[2])  # the first sentence is replaced
        how = registering_job_definition(", ".join(remedy.members))
        text = " ".join(filter(None, (f"{OWNED}.", remarks, how)))
        return Remedy(text=text, snippet=in_order(remedy.commands, register_job_definition(definition.arn)))
    if remedy.action == "grant":
        return remedy
    remedy = replace(remedy, action="none")  # without members, only the text says what to change
    text, said = _A_REVISION.subn(_OF_JOB_DEFINITION, remedy.text)
    if not said:
        return replace(remedy, text=f"{remedy.text} {_INSTEAD}".strip())
    members = f" In the job definition belongs {', '.join(remedy.members)}." if remedy.members else ""
    commands = in_order(remedy.commands, register_job_definition(definition.arn))
    return Remedy(text=f"{text}{members} {_BY_JOB_DEFINITION}", snippet=commands)
