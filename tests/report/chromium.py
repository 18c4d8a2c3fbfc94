"""Headless Chromium, where it is installed: a page in, a picture, its final document or its layout out."""

import html
import json
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
# Takes the copy buttons away, and lists every element with its own text, whether it shows, its box and its style.
MEASURE = """
addEventListener("load", () => {
  const { contentDocument: page, contentWindow: view } = document.querySelector("iframe");
  const buttons = [...page.querySelectorAll(".copy")].filter((each) => each.checkVisibility()).length;
  page.querySelectorAll(".copy").forEach((each) => each.remove());
  page.querySelectorAll(".with-copy").forEach((each) => each.classList.remove("with-copy"));
  const styled = ["display", "visibility", "opacity", "color", "background-color", "fill", "font", "overflow"];
  const elements = [...page.body.querySelectorAll("*")].map((each) => {
    const box = each.getBoundingClientRect(), style = view.getComputedStyle(each);
    const text = [...each.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data);
    const visible = each.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    return [
      each.tagName,
      text.join(" ").trim(),
      visible && box.width > 0 && box.height > 0,
      [box.x, box.y, box.width, box.height].map(Math.round).join(" "),
      styled.map((name) => style.getPropertyValue(name)).join("; "),
    ];
  });
  const out = document.createElement("pre");
  out.id = "measured";
  out.textContent = JSON.stringify({ buttons, elements });
  document.body.append(out);
});
"""

Element = tuple[str, str, bool, str, str]


@dataclass(frozen=True)
class Measured:
    """How many copy buttons a page shows, and its other elements: tag, own text, whether it shows, box, style."""

    buttons: int
    elements: list[Element]

    @property
    def shown(self) -> str:
        """The text that shows."""
        return "\n".join(text for tag, text, shows, *_ in self.elements if shows and text and tag != "SCRIPT")


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

    def measured(self, page: str, *, scripts: bool) -> tuple[Measured, list[str]]:
        """Return what is in the page in a frame that may run scripts, or, by its sandbox attribute, may not.

        The page around it measures, so that nothing depends on when or how Chromium paints. It may see into the frame
        since both have one origin, and it takes the buttons away before it measures: they make no difference then.
        """
        sandbox = f"allow-same-origin{' allow-scripts' if scripts else ''}"
        frame = f'<iframe sandbox="{sandbox}" srcdoc="{html.escape(page)}" width="1100" height="600"></iframe>'
        document, console = self.document(f"<!doctype html><body>{frame}<script>{MEASURE}</script>")
        found = re.search(r'<pre id="measured">(.*?)</pre>', document, re.DOTALL)
        assert found, "the frame was not measured"
        data = json.loads(html.unescape(found[1]))
        return Measured(buttons=data["buttons"], elements=[tuple(each) for each in data["elements"]]), console

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
