"""A wrong password is tried once in a run, whatever the images; the ledger is asked once."""

from dataclasses import dataclass, field

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.verification import Verification
from pullguard.registry.refused_logins import RefusedLogins
from tests.fakes import secret_arn

LOGIN = (secret_arn(), "v1", "ghcr.io")
OTHER = (secret_arn(), "v2", "ghcr.io")
WRONG = Verification(answer="rejected", detail="401")
CLOSED = Verification(answer="rejected", detail="403", refuses="repository")
LIMITED = Verification(answer="rate-limited", detail="429")
OK = Verification(answer="ok", detail="200")
SILENT = Verification(answer="unreachable", detail="no answer")


@dataclass
class Elsewhere:
    """What other runs heard from registries, and what this one reports."""

    said: dict[tuple[Arn, str, str], Verification] = field(default_factory=dict)
    asked: list[tuple[Arn, str, str]] = field(default_factory=list)
    kept: list[Verification] = field(default_factory=list)

    def known(self, login: tuple[Arn, str, str]) -> Verification | None:
        self.asked.append(login)
        return self.said.get(login)

    def keep(self, login: tuple[Arn, str, str], said: Verification) -> None:
        self.kept.append(said)


@pytest.mark.parametrize(
    ("said", "known"),
    [(WRONG, WRONG), (LIMITED, LIMITED), (CLOSED, None), (OK, None), (SILENT, None)],
    ids=["wrong", "limited", "repository-closed", "accepted", "unreachable"],
)
def test_only_a_refused_login_is_remembered(said: Verification, known: Verification | None) -> None:
    logins = RefusedLogins()
    assert logins.known(LOGIN) is None
    logins.keep(LOGIN, said)
    assert logins.known(LOGIN) == known
    assert logins.known(OTHER) is None


def test_an_answer_that_another_run_got_is_asked_for_once() -> None:
    ledger = Elsewhere(said={LOGIN: WRONG})
    logins = RefusedLogins(ledger)
    assert [logins.known(LOGIN), logins.known(LOGIN)] == [WRONG, WRONG]
    assert ledger.asked == [LOGIN]


def test_an_unknown_answer_is_asked_for_again() -> None:
    ledger = Elsewhere()
    logins = RefusedLogins(ledger)
    assert [logins.known(LOGIN), logins.known(LOGIN)] == [None, None]
    assert ledger.asked == [LOGIN, LOGIN]


KEPT: dict[str, tuple[list[Verification], list[Verification]]] = {
    "accepted-twice-is-kept-once": ([OK, OK], [OK]),
    "a-closed-repository-proves-the-login": ([CLOSED, OK], [CLOSED]),
    "refused-is-kept-each-time": ([WRONG, LIMITED], [WRONG, LIMITED]),
    "unreachable-proves-nothing": ([SILENT, OK], [SILENT, OK]),
    "refused-after-it-was-accepted": ([OK, WRONG], [OK, WRONG]),
}


@pytest.mark.parametrize(("said", "kept"), KEPT.values(), ids=KEPT)
def test_the_ledger_keeps_only_answers_about_the_login(said: list[Verification], kept: list[Verification]) -> None:
    ledger = Elsewhere()
    logins = RefusedLogins(ledger)
    for each in said:
        logins.keep(LOGIN, each)
    assert ledger.kept == kept


def test_an_accepted_login_is_not_asked_for_in_the_ledger() -> None:
    ledger = Elsewhere(said={LOGIN: WRONG})
    logins = RefusedLogins(ledger)
    logins.keep(LOGIN, OK)
    assert logins.known(LOGIN) is None
    assert ledger.asked == []
