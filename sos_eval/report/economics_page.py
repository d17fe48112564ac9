"""The page of an economic evaluation that stands on its own: verdict first, then what it allows."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.files import read_csv
from sos_eval.report.drawing import NothingToShow
from sos_eval.report.theme import house_style, image
from sos_eval.results.method import registered

__all__ = ["EconomicsFolder", "draw_economics", "write_page"]

#: Tables on the page, in order, with their headings; the rest are in the folder.
_TABLES = {
    "summary": "Main results", "incremental": "Incremental table", "breakeven": "Break-even effect",
    "cost_consequence": "Costs and consequences by bearer", "research_value": "Bound on the value of research",
    "scenarios": "Scenarios", "equity": "By group of children", "budget_impact": "Budget impact by year",
    "parameters": "Parameters", "cheers": "CHEERS 2022",
}  # fmt: skip
_LONG = 60


class EconomicsFolder(ResultBundle):
    """A folder that `sos-eval economics` wrote, for the figures to read as they read a bundle."""

    @cached_property
    def economics(self) -> dict[str, Any]:
        """Tables by name, JSON as dicts, in this folder itself."""
        found: dict[str, Any] = {file.stem: read_csv(file) for file in sorted(self.path.glob("*.csv"))}
        return found | {file.stem: self._json(file.name) for file in sorted(self.path.glob("*.json"))}


def draw_economics(folder: ResultBundle) -> dict[str, tuple[str, str]]:
    """Draw every figure of economics that the folder has data for: name to (SVG text, data as CSV)."""
    from sos_eval.bundle.files import csv_text

    drawn = {}
    for name, drawing in registered("figure").items():
        if not name.startswith("economics_"):
            continue
        try:
            data = drawing.data(folder)
        except NothingToShow:
            continue
        with house_style():
            shown = drawing.draw(data, folder)
        drawn[name] = (image(shown, "svg").decode(), csv_text(data))
    return drawn


def write_page(path: Path, title: str) -> None:
    """Write figures and ``report.html`` into a finished folder."""
    from jinja2 import Environment, PackageLoader, select_autoescape

    folder = EconomicsFolder(path)
    drawn = draw_economics(folder)
    (path / "figures").mkdir()
    for name, (svg, data) in drawn.items():
        (path / "figures" / f"{name}.svg").write_text(svg, encoding="utf-8")
        (path / "figures" / f"{name}.csv").write_text(data, encoding="utf-8")
    environment = Environment(loader=PackageLoader("sos_eval.report", "templates"), autoescape=select_autoescape())
    environment.filters["shown"] = _shown
    tables = folder.economics
    page = environment.get_template("economics.html").render(
        title=title, gate=tables["gate"], headline=tables.get("headline"),
        tables=[(head, *_rows(tables[name])) for name, head in _TABLES.items() if name in tables],
        figures=[svg[svg.index("<svg") :] for svg, _ in drawn.values()],
    )  # fmt: skip
    (path / "report.html").write_text(page, encoding="utf-8", newline="\n")


def _rows(table: pd.DataFrame) -> tuple[list[str], list[list[Any]], int]:
    """Return a table's columns, at most sixty rows, and how many more there are."""
    shown = table.head(_LONG)
    return list(map(str, table.columns)), shown.to_numpy(dtype=object).tolist(), max(len(table) - _LONG, 0)


def _shown(value: Any) -> str:
    """Write a cell: four figures, nothing for what is missing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}"
    return "" if value is None else str(value)
