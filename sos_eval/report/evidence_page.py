"""The evidence sheet as a chapter: EMMIE on one page, and what a reviewer rates."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.content import Block, Heading, Table, Text
from sos_eval.report.reading import unit_words
from sos_eval.report.tabulate import shown
from sos_eval.report.wording import in_units, minus_signs

__all__ = ["evidence_page"]


def evidence_page(bundle: ResultBundle) -> list[Block]:
    """Return the chapter; nothing where the bundle was written before there was a sheet."""
    level, emmie = bundle.tables("evidence"), bundle.tables("evidence.emmie")
    if level.empty or emmie.empty:
        return []
    row, trial = level.iloc[0], bundle.tables("evidence.target_trial")
    units = unit_words(bundle)
    answer = str(bundle.headline.get("sentence") or "")
    return [
        Heading("What kind of evidence this is"),
        Text(
            f"At most level {row['at_most']} of the Maryland scale ({row['design']}), on one condition: "
            f"{row['condition']}. Ratings are a reviewer's: the columns for them are empty."
        ),
        *([Text(answer)] if answer else []),
        Table(_in_words(emmie, units), "EMMIE on one page"),
        Table(_in_words(bundle.tables("evidence.robins_i"), units), "Risk of bias, by the domains of ROBINS-I (2016)"),
        Table(_in_words(trial, units), "The trial that this stands in for, by the sections of TARGET (2025)"),
    ]


def _in_words(table: pd.DataFrame, units: tuple[str, str]) -> pd.DataFrame:
    """Return a sheet as a reader meets it: units by their name, minus signs, headings in words."""
    cells = shown(table).map(lambda text: in_units(minus_signs(text.replace("`", "")), units))
    return cells.rename(columns=lambda name: str(name).replace("_", " ").capitalize())
