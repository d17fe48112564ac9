"""Which rows a profile holds back: those on few units, and as many more as subtraction would need."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.spans import hold_until_closed
from sos_eval.results.members import Members
from sos_eval.results.search import in_turn
from sos_eval.results.weighing import carried_by_few

__all__ = ["BACK", "beside_others", "carries", "few_treated", "few_words", "path_rows", "result_rows", "said"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Why a row on enough units is held back.
BACK = "withheld: with what is shown beside it, it would give back a result on few units"
#: Fewest whole numbers that a mean must leave open for each of the counts behind it, whatever the profile protects.
_OPEN = 2
#: Weights in one proportion differ by no more.
_CLOSE = 1e-9


def few_words(fewest: int) -> str:
    """Say why a result on few units is held back."""
    return f"withheld: rests on fewer than {fewest} units"


def said(column: pd.Series) -> Flags:
    """Say which cells of a column of periods hold one, numbers or text."""
    return np.asarray(column.notna() & (column != ""))


def few_treated(rows: pd.DataFrame, fewest: int) -> Flags:
    """Say which rows of effects have fewer treated, or fewer other, units than may be shown."""
    treated, every = (rows[name].to_numpy(float) for name in ("n_treated_units", "n_units"))
    others = every - treated
    return np.asarray((treated < fewest) | ((others > 0) & (others < fewest)))


def result_rows(rows: pd.DataFrame, fewest: int) -> tuple[Flags, Flags]:
    """Say which rows of one estimator, outcome, inference, scale and subgroup are held back.

    Parameters
    ----------
    rows
        In the columns of `estimates.csv`.
    fewest
        Fewest units of a result.

    Returns
    -------
    few, back : (n_rows,)
        Rows on fewer treated (or other) units, and those that would give such a row back: the next smallest of its
        kind, every cell where one is held back, averages of a kind that is not whole, and whatever more it takes that
        no sum over few units follows from those shown.
    """
    few = few_treated(rows, fewest)
    kind = rows["aggregation"].to_numpy(object)
    event, total = rows["event_time"].to_numpy(float), rows["n_treated_units"].to_numpy(float)
    keyed = {
        "group_time": kind == "group_time",
        "cohort": (kind == "cohort") & said(rows["cohort"]),
        "lags": (kind == "event_time") & (event >= 0),
        "leads": (kind == "event_time") & (event < 0),
        "calendar": (kind == "calendar") & said(rows["time"]),
    }
    held = few.copy()
    for name, own in keyed.items():
        if not (few & own).any():
            continue
        if name == "group_time":
            held |= own
        else:
            held |= _with_next(own, few, total, fewest, disjoint=name == "cohort")
    if (few & keyed["cohort"]).any():
        held |= keyed["group_time"]
    averages = np.isin(kind, ["event_time", "calendar"]) & ~np.logical_or.reduce(list(keyed.values()))
    whole = ~np.logical_or.reduce([held & keyed[name] for name in ("lags", "calendar", "cohort")]).any()
    held |= ~whole & (averages | (kind == "simple"))
    return few, hold_until_closed(rows, few | held, fewest) & ~few


def _with_next(own: Flags, few: Flags, total: Array, fewest: int, *, disjoint: bool) -> Flags:
    """Hold back few-unit rows of a kind, and the next smallest until all held back rest on enough units together."""
    held = own & few
    for k in sorted(np.flatnonzero(own & ~few), key=lambda k: total[k]):
        together = total[held].sum() if disjoint else total[held].max()
        if together >= fewest:
            break
        held[k] = True
    return held


def path_rows(
    paths: pd.DataFrame, behind: Sequence[Array], fewest: int, smallest: int = _OPEN
) -> tuple[Flags, Flags]:  # fmt: skip
    """Say which mean outcomes of `outcome_paths.csv` are held back.

    Parameters
    ----------
    paths
        A row per outcome, group, cohort and time.
    behind
        Per row, of each unit that the mean averages: its position among units, what one count adds to the sum, its
        count, its weight; (n_units_of_row, 4).
    fewest
        Fewest units of a result.
    smallest
        Smallest count that is shown. A mean that puts a count below it is held back, for what is told beside it narrows
        the bound.

    Returns
    -------
    few, back : (n_rows,)
        Means over fewer units; and those from which such a mean, or a count of one unit, would come back.
    """
    n = paths["n_units"].to_numpy(float)
    few = (n > 0) & (n < fewest)
    back, least = np.zeros(len(paths), bool), max(smallest, _OPEN)
    for _, at in paths.groupby(["outcome", "group", "cohort"], dropna=False, sort=False).indices.items():
        told = [behind[k] for k in at if n[k] >= fewest and len(behind[k])]
        if any(_tight(one, least) or carried_by_few(one[:, 3], fewest) for one in told):
            back[at] = True
    for name in paths["outcome"].unique():
        at = np.flatnonzero(paths["outcome"] == name)
        cohorts = at[said(paths["cohort"].iloc[at])]
        if few[cohorts].any():  # beside effects of the other starts, the path of all would tell theirs
            back[at[(paths["group"].iloc[at] == "treated").to_numpy()]] = True
        back[cohorts] |= (few | back)[cohorts].any()  # effects tell cohorts apart: one level shown places the others
        _hold_before(paths, behind, few, back, at, fewest, least)
    return few, back & ~few


def beside_others(
    paths: pd.DataFrame, members: Mapping[tuple[str, str], Members], first: str, fewest: int,
    silent: Collection[tuple[str, str]] = (),
) -> Flags:  # fmt: skip
    """Say which mean outcomes stand beside an estimate on nearly their units, or on units that few stand apart of.

    Few whom covariates set apart are in a mean and, where these are adjusted for, no longer in what is told beside it.

    Parameters
    ----------
    paths
        A row per outcome, group, cohort and time.
    members
        The units behind each estimate, by estimator and outcome.
    first
        The estimator of the headline, whose groups the paths show.
    fewest
        Fewest units of a result.
    silent
        Estimates that are not told.
    """
    outcomes = paths["outcome"].astype(str).to_numpy(object)
    apart = {outcome for (_, outcome), one in members.items() if one.apart(fewest)}
    for key, one in members.items():
        plain = one.plain()
        if key not in silent and (one.near(plain, fewest) or one.weighs_few_otherwise(plain, fewest)):
            apart.add(key[1])
    for (estimator, outcome), one in members.items():
        if estimator != first:
            continue
        own = paths[outcomes == outcome]
        sides = ((one.treated, own[(own["group"] == "treated") & ~said(own["cohort"])]),
                 (one.others, own[own["group"] == "comparison"]))  # fmt: skip
        if any(_nearly(one.there(names), rows, fewest) for names, rows in sides):
            apart.add(outcome)
    return np.isin(outcomes, sorted(apart))


def _nearly(there: Mapping[float, int], rows: pd.DataFrame, fewest: int) -> bool:
    """Whether some period's mean is over a few units more or less than an estimate has there."""
    sizes = zip(rows["time"].to_numpy(float), rows["n_units"].to_numpy(float), strict=True)
    return any(0 < abs(n - there[time]) < fewest for time, n in sizes if time in there)


