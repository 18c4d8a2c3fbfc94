"""Answers are remembered: many threads ask a question once, and a failed question is asked again."""

import threading

import pytest

from pullguard.aws.once import Once


def test_a_question_is_asked_once_by_many_threads() -> None:
    once, asked, start = Once(), [], threading.Barrier(8)

    def ask() -> int:
        asked.append(1)
        return 42

    answers: list[int] = []

    def run() -> None:
        start.wait()
        answers.append(once("key", ask))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (asked, answers) == ([1], [42] * 8)


def test_a_question_that_raised_is_asked_again() -> None:
    once = Once()
    tries = iter((0, 5))

    def ask() -> float:
        return 10 / next(tries)

    with pytest.raises(ZeroDivisionError):
        once("key", ask)
    assert once("key", ask) == 2


def test_each_question_has_its_own_answer_and_may_ask_others() -> None:
    once = Once()
    assert once("sum", lambda: once("a", lambda: 1) + once("b", lambda: 2)) == 3
    assert [once(key, lambda: 0) for key in ("sum", "a", "b", "c")] == [3, 1, 2, 0]


def test_an_answer_of_nothing_is_remembered() -> None:
    once, asked = Once(), []

    def ask() -> None:
        asked.append(1)

    assert [once("key", ask), once("key", ask)] == [None, None]
    assert asked == [1]
