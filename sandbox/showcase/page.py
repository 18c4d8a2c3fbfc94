"""The parts of docs/alerts.md that the composer writes, between ``<!-- NAME -->`` and ``<!-- end -->``."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pullguard.alerts import Notice, compose
from sandbox.showcase.rotations import FAILED, REJECTED
from sandbox.showcase.samples import DONE, HELD_BACK, ONE_SERVICE, OPENED, REFUSED, REMINDER, RESOLVED, SUMMARY, UNKNOWN

_DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = _DOCS / "alerts.md"
PICTURE: Final = _DOCS / "alert-chat.svg"
_PART: Final = re.compile(r"(<!-- ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SHOWN: Final = 6  # items of a list in JSON


def renewed(page: str) -> str:
    """Return the page with all its parts regenerated; raises KeyError for an unknown part."""
    return _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n\n{part[3]}", page)


def _text(notice: Notice) -> Callable[[], str]:
    def write() -> str:
        alert = compose(notice)
        return f"```text\nSubject: {alert.subject}\n\n{alert.text}```"

    return write


def _json(notice: Notice, form: Any) -> Callable[[], str]:
    def write() -> str:
        whole = json.loads(compose(notice, form).text)
        return f"```json\n{json.dumps(_shortened(whole), indent=2)}\n```"

    return write


def _shortened(value: Any) -> Any:
    """Return a message with its long lists cut; the page mentions that."""
    match value:
        case dict():
            return {name: _shortened(each) for name, each in value.items()}
        case list() if len(value) > _SHOWN:
            return [*value[:2], f"... {len(value) - 3} more ...", value[-1]]
        case _:
            return value


def _attributes() -> str:
    values = {name: each if isinstance(each, str) else [*each] for name, each in compose(OPENED).attributes.items()}
    return f"```json\n{json.dumps(_shortened(values), indent=2)}\n```"


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "text-opened": _text(OPENED),
    "text-one-service": _text(ONE_SERVICE),
    "text-reminder": _text(REMINDER),
    "text-resolved": _text(RESOLVED),
    "text-unknown": _text(UNKNOWN),
    "text-refused": _text(REFUSED),
    "text-done": _text(DONE),
    "text-held-back": _text(HELD_BACK),
    "text-summary": _text(SUMMARY),
    "text-rotation-failed": _text(FAILED),
    "text-rotation-rejected": _text(REJECTED),
    "json-opened": _json(OPENED, "json"),
    "chat-opened": _json(OPENED, "chat"),
    "attributes": _attributes,
}
