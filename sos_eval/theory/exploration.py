"""What a learner of effects found: calibration, groups, the best linear projection, who is in which group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sos_eval.errors import NotIdentified
from sos_eval.numerics.folds import cluster_folds
from sos_eval.numerics.heterogeneity import NoOverlapError, Projection, Scores, doubly_robust, grouped, projection
from sos_eval.numerics.multiplicity import holm
from sos_eval.panel.panel import Array
from sos_eval.theory.discovery import Discovery, ExploredRows, training

__all__ = ["EXPLORATORY", "Explored", "explored"]

#: What stands in every line.
EXPLORATORY = "exploratory"
ALIKE = "predicted effects do not differ within a fold"
#: Tables that are medians over splits.
TABLES = ("test", "groups", "projection", "members", "distribution")
#: Of the treated, at which predicted effects are told.
PERCENTILES = np.arange(5.0, 96.0, 5.0)


@dataclass(frozen=True)
class Explored:
    """The tables of a discovery, all of the treated's effects.

    Attributes
    ----------
    test
        One line: the average effect, the calibration slope and its one-sided p, the difference between the outer groups
        and the difference that would be found in four of five cases.
    groups
        A line a group by predicted effect, lowest first.
    projection
        What a standard deviation of each column adds to the effect, p by Holm over the columns.
    members
        Mean of each column in the outer groups, and how far these are apart.
    distribution
        Of predicted effects over the treated: a line a percentile, as predicted and with their spread times the
        calibration slope.
    behind
        ``split, group, unit, weight`` of the treated: who is in which group; without rows of a split that has none.
    """

    test: pd.DataFrame
    groups: pd.DataFrame
    projection: pd.DataFrame
    members: pd.DataFrame
    distribution: pd.DataFrame
    behind: pd.DataFrame


def explored(discovery: Discovery, changes: ExploredRows, rng: np.random.Generator) -> Explored:
    """Learn effects and judge them on rows that they were not learnt from, as often as there are splits.

    Medians over the splits; intervals of one split are at a level halved towards one, and p is twice the median
    (Chernozhukov, Demirer, Duflo and Fernandez-Val 2018). With one split its own interval and p.

    Raises
    ------
    NotIdentified
        Treated and comparison rows do not overlap, or columns say the same.
    """
    try:
        found = [_split(discovery, changes, rng) for _ in range(discovery.splits)]
    except NoOverlapError as why:
        raise NotIdentified(f"moderators: {discovery.name}: {why}") from None
    except np.linalg.LinAlgError:
        raise NotIdentified(f"moderators: {discovery.name}: within a fold one column follows from others") from None
    tables = {name: _median([getattr(one, name) for one in found]) for name in TABLES}
    tables["projection"]["p_adjusted"] = holm(tables["projection"]["p_value"].to_numpy(float)[:, None])[:, 0]
    behind = pd.concat([one.behind.assign(split=split) for split, one in enumerate(found, 1)], ignore_index=True)
    return Explored(**{name: table.assign(status=EXPLORATORY) for name, table in tables.items()}, behind=behind)


def _split(discovery: Discovery, changes: ExploredRows, rng: np.random.Generator) -> Explored:
    """Return the tables of one dealing of clusters into folds."""
    treated = changes.treated == 1
    folds = cluster_folds(changes.clusters, treated, discovery.folds, rng)
    seeds = rng.integers(2**31, size=discovery.folds)
    predicted = np.empty(len(treated))
    for k in range(discovery.folds):
        rows, own = np.flatnonzero(folds != k), folds == k
        predicted[own] = discovery.learn(training(changes, rows, folds, int(seeds[k])), changes.among[own])
        predicted[own] -= np.average(predicted[own & treated], weights=changes.weights[own & treated])
    scores = doubly_robust(
        changes.change, changes.treated, np.column_stack([changes.among, changes.controls]), weights=changes.weights,
        clusters=changes.clusters, folds=folds,
    )  # fmt: skip
    place = grouped(predicted, treated, folds, discovery.groups)
    level = discovery.level if discovery.splits == 1 else 0.5 + discovery.level / 2
    test = _test(scores, predicted, place, discovery.groups, level)
    return Explored(
        test, _groups(scores, changes, place, discovery, level), _projection(scores, changes, level),
        _members(scores, changes, place, discovery.groups, level),
        _distribution(test, predicted[treated], changes.weights[treated]), _behind(changes, place),
    )  # fmt: skip


def _behind(changes: ExploredRows, place: np.ndarray | None) -> pd.DataFrame:
    """Return group, unit and weight of every treated row; none where there are no groups."""
    treated = (changes.treated == 1) & (place is not None)
    group = np.empty(0, int) if place is None else place[treated] + 1
    return pd.DataFrame({
        "group": group, "unit": changes.units[treated].astype(str), "weight": changes.weights[treated]
    })  # fmt: skip


def _distribution(test: pd.DataFrame, predicted: Array, weights: Array) -> pd.DataFrame:
    """Return percentiles of the treated's predictions around the average effect, and of the same calibrated."""
    average, slope = test["estimate"].iloc[0], test["slope"].iloc[0]
    around = {"predicted": predicted, "calibrated": slope * predicted}
    if np.isnan(slope):  # predictions do not differ
        around = dict.fromkeys(around, np.full(len(predicted), np.nan))
    told = {name: average + np.quantile(values, PERCENTILES / 100, weights=weights, method="inverted_cdf")
            for name, values in around.items()}  # fmt: skip
    return pd.DataFrame({"percentile": PERCENTILES, **told})


