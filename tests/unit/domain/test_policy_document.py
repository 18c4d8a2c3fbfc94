import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pullguard.checks.manual_policies import extended
from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import (
    INLINE_POLICIES_MAX_CHARS,
    POLICY_NAME,
    Granted,
    OwnPolicy,
    UnprovedGrant,
    grant_command,
    granted_for,
    is_pullguards,
    own_policy_name,
    parse_own,
    policy_document,
    read_own,
    render,
    size_chars,
    total_size_chars,
)
from tests import fakes

SECRET = Arn.parse("arn:aws:secretsmanager:eu-west-1:123456789012:secret:registry/ghcr-AbCdEf")
OTHER = Arn.parse("arn:aws:secretsmanager:eu-west-1:123456789012:secret:registry/hub-ZyXwVu")
KEY = Arn.parse("arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")
CHINA = Arn.parse("arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:a-AbCdEf")
CHINAS_KEY = Arn.parse("arn:aws-cn:kms:cn-north-1:123456789012:key/1")

regions = st.sampled_from([("aws", "eu-west-1"), ("aws", "us-east-1"), ("aws-cn", "cn-north-1")])
names = st.from_regex(r"[A-Za-z0-9/_+=.@!-]{1,30}-[A-Za-z0-9]{6}", fullmatch=True)


@st.composite
def grants(draw: st.DrawFn) -> Granted:
    partition, region = draw(regions)
    account = draw(st.sampled_from(["111111111111", "222222222222"]))
    secret = Arn(
        partition=partition, service="secretsmanager", region=region, account=account, resource=f"secret:{draw(names)}"
    )
    key_id = draw(st.none() | st.sampled_from(["key/mrk-1", "key/1234abcd-12ab", "key/f"]))
    key = Arn(partition=partition, service="kms", region=region, account=account, resource=key_id) if key_id else None
    return Granted(secret=secret, key=key)


def least(these: set[Granted]) -> tuple[Granted, ...]:
    """The grants without those that another one, of the same secret and with a key, includes."""
    keyed = {grant.secret for grant in these if grant.key}
    kept = [grant for grant in these if grant.key or grant.secret not in keyed]
    return tuple(sorted(kept, key=lambda grant: (str(grant.secret), str(grant.key or ""))))


def allowances(document: Mapping[str, Any]) -> set[tuple[str, str, str, str]]:
    """Every (action, resource, service, secret) that a policy allows."""
    found = set()
    for statement in document["Statement"]:
        equals = statement.get("Condition", {}).get("StringEquals", {})
        for resource in statement["Resource"]:
            for secret in equals.get("kms:EncryptionContext:SecretARN", [""]):
                found.add((statement["Action"], resource, equals.get("kms:ViaService", ""), secret))
    return found


def test_the_policy_of_a_secret_with_a_customer_managed_key() -> None:
    document = policy_document([Granted(secret=SECRET, key=KEY), Granted(secret=OTHER, key=None)])
    sid = document["Statement"][1]["Sid"]
    assert re.fullmatch("PullguardKey[0-9a-f]{12}", sid)
    assert document == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "PullguardSecrets",
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": [str(SECRET), str(OTHER)],
            },
            {
                "Sid": sid,
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": [str(KEY)],
                "Condition": {
                    "StringEquals": {
                        "kms:EncryptionContext:SecretARN": [str(SECRET)],
                        "kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com",
                    }
                },
            },
        ],
    }


@pytest.mark.parametrize(
    ("stack", "name"),
    [
        ("pullguard", f"{POLICY_NAME}-us-east-1"),
        ("another", f"{POLICY_NAME}-us-east-1-another"),
        ("x" * 87, f"{POLICY_NAME}-us-east-1-{'x' * 87}"),
    ],
    ids=["of-the-usual-name", "of-another", "of-the-longest-that-fits"],
)
def test_the_name_of_a_stacks_policy(stack: str, name: str) -> None:
    assert own_policy_name("us-east-1", stack) == name
    assert len(name) <= 128


