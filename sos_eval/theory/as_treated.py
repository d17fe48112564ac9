"""What those who practised more had beside what all who began had: described, and labelled for what it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.numerics.bands import pointwise
from sos_eval.numerics.regress import with_influence
from sos_eval.panel.long_differences import LongDifferences, long_differences
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod, too_few_for_an_interval
from sos_eval.theory.implementation import MeasuredFidelity, reached_by, scored

__all__ = ["as_treated"]

LEVEL = 0.95
_ITT = "under parallel trends: all who began, whatever they practised"
_BETWEEN = (
    ", so that of those who began before the last the periods between count to neither side, and late periods alone do"
)
_CHOSEN = "not causal: who practised how was not drawn by lot, and may have fared differently anyway"
_DOSE = (
    "only under strong parallel trends, stated and untestable: at the same dose all would have had the same effect "
    "(Callaway, Goodman-Bacon and Sant'Anna 2024)"
)
_NOBODY = "no treated unit stands there"
_ALIKE = "all who are scored have the same score"
_TIED = "it is not told apart from covariates and strata"
_FEW = "with few treated units this conventional interval is too narrow"
#: Treated clusters from which it is not.
_MANY = 40
#: Clusters, of the contrast's own units and of all others, below which there is no such interval at all.
_FEWEST = InferenceMethod.alone_from
_COLUMNS = ("contrast", "estimate", "std_error", "conf_low", "conf_high", "n_treated", "reading", "reason")


def as_treated(fitted: Fitted, declared: MeasuredFidelity) -> pd.DataFrame:
    """Return intention to treat, the two sides of the minimum and the slope of the dose, on units' changes.

    Changes (mean from the last start on, less mean before the first) on groups of the treated, covariates and strata;
    errors from influence summed within clusters. The dose is a unit's mean score in treated periods; the slope is
    that among the scored treated. With `reached_by` those who had come to the minimum so many periods after their start
    stand beside those who had not. Of fewer than five units on a side of the minimum there is no number; of another
    contrast with fewer than five clusters on a side no conventional interval: the reason says how many. Units that
    are not scored so long stand on neither side, and the reason counts them.
    """
    panel = fitted.panel
    changes = long_differences(panel, fitted.estimator.anticipation)
    if isinstance(changes, str):
        return pd.DataFrame([{"contrast": "intention to treat", "reading": _ITT, "reason": f"not done: {changes}"}],
                            columns=list(_COLUMNS))  # fmt: skip
    dose = _dose(panel, changes, declared)
    began = changes.treated.astype(float)
    since = f"{_ITT}; {changes.words}{_BETWEEN if len(panel.cohorts) > 1 else ''}{changes.adjusting}"
    lines = [_line(panel, changes, began[:, None], "intention to treat", since)]
    if declared.minimum is not None:
        reached = changes.treated & (dose >= declared.minimum)
        below = changes.treated & (dose < declared.minimum)
        unscored = changes.treated & np.isnan(dose)
        parts = np.column_stack([reached, below, unscored]).astype(float)
        lines.append(_side(panel, changes, parts, f"mean score at or over {declared.minimum:g}"))
        lines.append(_side(panel, changes, parts[:, [1, 0, 2]], f"mean score below {declared.minimum:g}"))
    if declared.reached_by is not None:
        lines += _in_time(panel, changes, declared, declared.reached_by)
    dosed = np.isfinite(dose) & changes.treated
    centred = np.where(dosed, dose - dose[dosed].mean(), 0.0) if dosed.any() else np.zeros(len(dose))
    with_dose = np.column_stack([centred, began, changes.treated & ~dosed]).astype(float)
    lines.append(_line(panel, changes, with_dose, "one more of the score, among the treated", _DOSE, dosed))
    return pd.DataFrame(lines, columns=list(_COLUMNS))


def _in_time(
    panel: Panel, changes: LongDifferences, declared: MeasuredFidelity, periods: int
) -> list[dict[str, object]]:
    """Return those who had reached the minimum in time and those who had not, each of five units or refused."""
    known = reached_by(panel, declared, periods).astype(float).reindex(changes.units).to_numpy()
    reached, below, unscored = (changes.treated & part for part in (known == 1, known == 0, np.isnan(known)))
    parts = np.column_stack([reached, below, unscored]).astype(float)
    within = f"by {periods} {'period' if periods == 1 else 'periods'} after the start" if periods else "at the start"
    lines = []
    apart = int(unscored.sum())
    told = f"{apart} treated {'unit is' if apart == 1 else 'units are'} not scored so long, on neither side"
    for words, columns in ((f"a score at or over {declared.minimum:g} {within}", [0, 1, 2]),
                           (f"no score at or over {declared.minimum:g} {within}", [1, 0, 2])):  # fmt: skip
        lines.append(_side(panel, changes, parts[:, columns], words))
    if not apart:
        return lines
    return [line | {"reason": "; ".join(filter(None, (str(line["reason"]), told)))} for line in lines]


def _side(panel: Panel, changes: LongDifferences, parts: Array, words: str) -> dict[str, object]:
    """Return the units of the first column beside the others; of fewer than five there is no number."""
    own = int(parts[:, 0].sum())
    if own >= _FEWEST or changes.treated.all():
        return _line(panel, changes, parts, words, _CHOSEN)
    size = f"{own} {'unit' if own == 1 else 'units'}"
    why = f"refused: {size}, and below {_FEWEST} what they had is theirs and not practice's" if own else _NOBODY
    return {"contrast": words, "n_treated": own, "reading": _CHOSEN, "reason": why}


def _dose(panel: Panel, changes: LongDifferences, declared: MeasuredFidelity) -> Array:
    """Return each unit's mean score in treated periods, (n,); NaN where none."""
    score = scored(panel, declared).where(panel.frame["treated"] > 0)
    return score.groupby(panel.frame["unit"]).mean().reindex(changes.units).to_numpy(float)


