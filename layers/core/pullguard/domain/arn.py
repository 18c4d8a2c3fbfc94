r"""Amazon Resource Names, and the forms in which a task definition may name a secret.

No input is trusted: a text becomes an ``Arn`` or a ``SecretReference`` only if every character matches. Patterns list
ASCII characters explicitly, because ``\d``, ``\w`` and ``str.isalnum`` also match look-alikes of other scripts.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from pullguard.domain.errors import Malformed, shown
from pullguard.domain.pasted_credentials import kind_of
from pullguard.domain.suffix_words import may_be_part_of_a_name, reads_as_a_word

ARN_MAX_CHARS = 2048
SECRET_NAME_MAX_CHARS = 512  # CreateSecret, parameter Name
_PART = re.compile(r"[a-z0-9-]*")
_REGION = re.compile(r"[a-z]{2,8}(?:-[a-z]{2,16}){1,3}-[0-9]{1,2}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_RESOURCE = re.compile(r"[A-Za-z0-9/_+=.@:!,-]+")
# A path may contain any visible ASCII character, a name may not: parameters Path and RoleName of CreateRole.
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
_IAM_RESOURCE = re.compile(r"[a-z-]+/(?:[!-~]+/)?[A-Za-z0-9_+=,.@-]+")
_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")  # "!" occurs in the names of managed secrets: rds!cluster-…
_ARN_HEAD = re.compile(
    r"arn:[a-z-]{1,16}:[a-z0-9-]{1,32}:[a-z0-9-]{0,20}:[0-9]{0,12}:(?:[a-z-]{1,32}:)?[A-Za-z0-9/_+=.@!-]*"
)
_SECRET_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}")
_SECRET_SUFFIX_CHARS = 7
_VALUE_FROM_SUFFIX = re.compile(r"(?::[^:]*){1,3}")  # :json-key:stage:version, each of which may be empty
# Parameters KeyId and AliasName: https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html
_KEY = re.compile(r"key/[A-Za-z0-9-]+|alias/[A-Za-z0-9/_-]+")
_FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}")
_TASK_DEFINITION = re.compile(rf"task-definition/{_FAMILY.pattern}:[1-9][0-9]{{0,9}}")
_REGION_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
)
_DNS_SUFFIXES = {
    "aws": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-us-gov": "amazonaws.com",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
    "aws-eusc": "amazonaws.eu",
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Arn:
    """One validated ARN; ``str()`` returns its text unchanged."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def resource_name(self) -> str:
        """The part after the resource type: ``web:7`` of ``task-definition/web:7``, or a role's name with its path."""
        return re.split(r"[/:]", self.resource, maxsplit=1)[-1]

    @classmethod
    def parse(cls, text: str, *, service: str | None = None, resource_type: str | None = None) -> "Arn":
        """Validate that ``text`` is a literal ARN (no wildcard, no variable), with the given service and type.

        In the path of an IAM ARN every visible character is literal, because that path never becomes part of a policy
        that Pullguard writes. Raises ``Malformed`` with the rule that is broken.
        """
        return _parse_arn(text, service, resource_type)


def key_beside(text: str, secret: Arn) -> Arn:
    """Return the full ARN of the KMS key or alias that ``secret`` names as ``text``.

    A bare id or alias has neither account nor Region: it belongs to those of the secret, never to the caller's. Raises
    ``Malformed`` if the text is neither a key nor an alias, or is an ARN without account or Region.
    Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html (KmsKeyId)
    """
    resource = text if text.startswith(("alias/", "key/")) else f"key/{text}"
    beside = f"arn:{secret.partition}:kms:{secret.region}:{secret.account}:{resource}"
    arn = Arn.parse(text if text.startswith("arn:") else beside, service="kms")
    if not (_KEY.fullmatch(arn.resource) and is_region(arn.region) and is_account(arn.account)):
        raise Malformed("KMS key", text, "is neither a key id, nor an alias, nor the full ARN of one of the two")
    return arn


def family_of(task_definition: Arn) -> str:
    """Return the family of a task definition's ARN: ``web`` of ``task-definition/web:7``."""
    return task_definition.resource_name.rpartition(":")[0]


def is_family(text: str) -> bool:
    """Whether ``text`` has the form of a family's name."""
    return _FAMILY.fullmatch(text) is not None


def revision_of(task_definition: Arn) -> int:
    """Return the revision number of a task definition's ARN: 7 of ``task-definition/web:7``."""
    return int(task_definition.resource_name.rpartition(":")[2])