def test_a_name_that_is_too_long_for_iam_is_shortened_and_still_of_one_stack() -> None:
    names = {own_policy_name("us-east-1", "x" * 87 + each) for each in "ab"}
    assert {len(name) for name in names} == {128}
    assert len(names) == 2
    assert all(is_pullguards(name) for name in names)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        (POLICY_NAME, True),
        (f"{POLICY_NAME}-us-east-1", True),
        (f"{POLICY_NAME}2", False),
        ("pullguard", False),
        ("zz", False),
        ("", False),
    ],
)
def test_a_policy_is_pullguards_by_its_name(name: str, *, ours: bool) -> None:
    assert is_pullguards(name) is ours


@pytest.mark.parametrize(
    ("key", "granted"),
    [
        (fakes.key(1), fakes.key(1).arn),
        (fakes.key(1, manager="AWS"), None),
        (fakes.denied("kms:DescribeKey", "key"), None),
        (None, None),
    ],
    ids=["own-key", "key-of-aws", "unread", "none"],
)
def test_the_least_grant_of_a_secret_has_its_key_if_a_customer_manages_it(key: Any, granted: Arn | None) -> None:
    kept = fakes.secret(key=key)
    assert granted_for(kept) == Granted(secret=kept.arn, key=granted)


def test_in_china_the_service_name_has_the_partitions_suffix() -> None:
    document = policy_document([Granted(secret=CHINA, key=CHINAS_KEY)])
    assert "secretsmanager.cn-north-1.amazonaws.com.cn" in render(document)


def test_one_key_and_two_regions_are_two_statements() -> None:
    abroad = Arn.parse("arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf")
    document = policy_document([Granted(secret=SECRET, key=KEY), Granted(secret=abroad, key=KEY)])
    services = [each["Condition"]["StringEquals"]["kms:ViaService"] for each in document["Statement"][1:]]
    assert services == ["secretsmanager.eu-west-1.amazonaws.com", "secretsmanager.us-east-1.amazonaws.com"]
    assert len({each["Sid"] for each in document["Statement"]}) == 3


def secret_arn(**changes: str) -> Arn:
    whole = {"partition": "aws", "service": "secretsmanager", "region": "eu-west-1", "account": "123456789012"}
    return Arn(**{**whole, "resource": "secret:a-AbCdEf", **changes})


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(secret_arn(resource="secret:*"), id="wildcard"),
        pytest.param(secret_arn(resource="secret:a-??????"), id="question-marks"),
        pytest.param(secret_arn(resource="secret:${aws:username}-AbCdEf"), id="policy-variable"),
        pytest.param(secret_arn(resource="secret:a"), id="partial"),
        pytest.param(secret_arn(resource="secret:a-AbCdEf:username::"), id="json-key"),
        pytest.param(secret_arn(service="ssm"), id="other-service"),
        pytest.param(secret_arn(service="kms"), id="another-service"),
        pytest.param(secret_arn(partition="aws-cn"), id="partition-of-another-region"),
        pytest.param(secret_arn(service="ssm:eu-west-1:1:secret"), id="colons-in-a-part"),
        pytest.param(secret_arn(region=""), id="no-region"),
        pytest.param(secret_arn(account="aws"), id="no-account"),
        pytest.param(secret_arn(region="cn-north-1"), id="region-of-another-partition"),
        # Each part is valid, and the text is another ARN or no ARN: only reading it again reveals that.
        pytest.param(secret_arn(region="*"), id="wildcard-region"),
        pytest.param(secret_arn(region="eu-west-?"), id="question-mark-region"),
        pytest.param(secret_arn(region="${aws:RequestedRegion}"), id="variable-region"),
        pytest.param(secret_arn(region="eu-west-1:123456789012:secret:b-AbCdEf"), id="colons-in-the-region"),
        pytest.param(secret_arn(account="\u0661" * 12), id="digits-of-another-alphabet"),
        pytest.param(secret_arn(resource='secret:a"-AbCdEf'), id="quote"),
        pytest.param(secret_arn(resource="secret:a\n-AbCdEf"), id="newline"),
        pytest.param(secret_arn(resource="secret:а-AbCdEf"), id="cyrillic"),  # noqa: RUF001
    ],
)
def test_only_the_arn_of_one_secret_is_accepted(secret: Arn) -> None:
    with pytest.raises(UnprovedGrant, match="cannot be granted"):
        policy_document([Granted(secret=secret, key=None)])


