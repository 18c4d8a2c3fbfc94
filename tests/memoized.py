"""Caches of computations that botocore and moto repeat for each call; they save a third of a moto test's time."""

from functools import cache
from typing import Any

import botocore.useragent
import jsonpath_ng.ext
import moto.core.responses
import moto.kms.models
import moto.sqs.models

# Each is a pure function. Only KMS keys are created, and share their material, which no test compares.
_PURE: tuple[tuple[Any, str], ...] = (
    (botocore.useragent, "sanitize_user_agent_string_component"),
    (jsonpath_ng.ext, "parse"),
    (moto.core.responses, "camelcase_to_underscores"),
    (moto.core.responses, "method_names_from_class"),
    (moto.kms.models, "generate_private_key"),
    (moto.sqs.models, "camelcase_to_underscores"),
)


def memoize() -> None:
    """Let each remember what it has answered, in this process."""
    for module, name in _PURE:
        setattr(module, name, cache(getattr(module, name)))
