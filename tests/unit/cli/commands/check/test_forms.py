"""Every format of a task definition gives the same result, and deploy-time values are not guessed."""

import json
from typing import Any

import pytest
import yaml

from tests.unit.cli.commands.check.conftest import ROLE, SECRET, Check, container, definition

NAME = "registry/ghcr"
PARTIAL = definition(container(NAME))


def pascal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[0].upper() + key[1:]: pascal(each) for key, each in value.items()}
    return [pascal(each) for each in value] if isinstance(value, list) else value


def template(**properties: Any) -> dict[str, Any]:
    return {"Resources": {"Web": {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}}}


FORMS = {
    "plain.json": PARTIAL,
    "tabs.json": json.dumps(PARTIAL, indent="\t"),
    "one-line.json": json.dumps(PARTIAL, separators=(",", ":")),
    "plain.yaml": yaml.safe_dump(PARTIAL),
    "no-suffix": yaml.safe_dump(PARTIAL, default_flow_style=True),
    "bom.json": b"\xef\xbb\xbf" + json.dumps(PARTIAL).encode(),
    "crlf.json": json.dumps(PARTIAL, indent=1).replace("\n", "\r\n"),
    "wrapped.json": {"taskDefinition": PARTIAL, "tags": [{"key": "team", "value": "shop"}]},
    "pascal.json": pascal(PARTIAL),
    "resource.json": {"Type": "AWS::ECS::TaskDefinition", "Properties": pascal(PARTIAL)},
    "template.json": template(**pascal(PARTIAL)),
    "template.yaml": yaml.safe_dump(template(**pascal(PARTIAL))),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_says_the_same(check: Check, name: str) -> None:
    ran = check("--format", "json", files={name: FORMS[name]})
    assert ran.found == [("reference-not-full-arn", "warning")]
    assert ran.data["account"] == "123456789012"
    assert ran.data["summary"]["references"] == 1
    assert (ran.code, ran.err) == (0, "")


def test_standard_input(check: Check) -> None:
    ran = check("--format", "json", "-", stdin=json.dumps(PARTIAL).encode())
    assert ran.found == [("reference-not-full-arn", "warning")]
    assert ran.data["locations"][0]["file"] == "-"


_ABOUT = {
    "execution-role-not-found": "role",
    "secret-not-found": "secret",
    "fargate-platform-too-old": "usage",
    "credentials-missing": "registry secrets",
}


@pytest.mark.parametrize(
    ("given", "expected", "not_checked"),
    [
        (container(), [], {"role", "secret", "usage"}),
        (container("registry/ghcr"), ["reference-not-full-arn"], {"role", "secret", "usage"}),
        (container(SECRET[:-7]), ["reference-not-full-arn"], {"role", "secret", "usage"}),
        (container(f"{SECRET}:username::"), ["reference-malformed"], {"role", "usage"}),
        (container(""), ["reference-malformed"], {"role", "usage"}),
        (container(42), ["reference-malformed"], {"role", "usage"}),
        (container("a*"), ["reference-malformed"], {"role", "usage"}),
        (container("arn:aws:ssm:eu-west-1:123456789012:parameter/x"), ["reference-malformed"], {"role", "usage"}),
        (container(SECRET.replace("arn:aws:", "arn:aws-cn:")), ["reference-malformed"], {"role", "usage"}),
        (container(image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1"), ["credentials-on-ecr-image"], set()),
        (container(None), [], {"registry secrets"}),
    ],
    ids=["right", "name", "partial", "suffix", "empty", "number", "wildcard", "ssm", "china", "ecr", "none"],
)
def test_offline_checks_answer_what_the_file_decides(
    check: Check, given: dict[str, Any], expected: list[str], not_checked: set[str]
) -> None:
    """Undecided questions are listed, and nothing passes unchecked."""
    ran = check("--format", "json", files={"a.json": definition(given)})
    assert [name for name, _ in ran.found] == expected
    asked = [_ABOUT[each["check"]] for each in ran.data["not_checked"]]
    assert (set(asked), len(asked)) == (not_checked, len(not_checked))
    assert all("pullguard " in each["how_to"] for each in ran.data["not_checked"])


@pytest.mark.parametrize(
    ("reference", "severity"),
    [
        ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:ghcr", "warning"),
        ("arn:aws:secretsmanager:eu-west-1:999999999999:secret:ghcr", "error"),
        ("arn:aws:secretsmanager:eu-north-1:123456789012:secret:ghcr", "error"),
    ],
    ids=["home", "account", "region"],
)
def test_a_partial_arn_abroad_is_an_error(check: Check, reference: str, severity: str) -> None:
    ran = check("--format", "json", "--region", "eu-west-1", files={"a.json": definition(container(reference))})
    assert ran.found == [("reference-not-full-arn", severity)]


@pytest.mark.parametrize(
    ("end", "found"),
    [
        ("app-docker", [("reference-not-full-arn", "warning")]),
        ("prod/gitlab-reader", [("reference-not-full-arn", "warning")]),
        ("app-202612", [("reference-not-full-arn", "warning")]),
        ("app-v2prod", [("reference-not-full-arn", "warning")]),
        ("app-k8sdev", [("reference-not-full-arn", "warning")]),
        ("app-2024q1", [("reference-not-full-arn", "warning")]),
        ("app-docker-AbCdEf", []),
        ("app-a1B2c3", []),
        ("app-XXXXXX", []),
        ("app-abcdef", []),
    ],
)
@pytest.mark.parametrize("region", ["eu-west-1", "eu-north-1"], ids=["home", "abroad"])
def test_an_arn_that_ends_in_a_word_may_lack_its_suffix(
    check: Check, end: str, found: list[tuple[str, str]], region: str
) -> None:
    """AWS generates such a suffix once in 75 times, so this is only a warning, for suffixes that look like words."""
    reference = f"arn:aws:secretsmanager:{region}:123456789012:secret:{end}"
    ran = check("--format", "json", "--region", "eu-west-1", files={"a.json": definition(container(reference))})
    assert ran.found == found
    assert ran.code == 0
    for each in ran.data["findings"]:
        assert "may be a complete ARN" in each["cause"]
        assert f"--region {region} --secret-id {end} " in each["remedy"]["snippet"]


@pytest.mark.parametrize(
    ("role", "account"),
    [("web-execution", None), (ROLE, "123456789012"), (ROLE.replace("arn:aws:", "arn:aws-cn:"), "123456789012")],
    ids=["nothing", "an-account", "an-account-of-china"],
)
def test_no_region_is_made_up(check: Check, role: str, account: str | None) -> None:
    """A name has neither account nor Region: the AWS CLI uses its default Region, and no ARN is composed."""
    containers = [container("registry/web"), container("registry web", name="b"), container("x", image=ECR, name="c")]
    ran = check("--format", "json", files={"a.json": definition(*containers, executionRoleArn=role)})
    assert (ran.data["account"], ran.data["region"]) == (account, None)
    assert len(ran.found) == 3
    for each in (*ran.data["findings"], *ran.data["not_checked"]):
        assert each["task_definition"] == "web"
    for made_up in ("arn:aws:ecs:", "arn:aws-cn:ecs:", "--region", "us-east-1", "cn-north-1", "0" * 12):
        assert made_up not in ran.out
    snippets = [each["remedy"]["snippet"] or "" for each in ran.data["findings"]]
    assert any(each.startswith("aws secretsmanager describe-secret --secret-id registry/web ") for each in snippets)
    assert any(each.startswith("aws secretsmanager list-secrets --filters ") for each in snippets)


def test_a_region_without_an_account_is_used_in_commands(check: Check) -> None:
    ran = check(
        "--format", "json", "--region", "eu-west-1",
        files={"a.json": definition(container("registry/web"), executionRoleArn="web-execution")},
    )  # fmt: skip
    (finding,) = ran.data["findings"]
    assert (finding["task_definition"], finding["region"], finding["account"]) == ("web", "eu-west-1", None)
    assert "--region eu-west-1 " in finding["remedy"]["snippet"]


def test_a_known_account_and_region_give_an_arn(check: Check) -> None:
    ran = check("--format", "json", "--region", "eu-west-1", files={"a.json": definition(container("registry"))})
    (finding,) = ran.data["findings"]
    assert finding["task_definition"] == "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:0"


def test_no_execution_role(check: Check) -> None:
    ran = check("--format", "json", files={"a.json": definition(executionRoleArn=None)})
    assert ran.found == [("execution-role-missing", "error")]
    assert ran.code == 1


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_no_false_alarm_in_any_partition(
    check: Check, monkeypatch: pytest.MonkeyPatch, region: str, partition: str
) -> None:
    """The partition comes from the file's own ARNs, not from the environment."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    secret = SECRET.replace("arn:aws:", f"arn:{partition}:").replace("eu-west-1", region)
    role = ROLE.replace("arn:aws:", f"arn:{partition}:")
    ran = check("--format", "json", files={"a.json": definition(container(secret), executionRoleArn=role)})
    assert ran.found == []


ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x"
LATER = {
    "ref": "!Ref Secret",
    "sub": "!Sub 'arn:aws:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:x-AbCdEf'",
    "long": "{Ref: Secret}",
    "import": "{'Fn::ImportValue': secret}",
    "join": "!Join ['', [a, !Ref B]]",
    "getatt": "!GetAtt [Secret, Id]",
    "resolve": "'{{resolve:ssm:/registry/secret}}'",
    "if": "!If [Private, !Ref Secret, !Ref AWS::NoValue]",
}


def cloudformation(
    reference: str, *, role: str = "!GetAtt Role.Arn", image: str = "ghcr.io/acme/app:1", more: str = ""
) -> str:
    return f"""\
Resources:
  Web:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: !Sub "${{AWS::StackName}}-web"
      ExecutionRoleArn: {role}
      ContainerDefinitions:
        - Name: app
          Image: {image}
          RepositoryCredentials:
            CredentialsParameter: {reference}
{more}"""


ALIASES = f"""\
family: web
executionRoleArn: {ROLE}
containerDefinitions:
  - &app
    name: app
    image: ghcr.io/acme/app:1
    repositoryCredentials: &credentials
      credentialsParameter: registry
  - <<: *app
    name: beside
  - name: other
    image: ghcr.io/acme/other:1
    repositoryCredentials: *credentials
"""


def test_yaml_aliases_and_merge_keys_are_followed(check: Check) -> None:
    """`aws ecs register-task-definition --cli-input-yaml` accepts them."""
    ran = check("--format", "json", files={"a.yaml": ALIASES})
    assert [each["container"] for each in ran.data["findings"]] == ["app", "beside", "other"]
    assert [each["line"] for each in ran.data["locations"]] == [8, 8, 8]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("repositoryCredentials: *", "RepositoryCredentials: *", "a.yaml:13:5: "),
        ("repositoryCredentials: *", "repositoryCredential: *", "a.yaml:13:5: "),
    ],
)
def test_a_misspelt_member_is_reported_at_its_name(check: Check, before: str, after: str, said: str) -> None:
    ran = check(files={"a.yaml": ALIASES.replace(before, after)})
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.endswith("did you mean repositoryCredentials?\n")


def test_a_template_has_its_own_spelling(check: Check) -> None:
    text = cloudformation(SECRET)
    assert check(files={"t.yaml": text}).code == 0
    ran = check(files={"t.yaml": text.replace("RepositoryCredentials", "repositoryCredentials")})
    assert (ran.code, "did you mean RepositoryCredentials?" in ran.err) == (2, True)
    ran = check(files={"t.yaml": cloudformation("!Ref AWS::NoValue")})
    assert (ran.code, "has no CredentialsParameter" in ran.err) == (2, True)


@pytest.mark.parametrize("reference", LATER.values(), ids=LATER.keys())
def test_a_value_that_the_deployment_sets_is_not_guessed(check: Check, reference: str) -> None:
    ran = check("--format", "json", files={"t.yaml": cloudformation(reference)})
    assert ran.found == []
    assert ran.data["summary"] | {"pass": 0} == {
        "task_definitions": 1, "references": 1, "pass": 0, "fail": 0, "unknown": 0, "not_checked": 1,
    }  # fmt: skip
    assert ran.code == 0
    (question,) = ran.data["not_checked"]
    assert question["task_definition"] == "Web"  # the account is not known
    assert (question["container"], question["how_to"]) == ("app", "pullguard audit, after the deployment")
    said = check(files={"t.yaml": cloudformation(reference)}).out
    assert "Which secret does the reference name, and does it work? Not checked for Web (app), because" in said


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (cloudformation("!Ref S", role="!Ref AWS::NoValue"), ["execution-role-missing"]),
        (
            cloudformation("!Ref S", image=ECR),
            ["credentials-on-ecr-image"],
        ),
        (cloudformation("!Ref S", image="!Sub '${Account}.dkr.ecr.eu-west-1.amazonaws.com/x'"), []),
        (cloudformation(SECRET, more="        - {Name: b, Image: b, RepositoryCredentials: !Ref AWS::NoValue}\n"), []),
        (cloudformation(SECRET, role="{Ref: 'AWS::NoValue'}"), ["execution-role-missing"]),
        (cloudformation(SECRET, more="        - !If [A, {Name: b}, !Ref AWS::NoValue]\n"), []),
        (cloudformation("registry", more="        - {Name: b, Image: !Ref I}\n"), ["reference-not-full-arn"]),
    ],
    ids=["no-role", "ecr", "image", "no-value", "no-role-in-full", "container", "beside"],
)
def test_the_rest_is_checked_in_spite_of_it(check: Check, made: str, expected: list[str]) -> None:
    ran = check("--format", "json", files={"t.yaml": made})
    assert [name for name, _ in ran.found] == expected


def test_all_task_definitions_of_a_template(check: Check) -> None:
    made = cloudformation("registry") + cloudformation("!Ref S", role="!Ref AWS::NoValue")[11:].replace("Web", "Api")
    ran = check("--format", "json", files={"t.yaml": made})
    assert [(each["check"], each["task_definition"]) for each in ran.data["findings"]] == [
        ("reference-not-full-arn", "Web"),
        ("execution-role-missing", "Api"),
    ]
    assert [each["line"] for each in ran.data["locations"]] == [11, 15]


def test_a_template_without_task_definitions(check: Check) -> None:
    ran = check(files={"t.yaml": "Resources:\n  Bucket: {Type: AWS::S3::Bucket}\n"})
    assert ran.code == 0
    assert "t.yaml: the template contains no task definition" in ran.out


def test_lines_of_json(check: Check) -> None:
    made = json.dumps(definition(container("registry"), container("other", name="b")), indent=1)
    ran = check("--format", "json", files={"a.json": made})
    lines = made.splitlines()
    for place, name in zip(ran.data["locations"], ("registry", "other"), strict=True):
        assert f'"credentialsParameter": "{name}"' in lines[place["line"] - 1]
