"""The step between a run's results and its economics: what the gate reads, gathered from what the run found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from sos_eval.bundle.tables import panel_facts
from sos_eval.design.design import Design
from sos_eval.design.lock import lock_state
from sos_eval.economics.cost import cost
from sos_eval.jobs.steps import Answer, Checked, Group, Key
from sos_eval.panel.flow import flow_table
from sos_eval.results.table import stack
from sos_eval.terms import DIAGNOSTIC_COLUMNS

__all__ = ["costed"]


def costed(
    design: Design, answers: dict[Key, Answer], checked: list[Checked], groups: dict[Key, Group]
) -> dict[str, Any]:
    """Return the files of ``economics/`` for a design that declares economics."""
    first = _primary(design, groups)
    own = [one for one in checked if (one.estimator, one.outcome) == first]
    panel = groups[first].comparison.panel
    facts = {
        "panel": panel_facts(panel),
        "outcome": first[1],
        "inference": answers[first].resolution.facts(),
        "lock": asdict(lock_state(design)),
        "tables": {one.result.name: one.result.table for one in own if len(one.result.table)},
    }
    return cost(
        design.economics,
        stack([one.table for one in answers[first].inferred]),
        _diagnostics(own),
        groups[first].comparison.balance,
        flow_table(panel),
        facts,
        document=design.document,
        seed=design.seed,
        title=design.title,
    )


def _primary(design: Design, groups: dict[Key, Group]) -> Key:
    """Return the estimate that answers the question: first primary entry, its primary (else first) outcome."""
    entry = next(one for one in design.estimators if one.role == "primary")
    own = [key for key in groups if key[0] == entry.id]
    marked = [key for key in own if groups[key].source.select(key[1]).outcome.role == "primary"]
    return (marked or own)[0]


def _diagnostics(checked: list[Checked]) -> pd.DataFrame:
    """Lay checks out in the columns of `diagnostics.csv`."""
    rows = [
        {
            "name": one.result.name, "outcome": one.outcome, "estimator": one.estimator,
            "statistic": one.result.statistic, "value": one.result.value, "threshold": one.result.threshold,
            "passed": one.result.passed, "text": one.result.text,
        }
        for one in checked
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(DIAGNOSTIC_COLUMNS))
