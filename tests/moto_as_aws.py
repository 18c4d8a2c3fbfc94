"""Patches of moto where it is laxer than AWS and a test would prove nothing."""

from threading import RLock
from typing import Any

import moto.secretsmanager.models
import moto.secretsmanager.utils
from moto.core.botocore_stubber import BotocoreStubber

from sandbox.secret_ids import ends_as_a_complete_arn


def answer_as_aws() -> None:
    """Take an ARN that ends in a hyphen and six characters for a complete one: moto takes its last part for a name."""
    models: Any = moto.secretsmanager.models
    name_of = models.get_secret_name_from_partial_arn

    def get_secret_name_from_partial_arn(partial_arn: str) -> str:
        name: str = partial_arn if ends_as_a_complete_arn(partial_arn) else name_of(partial_arn)
        return name

    models.get_secret_name_from_partial_arn = get_secret_name_from_partial_arn
    _end_arns_as_aws()
    _answer_one_call_at_a_time()


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
