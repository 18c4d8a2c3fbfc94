"""The intents of messages."""

from pullguard.store.ledger import Ledger
from tests.fakes import NOW
from tests.unit.store.test_entries import remediation


def test_an_intent_is_known_by_its_message_id(ledger: Ledger) -> None:
    first, second = remediation(message_id="m-1"), remediation(message_id="m-2")
    for each in (first, first, second):
        ledger.intents.keep(each, now=NOW)
    assert ledger.intents.of("m-1") == (first,)
    assert ledger.intents.of("m-3") == ()
