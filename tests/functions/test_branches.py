"""A run that forks reports how each branch ended, and no branch outlives it."""

import os
import time
from collections.abc import Callable

import pytest

from tests.functions.branches import Branches


def fail() -> object:
    raise ZeroDivisionError("in the branch")


def leave() -> object:
    os._exit(1)


def cannot_be_handed_over() -> object:
    return lambda: None


WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "an error": (fail, RuntimeError, "ZeroDivisionError: in the branch"),
    "a process that ended": (leave, LookupError, "did not come to wrong"),
    "what cannot be pickled": (cannot_be_handed_over, RuntimeError, "pickle"),
}


def test_a_branch_goes_on_otherwise_and_the_run_as_if_there_were_none(capsys: pytest.CaptureFixture[str]) -> None:
    branches, said, here = Branches[tuple[str, ...]](), ["before"], os.getpid()

    def perform() -> tuple[str, ...]:
        branches.branch("one", lambda: said.append("one"))
        branches.branch("other", lambda: said.append("other"))
        said.append("after")
        print("so far:", *said)  # noqa: T201
        return tuple(said)

    assert branches.run(perform) == ("before", "after")
    assert branches.result("one") == ("before", "one", "after")
    assert branches.result("other") == ("before", "other", "after")
    assert capsys.readouterr().out == "so far: before one after\nso far: before other after\n"
    assert os.getpid() == here


@pytest.mark.parametrize(("ending", "error", "words"), WRONG.values(), ids=WRONG)
def test_a_branch_that_goes_wrong_says_so_and_ends(
    ending: Callable[[], object], error: type[Exception], words: str
) -> None:
    branches = Branches[object]()
    ends: list[Callable[[], object]] = [lambda: "well"]

    def perform() -> object:
        branches.branch("wrong", lambda: ends.append(ending))
        return ends[-1]()

    assert branches.run(perform) == "well"
    with pytest.raises(error, match=words):
        branches.result("wrong")


def test_a_branch_that_the_run_does_not_reach_has_no_result() -> None:
    branches = Branches[str]()
    branches.run(lambda: "well")
    with pytest.raises(LookupError, match="did not come to nowhere"):
        branches.result("nowhere")


def test_an_error_of_the_run_itself_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        Branches[object]().run(fail)


def test_a_branch_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.functions.branches.COPY_ENDS_WITHIN_S", 0.5)
    branches, here = Branches[object](), os.getpid()

    def perform() -> str:
        branches.branch("endless", lambda: time.sleep(600))
        return "well"

    assert branches.run(perform) == "well"
    assert os.getpid() == here
    with pytest.raises(LookupError, match="the process ended there"):
        branches.result("endless")
