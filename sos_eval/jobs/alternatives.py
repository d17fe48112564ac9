"""The alternatives of a design, each loaded, compared and estimated as the design itself is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.checks.alternatives import Alternative, prior_use_classes
from sos_eval.checks.common_lots import AS_DECLARED, Varied
from sos_eval.checks.compared import ComparedCheck, ExpectedSign
from sos_eval.comparison.build import Rebuilding, build
from sos_eval.design.design import Design, Entry
from sos_eval.errors import Fault, InputFault, NotIdentified, OurFault
from sos_eval.jobs.answers import Group
from sos_eval.panel.load import load_panel
from sos_eval.panel.panel import Panel
from sos_eval.results.assignments import stratified
from sos_eval.results.check import CheckResult
from sos_eval.results.estimate import Estimate, overall_place
from sos_eval.results.estimator import Estimator
from sos_eval.results.fitted import Fitted
from sos_eval.results.held_cells import HeldCells
from sos_eval.results.inference import strata_of_effects
from sos_eval.results.strata import NO_STRATA
from sos_eval.worlds.source import world_frame

__all__ = ["compared", "refuse_alternatives"]

_DIRECTIONS: dict[str | None, ExpectedSign] = {"decrease": -1, "increase": 1, "none": 0, None: 0}
_ENDS = ("panel.window.from", "panel.window.to")
#: What no data can answer is a row's reason; what names nothing in them is a slip.
_SLIPS = ('no column "', 'no unit "')


def refuse_alternatives(design: Design) -> list[Fault]:
    """Return the faults of alternatives that name a column or a unit that is not there, or rank by a text."""
    faults: list[Fault] = []
    for place, check in enumerate(design.checks):
        if isinstance(check, ComparedCheck):
            seen: set[tuple[str | int, ...]] = set()
            for one, entry, key in zip(check.alternatives, design.alternatives[place], check.places, strict=True):
                if key not in seen and not isinstance(
                    entry, str
                ):  # an option on its own stands before its combinations
                    where = design.document.where(("checks", place, str(check.name), *key))
                    faults += [replace(fault, where=where) for fault in _slips(design, one, entry)]
                seen.add(key)
    return faults


def _slips(design: Design, one: Alternative, entry: Entry) -> list[Fault]:
    """Load an alternative's panel, where it names something in the data; return what is not there."""
    named = (*one.columns, *(entry.method.columns if one.estimator else ()))
    if not named and one.exposure is None and set(one.changes) <= {"panel.window", *_ENDS}:
        return []
    try:
        panel = _loaded(design, one, entry)
    except InputFault as fault:
        return [slip for slip in fault.faults if any(words in slip.what for words in _SLIPS)]
    ranked = one.leave_out.highest if one.leave_out else None
    if ranked is None or pd.api.types.is_numeric_dtype(panel.frame[ranked]):
        return []
    return [Fault("", f"leave_out.highest: {ranked} holds text, which has no highest", "name a column of numbers")]


