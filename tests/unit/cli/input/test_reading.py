"""Any bytes are read, or refused with ``Unusable``."""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pullguard_cli.input.declared import declared_in
from pullguard_cli.input.located import Unusable
from pullguard_cli.input.reading import read_file

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "any"
    file.write_bytes(data)
    with suppress(Unusable):
        declared_in(str(file), read_file(str(file)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(JSON, st.sampled_from([None, 1, "\t"]))
def test_json_is_read_as_the_standard_library_reads_it(tmp_path: Path, value: Any, indent: Any) -> None:
    file = tmp_path / "any.json"
    file.write_text(json.dumps([value], indent=indent), encoding="utf-8")

    def plain(located: Any) -> Any:
        if isinstance(located.value, dict):
            return {key: plain(each) for key, each in located.value.items()}
        if isinstance(located.value, tuple):
            return [plain(each) for each in located.value]
        return json.loads(located.value.text) if hasattr(located.value, "text") else located.value

    assert plain(read_file(str(file))) == [value]


def test_a_closed_standard_input_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(Unusable, match="there is no standard input"):
        read_file("-")
