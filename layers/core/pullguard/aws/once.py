"""A cache of answers: each question is asked once, regardless of how many threads ask it."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """Caches answers by key. If a question raises, the next caller asks it again."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._asking: dict[Hashable, Lock] = {}
        self._answers: dict[Hashable, Any] = {}

    def __call__(self, key: Hashable, ask: Callable[[], T]) -> T:
        """Return the answer for ``key``; concurrent callers wait for the first one.

        ``ask`` may ask for other keys if no two keys depend on each other.
        """
        with self._guard:
            asking = self._asking.setdefault(key, Lock())
        with asking:
            if key not in self._answers:
                self._answers[key] = ask()
            answer: T = self._answers[key]
            return answer

    def known(self, key: Hashable) -> object:
        """Return the answer for ``key`` if it was asked already, else None."""
        with self._guard:
            return self._answers.get(key)
