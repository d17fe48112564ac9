"""The tables that can be pulled out of a folder by name: of a run, a power study, an economic evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle, read_bundle
from sos_eval.bundle.files import read_table
from sos_eval.bundle.listing import refuse_damage
from sos_eval.declare import read_json
from sos_eval.errors import Fault, InputFault, nearest
from sos_eval.report.drawing import NothingToShow
from sos_eval.report.economics_gate import gate_notes, gate_table
from sos_eval.report.economics_texts import in_money
from sos_eval.report.economics_words import parameters_in_words
from sos_eval.report.power.reading import read_power
from sos_eval.report.published import for_print, power_for_print
from sos_eval.report.synthesis_words import study_titles, synthesis_in_words
from sos_eval.report.table_notes import notes_on
from sos_eval.report.tables.models import models_notes
from sos_eval.results.method import registered, summary

__all__ = ["NamedTables", "named_tables"]

#: Files that say what a folder is: a power study, an economic evaluation, a synthesis.
_MARKERS = ("study.json", "gate.json", "synthesis.json")

#: What the files of a power study and of an economic evaluation hold; others are listed by their name.
_WORDS = {
    "power": "Power, bias, coverage and their Monte Carlo errors, a row per estimator and point.",
    "mdes": "Smallest effects that are found with the power aimed at.",
    "formulas": "Detectable sizes by formula beside those of the declared test.",
    "failures": "Why estimates could not be made, counted.",
    "explain": "What a draw costs, by step.",
    "sample": "A few draws as they came.",
    "pretests": "Power after a test of the path before the start.",
    "families": "Outcomes tested together.",
    "incremental": "Costs, effects and ratios along the frontier.",
    "net_benefit": "Expected net benefit by threshold.",
    "ceac": "Probability of being cost-effective by strategy and threshold.",
    "ceaf": "That of the strategy with the highest expected net benefit.",
    "evpi": "Expected value of perfect information.",
    "evppi": "Expected value of perfect information on groups of parameters.",
}


@dataclass(frozen=True, slots=True)
class NamedTables:
    """The tables of one folder.

    Attributes
    ----------
    makers
        Name to what makes the table.
    summaries
        Name to one line on it.
    skipped
        Names of tables that this folder has nothing for, with the reason.
    notes
        Name to what is said under the table.
    bundle
        Of a run; None elsewhere.
    """

    folder: Path
    makers: Mapping[str, Callable[[], pd.DataFrame]]
    summaries: Mapping[str, str]
    skipped: Mapping[str, str]
    notes: Mapping[str, tuple[str, ...]]
    bundle: ResultBundle | None = None

    def printed(self, name: str, rows: pd.DataFrame, *, chosen: bool) -> pd.DataFrame:
        """Return a table as it is published: columns that fit a page unless they were chosen, values in words."""
        if self.bundle is not None:
            return for_print(self.bundle, name, rows, chosen=chosen)
        if (self.folder / "gate.json").is_file():
            return parameters_in_words(rows)
        if (self.folder / "synthesis.json").is_file():
            return synthesis_in_words(rows, study_titles(read_table(self.folder / "studies.csv")))
        if (self.folder / "study.json").is_file():
            return power_for_print(read_power(self.folder), name, rows, chosen=chosen)
        return rows

    def table(self, name: str) -> pd.DataFrame:
        """Return a table.

        Raises
        ------
        InputFault
            The folder has none of this name; the nearest is named, or why this one is not here.
        """
        if name in self.makers:
            return self.makers[name]()
        if name in self.skipped:
            raise InputFault(Fault(str(self.folder), f"has no table {name!r}: {self.skipped[name]}"))
        raise InputFault(Fault(str(self.folder), f"no table is called {name!r}", nearest(name, self.makers)))


def named_tables(folder: Path) -> NamedTables:
    """Say which tables a folder has.

    Raises
    ------
    InputFault
        It is no result bundle, power study, economic evaluation or synthesis, or a file of it is damaged.
    """
    if any((folder / marker).is_file() for marker in _MARKERS):
        refuse_damage(folder)
        return _of_files(folder)
    return _of_bundle(read_bundle(folder))


def _of_files(folder: Path) -> NamedTables:
    """Take every CSV file of a folder as a table of its name."""
    files = {file.stem: file for file in sorted(folder.glob("*.csv"))}
    makers: dict[str, Callable[[], pd.DataFrame]] = {name: partial(read_table, file) for name, file in files.items()}
    summaries = {name: _WORDS.get(name, f"The file {name}.csv.") for name in files}
    notes = _money(folder, files)
    _with_gate(folder, "gate", makers, summaries, notes)
    return NamedTables(folder, makers, summaries, {}, notes)


def _with_gate(
    folder: Path, name: str, makers: dict[str, Callable[[], pd.DataFrame]], summaries: dict[str, str],
    notes: dict[str, tuple[str, ...]],
) -> None:  # fmt: skip
    """Add the evidence gate of an economic evaluation's folder, which is no file of rows, as a table of a name."""
    if (folder / "gate.json").is_file():
        gate = read_json(folder / "gate.json")
        makers[name], notes[name] = partial(gate_table, gate), gate_notes(gate)
        summaries[name] = (
            "Evidence gate, a row per criterion: tier, what was measured, what is needed, what would lift it."
        )


def _money(folder: Path, names: Iterable[str], before: str = "") -> dict[str, tuple[str, ...]]:
    """Say under each table of an economic evaluation, its name after `before`, its override and its money."""
    file = folder / "gate.json"
    gate = read_json(file) if file.is_file() else {}
    said = {name: in_money(gate, name.removeprefix(before)) for name in names if name.startswith(before)}
    mark = (str(gate["watermark"]),) if gate.get("watermark") else ()
    notes = {name: (*mark, *((f"In {text}.",) if text else ())) for name, text in said.items()}
    return {name: told for name, told in notes.items() if told}


def _of_bundle(bundle: ResultBundle) -> NamedTables:
    """Take the report's own tables, then every file of numbers by its name."""
    makers: dict[str, Callable[[], pd.DataFrame]] = {}
    summaries, skipped = {}, {}
    for name, make in registered("table").items():
        try:
            make(bundle)
        except NothingToShow as nothing:
            skipped[name] = str(nothing)
            continue
        makers[name], summaries[name] = partial(make, bundle), summary(make)
    for name, file in _files(bundle).items():
        if name not in makers:
            makers[name] = partial(read_table, file)
            summaries[name] = f"The file {file.relative_to(bundle.path).as_posix()}."
    notes = {
        name: notes_on(bundle, makers[name]()) for name in ("effects", "event_study", "procedures") if name in makers
    } | _money(bundle.path / "economics", makers, "economics.")
    _with_gate(bundle.path / "economics", "economics.gate", makers, summaries, notes)
    return NamedTables(bundle.path, makers, summaries, skipped, notes | {"models": models_notes(bundle)}, bundle)


def _files(bundle: ResultBundle) -> dict[str, Path]:
    """Return the CSV files of a bundle: its own, those of ``tables/``, those of ``economics/`` as economics.NAME."""
    own = {file.stem: file for file in sorted(bundle.path.glob("*.csv"))}
    inside = {name: bundle.path / "tables" / f"{name}.csv" for name in bundle.table_names}
    money = {f"economics.{file.stem}": file for file in sorted((bundle.path / "economics").glob("*.csv"))}
    return {**own, **inside, **money}
