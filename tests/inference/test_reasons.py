"""Nothing is empty without a reason: every estimator with every inference, on panels that go wrong in their own way."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from sos_eval.errors import InputFault
from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from sos_eval.inference import Analytic
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import registered
from tests.estimators.panels import INF, counts_panel

N, T = 14, 6
PLAIN = [3] * 3 + [5] * 2 + [INF] * 9
QUICK = {
    "analytic": {"band_draws": 99}, "auto": {"draws": 39}, "randomization": {"draws": 39},
    "multiplier_bootstrap": {"draws": 99},
    "subcluster_wild_bootstrap": {"draws": 99}, "wild_cluster_bootstrap": {"draws": 99},
}  # fmt: skip
#: What each method fills where it fills anything: an empty one needs a reason.
FILLED = ("estimate", "p_value", "conf_low", "conf_high")
#: Methods that test without a standard error.
NO_ERROR = ("randomization", "subcluster_wild_bootstrap", "wild_cluster_bootstrap")


def _panel(starts=PLAIN, *, gaps=0, quiet=(), times=None, clusters=None, constant=False):
    rng = np.random.default_rng(1)
    exposure = rng.uniform(1e4, 1e5, N)[:, None] * np.ones((1, T))
    counts = rng.poisson(exposure * 1e-3 * np.exp(rng.normal(0, 0.2, (N, T)))).astype(float)
    counts[list(quiet)] = 0
    if gaps:
        counts.ravel()[rng.choice(N * T, gaps, replace=False)] = np.nan
    if constant:
        counts = exposure * 1e-3
    return counts_panel(counts, exposure, starts, times=times, clusters=clusters)


PANELS = {
    "plain": _panel(),
    "gaps": _panel(gaps=9),
    "one treated": _panel([4] + [INF] * 13),
    "two cohorts of one": _panel([3, 5] + [INF] * 12),
    "one comparison": _panel([4] * 13 + [INF]),
    "nobody is never treated": _panel([3] * 4 + [4] * 4 + [6] * 6),
    "irregular times": _panel([4] * 3 + [9.5] * 2 + [INF] * 9, times=[1, 2, 4, 9, 10, 20]),
    "units without events": _panel(quiet=(0, 7)),
    "no events among the treated": _panel([4] * 2 + [INF] * 12, quiet=(0, 1)),
    "constant": _panel(constant=True),
    "one treated cluster": _panel(clusters=["a"] * 5 + [f"c{i}" for i in range(9)]),
}


def _fits(panel):
    for method in registered("estimator").values():
        try:
            estimator = method()
            yield Fitted(method.name, "primary", estimator, estimator.complete(panel), panel)
        except InputFault:
            continue  # refused with its reason


def _inference(name, method, fitted):
    options = dict(QUICK.get(name, {}))
    if name == "randomization":
        # a Poisson interval takes a fit per trial value; nineteen draws are the fewest that can reject at 95%
        interval = "none" if fitted.estimator.name == "poisson_did" else "inversion"
        statistic = "studentised" if fitted.estimate.influence is not None else "coefficient"
        options = {"draws": 19, "interval": interval, "statistic": statistic}
    return method(**options)


@pytest.mark.parametrize("name", [name for name in registered("inference") if name != "auto"])
@pytest.mark.parametrize("panel", PANELS)
def test_what_is_empty_has_a_reason(panel, name):
    for fitted in _fits(PANELS[panel]):
        cells = fitted.estimate.cells
        assert (np.isfinite(fitted.estimate.values) | (cells["reason"] != "")).all(), fitted.id
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            method = _inference(name, registered("inference")[name], fitted)
            table = method.infer(fitted, np.random.default_rng(0)).table
        without_interval = name == "randomization" and method.interval == "none"
        columns = FILLED[:2] if without_interval else FILLED
        for column in (*columns, *(() if name in NO_ERROR else ("std_error",))):
            silent = table[~np.isfinite(table[column]) & (table["reason"] == "")]
            assert silent.empty, f"{fitted.id}: {column} of {silent.iloc[0].to_dict()}"
        assert not (table["std_error"] == 0).any(), fitted.id


def test_one_comparison_cluster_has_no_error():
    """Its residual is zero by construction, so the error would hold the treated units' variation alone."""
    for fitted in _fits(PANELS["one comparison"]):
        table = Analytic().infer(fitted, np.random.default_rng(0)).table
        assert table["std_error"].isna().all()
        assert table["reason"].str.contains("one comparison cluster").any()


def _table(estimator, panel, **options):
    fitted = Fitted(estimator.name, "primary", estimator, estimator.complete(panel), panel)
    return Analytic(**options).infer(fitted, np.random.default_rng(0)).table


def test_one_never_treated_unit_under_several_cohorts():
    """It is all that anybody is compared with, or not: that depends on the estimator, and each says so."""
    panel = _panel([3] * 5 + [5] * 5 + [6] * 3 + [INF])
    never = _table(CallawaySantAnna(), panel)
    assert never["std_error"].isna().all()
    assert never["reason"].str.contains("one comparison cluster: its variation cannot be estimated").all()
    later = _table(CallawaySantAnna(control="not_yet_treated"), panel)
    cells = later[later["aggregation"] == "group_time"]
    alone = (cells["time"] == 6) | ((cells["cohort"] == 6) & (cells["time"] == 5))  # everybody else has started
    assert (cells["reason"][alone] == "one comparison unit: the error holds the treated units' variation only").all()
    assert (cells["reason"][~alone] == "").all()
    assert _table(TWFE(), panel)["std_error"].notna().all()


def test_the_error_of_a_ratio_does_not_depend_on_the_size_of_the_outcome():
    small = _panel()
    large = small.with_columns(outcome=small.frame["outcome"] * 1e12, count=small.frame["count"] * 1e12)
    one, two = (_table(PoissonDiD(), panel) for panel in (small, large))
    np.testing.assert_allclose(two["std_error"][0], one["std_error"][0], rtol=1e-6)
