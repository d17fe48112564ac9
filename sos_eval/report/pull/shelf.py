"""A finished folder as a shelf of tables: a run, a power study or an economic evaluation, all opened the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle, read_bundle
from sos_eval.bundle.files import read_table
from sos_eval.bundle.listing import data_files_of, refuse_damage
from sos_eval.errors import Fault, InputFault, nearest
from sos_eval.report.drawing import NothingToShow
from sos_eval.report.economics_page import EconomicsFolder
from sos_eval.report.power.reading import PowerFolder, read_power
from sos_eval.results.method import registered, summary

__all__ = ["Shelf", "open_shelf"]

Maker = Callable[[], pd.DataFrame]

_STUDY = {
    "power": "Power, bias, coverage and errors: a row per estimator, inference and point",
    "mdes": "Smallest effect that is found so often",
    "failures": "Draws without an estimate, by reason",
    "explain": "How each estimator was computed at each point",
    "formulas": "The simulation beside what theory gives",
    "sample": "Estimates of the first draws",
    "pretests": "Tests of trends before the start: how often they pass",
    "families": "Decisions over several outcomes",
}
_FILES = {
    "estimates": "Every estimate: a row per estimator, outcome, quantity and inference",
    "tests": "Permutation tests, a row each",
    "weights": "Weights of units, and matched sets",
}


@dataclass(frozen=True)
class Shelf:
    """The tables of a finished folder by name.

    Attributes
    ----------
    path
        The folder.
    folder
        What it holds.
    makers
        Name to how the table is made; it raises `NothingToShow` where the folder lacks it.
    words
        Name to one line on it.
    """

    path: Path
    folder: ResultBundle | PowerFolder
    makers: Mapping[str, Maker] = field(repr=False)
    words: Mapping[str, str] = field(repr=False)

    @cached_property
    def contents(self) -> tuple[list[str], dict[str, str]]:
        """Names of the tables that are there, and why the others are not."""
        there, absent = [], {}
        for name, make in self.makers.items():
            try:
                make()
            except NothingToShow as fault:
                absent[name] = fault.faults[0].what
            else:
                there.append(name)
        return there, absent

    def table(self, name: str) -> pd.DataFrame:
        """Return a table.

        Raises
        ------
        InputFault
            There is no such table; the nearest is named.
        """
        if name not in self.makers:
            raise InputFault(Fault(str(self.path), f"no table is called {name!r}", nearest(name, self.makers)))
        return self.makers[name]()

    @property
    def data_files(self) -> list[Path]:
        """Files that are read back, which nothing is written over."""
        return data_files_of(self.path)


def open_shelf(path: str | Path) -> Shelf:
    """Open a folder that `sos-eval run`, `power` or `economics` wrote.

    Raises
    ------
    InputFault
        It is none of them, or one of its files is missing, cut or changed.
    """
    folder = Path(path)
    if (folder / "study.json").is_file():
        return _of_study(read_power(folder))
    if (folder / "gate.json").is_file() and not (folder / "results.json").exists():
        refuse_damage(folder)
        return shelf_of_economics(EconomicsFolder(folder))
    return shelf_of_bundle(read_bundle(folder))


def shelf_of_bundle(bundle: ResultBundle) -> Shelf:
    """Return a bundle's tables: those of the report, then every file of the folder under its own name."""
    registry = registered("table")
    makers: dict[str, Maker] = {name: partial(make, bundle) for name, make in registry.items()}
    words = {name: summary(make) for name, make in registry.items()}
    for name, file, said in _files_of(bundle):
        makers.setdefault(name, partial(read_table, file))
        words.setdefault(name, said)
    return Shelf(bundle.path, bundle, makers, words)


def _files_of(bundle: ResultBundle) -> Iterator[tuple[str, Path, str]]:
    """Yield name, file and a line on every table of a bundle's folder."""
    for name, said in _FILES.items():
        if (bundle.path / f"{name}.csv").is_file():
            yield name, bundle.path / f"{name}.csv", said
    for name in bundle.table_names:
        yield name, bundle.path / "tables" / f"{name}.csv", f"As the run wrote it: tables/{name}.csv"
    for file in sorted((bundle.path / "economics").glob("*.csv")):
        yield f"economics.{file.stem}", file, f"Of the economic evaluation: economics/{file.name}"


def shelf_of_economics(folder: EconomicsFolder) -> Shelf:
    """Return the tables of an economic evaluation, by the names of its files."""
    files = {file.stem: file for file in sorted(folder.path.glob("*.csv"))}
    makers: dict[str, Maker] = {name: partial(read_table, file) for name, file in files.items()}
    return Shelf(folder.path, folder, makers, {name: f"Of the economic evaluation: {name}.csv" for name in files})


def _of_study(study: PowerFolder) -> Shelf:
    """Return the tables of a power study."""
    tables = {name: getattr(study, name) for name in _STUDY}
    makers: dict[str, Maker] = {name: table.copy for name, table in tables.items() if table is not None}
    return Shelf(study.path, study, makers, {name: _STUDY[name] for name in makers})