@pytest.mark.parametrize(
    "key",
    [
        "arn:aws:kms:eu-west-1:123456789012:alias/registry",
        "arn:aws:s3:eu-west-1:123456789012:key/1",
        "arn:aws:iam:eu-west-1:123456789012:key/1",
        "arn:aws:kms::123456789012:key/1",
        "arn:aws-cn:kms:cn-north-1:123456789012:key/1",
    ],
)
def test_only_the_arn_of_one_key_is_accepted(key: str) -> None:
    with pytest.raises(UnprovedGrant):
        policy_document([Granted(secret=SECRET, key=Arn.parse(key))])


def test_a_key_of_another_partition_is_refused_whichever_it_is() -> None:
    for secret, key in ((CHINA, KEY), (SECRET, CHINAS_KEY)):
        with pytest.raises(UnprovedGrant, match="another partition"):
            policy_document([Granted(secret=secret, key=key)])
    assert policy_document([Granted(secret=CHINA, key=CHINAS_KEY)])["Statement"] != []


@settings(deadline=None)
@given(st.lists(grants(), max_size=12), st.randoms())
def test_the_order_and_number_of_the_same_grants_do_not_matter(these: list[Granted], random: Any) -> None:
    shuffled = [*these, *these[:3]]
    random.shuffle(shuffled)
    assert json.dumps(policy_document(shuffled)) == json.dumps(policy_document(these))


@settings(deadline=None)
@given(st.sets(grants(), max_size=10), grants())
def test_another_grant_takes_nothing_away(these: set[Granted], one: Granted) -> None:
    before, after = policy_document(these), policy_document({*these, one})
    assert allowances(before) <= allowances(after)
    assert {each["Sid"] for each in before["Statement"]} <= {each["Sid"] for each in after["Statement"]}


