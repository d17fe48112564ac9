"""The true effects of a declared world, where a design's panel is one: what estimates can be held against."""

from __future__ import annotations

from collections.abc import Mapping
from os.path import normpath
from pathlib import Path

import numpy as np
import pandas as pd

from sos_eval.design.design import Design
from sos_eval.jobs.answers import Key
from sos_eval.panel.panel import Panel
from sos_eval.results.assignments import MATCHED_ROWS
from sos_eval.results.fitted import Fitted
from sos_eval.worlds.source import KnownEffects, known_effects

__all__ = ["TRUTH", "true_of"]

TRUTH = "true_effects"
_COLUMNS = ["estimator", "outcome", "scale", "true_effect", "declared_effect", "whose"]


def true_of(design: Design, fitted: Mapping[Key, Fitted]) -> dict[str, pd.DataFrame]:
    """Return ``true_effects``: of every estimate the true effect of what it counts as treated; nothing of real data.

    Columns ``estimator, outcome, scale``; ``true_effect``: the average over the estimate's own treated unit-periods
    (a unit's periods first, then units by weight, as an overall effect of `results.aggregate`; of cohorts and periods
    that it compares with somebody, where it has effects by cohort and period), or over its own treated rows of people;
    ``declared_effect``, the average that the world states, and ``whose``, over whom that is. An outcome that the world
    does not know is left out; where it knows nothing of a treated unit-period the true effect is NaN.
    """
    if design.panel.source != "world" or design.overrides.get("panel.path", (None, None))[1]:
        return {}
    known = known_effects(Path(normpath(design.base / design.panel.path)), design.seed)
    columns = {name: one.count or one.value for name, one in design.panel.named_outcomes.items()}
    rows = [
        (estimator, outcome, scale, _own(known, name, scale, one), declared, known.whose)
        for (estimator, outcome), one in fitted.items()
        for name, scale, declared in known.overall.itertuples(index=False)
        if name in (outcome, columns.get(outcome)) and scale in set(one.estimate.cells["scale"])
    ]
    return {TRUTH: pd.DataFrame(rows, columns=_COLUMNS)} if rows else {}


def _own(known: KnownEffects, outcome: str, scale: str, fitted: Fitted) -> float:
    """Return the true effect of the unit-periods, or rows, that an estimate counts as treated; NaN where not known."""
    panel = fitted.panel
    treated, phases = _treated(panel)
    if len(compared := _compared(fitted)):
        starts = dict(zip(map(str, panel.units), panel.first_treated, strict=True))
        mine = pd.MultiIndex.from_arrays([treated["unit"].map(starts), treated["time"]])
        treated = treated[mine.isin(compared)]
    cells = known.cells[known.cells["outcome"] == outcome]
    cells = cells[cells["phase"].isin(phases)] if phases else cells
    cells = cells.assign(without=cells["without"] * cells["rows"], with_it=cells["with_it"] * cells["rows"])
    sums = cells.groupby(["unit", "time"])[["without", "with_it", "rows"]].sum()
    own = treated.join(sums, on=["unit", "time"])
    if own.empty or own["rows"].isna().any():
        return np.nan
    if scale == "ratio":
        return float((own["with_it"] * own["weight"]).sum() / (own["without"] * own["weight"]).sum())
    without, with_it = (own[name] / own["rows"] for name in ("without", "with_it"))
    effect = np.log(with_it) - np.log(without) if scale == "log" else with_it - without
    if panel.layout != "panel":
        return float(np.average(effect, weights=own["weight"]))
    units = pd.DataFrame({"effect": effect, "weight": own["weight"], "unit": own["unit"]}).groupby("unit").mean()
    return float(np.average(units["effect"], weights=units["weight"]))


def _compared(fitted: Fitted) -> pd.MultiIndex:
    """Return the cohorts and periods that an estimate has an effect of; none where it has none by cohort and period."""
    cells = fitted.estimate.cells
    known = cells["cohort"].notna() & cells["time"].notna() & np.isfinite(fitted.estimate.values)
    return pd.MultiIndex.from_frame(cells.loc[known, ["cohort", "time"]])


def _treated(panel: Panel) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return ``unit, time, weight`` of what counts as treated in full, and in which phases it lies; in any if empty."""
    frame = panel.frame
    seen = frame["outcome"].notna() & (frame["weight"] > 0)
    if MATCHED_ROWS in frame:  # rows of pilots after the window
        inside = frame[seen & (frame["arm"] * frame["post"] > 0)]
    else:
        inside = frame[seen & (frame["treated"] == 1)]
    table = inside[["unit", "time", "weight"]].assign(unit=inside["unit"].astype(str))
    return table.reset_index(drop=True), (("embedded", "") if MATCHED_ROWS in frame else ())