def compared(design: Design, place: int, group: Group, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
    """Estimate the alternatives of one check, and set them against the headline's estimate.

    Parameters
    ----------
    place
        Of the check in the design.
    group, fitted
        The headline's.
    """
    check = design.checks[place]
    if not isinstance(check, ComparedCheck):
        raise OurFault(f"checks.{place} has no alternatives")
    varied = _estimated(design, list(zip(check.alternatives, design.alternatives[place], strict=True)), group, fitted)
    return check.compare(fitted, varied, rng, _DIRECTIONS[design.question.expected_direction])


def _estimated(
    design: Design, alternatives: Sequence[tuple[Alternative, Entry | str]], group: Group, fitted: Fitted
) -> list[Varied]:  # fmt: skip
    """Estimate every alternative, those that resolve to the same estimate once."""
    varied: list[Varied] = []
    known: list[tuple[tuple[Any, ...], str]] = []
    for one, entry in alternatives:
        if isinstance(entry, str):
            varied.append(Varied(one.words, reason=entry))
            continue
        decides = (
            entry.panel, entry.comparison, entry.method, one.start, one.within, one.leave_out, one.without_percent,
            one.on_common_rows,
        )  # fmt: skip
        same = next((words for other, words in known if other == decides), "")
        varied.append(_repeated(one, same) if same else _varied(design, one, entry, group, fitted))
        known.append((decides, varied[-1].same_as or one.words))
    return varied


def _repeated(one: Alternative, same: str) -> Varied:
    """Name the alternative that resolves to the same estimate."""
    return Varied(one.words, reason=f"what it declares is the same as: {same}", same_as=same)


def _varied(design: Design, one: Alternative, entry: Entry, group: Group, fitted: Fitted) -> Varied:
    """Estimate an alternative; what these data cannot answer is its reason."""
    if _is_the_design(one, entry, group.entry):
        what = "it changes nothing: what it declares is the design itself"
        return Varied(one.words, reason=what, same_as=AS_DECLARED)
    try:
        whole = _whole(design, one, entry, group)
        source = one.changed(whole)
        against, source = _on_common_rows(source, fitted) if one.on_common_rows else (None, source)
        moved = _moved(source, one.start)
        made = _fit(one, entry, moved, _moved(whole, one.start), group, fitted)
        return Varied(
            one.words, made, start=float(one.start), left_out=one.left_by_start, against=against, by_name=one.by_name
        )
    except InputFault as fault:
        return Varied(one.words, reason="; ".join(one.what for one in fault.faults))


def _is_the_design(one: Alternative, entry: Entry, own: Entry) -> bool:
    """Whether an alternative resolves to the entry that it is an alternative of."""
    more = one.start or one.within or one.leave_out or one.without_percent
    return not more and (entry.panel, entry.comparison, entry.method) == (own.panel, own.comparison, own.method)


def _loaded(design: Design, one: Alternative, entry: Entry) -> Panel:
    """Load an alternative's panel: without dates of columns that other parts of the design read."""
    columns = {*entry.comparison.columns, *entry.method.columns, *one.columns}
    columns |= {name for method in entry.inference or design.inference for name in method.columns}
    read = {*columns, *entry.panel.covariates}
    dates = {
        name: date for name, date in entry.panel.measured.items() if name in read or name not in design.panel.measured
    }
    given = design.overrides.get("panel.path", (None, None))[1]
    return load_panel(
        replace(entry.panel, measured=dates), design.document, base=design.base,
        override=Path(given) if given else None,
        also=[name for name in sorted(columns) if name not in entry.panel.covariates],
        world=lambda path: world_frame(path, design.seed),
        require_untreated=entry.method.needs.get("untreated_units", 1) > 0,
        middle_below=design.disclosure.middle_below, counted=design.counted_columns,
    )  # fmt: skip


def _whole(design: Design, one: Alternative, entry: Entry, group: Group) -> Panel:
    """Load an alternative's panel, restricted and stratified as the headline's is, before it leaves anybody out."""
    panel = _loaded(design, one, entry).select(group.source.active)
    strata = strata_of_effects(entry.inference or design.inference)
    restricted = entry.comparison.restricted(panel)
    return restricted if one.within else _in_strata(restricted, strata, group)


def _in_strata(panel: Panel, strata: Sequence[str], group: Group) -> Panel:
    """Give units the strata within which starts are drawn: the headline's, cut anew where there are units beside its.

    An alternative that measures what strata are cut by in another way compares the same units with one another.
    """
    own = group.source
    if "stratum" not in own.frame or not np.isin(panel.units, own.units).all():
        return stratified(panel, strata, group.lots_of)
    stratum = pd.Series(own.unit_values("stratum"), own.units).reindex(panel.units).to_numpy(object)
    return panel.with_columns(stratum=stratum[panel.unit_codes])


def _moved(source: Panel, start: int) -> Panel:
    """Move everybody's start; refuse a move that changes who is treated in no period."""
    if not start:
        return source
    moved = source.with_first_treated(source.first_treated + start)
    if not len(source.cohorts) or not source.times[0] < moved.cohorts.min() <= source.times[-1]:
        raise NotIdentified(source.fault("no start there: the panel does not reach so far"))
    if np.array_equal(moved.frame["treated"], source.frame["treated"]):
        raise NotIdentified(source.fault("no period lies between the two starts, so nothing changes"))
    return moved


def _left_out(source: Panel, one: Alternative) -> Sequence[str]:
    """Return the treated units that an alternative leaves out by their prior use."""
    if not one.left_by_start:
        return []
    classes = prior_use_classes(source)
    if isinstance(classes, str):
        raise NotIdentified(source.fault(classes))
    gone = source.ever_treated & np.isin(classes, one.left_by_start)
    if not gone.any():
        raise NotIdentified(source.fault("the register names nobody of that prior use, so nobody is left out"))
    return [str(unit) for unit in source.units[gone]]


def _fit(one: Alternative, entry: Entry, source: Panel, whole: Panel, group: Group, fitted: Fitted) -> Fitted:
    """Build the comparison group and estimate; `source` keeps the units that are gone, for the lots.

    What a method chooses from a panel is not chosen anew where an alternative has some of the headline's units, or of
    its own (`whole`) where its periods are others.

    Raises
    ------
    NotIdentified
        Effects of strata by period are asked for, and are no part of the method.
    """
    gone = _left_out(source, one)
    method = entry.comparison.unrestricted()
    kept = source.keep([unit for unit in source.units if unit not in gone])
    comparison = build(method, kept)
    again = Rebuilding(method) if method.rebuilds else None
    if not one.start and entry.panel == group.entry.panel and np.isin(comparison.panel.units, fitted.panel.units).all():
        whole = fitted.panel
    elif not (gone or one.leave_out):
        whole = comparison.panel
    estimator = entry.method.held_to(whole)
    estimate = estimator.complete(comparison.panel)
    known = fitted.estimate if whole is fitted.panel and entry.method == fitted.estimator else None
    cells = _held_cells(estimator, whole, comparison.panel, known)
    if cells is not None:
        estimate = _of_the_same(cells.kept(estimate, comparison.panel), source)
    if one.within and NO_STRATA in estimate.notes:
        raise NotIdentified(source.fault(f"{entry.method.name}: {NO_STRATA}"))
    return Fitted(
        entry.id, "sensitivity", estimator, estimate, source, comparison, again,
        strata=fitted.strata, lots_of=group.lots_of, crew=fitted.crew, cells=cells,
    )  # fmt: skip


def _held_cells(estimator: Estimator, whole: Panel, part: Panel, known: Estimate | None) -> HeldCells | None:
    """Return what an alternative on fewer units is of; None where it has all units, or those have no estimate.

    `known` is the estimate on all of them where it was made already.
    """
    if np.isin(whole.units, part.units).all():
        return None
    try:
        return HeldCells.of(estimator, estimator.complete(whole) if known is None else known)
    except InputFault:
        return None


def _of_the_same(estimate: Estimate, source: Panel) -> Estimate:
    """Return an estimate; refuse one that fewer units do not identify, with its reason."""
    row = overall_place(estimate.cells)
    if row is not None and np.isnan(estimate.values[row]):
        raise NotIdentified(source.fault(str(estimate.cells["reason"].iloc[row])))
    return estimate


def _on_common_rows(source: Panel, fitted: Fitted) -> tuple[Fitted, Panel]:
    """Return the headline's estimate, and the alternative's panel, on the unit-periods where both have an outcome."""
    own = fitted.source
    both = own.units[np.isin(own.units, source.units)]
    panels = [panel.keep(both).keep_times(np.intersect1d(own.times, source.times)) for panel in (own, source)]
    keys = [pd.MultiIndex.from_frame(panel.frame[["unit", "time"]][panel.frame["outcome"].notna()]) for panel in panels]
    common = keys[0].intersection(keys[1])
    ours, theirs = (_emptied(panel, common) for panel in panels)
    return replace(fitted, source=ours, estimate=fitted.refit(ours)), theirs


def _emptied(panel: Panel, kept: pd.MultiIndex) -> Panel:
    """Return the panel without outcomes outside some unit-periods."""
    inside = pd.MultiIndex.from_frame(panel.frame[["unit", "time"]]).isin(kept)
    return panel.with_columns(outcome=panel.frame["outcome"].where(inside), count=panel.frame["count"].where(inside))
