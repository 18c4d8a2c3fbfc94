"""Which faults do the tests not notice? ``python -m benchmarks.mutants`` prints the table of docs/mutants.md.

cosmic-ray changes one operator, number, constant, decorator or loop of a module at a time, and runs the tests of that
module, each time in a scratch copy of what git tracks. A mutant that all tests pass has survived. The modules that
decide about consent and about the role's policy are covered in full, access/ and registry/ by a seeded sample.

The sessions stay in build/mutants, for ``cr-report`` and ``cr-html``.
"""

import argparse
import ast
import json
import os
import random
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.forked_tests import client

ROOT: Final = Path(__file__).resolve().parents[1]
TOOLS: Final = ROOT / ".tools/mutants/bin"
PYTHON: Final = ROOT / ".venv/bin/python"
SESSIONS: Final = ROOT / "build/mutants"
PLAN: Final = SESSIONS / "plan.sqlite"
CORE: Final = "layers/core/pullguard"
# The server has imported what pytest would like to rewrite.
_PYTEST: Final = ("-q", "-x", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
SEED, SAMPLE = 1, 300
EXCLUDED: Final = (
    # TypeErrors for sets, times and text: any test that reaches the line kills them. ``-`` to ``+`` and ``|`` to ``&``
    # change the same places.
    "core/ReplaceBinaryOperator_[A-Za-z]+_(Mul|Div|FloorDiv|Mod|Pow|RShift|LShift)$",
    # For short texts, True and False, identity is equality in CPython: these change nothing, or as much as ``!=`` does.
    "core/ReplaceComparisonOperator_(Eq|NotEq)_(Is|IsNot)$",
    "core/ReplaceComparisonOperator_(Is|IsNot)_(Eq|NotEq)$",
    # ``is`` compares with None and bool; an order of these is a TypeError.
    "core/ReplaceComparisonOperator_(Is|IsNot)_(Lt|LtE|Gt|GtE)$",
)
"""Operators without meaning here, for ``cr-filter-operators``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Modules of the core and the tests that concern them, besides those of their names; ``sampled``: not all mutants.

    The tests of a module's own name run first. Paths may be patterns.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...] = ()
    sampled: bool = False


TARGETS: Final = (
    Target(
        modules=("domain/opt_in.py", "domain/consent.py"),
        tests=("unit/domain/test_opt_in.py", "unit/domain/test_consent.py"),
    ),
    Target(
        modules=("domain/role_policy.py", "domain/role_state.py", "domain/role_item.py"),
        tests=("unit/domain/test_role_[ips]*.py", "simulation"),
    ),
    Target(modules=("domain/policy_document.py",)),
    Target(
        modules=("access/[a-z]*.py",),
        tests=("unit/access", "unit/checks/test_*key*.py", "unit/checks/test_access.py", "conformance"),
        sampled=True,
    ),
    Target(modules=("registry/[a-z]*.py",), tests=("unit/registry",), sampled=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module that is mutated: ``tests`` of its name and ``more`` that concern it; ``sampled``: not all mutants."""

    path: str
    tests: tuple[str, ...]
    more: tuple[str, ...]
    sampled: bool

    @property
    def session(self) -> Path:
        """cosmic-ray's database of this module's mutants."""
        return SESSIONS / f"{Path(self.path).relative_to(CORE).as_posix().replace('/', '-')}.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One mutant: ``outcome`` is ``killed``, ``survived`` or ``timed out``, empty before it has run."""

    id: str
    module: str
    operator: str
    occurrence: int
    start: tuple[int, int]
    outcome: str = ""
    diff: str = ""


def modules() -> Iterator[Module]:
    """Yield the modules of all targets."""
    for target in TARGETS:
        for path in (each for pattern in target.modules for each in sorted((ROOT / CORE).glob(pattern))):
            name = path.relative_to(ROOT / CORE)
            own = (f"unit/{name.parent}/test_{name.name}",)
            yield Module(
                path=path.relative_to(ROOT).as_posix(),
                tests=_tests(own),
                more=tuple(each for each in _tests(target.tests) if each not in _tests(own)),
                sampled=target.sampled,
            )


def _tests(patterns: Iterable[str]) -> tuple[str, ...]:
    found = (each for pattern in patterns for each in sorted((ROOT / "tests").glob(pattern)))
    return tuple(each.relative_to(ROOT).as_posix() for each in found)


class Meaningless:
    """Finds the mutants of a module that no test can judge.

    - A ``|`` in an annotation, and ``*`` and ``**`` that are no operators: the module does not load any more.
    - The options of ``@dataclass``: mypy holds what is frozen, and keyword-only members are a convention.
    """

    def __init__(self, source: str) -> None:
        tree = ast.parse(source)
        hints = {id(each) for node in ast.walk(tree) for hint in _hints(node) for each in ast.walk(hint)}
        self._operators = [
            ((node.left.end_lineno or 0, node.left.end_col_offset or 0), (node.right.lineno, node.right.col_offset))
            for node in ast.walk(tree)
            if isinstance(node, ast.BinOp) and id(node) not in hints
        ]
        self._options = [
            ((each.lineno, each.col_offset), (each.end_lineno or 0, each.end_col_offset or 0))
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            for decorator in node.decorator_list
            if isinstance(decorator, ast.Call)
            for each in decorator.keywords
        ]

    def __contains__(self, mutant: Mutant) -> bool:
        """Whether no test can judge the mutant."""
        if "ReplaceBinaryOperator" in mutant.operator:
            return not any(start <= mutant.start < end for start, end in self._operators)
        return any(start <= mutant.start < end for start, end in self._options)


def _hints(node: ast.AST) -> Iterator[ast.expr]:
    for name in ("annotation", "returns"):
        hint = getattr(node, name, None)
        if isinstance(hint, ast.expr):
            yield hint


def sampled(mutants: Iterable[Mutant], count: int, seed: int) -> list[Mutant]:
    """Return ``count`` of the mutants, the same ones for the same code and ``seed``."""
    ordered = sorted(mutants, key=lambda each: (each.module, each.operator, each.occurrence))
    return random.Random(seed).sample(ordered, min(count, len(ordered)))


def read(lines: Iterable[str]) -> Iterator[Mutant]:
    """Read ``cosmic-ray dump``: each mutant of a session that no filter has excluded."""
    for item, result in map(json.loads, lines):
        [mutation] = item["mutations"]
        if result is not None and result["worker_outcome"] == "skipped":
            continue
        yield Mutant(
            id=item["job_id"],
            module=mutation["module_path"],
            operator=mutation["operator_name"].removeprefix("core/"),
            occurrence=mutation["occurrence"],
            start=(mutation["start_pos"][0], mutation["start_pos"][1]),
            outcome="" if result is None else _outcome(result),
            diff="" if result is None else str(result["diff"]),
        )


def _outcome(result: dict[str, Any]) -> str:
    if result["output"] == "timeout":
        return "timed out"
    return str(result["test_outcome"] or result["worker_outcome"])


def report(mutants: Sequence[Mutant]) -> Iterator[str]:
    """Yield the lines of the table, and then each mutant that survived, as a diff."""
    yield "| module | mutants | killed | survived | timed out |"
    yield "|---|---|---|---|---|"
    by_module: dict[str, Counter[str]] = {}
    for each in sorted(mutants, key=lambda each: each.module):
        by_module.setdefault(each.module.removeprefix(f"{CORE}/"), Counter())[each.outcome] += 1
    for module, found in (*by_module.items(), ("all", sum(by_module.values(), Counter[str]()))):
        named = (found[each] for each in ("killed", "survived", "timed out"))
        yield f"| `{module}` | {found.total()} | {' | '.join(map(str, named))} |".replace("`all`", "all")
    for each in sorted(mutants, key=lambda each: (each.module, each.start, each.operator)):
        if each.outcome not in ("killed", "timed out"):
            yield f"\n{each.module}:{each.start[0]} {each.operator} {each.occurrence}: {each.outcome}"
            yield from (line for line in each.diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def _copy_to(to: Path) -> None:
    """Copy what git tracks, as it is in the working tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def _environment(copy: Path) -> dict[str, str]:
    """Return the environment of the tests; Hypothesis takes the same examples each time if ``CI`` is set."""
    path = os.pathsep.join(str(copy / each) for each in (".", "layers/core", "cli"))
    return {**os.environ, "PYTHONPATH": path, "CI": "true"}


def _configuration(paths: Sequence[str], command: str, timeout_s: float) -> str:
    """Return cosmic-ray's configuration: JSON texts are TOML texts, too."""
    return f"""[cosmic-ray]
module-path = {json.dumps(paths)}
timeout = {timeout_s:.1f}
excluded-modules = []
test-command = {json.dumps(command)}
distributor.name = "local"
filters.operators-filter.exclude-operators = {json.dumps(EXCLUDED)}
"""


def _run(*command: str | Path, cwd: Path = ROOT, environment: dict[str, str] | None = None) -> str:
    """Run a command; return what it prints."""
    done = subprocess.run(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{' '.join(map(str, command))} failed")
    return done.stdout


def planned(every: Sequence[Module]) -> list[Mutant]:
    """Find the mutants of all modules; return those that a test can judge."""
    SESSIONS.mkdir(parents=True, exist_ok=True)
    PLAN.unlink(missing_ok=True)
    configuration = PLAN.with_suffix(".toml")
    configuration.write_text(_configuration([each.path for each in every], "true", 0), encoding="utf-8")
    _run(TOOLS / "cosmic-ray", "init", configuration, PLAN)
    _run(TOOLS / "cr-filter-operators", PLAN, configuration)
    meaningless = {each.path: Meaningless((ROOT / each.path).read_text(encoding="utf-8")) for each in every}
    found = read(_run(TOOLS / "cosmic-ray", "dump", PLAN).splitlines())
    return [each for each in found if each not in meaningless[each.module]]


def prepare(module: Module, chosen: Iterable[Mutant]) -> None:
    """Write the session of a module: the ``chosen`` mutants of the plan, without results."""
    shutil.copyfile(PLAN, module.session)
    ids = {each.id for each in chosen if each.module == module.path}
    with closing(sqlite3.connect(module.session)) as session, session:
        others = [each for each in session.execute("SELECT job_id FROM work_items") if each[0] not in ids]
        for table in ("work_results", "mutation_specs", "work_items"):
            session.executemany(f"DELETE FROM {table} WHERE job_id = ?", others)


def forget_survivors(module: Module) -> None:
    """Let the mutants of a session that survived run again."""
    with closing(sqlite3.connect(module.session)) as session, session:
        session.execute("DELETE FROM work_results WHERE test_outcome = 'SURVIVED'")


def results(module: Module) -> list[Mutant]:
    """Return the mutants of a module's session."""
    return list(read(_run(TOOLS / "cosmic-ray", "dump", module.session).splitlines()))


@contextmanager
def serving(copy: Path, environment: dict[str, str]) -> Iterator[Path]:
    """Serve pytest for the tests of a copy; yield the server's socket.

    Python identifies compiled code by its time in seconds, and one second may have several mutants: it is not written.
    """
    path = copy / "pytest.socket"
    command = (PYTHON, "-m", "benchmarks.forked_tests", path)
    environment = environment | {"PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(command, cwd=copy, env=environment, stdout=subprocess.DEVNULL) as server:
        while not path.exists():
            if server.poll() is not None:
                raise SystemExit("the server of tests did not start")
            time.sleep(0.1)
        try:
            yield path
        finally:
            server.terminate()


def execute(module: Module) -> None:
    """Run the mutants of a module's session that have no result, in a copy of the repository."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        copy = Path(name)
        _copy_to(copy)
        environment = _environment(copy)
        # A run in which anything fails counts as one that kills; so the same runs pass without a mutation. The first
        # compiles everything.
        _run(PYTHON, "-m", "pytest", *_PYTEST, *module.tests, *module.more, cwd=copy, environment=environment)
        with serving(copy, environment) as server:
            # Most mutants die by the examples in the tests of the module's name; the rest are not even collected then.
            examples = client(server, *_PYTEST, "-m", "not hypothesis", *module.tests)
            every = client(server, *_PYTEST, *module.tests, *module.more)
            test = ("sh", "-c", f"{shlex.join(examples)} && {shlex.join(every)}")
            began = time.monotonic()
            _run(*test, cwd=copy, environment=environment)
            timeout_s = 20 + 4 * (time.monotonic() - began)
            configuration = module.session.with_suffix(".toml")
            configuration.write_text(_configuration([module.path], shlex.join(test), timeout_s), encoding="utf-8")
            _run(TOOLS / "cosmic-ray", "exec", configuration, module.session, cwd=copy, environment=environment)
    found = Counter(each.outcome for each in results(module))
    print(f"{module.path}: {dict(found)}", file=sys.stderr, flush=True)


def begin(every: Sequence[Module], sample: int) -> None:
    """Write new sessions: all mutants of the modules in full, and ``sample`` of those of the others."""
    found = planned(every)
    from_sample = {each.path for each in every if each.sampled}
    population = [each for each in found if each.module in from_sample]
    chosen = [each for each in found if each.module not in from_sample] + sampled(population, sample, SEED)
    print(f"{sample} of {len(population)} mutants of access/ and registry/, seed {SEED}", file=sys.stderr, flush=True)
    for module in every:
        prepare(module, chosen)


def main() -> None:
    """Run the mutants, print the table and the survivors."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="modules at a time")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="mutants of access/ and registry/ together")
    parser.add_argument("--again", action="store_true", help="run the survivors of the last run, and what it left")
    options = parser.parse_args()
    began = time.monotonic()
    every = tuple(modules())
    if options.again:
        for module in every:
            forget_survivors(module)
    else:
        begin(every, options.sample)
    unfinished = [module for module in every if any(not each.outcome for each in results(module))]
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(execute, unfinished))
    print("\n".join(report([each for module in every for each in results(module)])))
    print(f"\n{(time.monotonic() - began) / 60:.0f} minutes, {options.jobs} modules at a time")


if __name__ == "__main__":
    main()
