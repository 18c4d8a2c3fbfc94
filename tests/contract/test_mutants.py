"""What benchmarks/mutants.py leaves out, how it samples, and what it reports; without cosmic-ray."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from benchmarks import mutants
from benchmarks.forked_tests import client
from benchmarks.mutants import ROOT, Meaningless, Mutant, read, report, sampled

SOURCE = """
@dataclass(frozen=True)
class Rules:
    grace: timedelta | None = None

    def over(self, now: datetime | None, *, at: datetime) -> bool | None:
        return {**self.more, "left": now - at | self.grace}
"""


def mutant(text: str, operator: str, occurrence: int = 0) -> Mutant:
    """A mutant of SOURCE at the first place of ``text``."""
    before = SOURCE[: SOURCE.index(text)].split("\n")
    start = (len(before), len(before[-1]))
    return Mutant(id=f"{operator}-{occurrence}", module="m.py", operator=operator, occurrence=occurrence, start=start)


@pytest.mark.parametrize(
    ("text", "operator", "meaningless"),
    [
        ("True)", "ReplaceTrueWithFalse", True),
        ("| None = None", "ReplaceBinaryOperator_BitOr_Add", True),
        ("| None, *", "ReplaceBinaryOperator_BitOr_Add", True),
        ("*, at", "ReplaceBinaryOperator_Mul_Add", True),
        ("| None:", "ReplaceBinaryOperator_BitOr_Add", True),
        ("**self", "ReplaceBinaryOperator_Pow_Add", True),
        ("- at", "ReplaceBinaryOperator_Sub_Add", False),
        ("| self", "ReplaceBinaryOperator_BitOr_BitAnd", False),
        ("@dataclass", "RemoveDecorator", False),
    ],
)
def test_a_mutant_that_no_test_can_judge_is_left_out(text: str, operator: str, *, meaningless: bool) -> None:
    assert (mutant(text, operator) in Meaningless(SOURCE)) is meaningless


def test_a_seed_gives_the_same_sample_in_any_order() -> None:
    every = [mutant("- at", "A", number) for number in range(50)]
    assert sampled(every, 5, 1) == sampled(reversed(every), 5, 1) != sampled(every, 5, 2)
    assert len(sampled(every, 300, 1)) == 50


def dumped(outcome: str | None, output: str = "", worker: str = "normal", row: int = 7) -> str:
    """A line of ``cosmic-ray dump``."""
    mutation = {
        "module_path": f"{mutants.CORE}/domain/consent.py",
        "operator_name": "core/AddNot",
        "occurrence": row,
        "start_pos": [row, 4],
    }
    diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-    if old:\n+    if not old:"
    result = {"worker_outcome": worker, "output": output, "test_outcome": outcome, "diff": diff}
    return json.dumps([{"job_id": f"{row}", "mutations": [mutation]}, result if worker else None])


def test_survivors_are_reported_after_the_table() -> None:
    lines = [
        dumped("killed"),
        dumped("killed", "timeout", row=8),
        dumped("survived", row=9),
        dumped(None, "Filtered operator", "skipped", row=10),
    ]
    assert list(report(list(read(lines)))) == [
        "| module | mutants | killed | survived | timed out |",
        "|---|---|---|---|---|",
        "| `domain/consent.py` | 3 | 1 | 1 | 1 |",
        "| all | 3 | 1 | 1 | 1 |",
        f"\n{mutants.CORE}/domain/consent.py:9 AddNot 9: survived",
        "-    if old:",
        "+    if not old:",
    ]


def test_a_mutant_that_has_not_run_has_no_outcome() -> None:
    assert [each.outcome for each in read([dumped(None, worker="")])] == [""]


@pytest.mark.parametrize("module", tuple(mutants.modules()), ids=lambda module: Path(module.path).stem)
def test_each_module_has_tests_of_its_name_and_a_session_of_its_own(module: mutants.Module) -> None:
    assert module.tests
    assert [each.path for each in mutants.modules() if each.session == module.session] == [module.path]


def test_the_modules_that_decide_are_covered_in_full() -> None:
    full = {Path(each.path).stem for each in mutants.modules() if not each.sampled}
    assert full == {"opt_in", "consent", "role_policy", "role_state", "role_item", "policy_document"}


def test_forked_runs_end_as_pytest_does_and_see_changed_code(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from it import answer\n\n\ndef test_it() -> None:\n    assert answer() == 1\n"
    )
    code = tmp_path / "it.py"
    with mutants.serving(tmp_path, {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}) as server:
        run = client(server, "-q", "-p", "no:cacheprovider", "test_it.py")
        for answer, status in (("1", 0), ("2", 1), ("1 +", 2), ("1", 0)):
            code.write_text(f"def answer() -> int:\n    return {answer}\n")
            assert subprocess.run(run, check=False).returncode == status, answer
        code.write_text("while True:\n    pass\n")
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(run, timeout=1, check=False)
        code.write_text("def answer() -> int:\n    return 1\n")
        assert subprocess.run(run, check=False, timeout=60).returncode == 0
