"""A registry's answer, kept in the ledger."""

from pullguard.domain.records import from_record, to_record
from pullguard.domain.verification import Accepted
from tests.fakes import NOW, secret_arn


def test_an_accepted_login_survives_the_ledger() -> None:
    accepted = Accepted(image="ghcr.io/acme/web:1", secret=secret_arn(), version="v1", at=NOW)
    assert from_record(Accepted, to_record(accepted)) == accepted
