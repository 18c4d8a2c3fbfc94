"""An unusable file exits with 2 and one line with file and position. Other files are still checked."""

import os
import time
from pathlib import Path

import pytest

from pullguard_cli.failures import CannotRun
from tests.unit.cli.commands.check.conftest import Check, container, definition

TWICE = '{\n "family": "a",\n "containerDefinitions": [],\n "family": "b"\n}'
BOMB = "a: &k0 [x]\n" + "".join(f"k{i + 1}: &k{i + 1} [{f'*k{i},' * 9}]\n" for i in range(98))
MERGES = "".join(f"y{i}: &x{i + 1} {{<<: [*x{i}, *x{i}]}}\n" for i in range(99))
MISSPELT_IN = """{{"containerDefinitions": [{{"name": "a", "image": "a",
  "{}": {{"credentialsParameter": "x"}}}}]}}"""
MISSPELT = 'a.json:2:3: unknown property "{}"; did you mean repositoryCredentials?'
BAD: dict[str, tuple[object, str]] = {
    "empty": ("", "a.json: is empty"),
    "blank": (" \n\t\n", "a.json: is empty"),
    "json": ('{"family": "a",\n "x": }', "a.json:2:7: is not JSON: Expecting value"),
    "comma": ('{"family": "a",}', "a.json:1:"),
    "constant": ('{"family": "NaN",\n "cpu": NaN}', "a.json:2:9: is not JSON: NaN"),
    "comment": ('{\n  // what runs\n "family": "a"}', "a.json:2:3: is not JSON: JSON does not allow comments"),
    "comment-before": ('// what runs\n{"family": "a"}', "a.json:1:1: begins with a comment"),
    "text": ("hello", "a.json:1: is not a task definition"),
    "list": ("[]", "a.json:1: is not a task definition"),
    "number": ("42", "a.json:1: is not a task definition"),
    "twice": (TWICE, 'a.json:4:2: duplicate key "family"'),
    "twice-escaped": ('{"a": 1, "\\u0061": 2}', 'a.json:1:10: duplicate key "a"'),
    "twice-yaml": ("family: a\nfamily: b\n", 'a.json:2:1: duplicate key "family"'),
    "yaml": ("a: b: c", "a.json:1:5: is neither JSON nor YAML"),
    "comments": ("# nothing\n", "a.json:1:1: contains only comments"),
    "documents": ("a: 1\n---\nb: 1\n", "a.json:2:1: contains more than one document"),
    "alias": ("a: *x\nc: &x {b: 1}\n", "a.json:1:4: the alias *x refers to no earlier anchor"),
    "alias-of-itself": ("a: &x {b: *x}\n", "a.json:1:11: the alias *x refers to no earlier anchor"),
    "merge": ("<<: [a]\n", "a.json:1:5: the merge key << accepts mappings only"),
    "bomb": (BOMB, "has no containerDefinitions"),
    "bomb-of-containers": (f"{BOMB}containerDefinitions: *k98\n", 'unknown property "a"'),
    "bomb-of-merges": (f"x: &x0 {{image: a}}\n{MERGES}containerDefinitions: [*x99]\n", 'unknown property "x"'),
    "deep-json": ("[" * 200_000, "is nested too deeply"),
    "deep-closed": ('{"a":' * 500 + "1" + "}" * 500, "is nested too deeply"),
    "deep-yaml": ("a: " + "[" * 100_000, "is nested too deeply"),
    "deep-dashes": ("- " * 30_000 + "a", "is nested too deeply"),
    "utf-16": ("{}".encode("utf-16"), "a.json:1: is not UTF-8 text"),
    "latin-1": (b'{\n"family": "caf\xe9"}', "a.json:2: is not UTF-8 text (byte 0xe9)"),
    "binary": (b"\x7fELF\0\0\0", "a.json: is binary"),
    "surrogate": ('{"family": "\\ud800"}', "a.json:1:12: a string contains a lone surrogate"),
    "control": ("family: \x01\n", "a.json:1:1: contains a control character"),
    "key": ("? [a]\n: b\n", "a.json:1:3: a key is not a string"),
    "huge": (b"{" + b" " * 10_000_000, "a.json: is larger than 1 MB"),
    "no-containers": ({"family": "a"}, "has no containerDefinitions"),
    "empty-containers": ({"containerDefinitions": []}, "containerDefinitions is empty"),
    "mapping-containers": ({"containerDefinitions": {}}, "containerDefinitions is not a list"),
    "text-container": ({"containerDefinitions": ["a"]}, "containerDefinitions[0] is not an object"),
    "no-image": ({"containerDefinitions": [{"name": "a"}]}, "containerDefinitions[0] has no image"),
    "case": (MISSPELT_IN.format("RepositoryCredentials"), MISSPELT.format("RepositoryCredentials")),
    "letter": (MISSPELT_IN.format("repositoryCredential"), MISSPELT.format("repositoryCredential")),
    "parameter": (
        definition({"name": "a", "image": "a", "repositoryCredentials": {"credentialParameter": "x"}}),
        'unknown property "credentialParameter"; did you mean credentialsParameter?',
    ),
    "no-parameter": (
        definition({"name": "a", "image": "a", "repositoryCredentials": {}}),
        "has no credentialsParameter",
    ),
    "unknown": (definition(replicas=3), 'unknown property "replicas" (as of botocore'),
    "containers-in-another-case": ({"containerdefinitions": []}, 'did you mean "containerdefinitions"?'),
    "number-image": (definition(container(image=1)), "image is not a string"),
    "list-credentials": (
        {"containerDefinitions": [{"name": "a", "image": "a", "repositoryCredentials": []}]},
        "containerDefinitions[0].repositoryCredentials is not an object",
    ),
    "same-name": (definition(container(), container()), 'two containers have the name "app"'),
    "name": (definition(container(name="a\n::error::b")), '"a\\n::error::b" is not a valid ECS name'),
    "family": (definition(family="a/b"), '"a/b" is not a valid ECS name'),
    "number-role": (definition(executionRoleArn=7), "executionRoleArn is not a string"),
    "arn": (definition(taskDefinitionArn="web:7"), "its taskDefinitionArn is not an ARN"),
    "wrapped-text": ({"taskDefinition": "web:7"}, "the task definition is not an object"),
    "resources": ({"Resources": []}, "Resources is not an object"),
    "tag": (
        "family: a\ncontainerDefinitions: [{name: !Ref X, image: a}]\n",
        "!Ref is supported only in CloudFormation",
    ),
    "python-tag": ("!!python/object/apply:os.system ['true']", "is not a task definition"),
}


