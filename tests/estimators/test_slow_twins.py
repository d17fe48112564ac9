"""Estimates and errors against slow twins, written from the definitions with loops, on random small panels.

The twin of group-time effects knows nothing of influence functions: its errors are derivatives in the weights of
units. The twin of regressions has a dummy for every unit and period, and leaves clusters out by leaving them out.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE
from sos_eval.inference.satterthwaite import regression_clusters
from sos_eval.numerics.covariance import cr0, cr2, cr3
from sos_eval.results.estimate import clustered_error
from tests.estimators.panels import INF
from tests.estimators.panels import panel as panel_of

KEYS = ["aggregation", "cohort", "time", "event_time"]
N, T = 26, 6
IRREGULAR = np.array([2001.0, 2002, 2004, 2007, 2008, 2012])
KINDS = {
    "plain": {},
    "gaps": {"gaps": 14},
    "irregular": {"times": IRREGULAR, "starts": [2003] * 5 + [2007] * 4 + [2010] * 4 + [INF] * 13},
    "irregular, gaps": {"times": IRREGULAR, "starts": [2003] * 5 + [2007] * 4 + [2010] * 4 + [INF] * 13, "gaps": 14},
    "nobody never": {"starts": [2003] * 8 + [2004] * 8 + [2006] * 10},
    "nobody never, gaps": {"starts": [2003] * 8 + [2004] * 8 + [2006] * 10, "gaps": 14},
    "early and late": {"starts": [2001] * 2 + [2003] * 5 + [2005] * 6 + [2007] * 4 + [2009] * 9},
}
OPTIONS = ("never_treated", "not_yet_treated"), ("varying", "universal")


def random_panel(seed, times=None, starts=(2003,) * 5 + (2004,) * 4 + (2006,) * 4 + (INF,) * 13, gaps=0):
    """Draw outcomes, weights and clusters above the unit; drop some rows."""
    rng = np.random.default_rng(seed)
    made = panel_of(
        rng.normal(size=(N, 1)) + rng.normal(size=(N, T)), rng.permutation(np.asarray(starts, float)),
        times=np.arange(2001.0, 2001 + T) if times is None else times, weights=rng.uniform(0.5, 2, N),
        clusters=[f"c{i % 11:02d}" for i in range(N)],
    )  # fmt: skip
    rows = np.sort(rng.choice(N * T, N * T - gaps, replace=False))
    return replace(made, frame=made.frame.iloc[rows].reset_index(drop=True))


def level(panel, weight, rows, k):
    """Weighted mean outcome of some units in a period, of those seen in it; NaN where there is none."""
    y = panel.matrix()[:, k]
    here = rows & ~np.isnan(y)
    return np.dot(weight[here], y[here]) / weight[here].sum() if here.any() else np.nan


def change(panel, weight, rows, k, base, gaps):
    """Weighted mean change of the units seen in both periods, or of levels of those seen in either."""
    if gaps == "levels":
        return level(panel, weight, rows, k) - level(panel, weight, rows, base)
    y = panel.matrix()
    both = rows & ~np.isnan(y[:, k] + y[:, base])
    return level(panel, weight, both, k) - level(panel, weight, both, base)


def group_time(panel, weight, control, base_period, ahead, gaps=None):
    """Effects of every cohort and period from means of changes, {(g, t): effect}."""
    times, start = panel.times, panel.first_treated
    start = np.where(start > times[-1] + ahead, INF, start)
    start = np.where(start > times[0] + ahead, start, np.nan)  # treated all along: NaN compares as false
    if not np.isinf(start).any():
        last = np.nanmax(start)
        times = times[times < last - ahead]
        start = np.where(start == last, INF, start)
    found = {}
    for g in np.unique(start[start <= times[-1]]):
        before = np.flatnonzero(times < g - ahead)
        for k, t in enumerate(times):
            early = base_period == "varying" and t < g - ahead
            if k == 0 and base_period == "varying":
                continue
            base = k - 1 if early else before[-1]
            latest = max(t, times[base]) + ahead
            others = start > latest if control == "not_yet_treated" else np.isinf(start)
            own, others = (change(panel, weight, rows, k, base, gaps) for rows in (start == g, others & (start != g)))
            found[g, t] = 0.0 if k == base else own - others
    return found


def averages(found, share):
    """Every aggregate of group-time effects, in a series by key."""
    rows = {("group_time", g, t, t - g): effect for (g, t), effect in found.items()}

    def mean(cells, spread=False):
        """Average at cohort shares; with `spread` a cohort's share is divided among its cells."""
        cells = list(cells)
        sizes = [share[g] / (sum(one == g for one, _ in cells) if spread else 1) for g, _ in cells]
        return np.average([found[cell] for cell in cells], weights=sizes)

    after = [(g, t) for g, t in found if t >= g]
    for e in {t - g for g, t in found}:
        rows["event_time", None, None, e] = mean((g, t) for g, t in found if t - g == e)
    for one in {g for g, _ in after}:
        rows["cohort", one, None, None] = mean((g, t) for g, t in after if g == one)
    for one in {t for _, t in after}:
        rows["calendar", None, one, None] = mean((g, t) for g, t in after if t == one)
    rows["overall", None, None, None], rows["simple", None, None, None] = mean(after, spread=True), mean(after)
    for name, last in (("event_time", lambda key: (key[3] or 0) >= 0), ("calendar", lambda key: True)):
        several = [value for key, value in rows.items() if key[0] == name and last(key)]
        rows[name, None, None, None] = np.mean(several)
    return pd.Series(rows.values(), pd.MultiIndex.from_tuples(rows).map(str))


