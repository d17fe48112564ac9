"""A power study as the next evaluation: its sizes, and the error of the effect at each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.declared import DeclaredEffect
from sos_eval.economics.declared_analysis import NextStudy
from sos_eval.economics.effect_outcome import counts_entries
from sos_eval.errors import listed

__all__ = ["bias_and_failures", "error_by_size", "error_of_error", "overall_rows", "size_problems", "sizes_of"]

Array = NDArray[np.float64]
#: Scale of an estimate in a power study -> scales of the declared effect that it measures.
_NEEDED = ("estimator", "outcome", "aggregation", "inference", "scale", "sd_estimate")
_MEASURES = {"rate_per": ("rate_difference",), "ratio": ("rate_ratio",)}


def size_problems(study: NextStudy, effect: DeclaredEffect, folder: Path) -> list[str]:
    """Say why the power study, beside `folder`, gives no errors of the effect; nothing where it does."""
    file = folder / study.power / "power.csv"
    wrote = "the folder is one that sos-eval power --out wrote"
    if not file.is_file():
        return [f"{file}: no such file; {wrote}"]
    try:
        table = pd.read_csv(file)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError):
        return [f"{file}: is no table; {wrote}"]
    lacking = [name for name in _NEEDED if name not in table]
    if lacking:
        return [f"{file}: has no column {listed(lacking)}; {wrote}"]
    missing = [key for key in _swept(study) if key not in table]
    if missing:
        return [f"{listed(missing)}: not swept in {file}"]
    texts = [key for key in ("sd_estimate", *_swept(study)) if not pd.api.types.is_numeric_dtype(table[key])]
    if texts and len(table):
        return [f"{file}: {listed(texts)} holds something else than numbers; {wrote}"]
    if not (table["aggregation"] == "overall").any():
        return [f"{file}: has no rows of the overall effect; {wrote}"]
    other = _outcome_problem(table, study)
    if other:
        return [other]
    rows, estimators = _chosen(table, study), list(table["estimator"].unique())
    if study.estimator not in ("", *estimators):
        return [f"no estimator is called {study.estimator!r} there, but {listed(estimators)}"]
    if len(set(rows["estimator"])) > 1:
        return [f"several estimators are there ({listed(estimators)}): name one under estimator"]
    return _unusable(study, effect, rows)


def _outcome_problem(table: pd.DataFrame, study: NextStudy) -> str:
    """Say why no outcome of the power study is that of the effect, entries into care; nothing where one is."""
    names = [str(name) for name in table["outcome"].unique()]
    if study.outcome:
        return "" if study.outcome in names else f"no outcome is called {study.outcome!r} there, but {listed(names)}"
    found = [name for name in names if counts_entries(name)]
    if not found:
        return f"its outcome is {listed(names)}, not entries into care: name it under outcome where it counts them"
    return "" if len(found) == 1 else f"several outcomes are there ({listed(found)}): name one under outcome"


def _unusable(study: NextStudy, effect: DeclaredEffect, rows: pd.DataFrame) -> list[str]:
    """Say which rows cannot be an error of the declared effect."""
    scales = {scale for name in rows["scale"].unique() for scale in _MEASURES.get(str(name), ())}
    if effect.scale not in scales:
        return [f"it estimates on the scale {listed(list(rows['scale'].unique()))}; the effect is a {effect.scale}"]
    sizes = rows.groupby(_swept(study)).size() if _swept(study) else pd.Series([len(rows)])
    if (sizes > 1).any():
        return ["a size stands there more than once: other keys were swept beside authorities and years"]
    if not (rows["sd_estimate"] > 0).all():
        return ["a size has no spread of estimates"]
    years = sizes_of(rows, study)[1]
    return [f"{years.min():g} years: before takes off more than there are"] if years.min() <= 0 else []


def _swept(study: NextStudy) -> list[str]:
    return [key for key in (study.authorities, study.years) if isinstance(key, str)]


def _chosen(table: pd.DataFrame, study: NextStudy) -> pd.DataFrame:
    """Return the rows of the overall effect, one an inference: the spread of estimates is the same under each."""
    outcome = study.outcome or next(name for name in table["outcome"].unique() if counts_entries(str(name)))
    rows = table[(table["aggregation"] == "overall") & (table["outcome"] == outcome)]
    if study.estimator:
        rows = rows[rows["estimator"] == study.estimator]
    return pd.DataFrame(rows[rows["inference"].isin(rows["inference"].head(1))])


def sizes_of(rows: pd.DataFrame, study: NextStudy) -> tuple[Array, Array]:
    """Return authorities and years of every row, (k,) each."""
    n, years = (
        rows[key].to_numpy(float) if isinstance(key, str) else np.full(len(rows), float(key))
        for key in (study.authorities, study.years)
    )
    return n, years - study.before if isinstance(study.years, str) else years


def overall_rows(study: NextStudy, folder: Path) -> pd.DataFrame:
    """Read the rows of the overall effect, one a size."""
    return _chosen(pd.read_csv(folder / study.power / "power.csv"), study)


def error_by_size(rows: pd.DataFrame, study: NextStudy, effect: DeclaredEffect) -> Array:
    """Return the spread of estimates at every size on the declared effect's own `per`, (k,)."""
    return np.asarray(rows["sd_estimate"].to_numpy(float) * _factor(study, effect))


def error_of_error(rows: pd.DataFrame, study: NextStudy, effect: DeclaredEffect) -> Array:
    """Return the Monte Carlo error of that spread, (k,): the power study's own, else that of n normal draws.

    The spread of n draws has the standard error sd / sqrt(2 n); NaN where the power study says neither.
    """
    if "sd_estimate_mcse" in rows:
        return np.asarray(rows["sd_estimate_mcse"].to_numpy(float) * _factor(study, effect))
    if "reps" not in rows:
        return np.full(len(rows), np.nan)
    return np.asarray(error_by_size(rows, study, effect) / np.sqrt(2 * rows["reps"].to_numpy(float)))


def bias_and_failures(rows: pd.DataFrame, study: NextStudy, effect: DeclaredEffect) -> pd.DataFrame:
    """Return ``bias, bias_error, failed`` by size, (k, 3): on the effect's own `per`, and as a share of the draws.

    NaN where the power study does not say.
    """
    factor, nothing = _factor(study, effect), pd.Series(np.nan, index=rows.index)
    bias, error = (factor * rows[name] if name in rows else nothing for name in ("bias", "bias_mcse"))
    failed = rows["failures"] / rows["reps"] if {"failures", "reps"} <= {*rows} else nothing
    return pd.DataFrame({"bias": bias, "bias_error": error, "failed": failed}).reset_index(drop=True)


def _factor(study: NextStudy, effect: DeclaredEffect) -> float:
    """Return what brings a difference in the power study to the effect's own `per`; 1 for a ratio."""
    return effect.per / study.per if effect.scale == "rate_difference" else 1.0
