"""What botocore and moto work out anew for each call, worked out once: together a third of what a moto test takes."""

from functools import cache
from typing import Any

import botocore.useragent
import jsonpath_ng.ext
import moto.core.responses
import moto.kms.models
import moto.sqs.models

# Each answers the same to the same; only keys of KMS are made, and share their material, at which nobody looks.
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
