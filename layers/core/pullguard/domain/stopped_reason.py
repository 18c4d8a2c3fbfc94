"""A stopped reason with its names separated from its words, and what the names say.

Names of images, hosts, secrets and files are chosen by others: an image may be called ``denied`` or ``ecr``, its tag
``401``. So every possible name becomes ``<>`` before the words are matched, and an HTTP status ``status401``. The
registry of a text is read from the image reference or URL in it, as a container runtime reads it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from pullguard.domain.image import ImageReference, is_ecr_host, normal_host, parse_images

READ_CHARS_MAX: Final = 4096  # ECS's own texts have at most about 1,000
_GAP = " … "
_PLAIN = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "`": "'"})
_SPELLINGS: Final = (
    (r'\\+"', '"'),  # a text that was copied out of JSON
    (r"\\+[nrt]", " "),
    (r"username/password", "username or password"),
    (r"client\.timeout", "client timeout"),
    (r"\b(status|statuscode|code|http)([:=])(?=\d)", r"\1\2 "),
    (r"(?<![\w/.:-])(\w+(?:Error|Exception)):(?=\S)", r"\1: "),
)

# --- What the names say ----------------------------------------------------------------------------------------

_END = r"(?=[:,.;)\]]*(?:[\s\"'<>]|$))"
_URL = rf"\b[a-z][a-z0-9+.-]{{0,20}}://([^\s\"'<>/?#]+?)((?:[/?#][^\s\"'<>]*?)?){_END}"
_ARN = rf"\barn:aws[a-z-]*:[^\s\"'<>]*?{_END}"
_IMAGE = (
    r"(?:(?P<always>resolve ref(?:erence)?|pull access denied for|(?<!matching )manifest for|no such image:)"
    r"|resolve image|access denied for|related to"
    r"|(?:pull(?:ing)?|pull and unpack|inspect) image(?! manifest| has)"
    r"|(?:image|repository)(?= \S+ (?:not found|does not exist)))"
    r"\s+(?P<quote>[\"']?)(?P<reference>[^\s\"',]+)"
)
_REPOSITORY = r"/v2/([^?#]+)/(?:manifests|blobs|tags)(?:[/?].*)?"
_PATH = rf"(?<![^\s\"'(])[^\s/\"'()\[\]<>,;]+/[^\s\"'()\[\]<>,;]+?{_END}"
_LOOKED_UP = r"\blookup (\S+?)(?=:? )"
# A name that is cut off ends the text, and does not count as a name.
_ROLE = (
    r"arn:aws[a-z-]*:(?:sts|iam)::(?P<account>\d{12})"
    r":(?:assumed-role/(?P<session>[\w+=,.@-]+)/|role/(?:[\w+=,.@/-]+/)?(?P<name>[\w+=,.@-]+)(?=['\"\s]))"
)
# Amazon ECR's own endpoints besides those of its registries, and the buckets that its layers come from.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
_ECR_ENDPOINT = (
    r"(?:api\.)?ecr(?:-public)?(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|api\.aws)"
    r"|prod-[a-z0-9-]+-starport-layer-bucket\.s3\.[a-z0-9.-]+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRole:
    """A role as texts name it. ``arn``: None if the text names a session, which omits the path."""

    account: str
    name: str
    arn: str | None = None

    def may_be(self, other: "NamedRole") -> bool:
        """Whether both name one role: by their ARNs or, if a path is unknown, by name and account."""
        if self.arn is not None and other.arn is not None:
            return self.arn == other.arn
        return (self.account, self.name) == (other.account, other.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedText:
    """The ``words`` of a text in lower case, without its names.

    ``images`` are those that the text names, as references or in the URLs of requests to a registry. ``registry`` is
    the host of the image that the text is about, if it says so. ``names_ecr`` is whether that host, or otherwise
    anything in the text that has the form of a host, belongs to Amazon ECR. ``role`` is the first role named.
    """

    words: str
    images: tuple[ImageReference, ...]
    registry: str | None
    names_ecr: bool
    role: NamedRole | None


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a case-insensitive pattern; compiled on first use, since few invocations read such texts."""
    return re.compile(pattern, re.IGNORECASE)


def read_stopped_text(text: str) -> StoppedText:
    """Read a text of any length; of a long one only the beginning and the end."""
    half = READ_CHARS_MAX // 2
    clipped = text if len(text) <= READ_CHARS_MAX else f"{text[:half]}{_GAP}{text[-half:]}"
    plain = clipped.translate(_PLAIN)
    for pattern, spelling in _SPELLINGS:
        plain = compiled(pattern).sub(spelling, plain)
    plain = " ".join(plain.split())
    images = tuple(_images(plain))
    registry = images[0].host if images else _asked_host(plain)
    return StoppedText(
        words=_words(plain),
        images=images,
        registry=registry,
        names_ecr=is_ecr_host(registry) if registry else any(map(_is_of_ecr, _hosts(plain))),
        role=_role(plain),
    )


