"""The job `match`: the comparison groups of a design before any later outcome's value is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from sos_eval.bundle.files import csv_text
from sos_eval.bundle.places import placeless
from sos_eval.bundle.whole import check_folder, make_folder, refuse_inputs, write_file
from sos_eval.checks.balance import balance_results
from sos_eval.comparison.build import people_of
from sos_eval.design.design import Design, load_design
from sos_eval.design.lock import as_locked
from sos_eval.errors import Fault, InputFault
from sos_eval.jobs import steps
from sos_eval.jobs.answers import Group
from sos_eval.jobs.group_tables import weights_table
from sos_eval.jobs.write import places_of
from sos_eval.panel.flow import flow_table
from sos_eval.results.assignments import MATCHED_ROWS
from sos_eval.results.check import CheckResult

__all__ = ["MatchedGroup", "match_design", "write_groups"]


@dataclass(frozen=True, slots=True)
class MatchedGroup:
    """A comparison group and who uses it.

    Attributes
    ----------
    name
        Estimators and, where there are several, the outcome.
    tables
        File name (without its ending) -> table: balance, balance_measures, flow; sets where some are made; weights, or
        set_weights (sums by set, unit and side of its window) where rows are people.
    limits
        Declared limits on imbalance, judged.
    notes
        What the method has to say.
    names
        What each unit is called.
    """

    name: str
    method: str
    tables: dict[str, pd.DataFrame]
    limits: tuple[CheckResult, ...]
    notes: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def pairs(self) -> list[str]:
        """Each matched set with the units that are compared in it, by name; none where no sets are made."""
        sets = self.tables.get("sets")
        if sets is None or not {"unit", "matched_set"} <= set(sets.columns):
            return []
        each = sets.astype({"unit": str, "matched_set": str}).groupby("matched_set", sort=True)["unit"]
        return [f"{self.names.get(str(name), name)}: {self._others(str(name), units)}" for name, units in each]

    def _others(self, name: str, units: pd.Series) -> str:
        return ", ".join(self.names.get(unit, unit) for unit in units if unit != name)

    @property
    def unmet(self) -> list[str]:
        """Names of the limits that are not kept."""
        return [one.name for one in self.limits if one.passed is False]


def match_design(path: str | Path, *, panel: str | Path | None = None) -> list[MatchedGroup]:
    """Build every comparison group of a design; nothing is estimated, and groups are built blind to later outcomes.

    Raises
    ------
    InputFault
        Every fault of the design, of its data, or of a group that cannot be built.
    """
    design = as_locked(load_design(path, panel=panel))
    if design.disclosure.guards:
        what = "disclosure: tables of a match do not pass the gate that a bundle passes"
        instead = "use `sos-eval run`, whose balance and flow do, or disclosure: {profile: open} where they may leave"
        raise InputFault(Fault(design.document.where(("disclosure",)), what, instead))
    groups: list[tuple[Group, list[str]]] = []
    built = steps.compare(design, steps.load_panels(design))
    several = len({outcome for _, outcome in built}) > 1
    for (entry, outcome), group in built.items():
        name = f"{entry} on {outcome}" if several else entry
        users = next((names for known, names in groups if known.comparison is group.comparison), None)
        if users is None:
            groups.append((group, [name]))
        else:
            users.append(name)
    return [placeless(_laid_out(group, names, design), places_of(design)) for group, names in groups]


def seen_of_outcomes(design: Design, group: Group) -> str:
    """Say what of outcomes a group was built on: none later than a start, or which rows have one; and what bounds them.

    A rule with `outliers` empties values above a bound that is made from all of them, those after a start too.
    """
    own = group.entry.comparison.cohorts == "apart"
    said = f"of outcomes after {'a cohort’s own start' if own else 'the first start of anyone'} nothing was seen"
    if people_of(group.entry.comparison) is not None:
        said = "of outcomes it was seen which rows have one, after a start too, and no value"
    outcome = group.entry.panel.named_outcomes.get(group.comparison.panel.active)
    bounded = _bounded(design, "" if outcome is None else outcome.count or outcome.value or "")
    if not bounded:
        return said
    return f"{said}; but {bounded} is empty above a bound (outliers) that is made from all its values, later ones too"


def _bounded(design: Design, column: str) -> str:
    """Return the column with `outliers` that an outcome's column is, or is made of; nothing where there is none."""
    rules = {} if design.panel.events is None else design.panel.events.derive
    reads = [column] if column in rules else []
    while reads:
        name = reads.pop()
        if rules[name].outliers is not None:
            return str(name)
        reads += [one for one in rules[name].columns if one in rules and one != name]
    return ""


def _laid_out(group: Group, names: list[str], design: Design) -> MatchedGroup:
    """Lay out one group."""
    comparison = group.comparison
    flow = flow_table(comparison.panel)
    tables = {"balance": comparison.balance, "balance_measures": comparison.measures, "flow": flow}
    if (weights := weights_table(group)) is not None:
        tables["weights"] = weights
    if comparison.sets is not None:
        tables["sets"] = group.source.periods.in_table(comparison.sets)
    if comparison.sets is not None and MATCHED_ROWS in comparison.panel.frame:
        tables["set_weights"] = _set_weights(comparison.sets, comparison.panel.frame)
    tables |= comparison.calibration
    limits = tuple(balance_results(group.entry.comparison, comparison))
    return MatchedGroup(
        ", ".join(names), group.entry.comparison.label, tables, limits,
        (*comparison.notes, seen_of_outcomes(design, group)), group.source.names_read,
    )  # fmt: skip


def _set_weights(sets: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Count the matched rows of people, and sum their weights, by set, unit and side of the set's window.

    Returns
    -------
    DataFrame
        Columns ``matched_set, unit, side`` (before, after), ``rows, weight``; zero where a unit has no matched row.
    """
    named = frame.assign(side=frame["post"].map({0.0: "before", 1.0: "after"}))
    sums = named.groupby(["matched_set", "unit", "side"])["weight"].agg(["size", "sum"])
    each = sets[["matched_set", "unit"]].astype(str).merge(pd.DataFrame({"side": ["before", "after"]}), how="cross")
    found = sums.reindex(pd.MultiIndex.from_frame(each), fill_value=0)
    return each.assign(rows=found["size"].to_numpy(), weight=found["sum"].to_numpy(float))


def write_groups(groups: list[MatchedGroup], out: Path, *, force: bool, read: Sequence[Path] = ()) -> list[Path]:
    """Write each group's tables into a folder, numbered where there are several.

    Parameters
    ----------
    read
        Files that the groups were made of, which are never written over.

    Raises
    ------
    InputFault
        A file is there already and `force` does not say to replace it, it is one of those `read`, or the folder is a
        link or cannot be written.
    """
    check_folder(out)
    files = {
        out / f"{name}{'' if len(groups) == 1 else f'.{k}'}.csv": table
        for k, group in enumerate(groups, 1) for name, table in group.tables.items()
    }  # fmt: skip
    if not force and (there := [file for file in files if file.exists()]):
        raise InputFault(Fault(str(there[0]), "is there already", "add --force, or give another --out"))
    refuse_inputs(list(files), read)
    make_folder(out)
    for file, table in files.items():
        write_file(file, csv_text(table))
    return list(files)
