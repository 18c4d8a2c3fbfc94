"""Items in DynamoDB: keys, conditions, transactions, expiry, and items that cannot be read."""

import logging
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pullguard.domain.errors import MalformedItem, Rejected
from pullguard.store.ledger import Ledger
from pullguard.store.table import Table, data_of, expiry_of, log_malformed, reading, td
from tests.fakes import NOW, REGION, revision_arn, role_arn, secret_arn

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WEB, API = revision_arn("web"), revision_arn("api")
ROLE = role_arn()
ITEM = {"pk": {"S": "P"}, "sk": {"S": "S"}}


def test_every_read_is_consistent(ledger: Ledger, dynamodb: "DynamoDBClient") -> None:
    asked: list[tuple[str, bool]] = []

    def note(params: dict[str, Any], model: Any, **_: object) -> None:
        asked.append((model.name, b'"ConsistentRead":true' in params["body"].replace(b" ", b"")))

    dynamodb.meta.events.register("before-call.dynamodb", note)
    ledger.entries.get(WEB)
    ledger.entries.dependents("x")
    ledger.entries.finding(WEB, "x")
    ledger.entries.remediation(WEB, "x")
    ledger.roles.granted(ROLE)
    ledger.claims.happened("x", now=NOW)
    ledger.rotations.end(secret_arn())
    reads = ["Query", "Query", "GetItem", "GetItem", "Query", "GetItem", "GetItem"]
    assert asked == [(name, True) for name in reads]


def test_a_ledger_that_fails_raises(dynamodb: "DynamoDBClient") -> None:
    nowhere = Ledger(boto3.client("dynamodb", region_name=REGION), "another-table")
    with pytest.raises(ClientError):
        nowhere.entries.get(WEB)
    with pytest.raises(ClientError):
        nowhere.claims.begin("x", 30, now=NOW)


@pytest.mark.parametrize(("conflicts", "raises"), [(4, False), (5, True)])
def test_a_write_that_conflicts_with_a_transaction_is_retried(*, conflicts: int, raises: bool) -> None:
    client = boto3.client("dynamodb", region_name=REGION)
    with Stubber(client) as stubber:
        for _ in range(conflicts):
            stubber.add_client_error("update_item", "TransactionConflictException")
        if not raises:
            stubber.add_response("update_item", {})
        with pytest.raises(ClientError) if raises else nullcontext():
            assert Notes(client, "ledger").colour("one", "red")
        stubber.assert_no_pending_responses()


class Notes(Table):
    """A store of texts, by name."""

    PARTITIONS: ClassVar = ("NOTES", "NOTE#")

    def keep(self, name: str, text: object, *, over: str | None = None) -> bool:
        values = {":over": {"S": f'"{over}"'}}
        if over is None:
            return self._put("NOTES", f"NOTE#{name}", text)
        return self._put(
            "NOTES", f"NOTE#{name}", text, condition="#data = :over", values=values, names={"#data": "data"}
        )

    def note(self, name: str) -> str | None:
        return self._get("NOTES", f"NOTE#{name}", lambda data: data.upper())

    def note_or_none(self, name: str) -> str | None:
        return self._or_none("NOTES", f"NOTE#{name}", lambda data: data.upper())

    def notes(self) -> Iterator[tuple[str, str]]:
        return self._each("NOTES", lambda name, item: (name, data_of(item).upper()), "NOTE#")

    def colour(self, name: str, colour: str) -> bool:
        return self._update("NOTES", f"NOTE#{name}", {"colour": {"S": colour}}, condition="attribute_exists(pk)")

    def swap(self, old: str, new: str) -> bool:
        put = self._writing("NOTES", f"NOTE#{new}", "new", condition="attribute_not_exists(pk)")
        return self._together(put=(put,), delete=(self._deleting("NOTES", f"NOTE#{old}"),))


@pytest.fixture
def notes(dynamodb: "DynamoDBClient") -> Notes:
    return Notes(dynamodb, "ledger")


