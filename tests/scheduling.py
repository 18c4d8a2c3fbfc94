"""Which tests run in one process, where there are several (``-n 2``): those of a file, and those of one stack.

pytest-xdist's own groups (``--dist loadgroup``) are not kept by pytest 9.2: https://github.com/pytest-dev/pytest-xdist/issues/1386
"""

from pathlib import PurePath

from xdist.scheduler import LoadFileScheduling

from tests.e2e.order import process_of

_BY_SCENARIO = "test_faults.py"  # so long that its scenarios are spread


class ByFileAndStack(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """Like ``--dist loadfile``, with the end-to-end files of one process as one."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePath(super()._split_scope(nodeid))
        if file.name == _BY_SCENARIO:
            return f"{file}[{nodeid.partition('[')[2].partition('-')[0]}"
        return process_of(file) or str(file)
