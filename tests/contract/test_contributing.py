"""CONTRIBUTING.md's example of a check, followed step by step on a copy of the code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.cloudformation import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = {path: text for block in BLOCKS for path, text in re.findall(r"\A# (\S+)\n(.*)", block, re.DOTALL)}
DIFFS = re.findall(r"^```diff\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
CHANGED = [path for diff in DIFFS for path in re.findall(r"^\+\+\+ b/(\S+)$", diff, re.MULTILINE)]


def run(copy: Path, *command: str, timeout_s: int = 120) -> subprocess.CompletedProcess[str]:
    """Run Python with the copy's core and command line before all others."""
    path = os.pathsep.join(str(each) for each in (copy / "layers/core", copy / "cli", ROOT))
    environment = os.environ | {"PYTHONPATH": path, "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code to which the example is added."""
    copy = tmp_path_factory.mktemp("pullguard")
    for folder in ("layers/core", "cli", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for path, text in FILES.items():
        (copy / path).write_text(text, encoding="utf-8")
    for diff in DIFFS:
        subprocess.run(["git", "apply", "-"], cwd=copy, input=diff, text=True, check=True, timeout=120)
    return copy


def test_the_example_is_a_file_and_a_table() -> None:
    assert CHANGED == ["layers/core/pullguard/checks/reference.py"]
    assert list(FILES) == ["tests/unit/checks/test_image_tag_latest.py"]


def test_the_tests_of_all_checks_pass_with_the_example(copy: Path) -> None:
    ran = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/checks", timeout_s=540)
    assert ran.returncode == 0, ran.stdout
    table = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *FILES)
    assert "4 passed" in table.stdout


def test_the_check_of_the_example_is_in_the_catalogue(copy: Path) -> None:
    program = "from pullguard_cli.entry import main; main()"
    listed = run(copy, "-c", program, "findings", "image-tag-latest")
    assert listed.returncode == 0, listed.stderr
    assert "the image is named by the tag latest and no digest" in listed.stdout
    assert "| `image-tag-latest` | warning |" in run(copy, "-c", program, "findings", "--markdown").stdout


def test_the_example_is_in_the_style_of_the_project(copy: Path) -> None:
    for path in (*CHANGED, *FILES):
        for command in (("check",), ("format", "--check")):
            ran = run(copy, "-m", "ruff", *command, "--no-cache", "--config", str(ROOT / "pyproject.toml"), path)
            assert ran.returncode == 0, ran.stdout
