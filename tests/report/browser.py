"""A page in headless Chromium: measured in a frame as wide as a screen, judged by axe-core, printed.

Nothing is fetched. Chromium is found on the path; axe-core in the folder or file that ``AXE_CORE`` names, else among
npm's global packages. A test without its program is skipped with the name of what is missing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import pytest

__all__ = ["RULES", "axe_violations", "in_frame", "needs", "printed_pages"]

#: WCAG 2.0, 2.1 and 2.2, levels A and AA.
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--hide-scrollbars")
_JUDGE = """axe.run({runOnly: RULES}).then(found => SAY(found.violations.map(one =>
  ({rule: one.id, nodes: one.nodes.length, first: one.nodes[0].html.slice(0, 200),
   why: one.nodes[0].failureSummary}))));"""
_WIDEST = """SAY({page: document.documentElement.scrollWidth, screen: document.documentElement.clientWidth})"""


def needs(*names: str) -> str:
    """Return the first of some programs, or skip the test that asks."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"{names[0]} is not here")
    return found


@cache
def _axe() -> str:
    """Return the text of axe-core, or skip the test that asks."""
    given = os.environ.get("AXE_CORE", "")
    if not given and shutil.which("npm"):
        told = subprocess.run(["npm", "root", "-g"], capture_output=True, text=True, check=False, timeout=60)
        given = str(Path(told.stdout.strip() or ".") / "axe-core")
    file = Path(given) if given.endswith(".js") else Path(given or ".") / "axe.min.js"
    if not file.is_file():
        pytest.skip("axe-core is not here: AXE_CORE names its folder, or npm has it among its global packages")
    return file.read_text(encoding="utf-8")


def in_frame(page: str, said: str, folder: Path, width: int = 390, library: str = "") -> Any:
    """Return what JavaScript says of a page in a frame of so many pixels.

    Parameters
    ----------
    page
        HTML.
    said
        Statements that hand what they say to ``SAY``, now or later.
    folder
        For the files that it takes.
    width
        Of the frame.
    library
        JavaScript that stands before it.
    """
    browser = needs(*_BROWSERS)
    say = "const SAY = said => { parent.document.title = JSON.stringify(said) };"
    script = f"<script>{library}</script><script>{say}\n{said}</script></body>"
    (folder / "page.html").write_text(page.replace("</body>", script), encoding="utf-8")
    frame = f'<iframe src="page.html" width="{width}" height="800" style="border:0"></iframe>'
    (folder / "frame.html").write_text(f"<!doctype html><title>-</title>{frame}", encoding="utf-8")
    command = [
        browser, *_OPTIONS, f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=60000", "--dump-dom",
        (folder / "frame.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    return json.loads(unescape(re.search("<title>(.*?)</title>", done.stdout, re.DOTALL).group(1)))


def axe_violations(page: str, folder: Path, width: int) -> list[dict[str, Any]]:
    """Return what axe-core finds against WCAG 2.2 AA on a page, and whether it is wider than its screen."""
    found: list[dict[str, Any]] = in_frame(page, _JUDGE.replace("RULES", json.dumps(RULES)), folder, width, _axe())
    wide = in_frame(page, _WIDEST, folder, width)
    return [*found, *([{"rule": "wider than the screen", **wide}] if wide["page"] > wide["screen"] else [])]


def printed_pages(page: str, folder: Path) -> list[str]:
    """Return the text of each page as it is printed."""
    browser, reader = needs(*_BROWSERS), needs("pdftotext")
    (folder / "printed.html").write_text(page, encoding="utf-8")
    out = folder / "printed.pdf"
    command = [
        browser, *_OPTIONS, f"--user-data-dir={folder / 'profile'}", "--no-pdf-header-footer", f"--print-to-pdf={out}",
        (folder / "printed.html").as_uri(),
    ]  # fmt: skip
    subprocess.run(command, capture_output=True, timeout=240, check=True)
    told = subprocess.run([reader, "-layout", str(out), "-"], capture_output=True, text=True, timeout=60, check=True)
    return told.stdout.split("\f")
