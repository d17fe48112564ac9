"""What is told of rows that are people: means that tell no finer than rounded counts, and categories of one set."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.disclosure import Disclosure, masked

__all__ = ["Behind", "few_of_sets", "is_share", "level_of", "without_single_people"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Behind(NamedTuple):
    """What is behind a mean outcome of people.

    Attributes
    ----------
    n, yes
        How many people, and how many of these are above the lowest grade (have a yes); NaN where there are no grades.
    low, step
        The lowest grade, and what lies between two: 0 and 1 of yes and no as they are mostly written.
    """

    n: float
    yes: float = np.nan
    low: float = 0.0
    step: float = 1.0


#: Shares that differ by less are one.
_ROUNDING = 1e-9
_GROUPS = ("treated", "comparison")


def is_share(table: pd.DataFrame) -> Flags:
    """Say which rows of balance are of a covariate of 0 and 1 or of one value, whose means are shares."""
    treated, others, ks = (table[name].to_numpy(float) for name in ("mean_treated", "mean_comparison", "ks"))
    inside = (np.minimum(treated, others) >= -_ROUNDING) & (np.maximum(treated, others) <= 1 + _ROUNDING)
    binary = table["variance_ratio"].isna().to_numpy(bool)
    return np.asarray(inside & binary & (np.abs(np.abs(treated - others) - ks) <= _ROUNDING), bool)


def few_of_sets(table: pd.DataFrame, few: Flags, smallest: int) -> Flags:
    """Say which further rows of balance are held back, so that no category follows from the others of its covariate.

    Shares of all categories sum to one: what is held back of a set must be two categories at least, which together have
    as many people as may be told of, or none, in each group and stage. The next smallest goes first.

    Parameters
    ----------
    table
        In the columns of `balance.csv`, exact.
    few : (n_rows,)
        What is held back already, all stages of a covariate alike.
    smallest
        Smallest count that is shown.

    Returns
    -------
    (n_rows,)
    """
    words = table["covariate"].astype(str)
    held = {name: _held(table, name) for name in _GROUPS}
    out = np.zeros(len(table), bool)
    categories = words.where(words.str.contains("=", regex=False))
    for _, at in categories.groupby(words.str.split("=").str[0]).indices.items():
        own = pd.DataFrame({**{name: held[name][at] for name in held}, "stage": table["stage"].to_numpy()[at]})
        own["covariate"] = categories.to_numpy()[at]
        own = own.dropna(subset=["covariate"])
        counts = own.pivot_table(index="covariate", columns="stage", values=list(held), aggfunc="sum")
        gone = set(words[few]) & set(counts.index)
        while gone and len(gone) < len(counts) and _follows(counts.loc[sorted(gone)], smallest):
            gone.add(str(counts.drop(index=sorted(gone)).min(axis=1).idxmin()))
        out |= words.isin(gone).to_numpy(bool) & ~few
    return out


def _held(table: pd.DataFrame, group: str) -> Array:
    """Return how many people of a group have the category, (n_rows,)."""
    return np.asarray(table[f"mean_{group}"].to_numpy(float) * table[f"n_{group}"].to_numpy(float))


def _follows(hidden: pd.DataFrame, smallest: int) -> bool:
    """Whether few people are left for what is held back together, or one category is."""
    whole = hidden.sum(axis=0).to_numpy(float)
    return len(hidden) < 2 or bool(((whole > _ROUNDING) & (whole < smallest)).any())


def without_single_people(table: pd.DataFrame, about: Disclosure) -> pd.DataFrame:
    """Write balance of people so that it tells no finer than counts that are rounded.

    Means end where a rounded count over the rounded number of people does; differences and distances of shares are made
    of these anew, those of numbers end there too. Numbers of people, effective ones with them, are masked and rounded.

    Parameters
    ----------
    table
        In the columns of `balance.csv`, exact.
    about
        What may leave.

    Returns
    -------
    DataFrame
    """
    shares = is_share(table)
    steps = {name: _step(table[f"n_{name}"].to_numpy(float), about) for name in _GROUPS}
    means = {f"mean_{name}": _to(table[f"mean_{name}"].to_numpy(float), steps[name]) for name in _GROUPS}
    coarser = np.fmax(*steps.values())
    other = {name: _to(table[name].to_numpy(float), coarser) for name in ("std_mean_diff", "variance_ratio", "ks")}
    gap = means["mean_treated"] - means["mean_comparison"]
    before = (table["stage"] == "before").to_numpy(bool)
    first = dict(zip(table["covariate"][before], means["mean_treated"][before], strict=True))
    share = table["covariate"].map(first).to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        standardised = gap / np.sqrt(share * (1 - share))
    other["std_mean_diff"] = np.where(
        shares, np.where(np.isfinite(standardised), standardised, np.nan), other["std_mean_diff"]
    )
    other["ks"] = np.where(shares, np.abs(gap), other["ks"])
    return table.assign(**means, **other)


def level_of(value: float, behind: Behind | None, about: Disclosure) -> float:
    """Return a mean outcome of people as it may be told.

    Parameters
    ----------
    value
        The mean.
    behind
        See `Behind`; None where nothing is known, of which nothing is told.
    about
        What may leave.

    Returns
    -------
    float
        To the nearest rounded count of steps over the rounded number of people; NaN where few are above the lowest
        grade, or few on it.

    Examples
    --------
    >>> dfe = Disclosure(profile="dfe")
    >>> level_of(2 / 119, Behind(119.0, 2.0), dfe), level_of(40 / 119, Behind(119.0, 40.0), dfe)
    (nan, 0.3333333333333333)
    >>> round(level_of(4000 / 119, Behind(119.0, 40.0, 0.0, 100.0), dfe), 9), level_of(0.3, None, dfe)
    (33.333333333, nan)
    """
    if behind is None:
        return np.nan
    n, yes, low, step = behind
    if any(0 < one < about.smallest for one in (n, yes, n - yes)):
        return np.nan
    return low + step * float(_to(np.array([(value - low) / step]), _step(np.array([n]), about))[0])


def _step(n: Array, about: Disclosure) -> Array:
    """Return what one rounded count is of a rounded number of people; NaN where that is masked or nought."""
    told = masked(pd.DataFrame({"n": n}), ["n"], about)[0]["n"].to_numpy(float)
    out = np.full(len(told), np.nan)
    out[told > 0] = about.step / told[told > 0]
    return out


def _to(values: Array, steps: Array) -> Array:
    """Return the nearest multiple of each step, a half upwards as counts are rounded."""
    return np.asarray(np.floor(values / steps + 0.5) * steps)
