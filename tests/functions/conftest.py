"""The stack on moto, one for each test, and functions in the environment that the template gives them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from tests.functions.stack import Context, Stack

Invoke = Callable[..., Any]


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A fresh stack; at its end, no function may have called what its role does not allow."""
    with mock_aws():
        here = Stack()
        here.create()
        yield here
        assert here.forbidden() == {}


@pytest.fixture
def start(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Invoke]:
    """Start a function in its environment, with parameters of the stack; returns its handler, to call with an event."""

    def begin(function: str, **parameters: str) -> Invoke:
        for name, value in stack.environment(function, **parameters).items():
            monkeypatch.setenv(name, value)
        module = stack.start(function)
        return lambda event: module.handler(event, Context(function))

    return begin