@pytest.mark.parametrize(("content", "expected"), BAD.values(), ids=BAD.keys())
def test_is_refused_in_one_line(check: Check, content: object, expected: str) -> None:
    started = time.perf_counter()
    ran = check(files={"a.json": content})
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("pullguard: a.json")
    assert expected in ran.err
    assert time.perf_counter() - started < 10


def test_a_folder_a_missing_file_and_an_impossible_name(check: Check, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    ran = check("folder", "missing.json", "x" * 5000)
    assert ran.code == 2
    first, second, third = ran.err.splitlines()
    assert first == "pullguard: folder: is a directory; pass the files in it"
    assert second == "pullguard: missing.json: there is no such file"
    assert "cannot be read: File name too long" in third


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/self/mem").exists(), reason="left out: root reads every file")
def test_an_unreadable_file(check: Check, tmp_path: Path) -> None:
    name = "/proc/self/mem"
    if os.geteuid() != 0:
        name = "locked.json"
        (tmp_path / name).write_text("{}")
        (tmp_path / name).chmod(0)
    ran = check(name)
    assert ran.code == 2
    assert f"pullguard: {name}: cannot be read: " in ran.err


def test_endless_input_is_refused(check: Check) -> None:
    ran = check("/dev/zero")
    assert (ran.code, ran.err.count("larger than 1 MB")) == (2, 1)


def test_other_files_are_checked_all_the_same(check: Check) -> None:
    files = {"bad.json": "{", "good.json": definition(container("registry")), "worse.json": "[]"}
    ran = check("--format", "json", files=files)
    assert ran.code == 2
    assert ran.found == [("reference-not-full-arn", "warning")]
    assert [line.split(":")[1].strip() for line in ran.err.splitlines()] == ["bad.json", "worse.json"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--region", "nowhere"), '"nowhere" is not an AWS Region'),
        (("--read-values",), "require --live"),
    ],
)
def test_options_that_make_no_sense(check: Check, options: tuple[str, ...], expected: str) -> None:
    with pytest.raises(CannotRun, match=expected):
        check(*options, files={"a.json": definition()})