def weighing(panel, g, found, ahead, gaps):
    """Units of a cohort with an effect to be averaged: seen at its base and in some period from its start on.

    Where levels are compared, whoever is seen in a period that some cell takes; where nobody has an effect, everybody.
    """
    seen, times, own = ~np.isnan(panel.matrix()), panel.times, panel.first_treated == g
    used = np.isin(times, [t for one, t in found if one == g])
    base = np.flatnonzero(times < g - ahead)[-1]
    here = seen[:, base] & seen[:, used & (times >= g)].any(1)
    if gaps == "levels":
        here = seen[:, used].any(1) | seen[:, base]
    return own & here if (own & here).any() else own


def twin(panel, weight, control, base_period, ahead, gaps=None):
    found = group_time(panel, weight, control, base_period, ahead, gaps)
    share = {g: weight[weighing(panel, g, found, ahead, gaps)].sum() for g in {one for one, _ in found}}
    return averages(found, share)


def twin_error(panel, options, step=1e-5):
    """Derivatives in the log weight of each cluster, squared and summed: clusters are what is sampled."""
    total = 0.0
    for cluster in np.unique(panel.clusters):
        own = step * (panel.clusters == cluster)
        up, down = (twin(panel, panel.weights * (1 + sign * own), *options) for sign in (1, -1))
        total = total + ((up - down) / (2 * step)) ** 2
    return np.sqrt(total)


def by_key(estimate, numbers):
    keys = estimate.cells[KEYS].astype(object).where(estimate.cells[KEYS].notna(), None)
    return pd.Series(numbers, pd.MultiIndex.from_frame(keys).map(lambda key: str(tuple(key))))


@pytest.mark.parametrize(
    ("kind", "ahead", "gaps"),
    [(kind, ahead, None) for kind in KINDS for ahead in (0, 1)]
    + [(kind, 0, "levels") for kind in KINDS if "gaps" in KINDS[kind]],
)
def test_group_time_effects(kind, ahead, gaps):
    for seed, (control, base_period) in enumerate(product(*OPTIONS)):
        if control == "never_treated" and kind.startswith("nobody"):
            continue
        made = random_panel(seed, **KINDS[kind])
        options = (control, base_period, ahead, gaps)
        method = CallawaySantAnna(control=control, base_period=base_period, anticipation=ahead, gaps=gaps)
        estimate = method.complete(made)
        values = twin(made, made.weights, *options)
        pd.testing.assert_series_equal(
            by_key(estimate, estimate.values).sort_index(), values.sort_index(), rtol=0, atol=1e-10
        )
        ours = by_key(estimate, clustered_error(estimate)).sort_index()
        slow = twin_error(made, options).sort_index()
        fixed = ours.isna()
        assert (slow[fixed].fillna(0.0) < 1e-9).all()
        np.testing.assert_allclose(ours[~fixed], slow[~fixed], rtol=1e-6)


@pytest.mark.parametrize("adjust", ["reg", "ipw", "dr", "dr_improved", "dr_comparison"])
@pytest.mark.parametrize("kind", ["plain", "gaps", "irregular"])
def test_adjusted_errors_are_derivatives_in_the_weights(kind, adjust):
    """The nuisance models' part of the error too: nothing but the estimate itself is trusted here."""
    made = random_panel(5, **KINDS[kind])
    rng = np.random.default_rng(6)
    with_x = replace(made.with_columns(x=rng.normal(size=made.n_rows)), covariates=("x",))
    control = "not_yet_treated" if kind == "plain" else "never_treated"
    estimator = CallawaySantAnna(control=control, adjust=adjust, trim=1.0, levels_error="exact")
    estimate, step = estimator.complete(with_x), 1e-5
    known = np.isfinite(estimate.values)
    assert known.any()
    there = list(estimate.panel.units)
    for unit in (0, 9, 20):
        own = step * (with_x.unit_codes == unit)
        weight = with_x.frame["weight"].to_numpy()
        up, down = (estimator.complete(with_x.with_columns(weight=weight * (1 + s * own))).values for s in (1, -1))
        ours = estimate.influence[there.index(with_x.units[unit])] / estimate.panel.n_influence
        np.testing.assert_allclose(ours[known], ((up - down) / (2 * step))[known], atol=1e-7)


