"""The output of `sam build`: for both architectures, small, with bytecode, and without unused modules."""

import filecmp
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import stack as stacks
from sandbox.engine import docker
from sandbox.runtime.image import RuntimeImage
from tests.contract.cloudformation import ROOT
from tests.contract.test_dependencies import FUNCTIONS, imports
from tests.functions.stack import TEMPLATE
from tests.functions.test_cold_start import STACK
from tests.runtime.artefact import Artefact
from tests.runtime.imports import modules, reached

UNZIPPED_MAX_BYTES = 20 * 1000 * 1000
NATIVE = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ")
LATE = {
    "botocore.crt.auth": "botocore imports it where the runtime brings awscrt",
    "urllib3.http2.connection": "urllib3 imports it where HTTP/2 is switched on",
}
READ = (
    "botocore/cacert.pem",
    "botocore/data/*.json",
    "botocore/data/*/*/endpoint-rule-set-1.json.gz",
    "botocore/data/*/*/paginators-1.json",
    "botocore/data/*/*/paginators-1.sdk-extras.json",
    "botocore/data/*/*/service-2.json.gz",
    "botocore/data/*/*/service-2.sdk-extras.json",
    "botocore/data/*/*/waiters-2.json",
    "*/py.typed",
)
SERVICES = (ROOT / "layers/dependencies/services.txt").read_text(encoding="utf-8").split()


def size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_layers_are_small(artefact: Artefact, record_property: Callable[[str, object], None]) -> None:
    record_property("layers_bytes", size_bytes(artefact.layers))
    assert size_bytes(artefact.layers) <= UNZIPPED_MAX_BYTES


def test_nothing_is_made_for_one_architecture(artefact: Artefact) -> None:
    native = [path.name for path in artefact.files() if path.read_bytes()[:4].startswith(NATIVE)]
    native += [path.name for path in artefact.files() if path.suffix in {".so", ".pyd", ".dylib"}]
    assert native == []


def test_the_build_for_arm64_is_the_same(artefact: Artefact, tmp_path: Path) -> None:
    other = stacks.build(into=tmp_path, parameters={"Architecture": "arm64"}, for_emulator=False)
    for layer in ("CoreLayer", "DependenciesLayer"):
        assert differences(filecmp.dircmp(artefact.template.parent / layer, other.parent / layer, ignore=[])) == []


def differences(pair: "filecmp.dircmp[str]") -> list[str]:
    """Names of files that are on one side only, or differ; bytecode for the embedded AWS is no part of the artefact."""
    found = [*pair.left_only, *pair.right_only, *pair.diff_files, *pair.funny_files]
    own = [name for name in found if not re.search(r"\.cpython-3(?!13)\d+\.pyc$", name)]
    return own + [name for each in pair.subdirs.values() for name in differences(each)]


def test_every_module_comes_with_its_bytecode(artefact: Artefact) -> None:
    """Else a start takes more than twice as long (docs/adr/0013-bytecode-in-layers.md)."""
    bare = [
        path.name
        for path in artefact.python.rglob("*.py")
        if not (path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc").exists()
    ]
    assert bare == [], "no Python 3.13 was found on this machine when the layers were built"


def test_botocore_is_the_layers_own_and_pinned() -> None:
    pins = (ROOT / "layers/dependencies/requirements.txt").read_text(encoding="utf-8")
    assert re.search(r"^botocore==\S+ \\$", pins, re.MULTILINE)


def test_it_has_the_models_of_the_services_that_the_gateways_use_and_no_others(artefact: Artefact) -> None:
    data = artefact.python / "botocore" / "data"
    assert sorted(each.name for each in data.iterdir() if each.is_dir()) == SERVICES


@pytest.fixture(scope="module")
def imported(artefact: Artefact, image: RuntimeImage) -> dict[str, str]:
    """Names and files of the layers' modules that all functions together import in the Lambda runtime."""
    variables = {function: STACK.environment(function) for function in TEMPLATE.functions()}
    mounts = {artefact.layers: "/opt", ROOT / "functions": "/functions", Path(__file__).parent: "/tests"}
    options = [part for host, inside in mounts.items() for part in ("--volume", f"{host}:{inside}:ro")]
    path = "PYTHONPATH=/opt/python:/var/runtime"
    options += [
        "--env",
        path,
        "--env",
        "AWS_DEFAULT_REGION=us-east-1",
        "--network",
        "none",
        "--entrypoint",
        "python3.13",
    ]
    arguments = ["/tests/trace_imports.py", "/functions", json.dumps(variables), *SERVICES]
    found: dict[str, str] = json.loads(docker("run", "--rm", *options, image.name, *arguments).splitlines()[-1])
    return found


def test_botocore_comes_from_the_layer(imported: dict[str, str]) -> None:
    assert imported["botocore"] == "/opt/python/botocore/__init__.py"


def test_every_module_is_imported(artefact: Artefact, imported: dict[str, str]) -> None:
    """Neither as the functions start and make their clients, nor by any import statement that they can come to."""
    start = imported.keys() | {name for app in FUNCTIONS for name in imports(app)}
    assert modules(artefact.python).keys() - reached(start, artefact.python) == set()


def test_late_imports_are_listed(artefact: Artefact, imported: dict[str, str]) -> None:
    """An import within a function may be one that is never made; these are kept, for the reason given."""
    start = imported.keys() | {name for app in FUNCTIONS for name in imports(app)}
    late = reached(start, artefact.python) - imported.keys()
    assert {name for name in late if not name.startswith("pullguard")} == set(LATE)


def test_every_other_file_is_one_that_is_read(artefact: Artefact) -> None:
    others = [path.relative_to(artefact.python) for path in artefact.files() if path.suffix not in {".py", ".pyc"}]
    assert [str(path) for path in others if not any(path.match(pattern) for pattern in READ)] == []


def test_a_service_has_one_version_of_its_api(artefact: Artefact) -> None:
    data = artefact.python / "botocore" / "data"
    assert {name: len(list((data / name).iterdir())) for name in SERVICES} == dict.fromkeys(SERVICES, 1)