def _tight(units: Array, least: int) -> bool:
    """Whether a mean says of some count behind it that is not zero that it is below a number."""
    return bool(len(units)) and carries(units[:, 1], units[:, 2], least)


def carries(each: Array, count: Array, least: int) -> bool:
    """Whether a sum, to which each count adds so much, says of some that is not zero that it is below a number."""
    some = each[count > 0]
    return bool(len(some)) and any(float(each @ one) / some.max() < least for one in in_turn(count, least))


def _hold_before(
    paths: pd.DataFrame, behind: Sequence[Array], few: Flags, back: Flags, at: NDArray[np.intp], fewest: int, least: int
) -> None:
    """Hold back the untreated before selection where it left out fewer units than may be shown, or weighs the rest.

    Two means that weigh the same units otherwise are two equations on each period's counts.
    """
    rows = paths.iloc[at]
    group = rows["group"].to_numpy(object)
    chosen, before = at[group == "comparison"], at[group == "comparison_before"]
    if not len(before):
        return
    gone = [_only(behind[b], behind[c]) for b, c in zip(before, chosen, strict=True)]
    n = paths["n_units"].to_numpy(float)
    missing = n[before] - n[chosen]
    hidden = (few | back)[chosen].any() or any(
        _weighs_otherwise(behind[b], behind[c]) for b, c in zip(before, chosen, strict=True)
    )
    if hidden or ((missing > 0) & (missing < fewest)).any() or any(_tight(units, least) for units in gone):
        back[before] = True


def _weighs_otherwise(units: Array, others: Array) -> bool:
    """Whether the weights of units that both hold are in more than one proportion."""
    if not (len(units) and len(others)):
        return False
    _, mine, theirs = np.intersect1d(units[:, 0], others[:, 0], assume_unique=True, return_indices=True)
    times = others[theirs, 3] / units[mine, 3]
    return bool(len(times)) and not np.allclose(times, times[0], rtol=_CLOSE, atol=0.0)


def _only(units: Array, others: Array) -> Array:
    """Return the units that others do not hold."""
    return units[~np.isin(units[:, 0], others[:, 0])] if len(units) and len(others) else units[:0]