def dummies(panel, estimator):
    """Regressors of interest first, then one for every unit and every period but one; and how many are of interest."""
    frame = panel.frame
    if isinstance(estimator, TWFE):
        first = [frame["treated"]]
    else:
        event = frame["time"] - frame["first_treated"]
        first = [(event == e) * 1.0 for e in sorted(set(event[np.isfinite(event)]) - {-1.0})]
    first += [frame[name] for name in panel.covariates]
    effects = pd.get_dummies(frame[["unit", "time"]].astype(str), dtype=float).iloc[:, :-1]
    return np.column_stack([*first, effects]), len(first)


def sandwiches(x, w, y, groups, contrast):
    """Return the estimate, CR0, CR2 with Satterthwaite's degrees of freedom, and CR3 by leaving clusters out."""
    bread = np.linalg.inv(x.T * w @ x)
    coef = bread @ (x.T * w @ y)
    residual_maker = np.eye(len(y)) - x @ bread @ (x.T * w)
    spread = residual_maker @ residual_maker.T
    plain, adjusted, rows, left_out = [], [], [], []
    for g in groups:
        values, vectors = np.linalg.eigh(spread[np.ix_(g, g)])
        root = vectors * np.where(values > 1e-9, 1 / np.sqrt(np.maximum(values, 1e-9)), 0.0) @ vectors.T
        score = contrast @ bread @ (x[g].T * w[g])
        plain.append(score @ (y - x @ coef)[g])
        adjusted.append(score @ root @ (y - x @ coef)[g])
        rows.append(score @ root @ residual_maker[g])
        rest = np.setdiff1d(np.arange(len(y)), g)
        gram = np.linalg.pinv(x[rest].T * w[rest] @ x[rest], rcond=1e-10)
        left_out.append(contrast @ (gram @ (x[rest].T * w[rest] @ y[rest]) - coef))
    grams = [np.array([row[j] for row in rows]) for j in range(len(contrast))]
    df = [np.trace(one @ one.T) ** 2 / ((one @ one.T) ** 2).sum() for one in grams]
    cr = [sum(np.outer(one, one) for one in parts) for parts in (plain, adjusted, left_out)]
    return contrast @ coef, cr, np.array(df)


@pytest.mark.parametrize("estimator", [TWFE(), EventStudyTWFE()], ids=lambda one: one.name)
@pytest.mark.parametrize("gaps", [0, 14])
@pytest.mark.parametrize("by_row", [False, True], ids=["", "weights and covariate move"])
def test_regressions_are_regressions_on_dummies(estimator, gaps, by_row):
    made = random_panel(7, gaps=gaps)
    rng = np.random.default_rng(8)
    if by_row:
        moving = made.with_columns(x=rng.normal(size=made.n_rows), weight=rng.uniform(0.5, 2, made.n_rows))
        made = replace(moving, covariates=("x",))
    estimate = estimator.complete(made)
    assert estimate.linear.n_obs == made.n_rows, "every row takes part"
    frame = made.frame
    x, k = dummies(made, estimator)
    contrast = np.zeros((len(estimate.values), x.shape[1]))
    contrast[:, :k] = estimate.linear.contrast
    groups = [np.flatnonzero(frame["cluster"] == one) for one in sorted(frame["cluster"].unique())]
    values, (plain, adjusted, left_out), df = sandwiches(
        x, frame["weight"].to_numpy(), frame["outcome"].to_numpy(), groups, contrast[np.abs(contrast).sum(1) > 0]
    )
    moves = np.abs(contrast).sum(1) > 0
    design = regression_clusters(estimate)
    np.testing.assert_allclose(estimate.values[moves], values, atol=1e-10)
    for make, slow in ((cr0, plain), (cr2, adjusted), (cr3, left_out)):
        ours = make(design).covariance[np.ix_(moves, moves)]
        known = np.isfinite(ours)
        assert known.any()
        np.testing.assert_allclose(ours[known], slow[known], rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(cr2(design).df[moves], df, rtol=1e-6)
