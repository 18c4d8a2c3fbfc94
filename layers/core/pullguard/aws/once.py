"""Answers remembered: each question is asked once, however many threads want to know."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """Remembers answers by key. A question that raised is asked again by whoever comes next."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._asking: dict[Hashable, Lock] = {}
        self._answers: dict[Hashable, Any] = {}

    def __call__(self, key: Hashable, ask: Callable[[], T]) -> T:
        """Return the answer of ``key``; whoever comes while it is asked waits for it.

        ``ask`` may ask for other keys, as long as no two ask for each other's.
        """
        with self._guard:
            asking = self._asking.setdefault(key, Lock())
        with asking:
            if key not in self._answers:
                self._answers[key] = ask()
            answer: T = self._answers[key]
            return answer
