"""Registries' refusals during one batch or one audit: a wrong password is tried once, for all images."""

from typing import TYPE_CHECKING

from pullguard.domain.arn import Arn
from pullguard.domain.verification import Verification

if TYPE_CHECKING:
    from pullguard.registry import Logins


class RefusedLogins:
    """Remembers refusals, and asks ``beyond`` (the ledger, if there is one) for those of other runs."""

    def __init__(self, beyond: "Logins | None" = None) -> None:
        self._beyond = beyond
        self._said: dict[tuple[Arn, str, str], Verification] = {}
        self._taken: set[tuple[Arn, str, str]] = set()

    def known(self, login: tuple[Arn, str, str]) -> Verification | None:
        """Return the answer to that login; None: ask, and then ``keep`` it."""
        if login in self._said or login in self._taken or self._beyond is None:
            return self._said.get(login)
        known = self._beyond.known(login)
        if known is not None:
            self._said[login] = known
        return known

    def keep(self, login: tuple[Arn, str, str], said: Verification) -> None:
        """Keep a refusal here and in ``beyond``; an accepted login goes to ``beyond`` once."""
        is_refused = said.answer == "rate-limited" or (said.answer == "rejected" and said.refuses == "credentials")
        if is_refused:
            self._said[login] = said
        if self._beyond is not None and (is_refused or login not in self._taken):
            self._beyond.keep(login, said)
        if not is_refused and said.answer != "unreachable":
            self._taken.add(login)
