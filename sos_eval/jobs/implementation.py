"""What a run does with a declared fidelity: refuse what lies outside its scale, describe the rest."""

from __future__ import annotations

import pandas as pd

from sos_eval.design.design import Design
from sos_eval.errors import Faults, NotIdentified
from sos_eval.jobs.answers import Group, Key, primary
from sos_eval.results.fitted import Fitted
from sos_eval.theory.as_treated import as_treated
from sos_eval.theory.implementation import fidelity_by_time, fidelity_summary, item_table, outside_scale

__all__ = ["implemented", "refuse_scores"]


def refuse_scores(design: Design, groups: dict[Key, Group]) -> None:
    """Refuse scores outside their scale.

    Raises
    ------
    NotIdentified
        With the line of the declaration.
    """
    if design.implementation is None:
        return
    faults = Faults(NotIdentified)
    what = faults.noted(lambda: _outside(design, groups))
    if what:
        where = design.document.where(("implementation", "fidelity"))
        faults.add(where, f"implementation.fidelity: {what}", "correct the scores, or declare scale: [LOW, HIGH]")
    faults.stop()


def _outside(design: Design, groups: dict[Key, Group]) -> str:
    declared = design.implementation
    return "" if declared is None else outside_scale(groups[primary(design, groups)].source, declared)


def implemented(design: Design, groups: dict[Key, Group], fitted: dict[Key, Fitted]) -> dict[str, pd.DataFrame]:
    """Return the tables of the headline's treated units; none where nothing is declared."""
    declared = design.implementation
    if declared is None:
        return {}
    headline = fitted[primary(design, groups)]
    tables = {
        "implementation": fidelity_summary(headline.source, declared),
        "implementation.by_time": fidelity_by_time(headline.source, declared),
        "implementation.as_treated": as_treated(headline, declared),
    }
    if declared.items:
        tables["implementation.items"] = item_table(headline.source, declared)
    return {name: table for name, table in tables.items() if len(table)}
