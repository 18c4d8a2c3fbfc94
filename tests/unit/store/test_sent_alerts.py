"""The alerts of the last hour, counted in the transaction that claims one; remediations whose alerts are held back."""

from typing import TYPE_CHECKING, Any

import pytest

from pullguard.incidents.alert_limits import ALERTS_MAX, SentAlert
from pullguard.store.ledger import Ledger
from pullguard.store.sent_alerts import HeldRemediation, Sent, SentAlertStore
from tests.fakes import NOW, revision_arn

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WEB = SentAlert(what="alert a", family="web", in_use=True, at=NOW)
API = SentAlert(what="alert b", family="api", in_use=False, at=NOW)
HELD = HeldRemediation(what="alert d", task_definition=revision_arn(), remediation_id="0" * 16)


@pytest.fixture
def store(dynamodb: "DynamoDBClient") -> SentAlertStore:
    return SentAlertStore(dynamodb, "ledger")


def claim(ledger: Ledger, store: SentAlertStore, alert: SentAlert, sent: Sent) -> bool:
    return ledger.claims.begin(alert.what, 30, now=NOW, also=(store.counting(alert, sent),))


def test_an_alert_is_counted_with_its_claim(ledger: Ledger, store: SentAlertStore) -> None:
    assert store.last_hour() == Sent()
    assert claim(ledger, store, WEB, store.last_hour())
    assert claim(ledger, store, API, store.last_hour())
    assert store.last_hour() == Sent(alerts=(WEB, API), version="2")


def test_an_alert_that_is_claimed_is_not_counted_again(ledger: Ledger, store: SentAlertStore) -> None:
    assert claim(ledger, store, WEB, store.last_hour())
    assert not claim(ledger, store, WEB, store.last_hour())
    assert store.last_hour().alerts == (WEB,)


def test_an_alert_is_not_claimed_if_another_run_has_counted_one_meanwhile(
    ledger: Ledger, store: SentAlertStore
) -> None:
    before = store.last_hour()
    assert claim(ledger, store, WEB, before)
    assert not claim(ledger, store, API, before)
    assert claim(ledger, store, API, store.last_hour())


def test_a_thousand_alerts_with_long_names_are_one_item(ledger: Ledger, store: SentAlertStore) -> None:
    family = "x" * 255
    alerts = tuple(
        SentAlert(what=f"alert cause {number:016} {number}", family=family, in_use=True, at=NOW)
        for number in range(ALERTS_MAX)
    )
    assert claim(ledger, store, WEB, Sent(alerts=alerts))
    assert len(store.last_hour().alerts) == ALERTS_MAX


UNREADABLE: dict[str, dict[str, Any]] = {
    "no-data": {"version": {"S": "7"}},
    "no-list": {"data": {"S": "7"}, "version": {"S": "7"}},
    "half-an-alert": {"data": {"S": '[["a", "web"]]'}},
    "no-version": {"data": {"S": "[]"}},
    "a-version-of-another-type": {"data": {"S": "{"}, "version": {"N": "7"}},
    "a-version-that-is-no-number": {"data": {"S": "{"}, "version": {"S": "x"}},
}


@pytest.mark.parametrize("item", UNREADABLE.values(), ids=UNREADABLE)
def test_an_item_that_cannot_be_read_silences_nothing(
    dynamodb: "DynamoDBClient", ledger: Ledger, store: SentAlertStore, item: dict[str, Any]
) -> None:
    dynamodb.put_item(TableName="ledger", Item={"pk": {"S": "ALERTS"}, "sk": {"S": "SENT"}, **item})
    assert store.last_hour().alerts == ()
    assert claim(ledger, store, WEB, store.last_hour())
    assert store.last_hour().alerts == (WEB,)


def test_a_remediation_is_held_until_it_is_released(store: SentAlertStore) -> None:
    assert store.held(now=NOW) == ()
    store.hold(HELD, now=NOW)
    store.hold(HELD, now=NOW)
    assert store.held(now=NOW) == (HELD,)
    store.release(HELD, now=NOW)
    assert store.held(now=NOW) == ()
