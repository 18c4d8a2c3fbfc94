"""ARNs and secret references: what is one, what is nearly one, and what was meant."""

import re
import string

import pytest
from botocore.loaders import create_loader
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.arn import (
    ARN_MAX_CHARS,
    Arn,
    MalformedReference,
    SecretReference,
    dns_suffix_of,
    is_account,
    is_region,
    parse_reference,
    parse_task_definition,
    partition_of,
    reported,
)
from pullguard.domain.errors import Malformed

REGION = "us-east-1"
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:registry/ghcr-AbCdEf"
CYRILLIC_A = "\N{CYRILLIC SMALL LETTER A}"
FULLWIDTH_1 = "\N{FULLWIDTH DIGIT ONE}"
RESOURCE_CHARS = string.ascii_letters + string.digits + "/_+=.@:!,-"
NAME_CHARS = string.ascii_letters + string.digits + "/_+=.@!-"

GOOD_ARNS = {
    "secret": SECRET,
    "managed secret": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!cluster-abc123-GhIjKl",
    "role without region": "arn:aws:iam::111122223333:role/path/web-execution",
    "role with a path of every kind": "arn:aws:iam::111122223333:role/team~a/(eu)/#%$*?{}\"'<>&;|`^\\[]/oddpath",
    "AWS managed policy": "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
    "China": "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "GovCloud": "arn:aws-us-gov:ecs:us-gov-west-1:111122223333:task-definition/web:7",
    "European Sovereign Cloud": "arn:aws-eusc:ecs:eusc-de-east-1:111122223333:cluster/prod",
    "topic": "arn:aws:sns:us-east-1:111122223333:alerts",
    "as long as may be": f"arn:aws:sns:us-east-1:111122223333:{'a' * (ARN_MAX_CHARS - 35)}",
}

BAD_ARNS = {
    "empty": ("", "is not an ARN"),
    "a name": ("registry/ghcr", "is not an ARN"),
    "capitals": (SECRET.replace("arn:", "ARN:", 1), "is not an ARN"),
    "no resource": ("arn:aws:sns:us-east-1:111122223333", "is not an ARN"),
    "empty resource": ("arn:aws:sns:us-east-1:111122223333:", "character in its resource"),
    "leading space": (f" {SECRET}", "is not an ARN"),
    "trailing newline": (f"{SECRET}\n", "character in its resource"),
    "unknown partition": (SECRET.replace(":aws:", ":aws-x:"), "names no AWS partition"),
    "wildcard partition": (SECRET.replace(":aws:", ":*:"), "names no AWS partition"),
    "wildcard account": (SECRET.replace("111122223333", "*"), "has an invalid service, Region or account"),
    "wildcard": (f"{SECRET[:-6]}??????", "character in its resource"),
    "star": (f"{SECRET[:-6]}*", "character in its resource"),
    "policy variable": (f"{SECRET}${{aws:username}}", "character in its resource"),
    "short account": (SECRET.replace("111122223333", "1111"), "has an invalid service, Region or account"),
    "other digits": (SECRET.replace("1111", FULLWIDTH_1 * 4), "has an invalid service, Region or account"),
    "role name with a tilde": ("arn:aws:iam::111122223333:role/web~execution", "character in its resource"),
    "role path with a space": ("arn:aws:iam::111122223333:role/a b/web", "character in its resource"),
    "role path beyond ASCII": ("arn:aws:iam::111122223333:role/\u00e9/web", "character in its resource"),
    "such a path in a secret's ARN": (SECRET.replace("registry/", "reg~istry/"), "character in its resource"),
    "homoglyph": (SECRET.replace("registry", f"registr{CYRILLIC_A}"), "character in its resource"),
    "too long": (f"{GOOD_ARNS['as long as may be']}a", "is longer than 2048 characters"),
}


@pytest.mark.parametrize("text", GOOD_ARNS.values(), ids=GOOD_ARNS)
def test_an_arn_gives_its_text_back(text: str) -> None:
    assert str(Arn.parse(text)) == text


@pytest.mark.parametrize(("text", "why"), BAD_ARNS.values(), ids=BAD_ARNS)
def test_an_invalid_arn_is_refused_with_the_rule(text: str, why: str) -> None:
    with pytest.raises(Malformed, match=re.escape(why)) as malformed:
        Arn.parse(text)
    assert str(malformed.value).isprintable()


