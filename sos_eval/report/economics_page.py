"""The page of an economic evaluation that stands on its own, in the same dress as a bundle's report."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, ClassVar

from sos_eval.bundle.bundle import ResultBundle, read_bundle
from sos_eval.bundle.files import read_table
from sos_eval.bundle.listing import refuse_damage
from sos_eval.bundle.unmet import Unmet
from sos_eval.report.content import Block, Heading, ReportDocument, Text
from sos_eval.report.draw import Drawn, draw_all, save
from sos_eval.report.economics_blocks import economics
from sos_eval.report.html import render_document
from sos_eval.report.theme_file import OwnLook

__all__ = ["EconomicsFolder", "read_drawable", "write_page"]


class EconomicsFolder(ResultBundle):
    """A folder that `sos-eval economics` wrote, for the figures to read as they read a bundle."""

    figures: ClassVar[str] = "economics_"

    @cached_property
    def economics(self) -> dict[str, Any]:
        """Tables by name, JSON as dicts, in this folder itself."""
        found: dict[str, Any] = {file.stem: read_table(file) for file in sorted(self.path.glob("*.csv"))}
        return found | {file.stem: self._json(file.name) for file in sorted(self.path.glob("*.json"))}


def read_drawable(folder: Path) -> ResultBundle:
    """Open a folder that figures can be drawn from: a result bundle, or an economic evaluation of its own.

    Raises
    ------
    InputFault
        It is neither, or a file of it is missing, cut or changed.
    """
    if not (folder / "gate.json").is_file():
        return read_bundle(folder)
    refuse_damage(folder)
    return EconomicsFolder(folder)


def write_page(path: Path, title: str, own: OwnLook | None = None) -> list[Unmet]:
    """Write figures and ``report.html`` into a finished folder, in one's own look; return the figures that failed."""
    folder = EconomicsFolder(path)
    drawn: Drawn = draw_all(folder, ("svg",), only="economics_", own=own)
    save(drawn, path / "figures")
    first, body = _split(economics(folder, drawn))
    document = ReportDocument(title, f"Evidence: tier {folder.economics['gate']['tier']}", first, body)
    (path / "report.html").write_text(render_document(document, drawn, own), encoding="utf-8", newline="\n")
    return drawn.unmet


def _split(blocks: list[Block]) -> tuple[list[Block], list[Block]]:
    """Return what page one says, under the title that names the subject, and the figures and tables after it."""
    (_, *rest) = blocks
    sentences = list(takewhile(lambda one: isinstance(one, Text), rest))
    answer, *others = [one for one in sentences if isinstance(one, Text)]
    return [replace(answer, tone="answer"), *others], [Heading("Figures and tables"), *rest[len(sentences) :]]
