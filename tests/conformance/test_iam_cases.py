import json
from pathlib import Path

import pytest

from pullguard.domain.documents import read_json
from tests.conformance.iam_cases import Case, answer, main

HERE = Path(__file__).parent
CASES = [
    read_json(line)
    for name in ("documented.jsonl", "generated.jsonl", "reasoned.jsonl")
    for line in (HERE / name).read_text(encoding="utf-8").split("\n")
    if line
]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_answer_is_the_one_that_aws_gives(case: Case) -> None:
    assert answer(case) == case["expected"], case.get("doc") or case.get("tags")


def test_all_the_cases_are_here() -> None:
    assert len(CASES) == 1_088 + 431


def test_the_runner_prints_one_line_a_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(HERE / "documented.jsonl")]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["id"] for line in lines] == [case["id"] for case in CASES[:88]]
    assert {frozenset(line) for line in lines} == {frozenset(("id", "result"))}


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "null", '"text"', '{"id": "x"}', json.dumps(CASES[0] | {"principal": "nobody"}),
     json.dumps(CASES[0] | {"context": None}), json.dumps(CASES[0] | {"identityPolicies": [1]})],
    ids=["no-json", "list", "null", "text", "no-members", "no-role", "no-context", "no-policy"],
)  # fmt: skip
def test_a_line_that_is_no_case_is_named_and_the_rest_is_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text(f"{json.dumps(CASES[0])}\n{line}\n{json.dumps(CASES[1])}\n", encoding="utf-8")
    assert main([str(cases)]) == 2
    printed = capsys.readouterr()
    assert f"{cases}:2: " in printed.err
    assert [json.loads(each)["id"] for each in printed.out.splitlines()] == [CASES[0]["id"], CASES[1]["id"]]


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl" in capsys.readouterr().err


def test_a_line_separator_inside_a_text_does_not_cut_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text(json.dumps(CASES[0] | {"doc": "a\u2028b"}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert main([str(cases)]) == 0
