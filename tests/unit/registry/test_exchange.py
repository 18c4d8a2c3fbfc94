"""The requests of one verification: bounded in time, number and bytes, and their redirects."""

import threading

import pytest

from pullguard.domain.secret_value import HiddenText
from pullguard.registry import Transport
from pullguard.registry.exchange import BODY_MAX_BYTES, REDIRECTS_MAX, REQUESTS_MAX, Exchange, NoAnswer, within
from pullguard.registry.origins import Url, registry_url
from tests.registry.recording import (
    BASIC,
    Recording,
    Reply,
    Request,
    recording,
)


def test_the_number_of_questions_is_bounded() -> None:
    with recording(lambda _: Reply()) as record:
        url = registry_url(record.host, "/v2/")
        assert url is not None
        exchange = Exchange(Transport(), 5)
        for _ in range(REQUESTS_MAX):
            exchange.ask("GET", url)
        with pytest.raises(NoAnswer):
            exchange.ask("GET", url)
        assert len(record.requests) == REQUESTS_MAX


def test_nothing_is_asked_after_the_time_is_over() -> None:
    with recording(lambda _: Reply()) as record:
        url = registry_url(record.host, "/v2/")
        assert url is not None
        exchange = Exchange(Transport(), 5)
        exchange.abort()
        with pytest.raises(NoAnswer):
            exchange.ask("GET", url)
        assert record.connections == 0


def exchanging(record: Recording, timeout_s: float = 5) -> tuple[Exchange, Url]:
    url = registry_url(record.host, "/v2/")
    assert url is not None
    return Exchange(Transport(), timeout_s), url


def test_a_request_says_who_asks_and_for_what() -> None:
    with recording(lambda _: Reply()) as record:
        exchange, url = exchanging(record)
        exchange.ask("HEAD", url, authorization=HiddenText(BASIC), accept="application/x")
        (request,) = record.requests
        assert (request.method, request.target, request.authorization) == ("HEAD", "/v2/", BASIC)
        assert (request.headers["accept"], request.headers["user-agent"]) == ("application/x", "pullguard")


@pytest.mark.parametrize(
    ("status", "with_body", "body"),
    [(200, False, b""), (200, True, b"hello"), (404, False, b"hello"), (503, True, b"hello")],
    ids=["success", "wanted", "error", "error-and-wanted"],
)
def test_only_the_body_of_an_error_is_read_unasked(status: int, with_body: bool, body: bytes) -> None:
    with recording(lambda _: Reply(status=status, body=b"hello")) as record:
        exchange, url = exchanging(record)
        answer = exchange.ask("GET", url, with_body=with_body)
        assert (answer.status, answer.body) == (status, body)


def test_a_body_is_cut() -> None:
    with recording(lambda _: Reply(status=404, body=b"x" * (BODY_MAX_BYTES + 1))) as record:
        exchange, url = exchanging(record)
        assert len(exchange.ask("GET", url).body) == BODY_MAX_BYTES


def test_redirects_are_followed_a_few_times() -> None:
    def moving(request: Request) -> Reply:
        hops = len(record.requests)
        return Reply(status=302, headers=(("Location", f"/{hops}"),))

    with recording(moving) as record:
        exchange, url = exchanging(record)
        with pytest.raises(NoAnswer) as none:
            exchange.ask("GET", url)
        assert none.value.detail == f"{record.host} redirects more than {REDIRECTS_MAX} times."
        assert [request.target for request in record.requests] == ["/v2/", "/1", "/2", "/3"]


@pytest.mark.parametrize(
    ("authorization", "words"),
    [(None, '("https://evil.example/")'), (HiddenText(BASIC), "redirects to another host, which")],
    ids=["without-credentials", "with-credentials"],
)
def test_a_foreign_redirect_is_named_only_where_it_can_echo_nothing(
    authorization: HiddenText | None, words: str
) -> None:
    moved = Reply(status=307, headers=(("Location", "https://evil.example/"),))
    with recording(lambda _: moved) as record:
        exchange, url = exchanging(record)
        with pytest.raises(NoAnswer) as none:
            exchange.ask("GET", url, authorization=authorization)
        assert words in none.value.detail


def test_a_time_that_is_over_before_the_first_question_asks_nothing() -> None:
    with recording(lambda _: Reply()) as record:
        exchange, url = exchanging(record, timeout_s=0)
        with pytest.raises(NoAnswer, match="needs more time or more questions than it is given"):
            exchange.ask("GET", url)
        assert record.requests == []


def test_work_within_the_time_returns_or_raises_what_it_does() -> None:
    assert within(5, lambda: 7, pytest.fail) == 7

    def broken() -> int:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        within(5, broken, pytest.fail)


def test_work_that_takes_too_long_is_aborted() -> None:
    aborted, ended = threading.Event(), threading.Event()

    def work() -> None:
        aborted.wait(5)
        ended.set()

    with pytest.raises(TimeoutError):
        within(0.01, work, aborted.set)
    assert ended.wait(5)
