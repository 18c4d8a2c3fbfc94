"""A DynamoDB table in memory, as far as the ledger uses one: moto takes longer for a call than a validation does."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from itertools import islice
from threading import Lock
from types import CodeType
from typing import Any, Final

Raw = Mapping[str, Any]
"""An item, or a request: attributes as DynamoDB writes them, such as ``{"S": "text"}``."""

_WORDS: Final = re.compile(r"<>|<=|<|=|[#:]?\w+")
_PYTHON: Final = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", "AND": "and", "OR": "or", "NOT": "not"}
_SETS: Final = re.compile(r"([#\w]+) = (:\w+)")
_ADDS: Final = re.compile(r"ADD ([#\w]+) (:\w+)")
FAILED: Final = "ConditionalCheckFailed"


class _Operand:
    """An attribute, a value, or None: whatever is compared with None is false."""

    def __init__(self, raw: Raw | None) -> None:
        self.type, self.value = next(iter((raw or {"": None}).items()))
        if self.type == "N":
            self.value = float(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Operand) and bool(self.type) and (self.type, self.value) == (other.type, other.value)

    def __hash__(self) -> int:
        return hash(self.type)

    def __lt__(self, other: "_Operand") -> bool:
        return bool(self.type) and self.type == other.type and self.value < other.value

    def __le__(self, other: "_Operand") -> bool:
        return self < other or self == other


_FUNCTIONS: Final[Mapping[str, Callable[..., bool]]] = {
    "attribute_not_exists": lambda operand: not operand.type,
    "attribute_type": lambda operand, kind: operand.type == kind.value,
    "begins_with": lambda operand, prefix: operand.type == "S" and operand.value.startswith(prefix.value),
}


@cache
def _compiled(expression: str) -> CodeType:
    """Return a condition as Python: its words of DynamoDB are replaced, everything else is an operand."""

    def replaced(word: re.Match[str]) -> str:
        return _PYTHON.get(word[0], word[0] if word[0] in _FUNCTIONS else f"operand({word[0]!r})")

    return compile(_WORDS.sub(replaced, expression), expression, "eval")


def holds(expression: str, request: Raw, item: Raw | None) -> bool:
    """Return whether a condition of ``request`` holds for an item."""
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})

    def operand(name: str) -> _Operand:
        return _Operand(values[name] if name.startswith(":") else (item or {}).get(names.get(name, name)))

    return bool(eval(_compiled(expression), {**_FUNCTIONS, "operand": operand}))


class Ledger:
    """Items by partition and sort key. Each call is atomic."""

    def __init__(self) -> None:
        self._items: dict[str, dict[str, Raw]] = {}
        self._lock = Lock()

    def answer(self, operation: str, request: Raw) -> tuple["Status", dict[str, Any]]:
        """Answer a call as DynamoDB does: the status, and the parsed answer or error."""
        with self._lock:
            match operation:
                case "GetItem":
                    item = self._found(request["Key"])
                    return Status(200), {} if item is None else {"Item": item}
                case "Query":
                    return Status(200), {"Items": self._query(request)}
                case "TransactWriteItems":
                    steps = [next(iter(each.items())) for each in request["TransactItems"]]
                    codes = [{"Code": "None" if self._may(step) else FAILED} for _, step in steps]
                    if {"Code": FAILED} in codes:
                        error = {"Code": "TransactionCanceledException", "Message": FAILED}
                        return Status(400), {"Error": error, "CancellationReasons": codes}
                    for kind, step in steps:
                        self._write(kind, step)
                case _:
                    if not self._may(request):
                        return Status(400), {"Error": {"Code": f"{FAILED}Exception", "Message": FAILED}}
                    self._write(operation.removesuffix("Item"), request)
        return Status(200), {}

    def _found(self, key: Raw) -> Raw | None:
        return self._items.get(key["pk"]["S"], {}).get(key["sk"]["S"])

    def _may(self, request: Raw) -> bool:
        condition = request.get("ConditionExpression")
        return condition is None or holds(condition, request, self._found(request.get("Key") or request["Item"]))

    def _query(self, request: Raw) -> list[Raw]:
        values = request["ExpressionAttributeValues"]
        partition, sort = self._items.get(values[":pk"]["S"], {}), values.get(":sk", {"S": ""})["S"]
        is_before = "sk < :sk" in request["KeyConditionExpression"]
        found = (key for key in sorted(partition) if (key < sort if is_before else key.startswith(sort)))
        return [partition[key] for key in islice(found, request.get("Limit"))]

    def _write(self, kind: str, request: Raw) -> None:
        key = request.get("Key") or request["Item"]
        partition = self._items.setdefault(key["pk"]["S"], {})
        match kind:
            case "Put":
                partition[key["sk"]["S"]] = request["Item"]
            case "Delete":
                partition.pop(key["sk"]["S"], None)
            case "Update":
                partition[key["sk"]["S"]] = _updated({**key, **(self._found(key) or {})}, request)
            case _:
                raise NotImplementedError(kind)


def _updated(item: Raw, request: Raw) -> Raw:
    names, values = request.get("ExpressionAttributeNames", {}), request["ExpressionAttributeValues"]
    expression = request["UpdateExpression"]
    new = {names.get(name, name): values[value] for name, value in _SETS.findall(expression)}
    for name, value in _ADDS.findall(expression):
        attribute = names.get(name, name)
        new[attribute] = {"N": str(int(item.get(attribute, {"N": "0"})["N"]) + int(values[value]["N"]))}
    return {**item, **new}


class Status:
    """The HTTP response, as far as botocore looks at it."""

    def __init__(self, code: int) -> None:
        self.status_code = code
