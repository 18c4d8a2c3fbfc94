"""Recognise tokens and passwords that were pasted in place of a name, so that they are neither shown nor queried.

A token is identified by its public prefix or its length. A text without such a prefix is recognised only if it is long
and random: names consist of words, and AWS's own tools add short suffixes to them. A short password is a legal name,
and is not recognised.
Sources: https://docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
https://docs.gitlab.com/security/tokens/#token-prefixes, https://docs.docker.com/security/access-tokens/
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from functools import cache
from typing import Final

_URL: Final = "[A-Za-z0-9_-]"  # base64 for URLs
_BASE64: Final = "[A-Za-z0-9+/=_-]"
# Each token's public prefix, with slightly less than the shortest issued length: a token may be cut off.
_PREFIXED: Final = {
    "a GitHub token": r"gh[pousr]_[A-Za-z0-9_.-]{20,}|github_pat_[A-Za-z0-9_]{20,}",
    "a Docker Hub token": rf"dckr_(?:pat|oat|jti)_{_URL}{{20,}}",
    "a GitLab token": (r"(?:gl(?:agent|cbt|dt|ffct|ft|imt|oas|pat|ptt|rt|rtr|soat|wt)-|GR1348941)[A-Za-z0-9_.-]{18,}"),
    "an npm token": r"npm_[A-Za-z0-9]{30,}",
    "a JSON web token or encoded JSON": rf"eyJ{_BASE64}{{17,}}(?:\.{_BASE64}*){{0,4}}",
    "an AWS session token": rf"(?:IQoJb3JpZ2lu|FwoGZXIv){_BASE64}{{20,}}",
    "a HashiCorp Vault token": rf"hv[sbr]\.{_URL}{{20,}}",
    "a Slack token": r"(?:xox[a-z]|xapp)-[A-Za-z0-9-]{20,}",
    "an Artifactory token": rf"AKCp[A-Za-z0-9]{{20,}}|cmVmdGtu{_BASE64}{{20,}}",
    "a Google token": rf"ya29\.[A-Za-z0-9_.-]{{20,}}|AIza{_URL}{{30,}}|GOCSPX-{_URL}{{20,}}",
    "an Atlassian token": r"AT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{20,}",
    "an access token": (
        r"(?:do[opr]_v1_|pul-|rubygems_)[0-9a-f]{32,}|(?:hf|tfp|sk_live|rk_live)_[A-Za-z0-9]{20,}"
        rf"|(?:pypi-|sk-(?:ant|proj)-){_URL}{{30,}}"
    ),
}
_ACCESS_KEY: Final = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}")
_AZURE: Final = re.compile(r"[A-Za-z0-9+/]{32,64}\+ACR[A-Za-z0-9]{6}")
_IN_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_PAIR_KIND: Final = "an encoded username and password"
_PAIR: Final = re.compile(r"[!-9;-~]{1,128}:[^\s:](?:.*\S)?")
_SEPARATORS: Final = re.compile(r"[-_.@/+=]")
_WORD: Final = re.compile(r"[a-z]*(?:[A-Z][a-z]+)*[0-9]{0,4}|[A-Z]+[0-9]{0,4}")
_WORD_MAX_CHARS: Final = 16
_RANDOM_MIN_CHARS: Final = 32
_PART_MIN_CHARS: Final = 12
# AWS secret access keys and other base64; two characters of that alphabet also separate the parts of a name.
_ONE_RANDOM: Final = re.compile(rf"[A-Za-z0-9+/]{{{_RANDOM_MIN_CHARS},}}={{0,2}}")
_HEX: Final = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_LETTERS: Final = re.compile(r"[A-Z]?[a-z]{3,}")
_DIGITS: Final = re.compile(r"[0-9]+")
# Text that occurs in no token. An image's digest and text that is hidden already are not inspected.
_AROUND: Final = re.compile(r"""(sha\d+:[0-9a-f]+|\([^()]*; not shown\)|[\s:@,;"'\\()\[\]{}<>|]+)""")
# The characters of tokens without a prefix: the alphabets of base64, which include the separators of names.
_STRETCH: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{_PART_MIN_CHARS},}}={{0,2}}")
_WITHIN: Final = re.compile(r"([-_+/])")
# Commits (git describe puts a "g" before them), digests, UUIDs without hyphens, account ids, dates.
_ID: Final = re.compile(r"g?[0-9a-f]+|[0-9A-F]+")
# An id, or words that are longer than parts of tokens usually are. AWS CDK ends words in eight digits.
_BOUND: Final = re.compile(
    rf"(?=.{{8}})(?:{_ID.pattern})"
    r"|(?=.{6})(?:[a-z]*(?:[A-Z](?:[a-z]+|[0-9]))*(?:[0-9]{0,4}|[0-9A-F]{8})|[A-Z]{1,16}[0-9]{0,4})"
)
_LABEL: Final = re.compile(r"(?:password|passwd|pwd|token|secret)=\Z", re.IGNORECASE)
_LABEL_MAX_CHARS: Final = 9
_HASH_CHARS: Final = 8  # AWS CDK ends a logical id in this many hexadecimal digits


