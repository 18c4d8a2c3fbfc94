"""Headless Chromium, where it is installed: a page in, a picture or its final document out."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.runtime.available import is_gate

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--enable-logging=stderr",
)  # fmt: skip
TIMEOUT_S = 120
FRAMES = 8
BLANK_BYTES = 10_000  # a page of one colour has about 3,000, a page of text twenty times as many


@dataclass(frozen=True)
class Chromium:
    program: str
    folder: Path

    def screenshot(self, page: str, *flags: str, size: str = "1100,1500") -> tuple[bytes, list[str]]:
        """Return the picture, and what the console said."""
        picture = self.folder / "page.png"
        picture.unlink(missing_ok=True)
        console = self._run(page, f"--screenshot={picture}", f"--window-size={size}", *flags)[1]
        return picture.read_bytes(), console

    def screenshot_in_a_frame(self, page: str, *, size: str, scripts: bool) -> tuple[bytes, list[str]]:
        """Return the picture of the page in a frame that lets it run scripts, or, by its sandbox attribute, does not.

        Chromium's own switch for that (--blink-settings=scriptEnabled=false) also stops its taking of screenshots.
        """
        (self.folder / "framed.html").write_text(page, encoding="utf-8")
        width, height = size.split(",")
        outer = (
            "<!doctype html><style>*{margin:0;border:0}</style>"
            f'<iframe sandbox="{"allow-scripts" if scripts else ""}" src="framed.html" '
            f'width="{width}" height="{height}"></iframe>'
        )
        # Chromium takes the picture when the outer page is painted; on a busy machine the frame may not be yet, or not
        # whole. So a picture counts once it is not blank and the next one is the same.
        before = b""
        for _ in range(FRAMES):
            picture, console = self.screenshot(outer, size=size)
            if len(picture) > BLANK_BYTES and picture == before:
                return picture, console
            before = picture
        raise AssertionError(f"the frame did not come to rest in {FRAMES} pictures")

    def document(self, page: str, *flags: str) -> tuple[str, list[str]]:
        """Return the document after the page has run, and what the console said."""
        return self._run(page, "--dump-dom", *flags)

    def pages(self, page: str) -> int:
        """Return how many pages it prints on."""
        pdf = self.folder / "page.pdf"
        self._run(page, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
        return len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))

    def _run(self, page: str, *flags: str) -> tuple[str, list[str]]:
        file, profile = self.folder / "page.html", self.folder / "profile"
        file.write_text(page, encoding="utf-8")
        shutil.rmtree(profile, ignore_errors=True)
        done = subprocess.run(
            [self.program, *FLAGS, f"--user-data-dir={profile}", *flags, file.as_uri()],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
        )
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture
def chromium(tmp_path: Path) -> Chromium:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if is_gate():
            pytest.fail("chromium is not installed, and the gate looks at the report with it")
        pytest.skip("left out: chromium is not installed")
    return Chromium(program, tmp_path)
