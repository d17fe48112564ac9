"""The check job: whether a design is in order, and whether its data can answer it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sos_eval.design.design import Design, load_design
from sos_eval.design.lock import as_locked
from sos_eval.errors import Fault, InputFault
from sos_eval.inference.auto import resolve
from sos_eval.inference.design_facts import design_facts
from sos_eval.jobs import steps
from sos_eval.jobs.answers import Group, primary
from sos_eval.jobs.discreet import discreet, discreet_words
from sos_eval.jobs.emmie import refuse_packages, refuse_sections
from sos_eval.jobs.look import own_look
from sos_eval.jobs.moderators import refuse_parts
from sos_eval.jobs.theory import identification
from sos_eval.panel.disclosure import masked
from sos_eval.panel.england.published import panel_file
from sos_eval.panel.flow import EXCLUDED_EPISODES, LACKING, NOT_READ, NOT_WHOLE
from sos_eval.panel.panel import FlowRow, Panel
from sos_eval.panel.raw import RAW, raw_files
from sos_eval.panel.spec import PanelSpec
from sos_eval.panel.subtotals import SUBTOTALS
from sos_eval.results.check import Check
from sos_eval.results.fitted import Fitted

__all__ = ["Checkup", "check_design", "data_paths"]

#: Notes on data that ask whether they are what they seem.
_DOUBTFUL = frozenset({SUBTOTALS, "count as written", "exposure as written", NOT_READ, LACKING, NOT_WHOLE})


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was looked at.

    Attributes
    ----------
    design
        The resolved design.
    data_read
        False where the data are not there: then only the design was checked.
    text
        One line for the screen.
    """

    design: Design
    data_read: bool
    text: str


def check_design(path: str | Path, *, panel: str | Path | None = None) -> Checkup:
    """Check a design file and, where its data are there, the data and whether they can answer it.

    What a method says of a panel it says when it estimates, so each does; rows of people take too long for that.

    Raises
    ------
    InputFault
        Every fault of the design; where it has none, every fault of the data.
    """
    design = as_locked(load_design(path, panel=panel))
    own_look(design)
    steps.refuse_economics(design)
    refuse_packages(design)
    files = data_paths(design)
    absent = next((file for file in files if not file.exists()), None)
    if not files or absent is not None:
        missing = f"{absent.name} is not there" if absent else "names no data file; give one with --panel"
        if panel is not None:
            raise InputFault(Fault(str(panel), "no such file", "give the panel's path"))
        return Checkup(design, False, f"{design.path}: the design is in order; its data were not read ({missing})")
    with discreet(design):
        panels = steps.load_panels(design)
        steps.identify(design, panels)
        identification(design)
        groups = steps.compare(design, panels)
        refuse_sections(design, groups)
        fitted = steps.estimate(design, {key: one for key, one in groups.items() if one.source.layout == "panel"})
        if fitted:
            refuse_parts(design, groups, fitted)
    main = panels[design.estimators[0].id]
    text = f"{main.n_units} units, {int(main.ever_treated.sum())} ever treated, {main.n_times} periods"
    lines = [f"{design.path}: in order ({text})", *_doubts(design, main)]
    key = primary(design, groups)
    lines += [*_foreseen(design, groups[key], fitted.get(key)), *_unjudged(design, fitted.get(key))]
    return Checkup(design, True, "\n".join(lines))


def _doubts(design: Design, panel: Panel) -> list[str]:
    """Return what was read as it stands and may be meant otherwise; under a profile without what quotes the data."""
    told = _telling(design)
    rows = [row for row in panel.flow if row.step in _DOUBTFUL]
    excluded = [_excluded(design, row) for row in panel.flow if row.step == EXCLUDED_EPISODES]
    return [told(f"{row.names}: {row.reason}" if row.step == SUBTOTALS else row.reason) for row in rows] + excluded


def _telling(design: Design) -> Callable[[str], str]:
    """Return what a sentence is told as: under a profile without what quotes the data."""
    return discreet_words(design) if design.disclosure.guards else str


def _excluded(design: Design, row: FlowRow) -> str:
    """Say how many episodes a rule excludes, as the profile shows it; the rest is our own words."""
    shown = masked(pd.DataFrame({"n": [row.rows]}), ["n"], design.disclosure)[0]["n"].iloc[0]
    many = f"a number of 1 to {design.disclosure.smallest - 1}" if pd.isna(shown) else f"{shown:,.0f}"
    return f"{row.step}, {many}: {row.reason}"


def _foreseen(design: Design, group: Group, fitted: Fitted | None) -> list[str]:
    """Name the declared checks of the primary estimate that cannot be done, with the reason."""
    told = _telling(design)
    reasons: dict[str, list[str]] = {}
    for check in design.checks:
        if why := check.foreseen(group.comparison) or _unfit(check, fitted):
            reasons.setdefault(told(why), []).append(check.name)
    return [f"{_checks(names)} will not be done: {why}" for why, names in reasons.items()]


def _checks(names: list[str]) -> str:
    """Name checks, each once."""
    once = list(dict.fromkeys(names))
    return f"the check {once[0]}" if len(once) == 1 else f"the checks {', '.join(once[:-1])} and {once[-1]}"


def _unfit(check: Check, fitted: Fitted | None) -> str:
    """Say what keeps a check from an estimate; nothing of rows of people, which are not estimated here."""
    return "" if fitted is None else check.unfit(fitted)


def _unjudged(design: Design, fitted: Fitted | None) -> list[str]:
    """Say so where the rule of the headline relies on no procedure."""
    if fitted is None:
        return []
    resolution = resolve(design.primary.inference or design.inference, design_facts(fitted))
    told = _telling(design)
    return [] if resolution.reliable else [f"the headline's interval and p: none, because {told(resolution.reason)}"]


def data_paths(design: Design) -> list[Path]:
    """Return the files that a design's panels are read from, each once; none where it names none."""
    override = design.overrides.get("panel.path", (None, None))[1]
    if override:
        path = Path(override)
        return raw_files(design.panel.source, path) if design.panel.source in RAW else [path]
    specs = (design.panel, *(entry.panel for entry in design.estimators))
    return list(dict.fromkeys(file for spec in specs for file in _files(design, spec)))


def _files(design: Design, spec: PanelSpec) -> list[Path]:
    if spec.source == "england":
        return [panel_file(spec.geography)]
    if not spec.path:
        return []
    path = design.base / spec.path
    return raw_files(spec.source, path) if spec.source in RAW else [path]
