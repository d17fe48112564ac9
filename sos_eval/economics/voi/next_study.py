"""The best size of the next evaluation: authorities and years, by the errors that a power study of it found.

A study of a given size reports the effect with the spread of estimates around the truth that the power engine simulated
at that size. Its expected net benefit is EVSI times the decisions that come after it has ended, less its cost; the best
size has the largest. A longer study is more precise and informs fewer decisions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.declared_analysis import NextStudy
from sos_eval.economics.model.discount import population_total
from sos_eval.economics.model.psa import Samples
from sos_eval.economics.voi.evppi import gain
from sos_eval.errors import listed

if TYPE_CHECKING:
    from sos_eval.economics.prepared import Prepared

__all__ = ["next_study", "size_problems"]

Array = NDArray[np.float64]
#: Scale of an estimate in a power study -> scales of the declared effect that it measures.
_MEASURES = {"rate_per": ("rate_difference",), "ratio": ("rate_ratio",)}


def size_problems(prepared: Prepared) -> list[str]:
    """Say why the power study gives no errors; nothing where it does."""
    study = prepared.section.voi.next_study
    assert study is not None
    file = prepared.document.path.parent / study.power / "power.csv"
    if not file.is_file():
        return [f"{file}: no such file; the folder is one that sos-eval power --out wrote"]
    table = pd.read_csv(file)
    missing = [key for key in _swept(study) if key not in table]
    if missing:
        return [f"{listed(missing)}: not swept in {file}"]
    rows, estimators = _overall(table, study), list(table["estimator"].unique())
    if study.estimator not in ("", *estimators):
        return [f"no estimator is called {study.estimator!r} there, but {listed(estimators)}"]
    if len(set(rows["estimator"])) > 1:
        return [f"several estimators are there ({listed(estimators)}): name one under estimator"]
    return _unusable(prepared, rows)


def _unusable(prepared: Prepared, rows: pd.DataFrame) -> list[str]:
    """Say which rows cannot be an error of the declared effect."""
    study, effect = prepared.section.voi.next_study, prepared.section.effect
    assert study is not None
    assert effect is not None
    scales = {scale for name in rows["scale"].unique() for scale in _MEASURES.get(str(name), ())}
    if effect.scale not in scales:
        return [f"it estimates on the scale {listed(list(rows['scale'].unique()))}; the effect is a {effect.scale}"]
    sizes = rows.groupby(_swept(study)).size() if _swept(study) else pd.Series([len(rows)])
    if (sizes > 1).any():
        return ["a size stands there more than once: other keys were swept beside authorities and years"]
    if not (rows["sd_estimate"] > 0).all():
        return ["a size has no spread of estimates"]
    years = _sizes(rows, study)[1]
    return [f"{years.min():g} years: before takes off more than there are"] if years.min() <= 0 else []


def _swept(study: NextStudy) -> list[str]:
    return [key for key in (study.authorities, study.years) if isinstance(key, str)]


def _overall(table: pd.DataFrame, study: NextStudy) -> pd.DataFrame:
    """Return the rows of the overall effect, one an inference: the spread of estimates is the same under each."""
    rows = table[(table["aggregation"] == "overall") & (table["outcome"] == table["outcome"].iloc[0])]
    if study.estimator:
        rows = rows[rows["estimator"] == study.estimator]
    return pd.DataFrame(rows[rows["inference"].isin(rows["inference"].head(1))])


def _sizes(rows: pd.DataFrame, study: NextStudy) -> tuple[Array, Array]:
    """Return authorities and years of every row, (k,) each."""
    n, years = (
        rows[key].to_numpy(float) if isinstance(key, str) else np.full(len(rows), float(key))
        for key in (study.authorities, study.years)
    )
    return n, years - study.before if isinstance(study.years, str) else years


def next_study(prepared: Prepared, psa: Samples, rng: np.random.Generator) -> pd.DataFrame:
    """Value the next study at every size of its power study.

    Returns
    -------
    DataFrame
        ``authorities, years, sd_estimate, threshold, evsi, std_error, decisions`` (after it has ended, discounted)``,
        population_evsi, cost, enbs, enbs_error, best`` (1 at the size of the largest expected net benefit of sampling,
        nowhere where none is above zero).
    """
    study, threshold = prepared.section.voi.next_study, prepared.section.decision_threshold
    assert study is not None
    assert threshold is not None
    rows = _overall(pd.read_csv(prepared.document.path.parent / study.power / "power.csv"), study)
    truth, error = _truth(prepared, psa), _errors(prepared, rows)
    noise, lam = rng.standard_normal(len(truth)), np.array([threshold])
    found: list[dict[str, Any]] = []
    for n, years, sd in zip(*_sizes(rows, study), error, strict=True):
        (value,), (spread,) = gain(psa, (truth + sd * noise)[:, None], lam, prepared.reference, rng)
        left = _decisions(prepared, int(np.ceil(years)))
        cost = study.fixed_cost + study.cost_per_authority_year * n * years
        found.append({
            "authorities": n, "years": years, "sd_estimate": sd, "threshold": threshold, "evsi": value,
            "std_error": spread, "decisions": left, "population_evsi": left * value, "cost": cost,
            "enbs": left * value - cost, "enbs_error": left * spread,
        })  # fmt: skip
    table = pd.DataFrame(found)
    table["best"] = ((table["enbs"] == table["enbs"].max()) & (table["enbs"] > 0)).astype(int)
    return table


def _truth(prepared: Prepared, psa: Samples) -> Array:
    """Return the draws of the effect on the scale on which it is estimated, (n,)."""
    effect = prepared.section.effect
    assert effect is not None
    drawn = psa.param(("effect",))[:, 0]
    return np.asarray(np.log(drawn) if effect.scale == "rate_ratio" else drawn)


def _errors(prepared: Prepared, rows: pd.DataFrame) -> Array:
    """Return the spread of estimates at every size on the declared effect's own `per`, (k,)."""
    study, effect = prepared.section.voi.next_study, prepared.section.effect
    assert study is not None
    assert effect is not None
    factor = effect.per / study.per if effect.scale == "rate_difference" else 1.0
    return rows["sd_estimate"].to_numpy(float) * factor


def _decisions(prepared: Prepared, years: int) -> float:
    """Return the decisions that come after a study of so many years, later ones discounted."""
    voi, schedule = prepared.section.voi, prepared.cost_schedule
    if years >= voi.years:
        return 0.0
    whole, during = (population_total(voi.decisions_per_year, span, schedule) for span in (voi.years, years))
    return whole - during
