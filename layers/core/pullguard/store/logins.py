"""Registry answers to logins, in the ledger's table, so that verification does not lock accounts.

Many registries lock an account after a few wrong passwords. A secret with 300 dependents would cause 300 failed logins,
and every later validation one more. The first run that verifies a secret version at a host therefore claims it, the
others wait for the answer, and a refusal is cached for a time that grows with each repetition. Another version is
another password and is tried at once. Only a registry's own answer is cached; a missing answer never counts as one.

| pk | sk | data |
|---|---|---|
| LOGIN#secret | version#host | the host's answer for that version, when, and the number of consecutive refusals |
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, TypeAlias

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn
from pullguard.domain.errors import MalformedItem
from pullguard.domain.verification import Verification
from pullguard.store.table import DAY_S, Table, log_malformed

Login: TypeAlias = tuple[Arn, str, str]
"""A secret, the id of its version, and the host of the registry."""

# How long a refusal is cached, in seconds: the first, second and later ones in a row. The longest is below the hour
# after which open findings are revalidated, so that a fix in the registry is noticed.
REFUSED_S: Final = (300, 900, 2700)
# Docker Hub's rate limit windows are hours long; asking sooner prolongs the refusal.
RATE_LIMITED_S: Final = (60, 300, 900)
TAKEN_S: Final = 60  # working logins lock no account, so other runs need not wait for each other
# A verification takes at most ten seconds; other runs wait no longer for a run that claimed one and crashed.
CLAIM_S: Final = 15
_POLL_S: Final = 0.25
_STATES: Final = ("", "asking", "said", "taken")
_REFUSALS: Final = ("rejected", "rate-limited")  # no other answer is cached


class LoginStore(Table):
    """Caches logins that registries refused. Errors propagate: a lost refusal would be tried again."""

    PARTITIONS: ClassVar = ("LOGIN#",)

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        now: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(client, table)
        self._now = now
        self._pause = pause

    @asks("dynamodb:GetItem", "dynamodb:PutItem")
    def known(self, login: Login) -> Verification | None:
        """Return the cached answer for a login; on None, ask the registry now and ``keep`` its answer.

        Raises ``MalformedItem`` if the item cannot be read. Then no login is tried: it might lock the account.
        """
        for _ in range(int(CLAIM_S / _POLL_S)):
            data = self._of(login)
            state = data["state"] if self._now().timestamp() < data["until_epoch_s"] else ""
            if state == "taken":
                return None
            if state == "said":
                return Verification(answer=data["answer"], detail=f"{data['detail']} {_believed(data)}")
            if not state and self._claim(login, data):
                return None
            self._pause(_POLL_S)
        return Verification(
            answer="unreachable", detail=f"{login[2]} was being asked by another run, which got no answer in time."
        )

    @asks("dynamodb:GetItem", "dynamodb:PutItem")
    def keep(self, login: Login, said: Verification) -> None:
        """Store a registry's answer to a login."""
        in_a_row, now = int(self._of(login)["in_a_row"]), self._now()
        match said:
            case Verification(answer="rejected", refuses="credentials"):
                state, in_a_row, seconds = "said", in_a_row + 1, _growing(REFUSED_S, in_a_row)
            case Verification(answer="rate-limited"):
                state, in_a_row, seconds = "said", in_a_row + 1, _growing(RATE_LIMITED_S, in_a_row)
            case Verification(answer="unreachable"):
                state, seconds = "", 0  # unknown whether it was received: a waiting run may try
            case _:
                state, in_a_row, seconds = "taken", 0, TAKEN_S
        data = {"state": state, "answer": said.answer, "detail": said.detail, "in_a_row": in_a_row}
        self._write_login(login, {**data, "at": f"{now:%H:%M:%S}"}, until=now + timedelta(seconds=seconds))

    def _of(self, login: Login) -> dict[str, Any]:
        try:
            found = self._get(*_key(login), _login)
        except MalformedItem as error:
            log_malformed(error)
            raise
        return found if found is not None else {"state": "", "in_a_row": 0, "until_epoch_s": 0}

    def _claim(self, login: Login, known: dict[str, Any]) -> bool:
        """Claim the login; False if another run has claimed or answered it since ``known`` was read."""
        data = {"state": "asking", "in_a_row": known["in_a_row"]}
        until = self._now() + timedelta(seconds=CLAIM_S)
        return self._write_login(login, data, until=until, unless_after=known["until_epoch_s"])

    def _write_login(
        self, login: Login, data: dict[str, Any], *, until: datetime, unless_after: float | None = None
    ) -> bool:
        until_epoch_s = until.timestamp()
        claim: dict[str, Any] = {}
        if unless_after is not None:
            claim["condition"] = "attribute_not_exists(pk) OR until_epoch_s = :known"
            claim["values"] = {":known": {"N": repr(unless_after)}}
        return self._put(
            *_key(login),
            {**data, "until_epoch_s": until_epoch_s},
            extra={"until_epoch_s": {"N": repr(until_epoch_s)}},
            expires=until_epoch_s + DAY_S,
            **claim,
        )


def _login(data: dict[str, Any]) -> dict[str, Any]:
    """Return the stored data of a login; raises for data that ``keep`` and ``known`` never write."""
    state, in_a_row, until_epoch_s = str(data["state"]), int(data["in_a_row"]), float(data["until_epoch_s"])
    said = {name: str(data[name]) for name in ("answer", "detail", "at")} if state == "said" else {}
    if state not in _STATES or (said and said["answer"] not in _REFUSALS) or in_a_row < 0:
        raise ValueError(state)
    datetime.fromtimestamp(until_epoch_s, tz=UTC)  # raises for an invalid time
    return {**said, "state": state, "in_a_row": in_a_row, "until_epoch_s": until_epoch_s}


def _key(login: Login) -> tuple[str, str]:
    secret, version, host = login
    return f"LOGIN#{secret}", f"{version}#{host}"


def _growing(spans_s: tuple[int, ...], in_a_row: int) -> int:
    return spans_s[min(in_a_row, len(spans_s) - 1)]


def _believed(data: dict[str, Any]) -> str:
    until = datetime.fromtimestamp(data["until_epoch_s"], tz=UTC)
    return (
        f"That was at {data['at']} UTC; to lock no account, the same credentials are not tried before {until:%H:%M:%S}."
    )
