"""The result bundle: a folder that holds everything a run found, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from sos_eval.bundle.content import BundleContent
from sos_eval.bundle.files import csv_text, json_text, plain, read_object, read_table, yaml_text
from sos_eval.bundle.gate import gated
from sos_eval.bundle.listing import LIST, damage, list_files, refuse_strangers
from sos_eval.bundle.places import placeless
from sos_eval.bundle.unmet import Unmet, note_unmet, unmet_checks
from sos_eval.bundle.whole import check_folder, write_folder
from sos_eval.declare import read_yaml
from sos_eval.errors import Fault, Faults, InputFault, listed
from sos_eval.panel.card import card
from sos_eval.results.facts import RunFacts
from sos_eval.terms import BALANCE_COLUMNS, DIAGNOSTIC_COLUMNS, EFFECT_COLUMNS, FLOW_COLUMNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SCHEMA", "BundleContent", "ResultBundle", "check_out", "is_bundle", "read_bundle", "write_bundle"]

SCHEMA = "sos-eval/bundle/1"


@dataclass(frozen=True)
class ResultBundle:
    """A bundle on disk; each part is read when it is first asked for.

    Attributes
    ----------
    path
        Its folder.
    damage
        What is wrong with its files, where it was opened all the same.
    """

    path: Path
    damage: tuple[Fault, ...] = ()
    #: How the names of the figures begin that a folder of this kind can have; empty: any.
    figures: ClassVar[str] = ""

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """`estimates.csv`: a row per estimator, outcome, quantity and inference."""
        table = read_table(self.path / "estimates.csv").reindex(columns=list(EFFECT_COLUMNS))
        _refuse_infinite(self.path / "estimates.csv", table)
        return table

    @cached_property
    def balance(self) -> pd.DataFrame:
        """`balance.csv`: a row per covariate, before and after."""
        return self._csv("balance.csv", *BALANCE_COLUMNS)

    @cached_property
    def weights(self) -> pd.DataFrame:
        """`weights.csv`; empty where it was withheld."""
        return self._csv("weights.csv", "unit", "weight")

    @cached_property
    def flow(self) -> pd.DataFrame:
        """`flow.csv`: what was kept and dropped, and why."""
        return self._csv("flow.csv", *FLOW_COLUMNS)

    @cached_property
    def diagnostics(self) -> pd.DataFrame:
        """`diagnostics.csv`: a row per check; ``passed`` is True, False or None (informs)."""
        return self._csv("diagnostics.csv", *DIAGNOSTIC_COLUMNS)

    @property
    def guarded(self) -> bool:
        """Whether a disclosure profile held when it was written."""
        return (self.path / "disclosure.csv").is_file()

    @property
    def withheld(self) -> pd.DataFrame:
        """`disclosure.csv`: what a disclosure profile held back and rounded; empty where there is none."""
        return self._csv("disclosure.csv", "file", "what", "rule", "action", "cells")

    @cached_property
    def headline(self) -> dict[str, Any]:
        """`headline.json`."""
        return self._json("headline.json")

    @cached_property
    def results(self) -> dict[str, Any]:
        """`results.json`."""
        return self._json("results.json")

    @cached_property
    def facts(self) -> RunFacts:
        """What the run knew beside its tables, read from `results.json`."""
        try:
            return RunFacts.from_json(self.results)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            what = f"does not hold what a run writes there ({type(error).__name__}: {error})"
            raise InputFault(Fault(str(self.path / "results.json"), what, "run the design again")) from error

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """`provenance.json`."""
        return self._json("provenance.json")

    @cached_property
    def design(self) -> dict[str, Any]:
        """`design.yaml`: the resolved design, as plain values."""
        return read_yaml(self.path / "design.yaml").data

    @cached_property
    def economics(self) -> dict[str, Any]:
        """The files of ``economics/``: tables by name, JSON as dicts."""
        folder = self.path / "economics"
        found: dict[str, Any] = {file.stem: read_table(file) for file in sorted(folder.glob("*.csv"))}
        return found | {file.stem: self._json(f"economics/{file.name}") for file in sorted(folder.glob("*.json"))}

    @cached_property
    def table_names(self) -> list[str]:
        """Names of the files in ``tables/``."""
        return sorted(file.name.removesuffix(".csv") for file in (self.path / "tables").glob("*.csv"))

    def tables(self, name: str) -> pd.DataFrame:
        """Return a file of ``tables/``; empty where the run did not make it."""
        file = self.path / "tables" / f"{name}.csv"
        return read_table(file) if name in self.table_names else pd.DataFrame()

    def figure(self, name: str) -> Figure:
        """Draw a figure by name.

        Raises
        ------
        InputFault
            No figure has this name, or this bundle lacks what it shows; what is available is named.
        """
        from sos_eval.report.draw import draw

        return draw(self, name)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the report by name."""
        from sos_eval.report.tabulate import tabulate

        return tabulate(self, name)

    def report(self, form: str = "html", out: Path | None = None) -> Path:
        """Write the report (html, md, docx) into the bundle, or to `out`, and return where it is."""
        from sos_eval.report.render import write_report

        return write_report(self, form, out)

    def _repr_html_(self) -> str:
        """Show page one's answer in a notebook, as it was written."""
        facts = {name: self.headline.get(name) or "" for name in ("verdict", "range", "reason")}
        damaged = {"damage": "; ".join(str(fault) for fault in self.damage)}
        return card(str(self.headline.get("sentence") or self.path.name), damaged | facts)

    def _csv(self, name: str, *columns: str) -> pd.DataFrame:
        file = self.path / name
        return read_table(file) if file.exists() else pd.DataFrame(columns=list(columns))

    def _json(self, name: str) -> dict[str, Any]:
        return read_object(self.path / name)


