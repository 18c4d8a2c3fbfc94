import random
import string
from collections.abc import Callable

import pytest

from pullguard.domain.suffix_words import reads_as_a_word

WORDS = """
docker gitlab github reader worker helper harbor mirror secret access puller writer deploy client server public shared
common backup legacy master stable latest system script vendor portal search mobile orders events emails images assets
upload report canary online global europe oregon bridge broker caches config custom engine export import ledger logger
mailer market member metric oracle parser player policy python pusher quayio redhat region remote render router google
runner sample sender signer simple single social source spring static status stream stripe studio target tester tokens
travel tunnel update viewer wallet webapp window travis circle alpine ubuntu debian fedora apache tomcat Docker DOCKER
202611 199912
"""
MISSPELT = "dokcer gitlba raeder wroker hepler acesss readre pubilc clinet secert mastre harbro githbu"
OTHERS = (
    "a1B2c3 AbCdEf q7Rk2Z dOcKer xkcdqz qzxjkv 123456 000000 202613 188812 abcdef XXXXXX d0cker docke dockers Ééérrr"
)
DRAWS: dict[str, tuple[Callable[[random.Random], str], float]] = {
    "AWS": (lambda draw: "".join(draw.choices(string.ascii_letters + string.digits, k=6)), 0.003),
    "moto": (lambda draw: "".join(draw.choices(string.ascii_letters, k=6)), 0.008),
    "MiniStack": (lambda draw: f"{draw.getrandbits(24):06x}", 0.002),
}
DRAWN = 100_000


@pytest.mark.parametrize("word", WORDS.split())
def test_a_word_reads_as_one(word: str) -> None:
    assert reads_as_a_word(word)


@pytest.mark.parametrize("word", MISSPELT.split())
def test_a_misspelt_word_does_too(word: str) -> None:
    assert reads_as_a_word(word)


@pytest.mark.parametrize("text", OTHERS.split())
def test_other_texts_do_not(text: str) -> None:
    assert not reads_as_a_word(text)


@pytest.mark.parametrize(("draw", "most"), DRAWS.values(), ids=DRAWS)
def test_what_is_drawn_seldom_does(draw: Callable[[random.Random], str], most: float) -> None:
    chosen = random.Random(7)
    rate = sum(reads_as_a_word(draw(chosen)) for _ in range(DRAWN)) / DRAWN
    assert rate < most