@given(st.text() | st.text(alphabet="arn:aws*?${}-/1234567890\n" + CYRILLIC_A).map(lambda tail: f"arn:aws:{tail}"))
def test_any_text_is_an_arn_of_allowed_characters_or_malformed(text: str) -> None:
    try:
        arn = Arn.parse(text)
    except Malformed:
        return
    assert str(arn) == text
    assert set(text) <= set(RESOURCE_CHARS) or (arn.service == "iam" and all("!" <= char <= "~" for char in text))


@given(resource=st.text(alphabet=RESOURCE_CHARS, min_size=1, max_size=200), account=st.from_regex(r"\A[0-9]{12}\Z"))
def test_the_parts_make_the_arn(resource: str, account: str) -> None:
    arn = Arn(partition="aws", service="sns", region=REGION, account=account, resource=resource)
    assert Arn.parse(str(arn)) == arn


@pytest.mark.parametrize(
    ("service", "resource_type", "why"),
    [
        ("kms", None, "belongs to secretsmanager, not to kms"),
        ("secretsmanager", "sec", "is not a sec"),
        (None, "key", "is not a key"),
    ],
    ids=["service", "beginning of the type", "type"],
)
def test_an_arn_of_something_else_is_refused(service: str | None, resource_type: str | None, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        Arn.parse(SECRET, service=service, resource_type=resource_type)
    assert Arn.parse(SECRET, service="secretsmanager", resource_type="secret").resource_name == "registry/ghcr-AbCdEf"


REVISION = "arn:aws:ecs:us-east-1:111122223333:task-definition/web_1-a:7"


@pytest.mark.parametrize(
    "text",
    [
        REVISION.removesuffix(":7"),
        REVISION.removesuffix("7"),
        REVISION.replace(":7", ":0"),
        REVISION.replace(":7", ":07"),
        REVISION.replace(":7", ":-7"),
        REVISION.replace(":7", f":{FULLWIDTH_1}"),
        REVISION.replace(":7", ":7:8"),
        REVISION.replace("web", "we/b"),
        REVISION.replace("web_1-a", "w" * 256),
        REVISION.replace("task-definition", "task-definitions"),
        REVISION.replace("us-east-1", ""),
        REVISION.replace("111122223333", "aws"),
        SECRET,
    ],
)
def test_only_a_revision_is_a_task_definition(text: str) -> None:
    assert str(parse_task_definition(REVISION)) == REVISION
    with pytest.raises(Malformed):
        parse_task_definition(text)


def test_partitions_and_suffixes_are_those_of_the_sdk() -> None:
    for partition in create_loader().load_data("partitions")["partitions"]:
        assert dns_suffix_of(partition["id"]) == partition["outputs"]["dnsSuffix"]
        for region in partition["regions"]:
            if not region.endswith("-global"):
                assert (is_region(region), partition_of(region)) == (True, partition["id"])


@pytest.mark.parametrize(
    "text", ["", "us", "us-east", "us-east-1a", "US-EAST-1", "us-east-1.evil.example", "-", f"us-east-{FULLWIDTH_1}"]
)
def test_a_text_that_is_no_region(text: str) -> None:
    assert not is_region(text)
    assert not is_account(text)


# --- References ------------------------------------------------------------------------------------------------

GOOD_REFERENCES = {
    "name": ("registry/ghcr", REGION, "registry/ghcr", None),
    "name that looks complete": ("registry-abc123", REGION, "registry-abc123", None),
    "longest name": ("a" * 512, REGION, "a" * 512, None),
    "managed name": ("rds!cluster-1", REGION, "rds!cluster-1", None),
    "every character": ("aZ0/_+=.@-!", REGION, "aZ0/_+=.@-!", None),
    "complete ARN": (SECRET, REGION, "registry/ghcr-AbCdEf", "registry/ghcr"),
    "ARN without its suffix": (SECRET[:-7], REGION, "registry/ghcr", None),
    "ARN of another Region": (SECRET, "eu-west-1", "registry/ghcr-AbCdEf", "registry/ghcr"),
    "candidate only": (f"{SECRET[:-7]}-abc123", REGION, "registry/ghcr-abc123", "registry/ghcr"),
    "suffix and no name": (SECRET.replace("registry/ghcr", ""), REGION, "-AbCdEf", None),
    "China": (
        "arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:a-AbCdEf",
        "cn-northwest-1",
        "a-AbCdEf",
        "a",
    ),
    "GovCloud": (
        "arn:aws-us-gov:secretsmanager:us-gov-east-1:111122223333:secret:a-AbCdEf",
        "us-gov-west-1",
        "a-AbCdEf",
        "a",
    ),
}

BAD_REFERENCES = {
    "empty": ("", "empty"),
    "space": ("registry ghcr", "control-character"),
    "newline at the end": ("registry/ghcr\n", "control-character"),
    "no-break space": ("registry\N{NO-BREAK SPACE}ghcr", "control-character"),
    "right-to-left override": ("registry\N{RIGHT-TO-LEFT OVERRIDE}ghcr", "control-character"),
    "NUL": ("registry\0", "control-character"),
    "star": ("registry/*", "wildcard"),
    "question marks": (f"{SECRET[:-6]}??????", "wildcard"),
    "policy variable": ("${aws:username}", "policy-variable"),
    "homoglyph": (f"registr{CYRILLIC_A}", "bad-character"),
    "other digit": (f"registry{FULLWIDTH_1}", "bad-character"),
    "homoglyph in an ARN": (SECRET.replace("registry", f"registr{CYRILLIC_A}"), "bad-character"),
    "name with a stage": ("registry:username::", "bad-character"),
    "capital ARN": (SECRET.replace("arn:", "ARN:", 1), "bad-character"),
    "long name": ("a" * 513, "too-long"),
    "long ARN": (f"{SECRET}{'a' * ARN_MAX_CHARS}", "too-long"),
    "long name in an ARN": (SECRET.replace("registry/ghcr", "a" * 513), "bad-character"),
    "parameter": ("arn:aws:ssm:us-east-1:111122223333:parameter/registry", "other-service"),
    "not a secret": (SECRET.replace(":secret:", ":secrets:"), "not-a-secret"),
    "no Region": (SECRET.replace("us-east-1", ""), "not-a-secret"),
    "no such Region": (SECRET.replace("us-east-1", "us"), "not-a-secret"),
    "no account": (SECRET.replace("111122223333", ""), "not-a-secret"),
    "account aws": (SECRET.replace("111122223333", "aws"), "not-a-secret"),
    "no name": (SECRET.replace("registry/ghcr-AbCdEf", ":"), "bad-character"),
    "no name at all": (SECRET.removesuffix("registry/ghcr-AbCdEf"), "bad-character"),
    "comma in the name": (SECRET.replace("/", ","), "bad-character"),
    "China, asked for from here": (SECRET.replace(":aws:", ":aws-cn:"), "other-partition"),
    "Region of another partition": (SECRET.replace("us-east-1", "cn-north-1"), "other-partition"),
    "unknown partition": (SECRET.replace(":aws:", ":aws-x:"), "bad-character"),
}

SUFFIXES = {
    "key": ":username::",
    "stage": "::AWSCURRENT:",
    "version": ":::4d383ea9-084a-49c9-8722-cbfb0f25c456",
    "all": ":username:AWSCURRENT:4d383ea9-084a-49c9-8722-cbfb0f25c456",
    "empty parts": ":::",
    "key only": ":username",
    "a colon": ":",
}


@pytest.mark.parametrize(("text", "region", "name", "without_suffix"), GOOD_REFERENCES.values(), ids=GOOD_REFERENCES)
def test_a_reference_is_read(text: str, region: str, name: str, without_suffix: str | None) -> None:
    reference = parse_reference(text, region=region)
    assert isinstance(reference, SecretReference)
    assert (reference.text, reference.name, reference.name_without_suffix) == (text, name, without_suffix)
    assert (str(reference.arn) if reference.arn else None) == (text if text.startswith("arn:") else None)


@pytest.mark.parametrize(
    ("text", "ends_so"),
    [
        (f"{SECRET[:-7]}-docker", True),
        (f"{SECRET[:-7]}-202612", True),
        (f"{SECRET[:-7]}-DOCKER", True),
        (f"{SECRET[:-7]}-XXXXXX", False),
        ("arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/gitlab-reader", True),
        (SECRET, False),
        (SECRET[:-7], False),
        (f"{SECRET[:-7]}-a1b2c3", False),
        (f"{SECRET[:-7]}-abcdef", False),
        (f"{SECRET[:-7]}-123456", False),
        ("app-docker", False),
        (SECRET.replace("registry/ghcr-AbCdEf", "-docker"), False),
    ],
)
def test_a_suffix_that_reads_as_a_word_may_be_part_of_the_name(text: str, ends_so: bool) -> None:
    reference = parse_reference(text, region=REGION)
    assert isinstance(reference, SecretReference)
    assert reference.ends_in_a_word is ends_so


@pytest.mark.parametrize(("text", "problem"), BAD_REFERENCES.values(), ids=BAD_REFERENCES)
def test_a_malformed_reference_is_described_with_its_problem(text: str, problem: str) -> None:
    reference = parse_reference(text, region=REGION)
    assert isinstance(reference, MalformedReference)
    assert (reference.text, reference.problem, reference.meant) == (text, problem, None)


@pytest.mark.parametrize("suffix", SUFFIXES.values(), ids=SUFFIXES)
def test_a_reference_with_a_suffix_is_malformed_and_names_the_secret_meant(suffix: str) -> None:
    reference = parse_reference(f"{SECRET}{suffix}", region=REGION)
    assert isinstance(reference, MalformedReference)
    assert reference.problem == "suffix"
    assert reference.meant == parse_reference(SECRET, region=REGION)


def test_more_parts_than_a_suffix_has_mean_nothing() -> None:
    reference = parse_reference(f"{SECRET}:a:b:c:d", region=REGION)
    assert isinstance(reference, MalformedReference)
    assert (reference.problem, reference.meant) == ("suffix", None)


@pytest.mark.parametrize("value", [None, 7, ["registry"], {"a": "b"}], ids=repr)
def test_a_reference_that_is_not_a_string_is_malformed(value: object) -> None:
    reference = parse_reference(value, region=REGION)
    assert isinstance(reference, MalformedReference)
    assert reference.problem == "not-text"
    assert reference.reported in {"null", "a number", "a list", "an object"}


PASTED = {
    "JSON": '{"username":"u","password":"Sup3rS3cret"}',
    "JSON, spaced": ' {"username": "u", "password": "Sup3rS3cret"}\n',
    "user and password": "ci:Sup3rS3cret",
    "a password with a star": "Sup3rS3cret*",
    "a URL": "https://ci:Sup3rS3cret@ghcr.io",
    "after an ARN": f"{SECRET}:Sup3rS3cret::",
    "after an ARN and a space": f"{SECRET} Sup3rS3cret",
    "after an ARN and a quote": f'{SECRET}","password":"Sup3rS3cret',
    "in an ARN's place for the type": "arn:aws:secretsmanager:us-east-1:111122223333:secret:ci:Sup3rS3cret:a:b:c",
}


@pytest.mark.parametrize("text", [*PASTED.values(), {"password": "Sup3rS3cret"}, ["Sup3rS3cret"]], ids=repr)
def test_credentials_pasted_where_a_secret_is_named_are_not_shown(text: object) -> None:
    reference = parse_reference(text, region=REGION)
    assert isinstance(reference, MalformedReference)
    for shown in (reference.reported, reference.why, repr(reference), str(reference)):
        assert "Sup3rS3cret" not in shown.replace(repr(reference.meant), "")
    assert "Sup3rS3cret" not in str(reference.meant)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("arn:aws:ssm:us-east-1:111122223333:parameter/registry/web", None),
        (SECRET, None),
        (f"{SECRET}\n", f'"{SECRET}" and 1 character more, which may hold a secret'),
        (f"{SECRET}:::", f'"{SECRET}" and 3 characters more, which may hold a secret'),
        ("", '""'),
        ("a b", "a text of 3 characters, which is not shown, since it may hold a secret"),
    ],
)
def test_a_certain_name_is_shown(text: str, shown: str | None) -> None:
    assert reported(text) == (shown or f'"{text}"')


@given(st.text())
def test_a_reported_reference_is_printable(text: str) -> None:
    assert reported(text).isprintable()


@given(
    st.text()
    | st.text(alphabet=NAME_CHARS, min_size=1)
    | st.text(alphabet=NAME_CHARS + ":*?$" + CYRILLIC_A).map(lambda name: f"{SECRET[:-20]}{name}")
)
def test_any_text_is_a_reference_of_allowed_characters_or_malformed(text: str) -> None:
    reference = parse_reference(text, region=REGION)
    assert reference.text == text
    if isinstance(reference, SecretReference):
        assert set(reference.name) <= set(NAME_CHARS)
        assert reference.arn is None or str(reference.arn) == text