def kind_of(text: str) -> str | None:
    """Return what a text given as a secret's name looks like (``a GitHub token``); None for a name or an ARN.

    AWS also generates ARNs from random names. So in an ARN only a known prefix or an encoded pair identifies a token.
    """
    text = text.strip()
    if (found := _prefixed(text)) is not None:
        return found
    if not text.startswith("arn:") and (kind := _kind_by_shape(text)) is not None:
        return kind
    kinds = (kind for found in _STRETCH.finditer(text) for *_, kind in _tokens(_WITHIN.split(found[0])))
    return _PAIR_KIND if _PAIR_KIND in kinds else None


def _kind_by_shape(text: str) -> str | None:
    if _ACCESS_KEY.fullmatch(text):
        return "an AWS access key"
    if _AZURE.fullmatch(text):
        return "an Azure Container Registry password"
    if _is_encoded_pair(text):
        return _PAIR_KIND
    return "a password or token" if _is_random(text) else None


def redacted(text: str) -> str:
    """Return ``text`` with every known form of token replaced, wherever it occurs."""

    def hidden(found: re.Match[str]) -> str:
        return found[0] if _reads_as_words(found[0]) else f"({_kind(found)}; not shown)"

    return _known().sub(hidden, text)


def hidden(text: str) -> str:
    """Return ``text`` with every part of a word, a path, an image or an ARN that looks like a token hidden.

    Hashes of commits and of images stay, and so do ids.
    """
    return "".join(
        each if place % 2 else _STRETCH.sub(_hidden_stretch, each)
        for place, each in enumerate(_AROUND.split(redacted(text)))
    )


def _hidden_stretch(found: re.Match[str]) -> str:
    start = found.start()
    if _ID.fullmatch(found[0]) and _LABEL.search(found.string, max(0, start - _LABEL_MAX_CHARS), start):
        kind = _kind_by_shape(found[0])
        return found[0] if kind is None else f"({kind}; not shown)"
    pieces = _WITHIN.split(found[0])
    for first, last, kind in list(_tokens(pieces)):
        pieces[first : last + 1] = [f"({kind}; not shown)", *[""] * (last - first)]
    return "".join(pieces)


