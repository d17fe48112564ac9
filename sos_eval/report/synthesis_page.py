"""The page of a synthesis: what the studies say together, its figures, and what they say by the letters of EMMIE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from sos_eval.bundle.files import read_object, read_table
from sos_eval.bundle.listing import refuse_damage
from sos_eval.errors import Fault, InputFault
from sos_eval.report.content import Block, Bullets, Heading, Picture, ReportDocument, Table, Text
from sos_eval.report.draw import Drawn
from sos_eval.report.pulled_folder import Draw, PulledFolder, Shown
from sos_eval.report.synthesis_figures import forest, funnel, without_each
from sos_eval.report.synthesis_words import study_titles, synthesis_in_words
from sos_eval.report.tabulate import shown, with_p

__all__ = ["MARKER", "SynthesisFolder", "pulled_synthesis", "read_synthesis"]

MARKER = "synthesis.json"
_TABLES = {
    "studies": "Studies", "synthesis": "The mean: the headline, then other variances between studies and intervals",
    "leave_one_out": "The mean without each study", "groups": "Within groups",
    "moderators": "Regression on a moderator", "small_studies": "Small studies",
    "statements": "In this context, by this mechanism, that outcome: each study's theory beside its number",
}  # fmt: skip
_LEFT_OUT = {
    "studies": ["scale"],
    "synthesis": ["outcome", "unit", "role", "scale"],
    "groups": ["outcome", "unit", "role"],
}


@dataclass(frozen=True, slots=True)
class SynthesisFolder:
    """A finished synthesis as its report reads it.

    Attributes
    ----------
    sentence, verdict
        The headline in words, and whether it is told from no difference.
    notes, not_shown
        What limits it, and what it does not show.
    tables
        By name.
    """

    path: Path
    sentence: str
    verdict: str
    notes: tuple[str, ...]
    not_shown: tuple[str, ...]
    tables: dict[str, pd.DataFrame]

    @property
    def titles(self) -> dict[str, str]:
        """What each study is called."""
        return study_titles(self.tables["studies"])

    def named(self, table: str) -> pd.DataFrame:
        """Return a table whose studies are called by their titles."""
        rows = self.tables[table]
        named = [name for name in ("study", "left_out") if name in rows]
        return rows.assign(**{name: rows[name].astype(str).replace(self.titles) for name in named})

    @property
    def head(self) -> pd.Series:
        """The headline's model."""
        return self.tables["synthesis"].iloc[0]


def read_synthesis(folder: Path) -> SynthesisFolder:
    """Read a finished synthesis.

    Raises
    ------
    InputFault
        The folder holds none, or a file of it is missing, cut or changed.
    """
    if not (folder / MARKER).is_file():
        raise InputFault(Fault(str(folder), "holds no synthesis", "name a folder that `sos-eval synthesise` wrote"))
    refuse_damage(folder)
    said: dict[str, Any] = read_object(folder / MARKER)
    tables = {file.stem: read_table(file) for file in sorted(folder.glob("*.csv"))}
    notes, not_shown = (tuple(map(str, said.get(name) or ())) for name in ("notes", "not_shown"))
    return SynthesisFolder(folder, str(said["sentence"]), str(said.get("verdict") or ""), notes, not_shown, tables)


def pulled_synthesis(folder: SynthesisFolder) -> PulledFolder:
    """Return a synthesis as figures and documents are pulled out of it."""
    figures: dict[str, tuple[Draw, object]] = {
        "forest": (partial(_forest, folder), forest), "funnel": (partial(_funnel, folder), funnel),
        "without_each": (partial(_without_each, folder), without_each),
    }  # fmt: skip
    return PulledFolder.of(folder.path, figures, partial(_document, folder))


def _forest(folder: SynthesisFolder) -> Shown:
    return forest(folder.named("studies"), folder.head), folder.tables["studies"]


def _funnel(folder: SynthesisFolder) -> Shown:
    return funnel(folder.tables["studies"], folder.head), folder.tables["studies"][["study", "estimate", "std_error"]]


def _without_each(folder: SynthesisFolder) -> Shown | None:
    table = folder.named("leave_one_out")
    pooled = table[table["estimate"].notna()] if "estimate" in table else table.iloc[:0]
    return (without_each(pooled, folder.head), pooled) if len(pooled) else None


def _document(folder: SynthesisFolder, drawn: Drawn) -> ReportDocument:
    """Say what the studies say together, in blocks."""
    head, studies = folder.head, folder.tables["studies"]
    about = f" of {head['outcome']}" if isinstance(head["outcome"], str) and head["outcome"] else ""
    first: list[Block] = [Text(text, "answer") for text in (folder.verdict, folder.sentence) if text]
    first += [Bullets(folder.notes)] if folder.notes else []
    first += [Picture("forest", drawn.alt["forest"])]
    limits: list[Block] = []
    if folder.not_shown:
        limits = [Heading("What this does not show"), Bullets(folder.not_shown)]
    body: list[Block] = [
        *limits, Heading("Figures"), *(Picture(name, drawn.alt[name]) for name in drawn.images if name != "forest")
    ]  # fmt: skip
    if "emmie" in folder.tables:
        body += [Heading("What the studies say, letter by letter"), *_letters(folder.tables["emmie"], folder.titles)]
    body.append(Heading("Numbers"))
    for name, caption in _TABLES.items():
        if len(table := folder.tables.get(name, pd.DataFrame())):
            body.append(
                Table(_in_words(table.drop(columns=_LEFT_OUT.get(name, []), errors="ignore"), folder.titles), caption)
            )
    badge = f"{len(studies)} studies{about}"
    return ReportDocument("Several evaluations together", badge, first, body)


def _in_words(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return a table as a reader meets it, without columns that say nothing: empty, or a cluster for every study."""
    cells = shown(with_p(table))
    said = [name for name in cells if cells[name].astype(str).str.strip().ne("").any()]
    alone = "cluster" in said and cells["cluster"].is_unique
    return synthesis_in_words(cells[[name for name in said if name != "cluster" or not alone]], titles)


def _letters(emmie: pd.DataFrame, titles: Mapping[str, str]) -> list[Block]:
    """Return a table for every letter of EMMIE: a row per study, so that they can be read against one another."""
    blocks: list[Block] = []
    for letter, rows in emmie.groupby("letter", sort=False):
        table = shown(rows[["study", "evidence"]].reset_index(drop=True))
        blocks.append(Table(synthesis_in_words(table, titles), f"{letter}: {rows['question'].iloc[0]}"))
    return blocks
