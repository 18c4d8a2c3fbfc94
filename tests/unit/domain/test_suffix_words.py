import random
import string
from collections.abc import Callable

import pytest

from pullguard.domain.suffix_words import may_be_part_of_a_name, reads_as_a_word

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
def test_a_drawn_suffix_rarely_reads_as_a_word(draw: Callable[[random.Random], str], most: float) -> None:
    chosen = random.Random(7)
    rate = sum(reads_as_a_word(draw(chosen)) for _ in range(DRAWN)) / DRAWN
    assert rate < most


WORDS_AND_NUMBERS = """
v2prod k8sdev 2024q1 prod01 web001 app123 ci2024 dev123 team42 node18 py3app v1beta s3read aws123 eu1web db2dev oauth2
x86dev arm64v rhel9a jan24b 24may1 2ndkey sha256 md5sum utf8db us1dev squad7 ghcr01 hub001 b2beta prod2a PROD01 DEV001
202613 188812
"""
NO_NAMES = (
    "a1B2c3 AbCdEf q7Rk2Z dOcKer a1b2c3 abc123 ABC123 123abc 123456 000000 x9q4zk qzxk12 Ab12cd docke dockers Ééé12r"
)


@pytest.mark.parametrize("six", [*WORDS.split(), *MISSPELT.split(), *WORDS_AND_NUMBERS.split()])
def test_words_and_numbers_may_be_part_of_a_name(six: str) -> None:
    assert may_be_part_of_a_name(six)


@pytest.mark.parametrize("text", NO_NAMES.split())
def test_a_drawn_suffix_or_a_sample_is_not_mistaken_for_a_word(text: str) -> None:
    assert not may_be_part_of_a_name(text)


def test_few_of_what_aws_draws_give_a_warning() -> None:
    chosen, (draw, _) = random.Random(13), DRAWS["AWS"]
    assert sum(may_be_part_of_a_name(draw(chosen)) for _ in range(10_000)) / 10_000 < 0.017
