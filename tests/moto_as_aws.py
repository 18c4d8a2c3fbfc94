"""Patches of moto where it is laxer than AWS and a test would prove nothing."""

from threading import RLock
from typing import Any

import moto.secretsmanager.models
import moto.secretsmanager.utils
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.responses import ActionResult
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend

from sandbox.secret_ids import ends_as_a_complete_arn


def answer_as_aws() -> None:
    """Apply all patches.

    moto takes the last part of an ARN for a name, even if it ends in a hyphen and six characters.
    """
    models: Any = moto.secretsmanager.models
    name_of = models.get_secret_name_from_partial_arn

    def get_secret_name_from_partial_arn(partial_arn: str) -> str:
        name: str = partial_arn if ends_as_a_complete_arn(partial_arn) else name_of(partial_arn)
        return name

    models.get_secret_name_from_partial_arn = get_secret_name_from_partial_arn
    _end_arns_as_aws()
    _answer_one_call_at_a_time()
    _list_task_definitions_as_aws()


def _end_arns_as_aws() -> None:
    """End a secret's ARN in a digit: moto draws letters only, which read as a word far more often than AWS's do."""
    utils: Any = moto.secretsmanager.utils
    drawn = utils.generate_str_id

    def generate_str_id(*, length: int, **options: Any) -> str:
        return f"{drawn(length=length - 1, **options)}7"

    utils.generate_str_id = generate_str_id


def _answer_one_call_at_a_time() -> None:
    """Make each call atomic, as it is at AWS: moto checks a condition and writes without a lock."""
    stubber: Any = BotocoreStubber
    answer, lock = stubber.__call__, RLock()

    def answer_alone(self: BotocoreStubber, *args: Any, **options: Any) -> Any:
        with lock:
            return answer(self, *args, **options)

    stubber.__call__ = answer_alone


def _list_task_definitions_as_aws() -> None:
    """List task definitions in order and page by page, and the tags of many resources on one page."""
    ecs: Any = EC2ContainerServiceResponse
    tagging: Any = ResourceGroupsTaggingAPIBackend
    get_resources = tagging.get_resources

    def list_task_definitions(self: Any) -> ActionResult:
        listed = self.ecs_backend.list_task_definitions(
            self._get_param("familyPrefix"), self._get_param("status", "ACTIVE")
        )
        listed.sort(key=_family_and_revision, reverse=self._get_param("sort") == "DESC")
        start, most = int(self._get_param("nextToken", "0")), int(self._get_param("maxResults", 100))
        page: dict[str, Any] = {"taskDefinitionArns": listed[start : start + most]}
        return ActionResult(page | ({"nextToken": str(start + most)} if listed[start + most :] else {}))

    def get_resources_at_once(self: Any, **asked: Any) -> Any:
        at_once = {"resources_per_page": 101, "tags_per_page": 10_000} if asked["resource_arn_list"] else {}
        return get_resources(self, **asked | at_once)

    ecs.list_task_definitions = list_task_definitions
    tagging.get_resources = get_resources_at_once


def _family_and_revision(arn: str) -> tuple[str, int]:
    family, _, revision = arn.rpartition("/")[2].rpartition(":")
    return family, int(revision)
