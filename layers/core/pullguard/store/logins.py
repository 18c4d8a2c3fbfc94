"""What registries said to logins, in the ledger's table, so that nobody's account is locked by our asking.

Many registries lock an account after a few wrong passwords. A secret with 300 dependents would be 300 wrong passwords,
and every later look one more. So the first who asks with a version of a secret at a host claims it, the others wait for
what comes of it, and a refusal is believed for a time that grows. Another version is another password: it is asked
with at once. What is believed here is what a registry has said; that nobody asked is never taken for an answer.

| pk | sk | data |
|---|---|---|
| LOGIN#secret | version#host | what the host said to that version, when, and how often in a row it refused |
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn
from pullguard.domain.errors import MalformedItem
from pullguard.domain.facts import Verification
from pullguard.store.table import DAY_S, Table, log_malformed

Login: TypeAlias = tuple[Arn, str, str]
"""A secret, the id of its version, and the registry host that it is tried at."""

# A refusal is believed for so long, the second and third in a row for longer. The last is less than the hour after
# which open findings are looked at again, so that what is put right in the registry is seen.
REFUSED_S: Final = (300, 900, 2700)
# Common windows of Docker Hub's limits are hours long; asking sooner prolongs what it refuses.
RATE_LIMITED_S: Final = (60, 300, 900)
TAKEN_S: Final = 60  # logins that work lock nobody out: the others need not wait for one another
# A verification takes ten seconds at most; whoever has claimed one and died is waited for no longer.
CLAIM_S: Final = 15
_POLL_S: Final = 0.25
_STATES: Final = ("", "asking", "said", "taken")
_REFUSALS: Final = ("rejected", "rate-limited")  # what else it may have said is never believed


class LoginStore(Table):
    """Remembers logins that registries refused. Errors propagate: to forget would be to try again."""

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
        """Return what was said to that login, and is still to be believed; None: ask now, and then ``keep`` it.

        Raises ``MalformedItem`` where that cannot be read. Then no login is tried: it might lock the
        account.
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
        """Keep what a registry has said to a login."""
        in_a_row, now = int(self._of(login)["in_a_row"]), self._now()
        match said:
            case Verification(answer="rejected", refuses="credentials"):
                state, in_a_row, seconds = "said", in_a_row + 1, _growing(REFUSED_S, in_a_row)
            case Verification(answer="rate-limited"):
                state, in_a_row, seconds = "said", in_a_row + 1, _growing(RATE_LIMITED_S, in_a_row)
            case Verification(answer="unreachable"):
                state, seconds = "", 0  # nobody knows whether it was heard: whoever waits may try
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
        """Whether nobody else has claimed or told of it since ``known`` was read; if so, it is claimed."""
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
    """Return what is kept of a login; raises for what ``keep`` and ``known`` never wrote: it would be believed."""
    state, in_a_row, until_epoch_s = str(data["state"]), int(data["in_a_row"]), float(data["until_epoch_s"])
    said = {name: str(data[name]) for name in ("answer", "detail", "at")} if state == "said" else {}
    if state not in _STATES or (said and said["answer"] not in _REFUSALS) or in_a_row < 0:
        raise ValueError(state)
    datetime.fromtimestamp(until_epoch_s, tz=UTC)  # raises for what is no time
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
