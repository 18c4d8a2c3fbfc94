"""Workers of the embedded AWS share what one of them has unpacked."""

import zipfile
from pathlib import Path

import pytest

from sandbox.unpacking import Archive


@pytest.fixture(autouse=True)
def _in_a_scratch_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))


def packed(path: Path, **contents: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


def unpack(archive: Path, into: Path) -> Path:
    into.mkdir()
    with Archive(archive) as opened:
        assert opened.namelist() == []
        opened.extractall(into)
    return into


def test_workers_share_what_one_of_them_unpacked(tmp_path: Path) -> None:
    first, second = (packed(tmp_path / f"{name}.zip", python__pullguard="x = 1", app="y = 2") for name in "ab")
    one, two = unpack(first, tmp_path / "one"), unpack(second, tmp_path / "two")
    for each in (one, two):
        assert (each / "python" / "pullguard").read_text() == "x = 1"
        assert (each / "app").read_text() == "y = 2"
    assert (one / "app").samefile(two / "app")
    assert len(list((tmp_path / "scratch").iterdir())) == 1


def test_another_content_is_unpacked_for_itself(tmp_path: Path) -> None:
    unpack(packed(tmp_path / "a.zip", app="y = 3"), tmp_path / "one")
    two = unpack(packed(tmp_path / "b.zip", app="y = 4"), tmp_path / "two")
    assert (two / "app").read_text() == "y = 4"


def test_nothing_is_written_beyond_the_directory(tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.zip", **{"..__..__escaped": "z"})
    into = unpack(archive, tmp_path / "one")
    assert not (tmp_path.parent / "escaped").exists()
    assert not (tmp_path / "escaped").exists()
    assert (into / "escaped").read_text() == "z"
