"""Questions to registries within a batch: a host that does not answer is asked once, and all of them in time."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import Any

import pytest

import pullguard.registry
from pullguard.aws.deadline import Deadline
from pullguard.aws.readers import AwsReaders
from pullguard.domain.image import ImageReference, parse_image
from pullguard.domain.verification import Verification
from tests.fakes import ACCOUNT, secret

IMAGES = [parse_image(f"ghcr.io/acme/app{number}:1") for number in range(10)]
GHCR = frozenset({"ghcr.io"})


class Registry:
    """In the place of the registries: answers after ``wait``, and counts the questions, in total and at once."""

    def __init__(self, says: Verification, wait: Callable[[ImageReference], object] = lambda _: None) -> None:
        self.says, self.wait = says, wait
        self.asked: list[str] = []
        self.most = self._now = 0
        self._lock = Lock()

    def __call__(self, image: ImageReference, **_: object) -> Verification:
        with self._lock:
            self.asked.append(image.text)
            self._now += 1
            self.most = max(self.most, self._now)
        self.wait(image)
        with self._lock:
            self._now -= 1
        return self.says


@pytest.fixture
def readers() -> AwsReaders:
    clients: Any = None
    return AwsReaders(clients, account=ACCOUNT, values="never", verify=True)


def ask_all(readers: AwsReaders, images: list[ImageReference]) -> list[Any]:
    """Ask about all images at once."""
    with ThreadPoolExecutor(len(images)) as threads:
        return list(threads.map(lambda image: readers.anonymous_pull(image, GHCR), images))


def test_a_host_that_does_not_answer_is_asked_once_by_all_threads(
    readers: AwsReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(Verification(answer="unreachable", detail="no answer"), lambda _: time.sleep(0.2))
    monkeypatch.setattr(pullguard.registry, "anonymous_pull", registry)
    assert ask_all(readers, IMAGES) == [registry.says] * 10
    assert len(registry.asked) == 1


def test_once_a_host_has_answered_its_images_are_asked_about_at_once(
    readers: AwsReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Barrier(9, timeout=15)

    def wait(image: ImageReference) -> None:
        if registry.asked[0] != image.text:
            together.wait()

    registry = Registry(Verification(answer="rejected"), wait)
    monkeypatch.setattr(pullguard.registry, "anonymous_pull", registry)
    assert ask_all(readers, IMAGES) == [registry.says] * 10
    assert registry.most == 9


def test_the_first_question_to_one_host_does_not_delay_another(
    readers: AwsReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Barrier(2, timeout=15)
    registry = Registry(Verification(answer="rejected"), lambda _: together.wait())
    monkeypatch.setattr(pullguard.registry, "anonymous_pull", registry)
    assert ask_all(readers, [IMAGES[0], parse_image("quay.io/acme/app:1")]) == [registry.says] * 2


@pytest.mark.parametrize(("left_s", "asked"), [(49.9, 0), (50.0, 1)])
def test_a_registry_is_asked_only_while_there_is_time_for_its_answer(
    readers: AwsReaders, monkeypatch: pytest.MonkeyPatch, left_s: float, asked: int
) -> None:
    registry = Registry(Verification(answer="ok"))
    monkeypatch.setattr(pullguard.registry, "verification", lambda _, image, *__, **___: registry(image))
    with Deadline(left_s, clock=lambda: 0.0).applied():
        said = readers.verification(secret(registry="ghcr.io"), IMAGES[0])
    assert isinstance(said, Verification)
    assert len(registry.asked) == asked
    assert (said.answer == "unreachable") is (asked == 0)
    assert ("ghcr.io was not asked about this image" in said.detail) is (asked == 0)
