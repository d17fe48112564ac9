"""The step between a run's results and its economics: what the gate reads, gathered from what the run found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sos_eval.bundle.tables import panel_facts
from sos_eval.design.design import Design
from sos_eval.design.lock import lock_state
from sos_eval.economics.cost import cost_estimate
from sos_eval.jobs.answers import Answer, Checked, Group, Key, diagnostics_of, primary
from sos_eval.panel.flow import flow_table
from sos_eval.results.table import stack

__all__ = ["costed"]


def costed(
    design: Design, answers: dict[Key, Answer], checked: list[Checked], groups: dict[Key, Group]
) -> dict[str, Any]:
    """Return the files of ``economics/`` for a design that declares economics."""
    first = primary(design, groups)
    own = [one for one in checked if (one.estimator, one.outcome) == first]
    panel = groups[first].comparison.panel
    facts = {
        "panel": panel_facts(panel),
        "outcome": first[1],
        "inference": answers[first].resolution.facts(),
        "lock": asdict(lock_state(design)),
        "tables": {one.result.name: one.result.table for one in own if len(one.result.table)},
    }
    return cost_estimate(
        design.economics,
        stack([one.table for one in answers[first].inferred]),
        diagnostics_of(own),
        groups[first].comparison.balance,
        flow_table(panel),
        facts,
        document=design.document,
        seed=design.seed,
        title=design.title,
    )
