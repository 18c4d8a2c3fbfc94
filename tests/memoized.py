"""Shortcuts for what botocore and moto compute anew for each call; they save a third of a moto test's time."""

from functools import cache
from typing import Any

import botocore.useragent
import jsonpath_ng.ext
import moto.core.responses
import moto.core.serialize
import moto.kms.models
import moto.sqs.models
from moto.backend_index import backend_url_patterns
from moto.dynamodb.models.dynamo_type import DynamoType

# Each is a pure function. Only KMS keys are created, and share their material, which no test compares.
_PURE: tuple[tuple[Any, str], ...] = (
    (botocore.useragent, "sanitize_user_agent_string_component"),
    (jsonpath_ng.ext, "parse"),
    (moto.core.responses, "camelcase_to_underscores"),
    (moto.core.responses, "method_names_from_class"),
    (moto.kms.models, "generate_private_key"),
    (moto.sqs.models, "camelcase_to_underscores"),
)

# moto looks for a request's service in the order of its list of some hundred.
_ASKED = ("dynamodb", "ecs", "events", "iam", "kms", "secretsmanager", "sns", "sqs", "ssm", "sts")


def memoize() -> None:
    """Let each remember what it has answered, in this process."""
    for module, name in _PURE:
        setattr(module, name, cache(getattr(module, name)))
    backend_url_patterns.sort(key=lambda each: each[0] not in _ASKED)
    _take_attribute_values_as_they_are()
    # No test compares them: the id of a request is 52 random letters, and the user agent describes the machine.
    setattr(moto.core.responses, "gen_amzn_requestid_long", _request_id)  # noqa: B010
    setattr(botocore.useragent.UserAgentString, "to_string", lambda _: "tests")  # noqa: B010


def _take_attribute_values_as_they_are() -> None:
    """Spare DynamoDB two conversions: its values are JSON already, and a text is its own value."""
    serializer = moto.core.serialize.BaseJSONSerializer
    structure, cast = serializer._serialize_type_structure, vars(DynamoType)["cast_value"].fget

    def serialize(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue" and type(value) is dict:
            serialized[key] = value
        else:
            structure(self, serialized, value, shape, key)

    setattr(serializer, "_serialize_type_structure", serialize)  # noqa: B010
    setattr(DynamoType, "cast_value", property(lambda self: self.value if self.type == "S" else cast(self)))  # noqa: B010


def _request_id(headers: dict[str, str]) -> str:
    return headers.setdefault("x-amzn-requestid", "request")