@lru_cache(maxsize=4096)
def _parse_arn(text: str, service: str | None, resource_type: str | None) -> Arn:
    def refuse(why: str) -> Malformed:
        return Malformed("ARN", text, why)

    if len(text) > ARN_MAX_CHARS:
        raise refuse(f"is longer than {ARN_MAX_CHARS} characters")
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":  # noqa: PLR2004 (the six parts of an ARN)
        raise refuse("is not an ARN (arn:partition:service:region:account:resource)")
    _, partition, its_service, region, account, resource = parts
    if partition not in _DNS_SUFFIXES:
        raise refuse(f"names no AWS partition ({', '.join(_DNS_SUFFIXES)})")
    has_account = account in ("", "aws") or _ACCOUNT.fullmatch(account)
    if not (_PART.fullmatch(its_service) and _PART.fullmatch(region) and has_account):
        raise refuse("has an invalid service, Region or account")
    if not (_RESOURCE.fullmatch(resource) or (its_service == "iam" and _IAM_RESOURCE.fullmatch(resource))):
        raise refuse("has a character in its resource that no resource name may have")
    if service is not None and its_service != service:
        raise refuse(f"belongs to {its_service or 'no service'}, not to {service}")
    if resource_type is not None and not resource.startswith((f"{resource_type}/", f"{resource_type}:")):
        raise refuse(f"is not a {resource_type}")
    return Arn(partition=partition, service=its_service, region=region, account=account, resource=resource)


def is_region(text: str) -> bool:
    """Whether ``text`` has the shape of a Region's name (``us-gov-west-1``)."""
    return _REGION.fullmatch(text) is not None


def account_of(text: str) -> str | None:
    """Return the account of an ARN; None for any other text, and for an ARN without an account."""
    try:
        return Arn.parse(text).account or None
    except Malformed:
        return None


def is_account(text: str) -> bool:
    """Whether ``text`` has the shape of an account id."""
    return _ACCOUNT.fullmatch(text) is not None


def parse_task_definition(text: str) -> Arn:
    """Validate that ``text`` is the ARN of one revision (``…:task-definition/web:7``); raises ``Malformed``.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html (family)
    """
    arn = Arn.parse(text, service="ecs", resource_type="task-definition")
    if not (_TASK_DEFINITION.fullmatch(arn.resource) and is_region(arn.region) and is_account(arn.account)):
        raise Malformed("ARN", text, "names no revision of a task definition (…:task-definition/FAMILY:REVISION)")
    return arn


def partition_of(region: str) -> str:
    """Return the partition of ``region``: ``aws`` unless its prefix says otherwise."""
    return next((partition for prefix, partition in _REGION_PARTITIONS if region.startswith(prefix)), "aws")


def dns_suffix_of(partition: str) -> str:
    """Return the DNS suffix of the service endpoints in ``partition``, such as ``amazonaws.com``."""
    return _DNS_SUFFIXES[partition]


ReferenceProblem = Literal[
    "not-text", "empty", "too-long", "control-character", "wildcard", "policy-variable", "other-service",
    "not-a-secret", "suffix", "other-partition", "bad-character", "token",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReference:
    """A ``credentialsParameter`` that ECS accepts: a secret's name in the task's own Region, or an ARN.

    ``text`` is the reference exactly as the task definition gives it. ``arn``: None for a name.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RepositoryCredentials.html
    """

    text: str
    name: str
    arn: Arn | None

    @property
    def name_without_suffix(self) -> str | None:
        """The secret's name *if* this is a complete ARN; None if it cannot be one (it does not end in a suffix).

        It is a candidate, never a proof: a secret may be called ``app-abc123``, and its ARN without the suffix looks
        like the complete ARN of ``app``. Only DescribeSecret decides which of the two is meant
        (``secret_resolution.py``).
        """
        name, suffix = self.name[:-_SECRET_SUFFIX_CHARS], self.name[-_SECRET_SUFFIX_CHARS:]
        return name if self.arn is not None and name and _SECRET_SUFFIX.fullmatch(suffix) else None

    @property
    def ends_in_a_word(self) -> bool:
        """Whether the apparent suffix reads as a word or a date (``app-docker``): probably part of the name.

        The answer may shape a message or prevent a write. It proves nothing.
        """
        return self.name_without_suffix is not None and reads_as_a_word(self.name[1 - _SECRET_SUFFIX_CHARS :])

    @property
    def may_end_in_a_word(self) -> bool:
        """Whether the apparent suffix could equally be part of the name (``app-v2prod``): enough for a warning."""
        return self.name_without_suffix is not None and may_be_part_of_a_name(self.name[1 - _SECRET_SUFFIX_CHARS :])


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedReference:
    """A ``credentialsParameter`` that cannot name a secret, and why.

    ``meant`` is the reference without its ``:json-key:stage:version`` suffix, if removing that makes it valid, else
    None. Never display ``text``: people paste the credentials themselves here. Display ``reported`` instead.
    """

    text: str = field(repr=False)
    problem: ReferenceProblem
    why: str
    meant: SecretReference | None = None

    @property
    def reported(self) -> str:
        """The part of the text that may be shown, for use in a sentence."""
        return self.text if self.problem == "not-text" else reported(self.text)


def reported(text: str) -> str:
    """Return the part of a secret's id that may be shown: a name or ARN, as far as the text is one.

    The rest is counted but not shown. A short password that is a legal name cannot be distinguished from one.
    """
    if (kind := kind_of(text)) is not None:
        return f"(a text that looks like {kind}; not shown)"
    if not text or (len(text) <= SECRET_NAME_MAX_CHARS and _SECRET_NAME.fullmatch(text)):
        return shown(text)
    head = _ARN_HEAD.match(text)
    if head is None:
        return f"a text of {_characters(len(text))}, which is not shown, since it may hold a secret"
    if head[0] == text:
        return shown(text)
    return f"{shown(head[0])} and {_characters(len(text) - len(head[0]))} more, which may hold a secret"


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count} characters"


