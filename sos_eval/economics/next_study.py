"""The best size of the next evaluation: authorities and years, by the errors that a power study of it found.

A study of a given size reports the effect with the spread of estimates around the truth that the power engine simulated
at that size. Its expected net benefit is EVSI times the decisions that come after it has ended, less its cost; the best
size has the largest. A longer study is more precise and informs fewer decisions. Sizes that two errors do not tell from
the best are named beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.model.discount import population_total
from sos_eval.economics.model.psa import Samples
from sos_eval.economics.voi.evppi import gain
from sos_eval.economics.voi.power_study import bias_and_failures, error_by_size, error_of_error, overall_rows, sizes_of
from sos_eval.errors import numeral

if TYPE_CHECKING:
    from sos_eval.economics.prepared import Prepared

__all__ = ["next_study"]

Array = NDArray[np.float64]
#: Monte Carlo errors beyond which a bias is told: there are many sizes.
_BEYOND = 3


def next_study(prepared: Prepared, psa: Samples, rng: np.random.Generator) -> pd.DataFrame:
    """Value the next study at every size of its power study.

    Returns
    -------
    DataFrame
        ``authorities, years, sd_estimate, sd_error, threshold, evsi, std_error, decisions`` (after it has ended,
        discounted)``, population_evsi, cost, enbs, enbs_error, best`` (1 at the size of the largest expected net
        benefit of sampling, nowhere where none is above zero), ``not_told_apart`` (1 at a size whose own lies within
        two errors of it), ``bias`` and ``failed`` of the power study (empty where it does not say), ``cost_source`` as
        declared, and ``note``: what these mean, and that the best size is at an edge of the sweep.

        ``enbs_error`` holds the error of EVSI and what the Monte Carlo error of ``sd_estimate`` makes of it; where the
        power study gives none, the former alone, and ``sd_error`` is empty. The sizes' errors are taken as independent
        although they share draws, which tells fewer apart.
    """
    study, threshold = prepared.section.voi.next_study, prepared.section.decision_threshold
    effect = prepared.section.effect
    assert study is not None
    assert effect is not None
    assert threshold is not None
    rows = overall_rows(study, prepared.document.path.parent)
    truth, error = _truth(prepared, psa), error_by_size(rows, study, effect)
    off = error_of_error(rows, study, effect)
    noise, lam = rng.standard_normal(len(truth)), np.array([threshold])

    def worth(sd: float) -> tuple[float, float]:
        (value,), (spread,) = gain(psa, (truth + sd * noise)[:, None], lam, prepared.reference, rng)
        return float(value), float(spread)

    found: list[dict[str, Any]] = []
    for n, years, sd, sd_error in zip(*sizes_of(rows, study), error, off, strict=True):
        value, spread = worth(sd)
        slope = 0.0 if np.isnan(sd_error) else (worth(max(sd - sd_error, 0.0))[0] - worth(sd + sd_error)[0]) / 2
        left = _decisions(prepared, int(np.ceil(years)))
        cost = study.fixed_cost + study.cost_per_authority_year * n * years
        found.append({
            "authorities": n, "years": years, "sd_estimate": sd, "sd_error": sd_error, "threshold": threshold,
            "evsi": value, "std_error": spread, "decisions": left, "population_evsi": left * value, "cost": cost,
            "enbs": left * value - cost, "enbs_error": left * float(np.hypot(spread, slope)),
        })  # fmt: skip
    table = pd.DataFrame(found)
    table["best"] = ((table["enbs"] == table["enbs"].max()) & (table["enbs"] > 0)).astype(int)
    table["not_told_apart"] = _near(table).astype(int)
    known = bias_and_failures(rows, study, effect)
    table[["bias", "failed"]] = known[["bias", "failed"]]
    said = [_off(*row) for row in known.to_numpy(float)]
    table["cost_source"] = study.cost_source
    table["note"] = ["; ".join(part for part in (said[i], _edge(table, i)) if part) for i in range(len(table))]
    return table


def _off(bias: float, error: float, failed: float) -> str:
    """Say what of a size's estimates its spread leaves out: a bias beyond its Monte Carlo error, draws without one."""
    said = []
    if abs(bias) > _BEYOND * np.nan_to_num(error):
        said.append(f"estimates are off by {numeral(bias)} on average, which is not counted")
    if failed > 0:
        said.append(f"{failed:.1%} of simulated studies gave no estimate, which is not counted")
    return "; ".join(said)


def _edge(table: pd.DataFrame, i: int) -> str:
    """Say of the best size that it is the smallest or largest that was tried: one beyond may be better."""
    if not table["best"][i]:
        return ""
    said = []
    for name in ("authorities", "years"):
        values = table[name]
        if values.min() < values.max() and values[i] in (values.min(), values.max()):
            said.append(f"the {'largest' if values[i] == values.max() else 'smallest'} number of {name}")
    return f"at the edge of the sweep ({' and '.join(said)}): a size beyond it may be better" if said else ""


def _near(table: pd.DataFrame) -> Array:
    """Say which sizes lie within two errors of the best, itself aside, (k,)."""
    best = table[table["best"] == 1]
    if best.empty:
        return np.zeros(len(table))
    (top, error), *_ = best[["enbs", "enbs_error"]].to_numpy(float)
    behind = top - table["enbs"].to_numpy(float)
    return np.asarray(
        (behind <= 2 * np.hypot(error, table["enbs_error"].to_numpy(float))) & (table["best"] == 0), float
    )


def _truth(prepared: Prepared, psa: Samples) -> Array:
    """Return the draws of the effect on the scale on which it is estimated, (n,)."""
    effect = prepared.section.effect
    assert effect is not None
    drawn = psa.param(("effect",))[:, 0]
    return np.asarray(np.log(drawn) if effect.scale == "rate_ratio" else drawn)


def _decisions(prepared: Prepared, years: int) -> float:
    """Return the decisions that come after a study of so many years, later ones discounted."""
    voi, schedule = prepared.section.voi, prepared.cost_schedule
    if years >= voi.years:
        return 0.0
    whole, during = (population_total(voi.decisions_per_year, span, schedule) for span in (voi.years, years))
    return whole - during