def _images(plain: str) -> Iterator[ImageReference]:
    """Yield the images that references name, then those in URLs, which have no tags."""
    for found in compiled(_IMAGE).finditer(plain):
        reference = found["reference"].rstrip(":.")
        is_bare = not found["quote"] and not any(mark in reference for mark in "/:@")
        if is_bare and (not found["always"] or found.end() == len(plain)):
            continue  # a word ("pulling image configuration: …"), or the beginning of a host that was cut off
        yield from parse_images((reference,))
    for found in compiled(_URL).finditer(plain):
        repository, host = compiled(_REPOSITORY).fullmatch(found[2]), _host_of_url(found[1])
        if repository is not None and host is not None:
            yield from parse_images((f"{host}/{repository[1]}",))


def _asked_host(plain: str) -> str | None:
    asked = (found for found in compiled(_URL).finditer(plain) if found[2].startswith("/v2"))
    return next((host for found in asked if (host := _host_of_url(found[1]))), None)


def _hosts(plain: str) -> Iterator[str]:
    """Yield everything in the text that has the form of a host."""
    yield from (host for found in compiled(_URL).finditer(plain) if (host := _host_of_url(found[1])))
    yield from (found[1].lower() for found in compiled(_LOOKED_UP).finditer(plain))
    yield from (image.host for image in parse_images(compiled(_PATH).findall(plain)))


def _role(plain: str) -> NamedRole | None:
    found = compiled(_ROLE).search(plain)
    if found is None:
        return None
    name = found["name"]
    return NamedRole(account=found["account"], name=name or found["session"], arn=found[0] if name else None)


def _host_of_url(authority: str) -> str | None:
    return normal_host(authority.rpartition("@")[2])


def _is_of_ecr(host: str) -> bool:
    return is_ecr_host(host) or compiled(_ECR_ENDPOINT).fullmatch(host) is not None


# --- The words without them ------------------------------------------------------------------------------------

_TOKEN_END = r"(?=[:,.;]*(?:\s|$))"  # noqa: S105 (a part of a text)
_NAMES: Final = (
    (_URL, "<>"),
    (_ARN, "<>"),
    (r'"code"\s*:\s*"([a-z_]+)"', r"\1:"),  # of a registry's JSON
    (r"(?<!\w)([\"'])[^\"'\s]*\1(?!\w)", "<>"),
    (r"\[(?:manifests?|blobs?) [^\]]*\]", "<>"),
    (r"\((?:service|task|task-set|taskset|deployment|instance|container-instance|port) [^()]*\)", "<>"),
    (r"^service (?!<>)\S+ (?=is |was |has |failed )", "<> "),
    (
        r"\b(resolve ref(?:erence)?|access denied for|manifest for|from the service for|on resource:?|lookup"
        r"|from host|fetch secret|no such image:|with arn|(?:pull(?:ing)?|pull and unpack|inspect) image"
        rf"(?! manifest| has)) (?!<>)\S+?{_TOKEN_END}",
        r"\1 <>",
    ),
    (r"(resolve ref(?:erence)? <>:) (?!<>)\S+(?=: not found)", r"\1 <>"),
    (
        r"\b(repository|image|tag|repo|manifest) (?!<>|not |does |name )\S*[^\s:] (?=not found|does not exist)",
        r"\1 <> ",
    ),
    (r"\bperform: ([a-z0-9-]+):\w+", r"perform: <\1>"),
    (rf"(?<![^\s(=>])(?!i/o\b|net/http\b)[^\s/\"'()\[\]<>,;]*/[^\s\"'()\[\]<>,;]*?{_TOKEN_END}", "<>"),
    (r"\[[0-9a-f:]*:[0-9a-f:]*\](?::\d+)?", "<>"),
    (r"(?<![\w<>-])[a-z0-9_-]+(?:\.[a-z0-9_-]+)+(?::\d+)?(?![\w-])", "<>"),
    (r"(?<![\w<>-])[\w.-]+(?::[\w.-]+)+", "<>"),
    (r"\bapi error \(5\d\d\)", ""),  # the daemon's own
    (r"\bapi error \((4\d\d)\)", r"status\1"),
    (r"\b(status(?: ?code)?|code|http)\b([^.\d]{0,60}?) ([45]\d\d)\b", r"\1\2 status\3"),
    (
        r"(?<![\w-])([45]\d\d) (?=unauthorized|forbidden|not found|too many|proxy auth|bad |internal server"
        r"|service |gateway time|method not)",
        r"status\1 ",
    ),
)


def _words(plain: str) -> str:
    words = plain
    for pattern, replacement in _NAMES:
        words = compiled(pattern).sub(replacement, words)
    return words.lower()
