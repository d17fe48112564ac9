"""Whether the data can answer the question at all: before and after, treated and untreated, an outcome that moves."""

from __future__ import annotations

import numpy as np

from sos_eval.errors import Faults, NotIdentified
from sos_eval.panel.panel import FlowRow, Panel
from sos_eval.panel.selection import STARTED, WEIGHTLESS

__all__ = ["check_identified"]

#: What to write where nobody is treated: in general, and where balancing left them all out.
NAMED = "name at least one start within the periods"
SEEN = "write unbalanced: allow with a method that takes gaps, or a panel.window in which treated units have no gap"


def check_identified(panel: Panel, *, require_untreated: bool = True, require_treated: bool = True) -> None:
    """Refuse data that no design of this house can use.

    Parameters
    ----------
    panel
        After everything was left out that is left out.
    require_untreated
        Whether somebody must be untreated when somebody else is treated (a design with a comparison).
    require_treated
        Whether somebody must be treated at all.

    Raises
    ------
    NotIdentified
        With everything that is lacking.
    """
    faults = Faults(NotIdentified)
    source = panel.source
    time, start = panel.label("time"), panel.label("first_treated")
    if not panel.n_rows:
        gone = [row for row in panel.flow if row.what == "dropped" and row.units and row.step != "no outcome"]
        if gone:
            left = "; ".join(f"{row.units} {row.reason}" for row in gone)
            faults.add(source, f"{start}: no unit is left: {left}", "widen panel.window")
        else:
            what = f"{', '.join(one.label for one in panel.outcomes)}: no outcome in any row"
            faults.add(source, what, "give another column")
        faults.stop()
    if panel.n_times == 1:
        what = f"{time}: there is one period, {panel.periods.name(panel.times[0])}"
        faults.add(source, what, "an evaluation needs periods before and after the start")
        faults.stop()
    for one in panel.outcomes:
        column = f"outcome:{one.name}" if f"outcome:{one.name}" in panel.frame else "outcome"
        values = panel.frame[column].to_numpy(float)
        seen = values[~np.isnan(values)]
        if not len(seen):
            faults.add(source, f"{one.label}: no outcome in any row", "give another column")
        elif seen.min() == seen.max():
            faults.add(source, f"{one.label}: the outcome is {seen[0]:g} in every row", "give an outcome that varies")
    if require_treated:
        _treated_and_untreated(panel, start, faults, require_untreated=require_untreated)
    faults.stop()


def _treated_and_untreated(panel: Panel, start: str, faults: Faults, *, require_untreated: bool) -> None:
    cohorts = panel.cohorts
    if not len(cohorts):
        left = "".join(f"; {row.units} {why}: {row.names}" for row in panel.flow if (why := _without_start(row)))
        unbalanced = any(row.reason.endswith(STARTED) for row in panel.flow)
        faults.add(panel.source, f"{start}: no unit is treated{left}", SEEN if unbalanced else NAMED)
    elif require_untreated and panel.ever_treated.all() and len(cohorts) == 1:
        what = f"{start}: no unit is untreated: all {panel.n_units} start in {panel.periods.name(cohorts[0])}"
        faults.add(panel.source, what, "add untreated units, or units that start later")


def _without_start(row: FlowRow) -> str:
    """Say how units with a start of a row of the flow came to be no treated ones; empty where they did not."""
    if row.reason.endswith(STARTED):
        return f"treated are left out by unbalanced: balance, {row.reason.removesuffix(STARTED)}"
    return {
        "treated in the first period": "were kept out as treated in the first period",
        "starts later": "start after the last period",
    }.get(row.step, "have no weight" if row.reason == WEIGHTLESS else "")