def _test(scores: Scores, predicted: Array, place: np.ndarray | None, groups: int, level: float) -> pd.DataFrame:
    """Return the average effect, the slope on predictions and the difference between the outer groups."""
    whole, error = projection(scores, np.ones((len(predicted), 1))).along(np.ones(1))
    line: dict[str, object] = {"estimate": whole, "std_error": error, "reason": "" if place is not None else ALIKE}
    numbers = ("slope", "slope_error", "p_value", "difference", "difference_error", "detectable")
    line |= dict.fromkeys(numbers, np.nan)
    line |= {"n": len(predicted), "n_clusters": scores.n_clusters}
    if place is None:
        return pd.DataFrame([line])
    slope = projection(scores, np.column_stack([np.ones(len(predicted)), predicted]))
    line["slope"], error = slope.along(np.array([0.0, 1.0]))
    line |= {"slope_error": error, "p_value": slope.p_value(slope.coef[1] / error, one_sided=True)}
    apart = projection(scores, np.eye(groups)[place])
    line["difference"], error = apart.along(_outer(groups))
    line |= {"difference_error": error, "detectable": (apart.reach(0.95) + apart.reach(0.6)) * error}
    return pd.DataFrame([line])


def _outer(groups: int) -> Array:
    """Return the contrast of the highest group with the lowest."""
    contrast = np.zeros(groups)
    contrast[[0, -1]] = -1.0, 1.0
    return contrast


def _line(found: Projection, direction: Array, level: float) -> dict[str, float]:
    """Return a combination with its error, interval and p."""
    estimate, error = found.along(direction)
    half = found.reach(level) * error
    return {
        "estimate": estimate, "std_error": error, "conf_low": estimate - half, "conf_high": estimate + half,
        "p_value": found.p_value(estimate / error),
    }  # fmt: skip


def _groups(
    scores: Scores, changes: ExploredRows, place: np.ndarray | None, discovery: Discovery, level: float
) -> pd.DataFrame:
    """Return the average effect on the treated of each group by predicted effect."""
    groups = discovery.groups
    treated = changes.treated == 1
    columns = ["estimate", "std_error", "conf_low", "conf_high", "p_value"]
    if place is None:
        return pd.DataFrame({"group": np.arange(1, groups + 1), "n_treated": np.nan}).assign(
            **dict.fromkeys(columns, np.nan)
        )
    found = projection(scores, np.eye(groups)[place])
    lines = [_line(found, row, level) for row in np.eye(groups)]
    counts = np.bincount(place[treated], minlength=groups).astype(float)
    return pd.DataFrame({"group": np.arange(1, groups + 1), "n_treated": counts}).join(pd.DataFrame(lines))


def _projection(scores: Scores, changes: ExploredRows, level: float) -> pd.DataFrame:
    """Return what a standard deviation of each column adds to the effect, all columns together."""
    basis = np.column_stack([np.ones(len(changes.change)), changes.among])
    found = projection(scores, basis)
    lines = [_line(found, row, level) for row in np.eye(basis.shape[1])[1:]]
    return pd.DataFrame({"column": changes.names}).join(pd.DataFrame(lines))


def _members(
    scores: Scores, changes: ExploredRows, place: np.ndarray | None, groups: int, level: float
) -> pd.DataFrame:  # fmt: skip
    """Return the mean of each column among the treated of the lowest and the highest group."""
    empty = dict.fromkeys(("lowest", "highest", "difference", "std_error", "conf_low", "conf_high"), np.nan)
    if place is None:
        return pd.DataFrame({"column": changes.names}).assign(**empty)
    lines = []
    for name, column in zip(changes.names, changes.raw.T, strict=True):
        means = projection(Scores(scores.treated * column, scores.treated, scores.clusters), np.eye(groups)[place])
        line = _line(means, _outer(groups), level)
        lines.append({"column": name, "lowest": means.coef[0], "highest": means.coef[-1],
                      "difference": line.pop("estimate"), **line})  # fmt: skip
    return pd.DataFrame(lines).drop(columns="p_value")


def _median(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return medians over splits, cell by cell; twice the median of p, at most one."""
    table = tables[0].copy()
    if len(tables) == 1:
        return table
    numbers = [str(name) for name in table if table[name].dtype.kind == "f"]
    cells: Callable[[str], Array] = lambda name: np.array([one[name].to_numpy(float) for one in tables])  # noqa: E731
    for name in numbers:
        middle = np.median(cells(name), axis=0)
        table[name] = np.minimum(2 * middle, 1.0) if name == "p_value" else middle
    if "reason" in table:
        table["reason"] = next((one["reason"].iloc[0] for one in tables if one["reason"].iloc[0]), "")
    return table