def _line(
    panel: Panel,
    changes: LongDifferences,
    groups: Array,
    contrast: str,
    reading: str,
    who: NDArray[np.bool_] | None = None,
) -> dict[str, object]:
    """Return the coefficient of the first group column beside the others; it is of its units, or of those said."""
    line: dict[str, object] = {"contrast": contrast, "reading": reading, "reason": ""}
    others = groups[:, 1:][:, (groups[:, 1:] != 0).any(axis=0)]
    x = np.column_stack([groups[:, 0], others, changes.design[:, 1:]])
    who = groups[:, 0] != 0 if who is None else who
    line["n_treated"] = int(who.sum())
    if changes.treated.all():
        return line | {"reason": "there is no comparison: everybody begins, so nobody has a change without it"}
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return line | {"reason": _NOBODY if not line["n_treated"] else _ALIKE if reading == _DOSE else _TIED}
    coef, influence = with_influence(changes.change, x, changes.weights)
    codes = _clusters(panel, changes)
    estimate = line["estimate"] = float(coef[0])
    own, against = (len(np.unique(codes[side])) for side in (who, ~changes.treated))
    if why := too_few_for_an_interval(own, against):
        return line | {"reason": why}
    sums = np.bincount(codes, influence[:, 0])
    error = float(np.sqrt(len(sums) / (len(sums) - 1) * sums @ sums))
    half = pointwise(LEVEL, len(sums) - 1) * error
    line["reason"] = _FEW if own < _MANY else ""
    return line | {"std_error": error, "conf_low": estimate - half, "conf_high": estimate + half}


def _clusters(panel: Panel, changes: LongDifferences) -> NDArray[np.intp]:
    of_unit = dict(zip(panel.units, panel.unit_values("cluster"), strict=True))
    return pd.factorize(np.array([str(of_unit[unit]) for unit in changes.units]))[0]
