"""Results by declared group of children: who enters care, what it costs, and who would gain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sos_eval.economics.declared import Subgroup
from sos_eval.economics.model.evaluated import DecisionModel
from sos_eval.economics.section import threshold_grid

if TYPE_CHECKING:
    from sos_eval.economics.prepared import Prepared

__all__ = ["equity_table"]


def equity_table(prepared: Prepared, *, with_effect: bool) -> pd.DataFrame:
    """Evaluate each group with its own baseline, and its own effect and weeks where they are declared.

    The programme's cost is shared out by children, since it is paid for all of them.

    Parameters
    ----------
    prepared
        The evaluation.
    with_effect
        Whether the effect may be combined with costs; else entries and their cost are shown alone.
    """
    model = prepared.model
    assert model is not None
    rows = [_row(prepared, model, group, with_effect) for group in prepared.section.equity]
    return pd.DataFrame(rows)


def _row(prepared: Prepared, model: DecisionModel, group: Subgroup, with_effect: bool) -> dict[str, Any]:
    frame, effect = model.section.frame, model.section.effect
    assert frame is not None
    assert effect is not None
    children = group.share * frame.population * frame.authorities
    base = {name: np.array([value]) for name, value in model.base.items()}
    base["baseline"] = np.array([group.baseline])
    if group.weeks is not None:
        base["weeks"] = np.array([group.weeks])
    if group.effect is not None:
        base["effect"] = np.array([group.effect])
    saving = float(model.saving_per_averted(base)[0])
    programme = float(model.programme_cost(base)[0]) * group.share
    row = {
        "dimension": group.dimension, "subgroup": group.name, "children": children,
        "entries_per_year": group.baseline * children / effect.per, "saving_per_averted": saving,
        "programme_cost": programme,
        "breakeven_share": programme / saving / (group.baseline * children / effect.per) if saving > 0 else np.nan,
        "source": group.source,
    }  # fmt: skip
    if with_effect:
        own = replace(
            model, section=replace(model.section, frame=replace(frame, population=frame.population * group.share))
        )
        averted = float(own.averted(base)[0])
        units = averted * float(model.effect_units(base)[0])
        cost = programme - averted * saving
        grid = threshold_grid(prepared.section.thresholds) or [0.0]
        middle = grid[len(grid) // 2]
        row |= {"averted_per_year": averted, "inc_effect": units, "inc_cost": cost, "threshold": middle}
        row |= {"incremental_net_benefit": middle * units - cost}
    return row