def parse_reference(text: object, *, region: str) -> SecretReference | MalformedReference:
    """Read the ``credentialsParameter`` of a task definition registered in ``region``.

    A text that looks like a token is malformed: a query for it would write it to CloudTrail.
    """
    if not isinstance(text, str):
        return MalformedReference(text=_kind(text), problem="not-text", why="is not a text")
    if (kind := kind_of(text)) is not None:
        return MalformedReference(text=text, problem="token", why=f"looks like {kind}")
    return parse_secret_id(text, region=region)


def parse_secret_id(text: str, *, region: str) -> SecretReference | MalformedReference:
    """Read the secret id of an API call in ``region``, regardless of what the name looks like."""
    if problem := _unsafe(text):
        return MalformedReference(text=text, problem=problem[0], why=problem[1])
    if text.startswith("arn:"):
        return _parse_arn_reference(text, region)
    if not _SECRET_NAME.fullmatch(text):
        legal = _SECRET_NAME.match(text)
        place = 1 + (len(legal[0]) if legal else 0)
        why = f"has a character that no secret name may have (A-Z a-z 0-9 /_+=.@-), at place {place}"
        return MalformedReference(text=text, problem="bad-character", why=why)
    return SecretReference(text=text, name=text, arn=None)


def _kind(value: object) -> str:
    """Name the type of a value that should be text, and nothing of its content."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case Mapping():
            return "an object"
        case _:
            return "a list"


def _unsafe(text: str) -> tuple[ReferenceProblem, str] | None:
    if not text:
        return "empty", "is empty"
    if len(text) > ARN_MAX_CHARS:
        return "too-long", f"is longer than {ARN_MAX_CHARS} characters"
    if not text.isprintable() or " " in text:
        return "control-character", "has white space or a control character in it"
    if "${" in text:
        return "policy-variable", "has a policy variable in it"
    if "*" in text or "?" in text:
        return "wildcard", "has a wildcard in it"
    if not text.startswith("arn:") and len(text) > SECRET_NAME_MAX_CHARS:
        return "too-long", f"is longer than the {SECRET_NAME_MAX_CHARS} characters of a secret name"
    return None


def _parse_arn_reference(text: str, region: str) -> SecretReference | MalformedReference:
    def malformed(problem: ReferenceProblem, why: str, meant: SecretReference | None = None) -> MalformedReference:
        return MalformedReference(text=text, problem=problem, why=why, meant=meant)

    try:
        arn = Arn.parse(text)
    except Malformed as error:
        return malformed("bad-character", error.why)
    if arn.service != "secretsmanager":
        return malformed("other-service", f"is an ARN of {arn.service or 'no service'}, not of Secrets Manager")
    if arn.partition != partition_of(region):
        return malformed("other-partition", f"lies in partition {arn.partition}, the task in {partition_of(region)}")
    kind, _, rest = arn.resource.partition(":")
    name, colon, _ = rest.partition(":")
    if kind != "secret" or not is_region(arn.region) or not is_account(arn.account):
        return malformed("not-a-secret", "is not the ARN of a secret (…:secretsmanager:REGION:ACCOUNT:secret:NAME)")
    if not _SECRET_NAME.fullmatch(name) or len(name) > SECRET_NAME_MAX_CHARS + _SECRET_SUFFIX_CHARS:
        return malformed("bad-character", "has a name that no secret may have")
    if partition_of(arn.region) != arn.partition:
        return malformed("other-partition", f"names Region {arn.region}, which is not in partition {arn.partition}")
    if colon and not _VALUE_FROM_SUFFIX.fullmatch(rest[len(name) :]):
        return malformed("suffix", "has more parts than any reference to a secret")
    if colon:
        bare = text[: -len(rest)] + name
        meant = SecretReference(text=bare, name=name, arn=Arn.parse(bare))
        why = "ends in a JSON key, stage or version, which is read in secrets[].valueFrom but not here"
        return malformed("suffix", why, meant)
    return SecretReference(text=text, name=name, arn=arn)