def test_items_are_read_one_by_one_and_as_a_list(notes: Notes) -> None:
    notes.keep("a", "one")
    notes.keep("b", "two")
    assert (notes.note("a"), notes.note("c")) == ("ONE", None)
    assert list(notes.notes()) == [("a", "ONE"), ("b", "TWO")]


def test_a_malformed_item_is_named_alone_and_left_out_of_lists(notes: Notes, caplog: pytest.LogCaptureFixture) -> None:
    notes.keep("a", 7)
    notes.keep("b", "two")
    with pytest.raises(MalformedItem, match='pk "NOTES", sk "NOTE#a" cannot be read: AttributeError'):
        notes.note("a")
    assert (notes.note_or_none("a"), list(notes.notes())) == (None, [("b", "TWO")])
    assert [line.count('sk "NOTE#a"') for line in caplog.messages] == [1, 1]


def test_a_write_whose_condition_does_not_hold_changes_nothing(notes: Notes) -> None:
    notes.keep("a", "one")
    assert [notes.keep("a", "two", over=each) for each in ("zero", "one", "one")] == [False, True, False]
    assert notes.note("a") == "TWO"
    assert [notes.colour(each, "red") for each in "ab"] == [True, False]
    assert notes.note("b") is None


def test_a_transaction_changes_everything_or_nothing(notes: Notes) -> None:
    notes.keep("a", "one")
    notes.keep("b", "two")
    assert not notes.swap("a", "b")
    assert list(notes.notes()) == [("a", "ONE"), ("b", "TWO")]
    assert notes.swap("a", "c")
    assert list(notes.notes()) == [("b", "TWO"), ("c", "NEW")]


CONFLICT, THROTTLED = "TransactionConflict", "ThrottlingError"
TRANSACTIONS: dict[str, tuple[list[str], bool]] = {
    "conflicts-pass": ([CONFLICT] * 4, True),
    "conflicts-stay": ([CONFLICT] * 5, False),
    "another-reason": ([THROTTLED], False),
}


@pytest.mark.parametrize(("reasons", "written"), TRANSACTIONS.values(), ids=TRANSACTIONS)
def test_a_transaction_is_tried_five_times_where_it_conflicts(reasons: list[str], written: bool) -> None:
    client = boto3.client("dynamodb", region_name=REGION)
    with Stubber(client) as stubber:
        for reason in reasons:
            stubber.add_client_error(
                "transact_write_items",
                "TransactionCanceledException",
                modeled_fields={"CancellationReasons": [{"Code": "None"}, {"Code": reason}]},
            )
        if written:
            stubber.add_response("transact_write_items", {})
            assert Notes(client, "ledger").swap("a", "b")
        else:
            with pytest.raises(ClientError):
                Notes(client, "ledger").swap("a", "b")
        stubber.assert_no_pending_responses()


def test_the_reason_of_a_malformed_item_quotes_our_own_errors_only(caplog: pytest.LogCaptureFixture) -> None:
    def read(problem: Exception) -> str:
        def failing(_: object) -> str:
            raise problem

        with pytest.raises(MalformedItem) as caught:
            reading(ITEM, failing)
        return str(caught.value)

    assert "cannot be read: Rejected: no role." in read(Rejected("no role"))
    assert "cannot be read: ValueError." in read(ValueError("hunter2"))
    with caplog.at_level(logging.WARNING):
        log_malformed(MalformedItem("P", "S", "why"))
    assert 'pk "P", sk "S"' in caplog.text


def test_an_error_of_aws_is_no_malformed_item() -> None:
    def failing(_: object) -> str:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "Query")

    with pytest.raises(ClientError):
        reading(ITEM, failing)


def test_the_parts_of_an_item() -> None:
    item = {**ITEM, "data": {"S": '{"a": [1]}'}, "expires_at_epoch_s": {"N": "17"}}
    assert (data_of(item), expiry_of(item)) == ({"a": [1]}, 17)
    assert td(WEB) == f"TD#{WEB}"