def _refuse_infinite(file: Path, table: pd.DataFrame) -> None:
    """Refuse estimates that no run writes; ends of intervals may be open, and df those of a normal."""
    faults = Faults(InputFault)
    for name in ("estimate", "std_error", "statistic", "p_value"):
        rows = np.flatnonzero(np.isinf(pd.to_numeric(table[name], errors="coerce"))) + 1
        if len(rows):
            faults.add(str(file), f"infinite {name}, rows {listed(rows.tolist())}", "run the design again")
    faults.stop()


def read_bundle(path: str | Path, *, despite_damage: bool = False) -> ResultBundle:
    """Open a bundle.

    Parameters
    ----------
    path
        Its folder.
    despite_damage
        Open one whose files are not as they were written; its report says so.

    Raises
    ------
    InputFault
        The folder is missing or no bundle, was written by another version of the format, or a file of it is missing,
        cut or changed.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise InputFault(Fault(str(folder), "no such folder", "name a folder that `sos-eval run` wrote"))
    if (folder / "study.json").is_file():
        what = "a power study, not a result bundle"
        raise InputFault(Fault(str(folder), what, "pull from it with `sos-eval report`, `figure` and `table`"))
    if (folder / "synthesis.json").is_file():
        instead = "pull from it with `sos-eval report`, `figure` and `table`"
        raise InputFault(Fault(str(folder), "a synthesis, not a result bundle", instead))
    schema, faults = _schema_of(folder), damage(folder)
    if schema != SCHEMA and not ((folder / LIST).is_file() and faults):
        found = f"a bundle of schema {schema!r}" if schema else "not a result bundle (no results.json with a schema)"
        raise InputFault(Fault(str(folder), found, f"this version reads {SCHEMA}; run the design again"))
    if faults and not despite_damage:
        raise InputFault(faults)
    return ResultBundle(folder, tuple(faults))


def is_bundle(folder: Path) -> bool:
    """Whether a folder is a result bundle of any version."""
    return _schema_of(folder).startswith("sos-eval/bundle/")


def _schema_of(folder: Path) -> str:
    try:
        return str(read_object(folder / "results.json").get("schema", ""))
    except InputFault:
        return ""


def check_out(out: str | Path, *, force: bool) -> Path:
    """Say early, before anything runs, whether a bundle may be written here.

    Raises
    ------
    InputFault
        `out` exists and `force` is not given; or it is neither a bundle nor an empty folder; or it cannot be written.
    """
    target = Path(out).resolve()
    if target.exists():
        _check_existing(target, out, force=force)
    check_folder(out)
    return target


def _check_existing(target: Path, out: str | Path, *, force: bool) -> None:
    if not target.is_dir():
        raise InputFault(Fault(str(out), "is a file", "name a folder that does not exist yet"))
    replaceable = is_bundle(target) or not any(target.iterdir())
    if not replaceable:
        what = "exists and holds something else than a result bundle; it is left as it is"
        raise InputFault(Fault(str(out), what, "choose another --out"))
    if not force:
        raise InputFault(Fault(str(out), "exists already", "choose another --out, or replace it with --force"))
    refuse_strangers(target, out)


def write_bundle(
    out: str | Path, content: BundleContent, *, force: bool = False,
    render: Callable[[Path], Sequence[Unmet]] | None = None, keep: Path | None = None,
) -> ResultBundle:  # fmt: skip
    """Write a bundle whole or not at all.

    Everything is written to a sibling ``<out>.partial-…`` that takes the name `out` at the very end; an exception or
    Ctrl-C leaves nothing behind, and an older bundle untouched.

    Parameters
    ----------
    out
        The folder to appear.
    content
        What goes in.
    force
        Replace an existing bundle.
    render
        Draws figures and report into the folder it is given, before the folder takes its name, and returns those
        that could not be made: they are listed in `results.json` and stop nothing.
    keep
        The name that an existing bundle goes on under; it is removed unless given.
    """

    def fill(folder: Path) -> None:
        passed = _told(gated(content, content.confidential))
        _write_content(folder, placeless(passed, content.places))
        if render is not None:
            note_unmet(folder, render(folder))
        list_files(folder)
        check_out(out, force=force)  # again: what was there may not be what there is now

    check_out(out, force=force)
    write_folder(out, fill, keep=keep, replace=force)
    return ResultBundle(Path(out))


def _told(content: BundleContent) -> BundleContent:
    """Return a content with its headline, told from its own estimates and facts."""
    if isinstance(content.headline, Mapping):
        return content
    return replace(content, headline=content.headline(content.estimates, content.facts))


def _write_content(folder: Path, content: BundleContent) -> None:
    texts = {
        "design.yaml": yaml_text(content.design),
        "estimates.csv": csv_text(content.estimates),
        "balance.csv": csv_text(content.balance),
        "flow.csv": csv_text(content.flow),
        "diagnostics.csv": csv_text(content.diagnostics),
        "tests.csv": csv_text(content.tests),
        "headline.json": json_text(content.headline),
        "provenance.json": json_text(content.provenance),
        "results.json": json_text(_results(content)),
        "log.txt": content.log,
    }
    if content.weights is not None:
        texts["weights.csv"] = csv_text(content.weights)
    if content.withheld is not None:
        texts["disclosure.csv"] = csv_text(content.withheld)
    texts |= {f"tables/{name}.csv": csv_text(table) for name, table in content.tables.items()}
    texts |= dict(_economics_file(name, value) for name, value in content.economics.items())
    for name in ("figures", "tables", *(["economics"] if content.economics else [])):
        (folder / name).mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _economics_file(name: str, value: pd.DataFrame | Mapping[str, Any]) -> tuple[str, str]:
    if isinstance(value, pd.DataFrame):
        return f"economics/{name}.csv", csv_text(value)
    return f"economics/{name}.json", json_text(value)


def _results(content: BundleContent) -> dict[str, Any]:
    """Return `results.json`: what the run adds, and every table of the bundle in machine-readable form."""
    own: dict[str, Any] = {
        "schema": SCHEMA,
        "design": content.design,
        "headline": content.headline,
        "estimates": content.estimates,
        "balance": content.balance,
        "flow": content.flow,
        "diagnostics": content.diagnostics,
        "tests": content.tests,
        "provenance": content.provenance,
        "tables": sorted(content.tables),
        "unmet": unmet_checks(content.diagnostics),
        "economics": {n: v for n, v in content.economics.items() if isinstance(v, Mapping)},
    }
    return dict(plain(own | content.facts.to_json()))
