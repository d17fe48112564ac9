"""The true effects of a declared world, where a design's panel is one: what estimates can be held against."""

from __future__ import annotations

from collections.abc import Mapping
from os.path import normpath
from pathlib import Path

import numpy as np
import pandas as pd

from sos_eval.design.design import Design
from sos_eval.jobs.answers import Key
from sos_eval.results.assignments import MATCHED_ROWS
from sos_eval.results.fitted import Fitted
from sos_eval.results.overall_average import AS_ESTIMATED, PLAIN, averaged_rows
from sos_eval.worlds.source import KnownEffects, known_effects

__all__ = ["TRUTH", "true_of"]

TRUTH = "true_effects"
#: Of rows that are matched after the window, effects are those of full embedding.
PHASES = ("embedded", "")
_COLUMNS = ["estimator", "outcome", "scale", "true_effect", "declared_effect", "whose", "averaged"]


def true_of(design: Design, fitted: Mapping[Key, Fitted]) -> dict[str, pd.DataFrame]:
    """Return ``true_effects``: of every estimate the true effect that it is the average of; nothing of real data.

    Columns ``estimator, outcome, scale``; ``true_effect``: the average over the treated rows that the estimate's
    overall effect averages, each counting what it counts there (`results.overall_average`); ``declared_effect``, the
    average that the world states, and ``whose``, over whom that is; ``averaged``, whether the estimate is that average
    itself or mixes treated rows by weights that follow how treatment varies. An outcome that the world does not know
    is left out; where it knows nothing of a treated row the true effect is NaN.
    """
    if design.panel.source != "world" or design.overrides.get("panel.path", (None, None))[1]:
        return {}
    known = known_effects(Path(normpath(design.base / design.panel.path)), design.seed)
    columns = {name: one.count or one.value for name, one in design.panel.named_outcomes.items()}
    rows = [
        (estimator, outcome, scale, _own(known, name, scale, one), declared, known.whose, _averaged(one))
        for (estimator, outcome), one in fitted.items()
        for name, scale, declared in known.overall.itertuples(index=False)
        if name in (outcome, columns.get(outcome)) and scale in set(one.estimate.cells["scale"])
    ]
    return {TRUTH: pd.DataFrame(rows, columns=_COLUMNS)} if rows else {}


def _averaged(fitted: Fitted) -> str:
    """Say whether an estimate is the average itself: so is a linear mixture where one start is all that varies."""
    panel, method = fitted.panel, fitted.estimator
    alike = panel.layout == "panel" and len(panel.cohorts) == 1 and panel.is_balanced and not panel.stratified
    alike &= not (panel.covariates or method.covariates or method.weighs_exposure)
    return PLAIN if method.mixes and not alike else AS_ESTIMATED


def _own(known: KnownEffects, outcome: str, scale: str, fitted: Fitted) -> float:
    """Return the average of true effects over what an estimate averages; NaN where one of them is not known."""
    own, phases = averaged_rows(fitted.estimator, fitted.estimate), PHASES if MATCHED_ROWS in fitted.panel.frame else ()
    cells = known.cells[known.cells["outcome"] == outcome]
    cells = cells[cells["phase"].isin(phases)] if phases else cells
    cells = cells.assign(without=cells["without"] * cells["rows"], with_it=cells["with_it"] * cells["rows"])
    sums = cells.groupby(["unit", "time"])[["without", "with_it", "rows"]].sum()
    own = own.join(sums, on=["unit", "time"])
    if own.empty or own["rows"].isna().any():
        return np.nan
    without, with_it = (own[name] / own["rows"] for name in ("without", "with_it"))
    if scale == "ratio":
        return float((with_it * own["weight"]).sum() / (without * own["weight"]).sum())
    effect = np.log(with_it) - np.log(without) if scale == "log" else with_it - without
    return float((effect * own["weight"]).sum())