def _tokens(pieces: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the first and the last piece of each apparent token, and its kind; ``pieces`` are as _WITHIN splits.

    Words and ids bound a token. The pieces between two of them are examined as a whole, in each alphabet of base64, and
    one by one. So the time is linear in the text's length.
    """
    for group in _between_words(pieces):
        taken: set[int] = set()
        runs = (run for separators in ("", "-_", "+/", "-_+/") for run in _split(pieces, group, separators))
        for run in dict.fromkeys(runs):
            if taken.isdisjoint(run) and (found := _token_of(pieces, run)) is not None:
                taken.update(range(found[0], found[1] + 1))
                yield found


def _split(pieces: list[str], group: range, separators: str) -> Iterator[range]:
    """Yield the runs of a group's pieces between ``separators`` that are long enough to be a token."""
    first, chars = group[0], 0
    for place in group:
        chars += len(pieces[place]) + 1
        if place == group[-1] or pieces[place + 1] in separators:
            if chars > _PART_MIN_CHARS:
                yield range(first, place + 1, 2)
            first, chars = place + 2, 0


def _between_words(pieces: list[str]) -> Iterator[range]:
    """Yield the ranges of pieces between words and ids in which at least one piece is not a word."""
    first, is_odd = 0, False
    for place in range(0, len(pieces) + 2, 2):
        piece = pieces[place].rstrip("=") if place < len(pieces) else None
        if piece is None or _BOUND.fullmatch(piece):
            if is_odd:
                yield range(first, place, 2)
            first, is_odd = place + 2, False
        else:
            is_odd = is_odd or not _is_word(piece)


def _token_of(pieces: list[str], run: range) -> tuple[int, int, str] | None:
    """Return the part of a run that looks like a token: all of it, or all but short words or one piece at its ends."""
    odd = [place for place in run if not _is_word(pieces[place].rstrip("="))]
    if not odd:
        return None
    for first in dict.fromkeys((run[0], odd[0], run[0] + 2)):
        for last in dict.fromkeys((run[-1], odd[-1], run[-1] - 2)):
            kind = _kind_of_run("".join(pieces[first : last + 1])) if first <= last else None
            if kind is not None:
                return first, last, kind
    return None


def _kind_of_run(text: str) -> str | None:
    if len(text) < _PART_MIN_CHARS or _ID.fullmatch(text):
        return None
    return _kind_by_shape(text)


def _prefixed(text: str) -> str | None:
    return next((_kind(found) for found in _known().finditer(text) if not _reads_as_words(found[0])), None)


@cache
def _known() -> re.Pattern[str]:
    """Compile the known tokens on first use: each is a group of its own."""
    groups = "|".join(f"({pattern})" for pattern in _PREFIXED.values())
    return re.compile(rf"(?<![A-Za-z0-9])(?:{groups})")


def _kind(found: re.Match[str]) -> str:
    return tuple(_PREFIXED)[(found.lastindex or 1) - 1]


def _reads_as_words(text: str) -> bool:
    """Whether the text after a prefix consists of words, as in ``github_pat_for_production_pulls``."""
    return all(map(_is_word, _SEPARATORS.split(text)))


def _is_word(text: str) -> bool:
    return len(text) <= _WORD_MAX_CHARS and _WORD.fullmatch(text) is not None


def _is_encoded_pair(text: str) -> bool:
    """Whether a text is the base64 form of ``username:password``, as in Docker's configuration."""
    if not _IN_BASE64.fullmatch(text):
        return False
    bare = text.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        pair = b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode().rstrip("\r\n")
    except ValueError:
        return False
    return pair.isprintable() and _PAIR.fullmatch(pair) is not None


def _is_random(text: str) -> bool:
    if len(text) < _RANDOM_MIN_CHARS:
        return False
    if _ONE_RANDOM.fullmatch(text) and text != text.lower() and _lacks_words(text):
        longest = max(_SEPARATORS.split(text), key=len)  # a path of many short parts is a name
        return len(longest) >= _PART_MIN_CHARS and not _reads_as_words(longest)
    if _HEX.fullmatch(text):
        # 32 digits are a UUID without hyphens.
        return len(text) > _RANDOM_MIN_CHARS and len(_DIGITS.findall(text)) > 1
    pieces = (each for each in _SEPARATORS.split(text) if len(each) >= _RANDOM_MIN_CHARS)
    return any(not _HEX.fullmatch(each) and (_lacks_words(each) or _alternates(each)) for each in pieces)


def _lacks_words(text: str) -> bool:
    """Whether less than 60 % of a text are letters in word-like runs, interrupted by more than one number."""
    head = text[:-_HASH_CHARS]
    return sum(map(len, _LETTERS.findall(head))) * 5 < len(head) * 3 and len(_DIGITS.findall(text)) > 1


def _alternates(text: str) -> bool:
    """Whether digits interrupt a text as often as only in a random one."""
    head = text[:-_HASH_CHARS]
    return len(_DIGITS.findall(head)) >= max(4, len(head) // 10)