@settings(deadline=None)
@given(st.sets(grants(), max_size=12))
def test_a_written_document_is_read_back(these: set[Granted]) -> None:
    document = policy_document(these)
    assert parse_own(document) == (least(these), ())
    assert parse_own(render(document)) == (least(these), ())
    sids = [statement["Sid"] for statement in document["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(sid.isalnum() for sid in sids)


def ours() -> dict[str, Any]:
    return policy_document([Granted(secret=SECRET, key=KEY)])


def edited(index: int, **changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(ours()))
    document["Statement"][index] |= changes
    return document


VIA_TWO = ["secretsmanager.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"]


def condition(**changes: Any) -> dict[str, Any]:
    equals = ours()["Statement"][1]["Condition"]["StringEquals"]
    return {"StringEquals": {name.replace("__", ":"): value for name, value in {**equals, **changes}.items()}}


@pytest.mark.parametrize(
    ("document", "kept", "reported"),
    [
        pytest.param(edited(0, Resource=["*"]), 0, '"*" is not an ARN', id="wildcard-resource"),
        pytest.param(edited(0, Action="secretsmanager:*"), 0, "not Pullguard's", id="wider-action"),
        pytest.param(edited(0, Effect="Deny"), 0, "not Pullguard's", id="deny"),
        pytest.param(edited(0, Resource=[str(SECRET), "arn:aws:s3:::x"]), 1, "arn:aws:s3:::x", id="one-more-resource"),
        pytest.param(edited(1, Condition={}), 1, "not Pullguard's", id="condition-removed"),
        pytest.param(edited(1, Action=["kms:Decrypt", "kms:Encrypt"]), 1, "not Pullguard's", id="one-more-action"),
        pytest.param(
            edited(1, Condition=condition(kms__ViaService="s3.eu-west-1.amazonaws.com")), 1, "s3.eu-west", id="service"
        ),
        pytest.param(edited(1, Condition=condition(kms__ViaService="*")), 1, "through", id="any-service"),
        pytest.param(edited(1, Condition=condition(kms__ViaService=VIA_TWO)), 1, "through", id="one-more-service"),
        pytest.param(edited(1, Condition=condition(kms__ViaService=[])), 1, "through", id="no-service"),
        pytest.param(
            edited(1, Condition=condition(kms__ViaService="secretsmanager.us-east-1.amazonaws.com")),
            1,
            "through",
            id="service-of-another-region",
        ),
        pytest.param(
            edited(1, Condition={**condition(), "StringLike": {"aws:PrincipalArn": "*"}}),
            1,
            "not Pullguard's",
            id="one-more-operator",
        ),
        pytest.param(
            edited(1, Condition={"StringLike": condition()["StringEquals"]}),
            1,
            "not Pullguard's",
            id="another-operator",
        ),
        pytest.param(
            edited(1, Condition=condition(aws__PrincipalTag_team="a")),
            1,
            "not Pullguard's",
            id="one-more-condition-key",
        ),
        pytest.param(
            edited(1, Condition={"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}}),
            1,
            "not Pullguard's",
            id="one-condition-key-less",
        ),
        pytest.param(edited(0, Condition=condition()), 0, "not Pullguard's", id="a-read-with-a-condition"),
        pytest.param(edited(0, NotResource="x"), 0, "not Pullguard's", id="one-more-element"),
        pytest.param({**ours(), "Id": "mine"}, 1, '"Id"', id="another-member"),
        pytest.param({**ours(), "Version": "2008-10-17"}, 1, "2008-10-17", id="old-version"),
        pytest.param({**ours(), "Version": "2032-10-17"}, 1, "2032-10-17", id="later-version"),
        pytest.param({"Version": "2012-10-17", "Statement": "x"}, 0, "not Pullguard's", id="no-statements"),
        pytest.param({**ours(), "Statement": ours()["Statement"][1:]}, 0, "without the right to read", id="key-alone"),
        pytest.param("{", 0, "not a JSON object", id="broken-text"),
        pytest.param("[]", 0, "not a JSON object", id="list"),
    ],
)
def test_a_foreign_statement_is_reported_and_not_kept(document: Any, kept: int, reported: str) -> None:
    granted, aliens = parse_own(document)
    assert len(granted) == kept
    assert all(grant.secret == SECRET for grant in granted)
    assert reported in "\n".join(aliens)


def test_the_key_of_a_foreign_key_statement_is_not_kept() -> None:
    for changed in (condition(kms__ViaService="*"), condition(kms__ViaService=VIA_TWO), {**condition(), "Bool": {}}):
        assert parse_own(edited(1, Condition=changed))[0] == (Granted(secret=SECRET, key=None),)


def test_a_single_statement_and_single_values_are_read_too() -> None:
    statement = {**policy_document([Granted(secret=SECRET, key=None)])["Statement"][0], "Resource": str(SECRET)}
    document = {"Version": "2012-10-17", "Statement": statement}
    assert parse_own(document) == ((Granted(secret=SECRET, key=None),), ())


@pytest.mark.parametrize(
    ("document", "size"),
    [
        ({"a": "b c", "d": [1, 2]}, len('{"a":"b c","d":[1,2]}')),
        ('{ "a" :\n\t"b c" ,\r "d": [1, 2] }', len('{"a":"b c","d":[1,2]}')),
        (r'{ "a\" b" : "\\" }', len(r'{"a\" b":"\\"}')),
        ({"a": "é"}, len('{"a":"é"}')),
        ({}, 2),
    ],
)
def test_white_space_is_counted_inside_strings_only(document: Any, size: int) -> None:
    assert size_chars(document) == size


def test_all_inline_policies_count_and_our_old_one_does_not() -> None:
    room = INLINE_POLICIES_MAX_CHARS - size_chars(ours())
    exact = {"a": "x" * (room - len('{"a":""}'))}
    assert total_size_chars({"theirs": exact, POLICY_NAME: ours()}) == INLINE_POLICIES_MAX_CHARS == 10_240
    own = read_own(POLICY_NAME, policy_document([Granted(secret=OTHER, key=None)]))
    grants = read_own(POLICY_NAME, ours()).grants
    assert own.fits(grants, others_chars=size_chars(exact))
    assert not own.fits(grants, others_chars=size_chars(exact) + 1)


def test_eighty_secrets_under_the_managed_key_fit() -> None:
    many = (
        Arn.parse(f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:registry/team-{n:03}-AbCdEf")
        for n in range(80)
    )
    assert OwnPolicy().fits((Granted(secret=secret, key=None) for secret in many), others_chars=0)


def test_a_policy_is_written_in_one_way() -> None:
    assert render({"b": 1, "a": {"d": [1, 2], "c": "x y"}}) == '{"a":{"c":"x y","d":[1,2]},"b":1}'
    assert render(' {"b": 1, "a": 2}') == '{"a":2,"b":1}'
    assert render("{") == "{"


def test_a_foreign_statement_is_described_in_one_way() -> None:
    there, back = statements(NOT_OURS), statements(dict(reversed(NOT_OURS.items())))
    assert read_own(NAME, there).foreign == read_own(NAME, back).foreign
    assert parse_own(there) == parse_own(back)


def test_the_command_survives_a_shell() -> None:
    words = shlex.split(grant_command("role'; rm -rf $HOME; '", ours()))
    assert words[:5] == ["aws", "iam", "put-role-policy", "--role-name", "role'; rm -rf $HOME; '"]
    assert words[5:8] == ["--policy-name", POLICY_NAME, "--policy-document"]
    assert json.loads(words[8]) == ours()


def test_a_policy_with_a_duplicate_member_is_neither_ours_nor_extended() -> None:
    """AWS does not document which of two equal members counts, so our reading may differ from the policy's effect."""
    ours = json.dumps(policy_document((Granted(secret=SECRET, key=None),)))
    twice = ours.replace('"Version":', '"Version": "2008-10-17", "Version":')
    assert parse_own(ours)[0] != ()
    assert parse_own(twice) == ((), ("the policy is not a JSON object",))
    assert extended(ours, {"Effect": "Allow"}) is not None
    assert extended(twice, {"Effect": "Allow"}) is None


# --- Our policy, and what others wrote in it ---------------------------------------------------------------------

NAME = f"{POLICY_NAME}-eu-west-1"
NOT_OURS: dict[str, Any] = {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*", "Sid": "Theirs"}
DENIED: dict[str, Any] = {"Sid": "", "Effect": "Deny", "NotAction": "kms:*", "Resource": ["*"]}


READ = "secretsmanager:GetSecretValue"


def reads(*secrets: object, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": READ, "Resource": list(map(str, secrets)), **more}


def statements(*these: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(these)}


def decrypts(*secrets: Arn) -> dict[str, Any]:
    statement: dict[str, Any] = policy_document([Granted(secret=each, key=KEY) for each in secrets])["Statement"][1]
    return statement


def test_a_role_without_our_policy_has_no_grants() -> None:
    assert read_own(NAME, None) == OwnPolicy(name=NAME)
    assert OwnPolicy(name=NAME).is_readable
    assert OwnPolicy(name=NAME).document([Granted(secret=SECRET, key=KEY)]) == ours()


@settings(deadline=None)
@given(st.sets(grants(), max_size=12), st.booleans())
def test_our_own_policy_is_read_back_as_it_was_written(these: set[Granted], is_text: bool) -> None:
    document = OwnPolicy(name=NAME).document(these)
    own = read_own(NAME, render(document) if is_text else document)
    assert own == OwnPolicy(name=NAME, grants=least(these))
    assert own.document(own.grants) == document
    assert read_own(NAME, own.document(own.grants)).grants == own.grants


@settings(deadline=None)
@given(st.sets(grants(), max_size=6), st.sets(grants(), max_size=6), st.permutations([NOT_OURS, DENIED, "x", 7]))
def test_the_statements_of_others_survive_every_rewrite(old: set[Granted], new: set[Granted], theirs: Any) -> None:
    document = policy_document(old)
    mixed = {**document, "Statement": [*theirs[:2], *document["Statement"], *theirs[2:]]}
    own = read_own(NAME, mixed)
    assert own.grants == least(old)
    assert own.statements == tuple(theirs)
    assert len(own.foreign) == len(theirs)
    written = own.document(new)
    assert written["Statement"][-len(theirs) :] == list(theirs)
    assert read_own(NAME, written) == OwnPolicy(
        name=NAME, grants=least(new), statements=own.statements, foreign=own.foreign
    )
    assert own.document([])["Statement"] == list(theirs)


@pytest.mark.parametrize("index", [0, 1])
def test_ours_of_two_statements_with_one_sid_goes_without(index: int) -> None:
    sid = ours()["Statement"][index]["Sid"]
    theirs = {**NOT_OURS, "Sid": sid}
    document = read_own(NAME, statements(theirs)).document([Granted(secret=SECRET, key=KEY)])
    kept = [{name: value for name, value in each.items() if name != "Sid"} for each in ours()["Statement"]]
    expected = [*ours()["Statement"], theirs]
    expected[index] = kept[index]
    assert document == statements(*expected)
    assert read_own(NAME, document).grants == (Granted(secret=SECRET, key=KEY),)
    assert read_own(NAME, document).document([Granted(secret=SECRET, key=KEY)]) == document


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="broken"),
        pytest.param("[]", id="a-list"),
        pytest.param({**ours(), "Version": "2008-10-17"}, id="another-version"),
        pytest.param({"Statement": ours()["Statement"]}, id="no-version"),
        pytest.param({**ours(), "Id": "theirs"}, id="another-member"),
        pytest.param(render({**ours(), "Id": "theirs"}), id="another-member-as-text"),
    ],
)
def test_a_policy_of_our_name_that_is_not_ours_is_not_readable(document: Any) -> None:
    assert read_own(NAME, document) == OwnPolicy(name=NAME, is_readable=False)


@pytest.mark.parametrize(
    ("theirs", "beside", "kept"),
    [
        pytest.param(reads(SECRET, "*"), (), (), id="a-wildcard-beside-a-secret"),
        pytest.param(reads(SECRET, "arn:aws:s3:::x"), (), (), id="another-service"),
        pytest.param(reads(SECRET, str(OTHER)[:-7]), (), (), id="a-partial-arn"),
        pytest.param(
            reads(SECRET, "*"), (reads(OTHER),), (Granted(secret=OTHER, key=None),), id="beside-one-that-is-ours"
        ),
        pytest.param(reads(SECRET, Condition={}), (), (), id="a-read-with-a-condition"),
        pytest.param(reads(SECRET, Effect="Deny"), (), (), id="a-denial"),
        pytest.param(reads(SECRET, NotResource="*"), (), (), id="one-more-element"),
        pytest.param(reads(SECRET, Action=[READ, "secretsmanager:PutSecretValue"]), (), (), id="one-more-action"),
        pytest.param(reads(SECRET, Action="sts:AssumeRole"), (), (), id="another-action"),
        pytest.param({"Action": READ, "Resource": str(SECRET)}, (), (), id="without-an-effect"),
        pytest.param(reads(SECRET, Effect="ALLOW"), (), (), id="an-effect-in-another-case"),
        pytest.param({"Effect": "Allow", "Action": READ}, (), (), id="without-a-resource"),
        pytest.param(
            {**decrypts(SECRET), "Action": "kms:CreateGrant"},
            (reads(SECRET),),
            (Granted(secret=SECRET, key=None),),
            id="an-action-before-decrypt-with-a-key",
        ),
        pytest.param(
            {**decrypts(SECRET), "Principal": "*"},
            (reads(SECRET),),
            (Granted(secret=SECRET, key=None),),
            id="decrypt-with-one-more-element",
        ),
        pytest.param(
            {**decrypts(SECRET), "Action": ["kms:Decrypt", "kms:Encrypt"]},
            (reads(SECRET),),
            (Granted(secret=SECRET, key=None),),
            id="decrypt-with-one-more-action",
        ),
        pytest.param(
            {**decrypts(SECRET), "Action": "kms:ReEncryptFrom"},
            (reads(SECRET),),
            (Granted(secret=SECRET, key=None),),
            id="another-action-with-a-key",
        ),
        pytest.param(
            {**decrypts(SECRET), "Resource": str(CHINAS_KEY)},
            (reads(SECRET),),
            (Granted(secret=SECRET, key=None),),
            id="a-key-of-another-partition",
        ),
        pytest.param(
            {
                **decrypts(SECRET),
                "Condition": condition(
                    kms__ViaService="secretsmanager.cn-north-1.amazonaws.com.cn",
                    **{"kms:EncryptionContext:SecretARN": str(CHINA)},
                ),
            },
            (reads(CHINA),),
            (Granted(secret=CHINA, key=None),),
            id="a-secret-of-another-partition",
        ),
        pytest.param(decrypts(SECRET), (), (), id="decrypt-without-read"),
        pytest.param(
            decrypts(SECRET), (reads(OTHER),), (Granted(secret=OTHER, key=None),), id="decrypt-and-another-read"
        ),
        pytest.param(
            decrypts(SECRET, OTHER),
            (reads(SECRET),),
            (Granted(secret=SECRET, key=None),),
            id="decrypt-with-half-of-the-reads",
        ),
        pytest.param(
            {**decrypts(SECRET), "Resource": [str(KEY), "*"]},
            (reads(SECRET),),
            (Granted(secret=SECRET, key=None),),
            id="a-wildcard-beside-a-key",
        ),
        pytest.param(
            {**decrypts(SECRET), "Condition": condition(kms__ViaService=VIA_TWO)},
            (reads(SECRET),),
            (Granted(secret=SECRET, key=None),),
            id="one-more-service",
        ),
        pytest.param(
            {**decrypts(SECRET), "Condition": {}}, (reads(SECRET),), (Granted(secret=SECRET, key=None),), id="any-use"
        ),
        pytest.param(
            {name: value for name, value in decrypts(SECRET).items() if name != "Condition"},
            (reads(SECRET),),
            (Granted(secret=SECRET, key=None),),
            id="decrypt-without-a-condition",
        ),
        pytest.param(
            {**decrypts(SECRET), "Resource": []}, (reads(SECRET),), (Granted(secret=SECRET, key=None),), id="no-key"
        ),
        pytest.param("not a statement", (reads(SECRET),), (Granted(secret=SECRET, key=None),), id="a-text"),
    ],
)
def test_a_statement_is_ours_as_a_whole_or_not_at_all(theirs: Any, beside: Any, kept: tuple[Granted, ...]) -> None:
    for document in (statements(theirs, *beside), statements(*beside, theirs)):
        own = read_own(NAME, document)
        assert own.is_readable
        assert (own.grants, own.statements, len(own.foreign)) == (kept, (theirs,), 1)
        assert read_own(NAME, own.document(own.grants)) == own


def test_single_values_and_other_sids_are_still_ours() -> None:
    document = {"Version": "2012-10-17", "Statement": {**reads(), "Sid": "Renamed", "Resource": str(SECRET)}}
    assert read_own(NAME, document) == OwnPolicy(name=NAME, grants=(Granted(secret=SECRET, key=None),))


def test_a_policy_without_statements_is_ours_and_empty() -> None:
    assert read_own(NAME, {"Version": "2012-10-17"}) == OwnPolicy(name=NAME)


def test_the_reads_of_several_statements_count_together() -> None:
    document = statements(reads(SECRET), decrypts(SECRET, OTHER), reads(OTHER))
    assert read_own(NAME, document).grants == (Granted(secret=SECRET, key=KEY), Granted(secret=OTHER, key=KEY))


def test_the_grants_of_one_secret_are_read_in_the_order_of_their_keys() -> None:
    keys = [Arn.parse(f"{str(KEY)[:-1]}{digit}") for digit in "0123456789"]
    these = tuple(Granted(secret=SECRET, key=each) for each in keys)
    assert read_own(NAME, policy_document(reversed(these))).grants == these
    assert parse_own(policy_document(reversed(these))) == (these, ())


def test_foreign_statements_and_the_other_policies_take_room() -> None:
    these = [Granted(secret=SECRET, key=KEY)]
    for own in (OwnPolicy(name=NAME), OwnPolicy(name=NAME, statements=(NOT_OURS,))):
        room = INLINE_POLICIES_MAX_CHARS - size_chars(own.document(these))
        assert own.fits(these, others_chars=room)
        assert not own.fits(these, others_chars=room + 1)
    assert not OwnPolicy(name=NAME, statements=(NOT_OURS,)).fits(
        these, others_chars=INLINE_POLICIES_MAX_CHARS - size_chars(ours())
    )
