"""The runtime's image behaves as AWS's does, whichever it is; and a function that cannot start says so at once."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.engine import docker
from sandbox.runtime.cost import Limits, measure
from sandbox.runtime.image import RuntimeImage
from sandbox.server import SandboxError

AT_ONCE_S = 20
LIMITS = Limits(memory_mb=512, timeout_s=2)
NO_AWS: Mapping[str, str] = {"AWS_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_NAME": "broken"}


def test_the_entrypoint_wants_the_handlers_name(image: RuntimeImage) -> None:
    with pytest.raises(SandboxError, match="entrypoint requires the handler name to be the first argument"):
        docker("run", "--rm", image.name)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param("raise RuntimeError('broken at its import')\n", "broken at its import", id="an exception"),
        pytest.param("import os\nos.write(2, b'last words')\nos._exit(3)\n", "ended with 3:\nlast words", id="an exit"),
    ],
)
def test_a_function_that_cannot_start_fails_at_once_with_its_last_words(
    source: str, said: str, image: RuntimeImage, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(source, encoding="utf-8")
    begun = time.monotonic()
    with pytest.raises(SandboxError, match=said):
        measure(image.name, code=tmp_path, layers=None, environment=NO_AWS, event={}, limits=LIMITS)
    assert time.monotonic() - begun < AT_ONCE_S


def test_a_function_that_takes_longer_than_it_may_is_ended(image: RuntimeImage, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import time\n\ndef handler(event, context):\n    time.sleep(60)\n", encoding="utf-8"
    )
    with pytest.raises(SandboxError, match="did not finish its work within 2 s, and was ended"):
        measure(image.name, code=tmp_path, layers=None, environment=NO_AWS, event={}, limits=LIMITS)


def test_a_function_gets_its_remaining_time(image: RuntimeImage, tmp_path: Path) -> None:
    source = (
        "def handler(_, context):\n    return [context.get_remaining_time_in_millis(), context.memory_limit_in_mb]\n"
    )
    (tmp_path / "app.py").write_text(source, encoding="utf-8")
    cost = measure(image.name, code=tmp_path, layers=None, environment=NO_AWS, event={}, limits=LIMITS)
    remaining_ms, memory_mb = cost.response
    assert 0 < remaining_ms <= 1000 * LIMITS.timeout_s
    assert int(memory_mb) == LIMITS.memory_mb
