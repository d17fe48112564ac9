"""Inference on a curve over doses: its uniform band, and how many treated units `auto` counts behind it."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import CallawaySantAnna, ContinuousDiD
from sos_eval.inference.analytic import Analytic
from sos_eval.inference.auto import Auto, resolve
from sos_eval.inference.design_facts import design_facts
from sos_eval.numerics.bands import pointwise
from sos_eval.results.doses import doses_told
from tests.estimators.panels import INF
from tests.estimators.test_continuous_did import dosed, staggered
from tests.fakes import fit


def inferred(estimator, panel, **options):
    return Analytic(**options).infer(fit(estimator, panel), np.random.default_rng(1))


def critical(table):
    """Half the width of the band in standard errors."""
    return ((table["band_high"] - table["band_low"]) / table["std_error"] / 2).to_numpy()


def test_a_curve_has_one_band_and_its_slopes_another():
    """The critical value is that of the largest of so many normals with the correlation of the influence."""
    panel, estimator = staggered(), ContinuousDiD(degree=2)
    found = inferred(estimator, panel, band_draws=20_000)
    table, influence = found.table, estimator.complete(panel).influence
    for estimand in ("att", "acrt"):
        rows = np.isfinite(doses_told(table)) & (table["estimand"] == estimand).to_numpy()
        sums = influence[:, rows]
        size = np.sqrt((sums**2).sum(0))
        drawn = np.random.default_rng(0).standard_normal((200_000, len(sums))) @ (sums / size)
        wanted = np.quantile(np.abs(drawn).max(1), 0.95)
        assert rows.sum() == 5
        error = max(one["monte_carlo_error"] for one in found.facts["bands"]["dose"])
        np.testing.assert_allclose(critical(table[rows]), wanted, atol=5 * error)
        assert error < 0.012
    assert [one["rows"] for one in found.facts["bands"]["dose"]] == [5, 5]
    others = (table["aggregation"] == "overall") & np.isnan(doses_told(table))
    assert table.loc[others, "subgroup"].tolist() == ["", "average causal response"]
    assert table.loc[others, "band_low"].isna().all()


def test_slopes_of_a_line_are_one_number_and_their_band_is_its_interval():
    table = inferred(ContinuousDiD(), staggered()).table
    slopes = np.isfinite(doses_told(table)) & (table["estimand"] == "acrt")
    np.testing.assert_allclose(critical(table[slopes]), pointwise(0.95), rtol=1e-9)


def starting(treated, doses, comparison=60):
    """Lay out units that start together with these doses, and others that never do."""
    n = treated + comparison
    y = np.random.default_rng(0).normal(size=(n, 4))
    return dosed(y, np.where(np.arange(n) < treated, 3.0, INF), np.r_[doses, np.zeros(comparison)])


def test_the_curve_counts_treated_units_by_what_they_weigh_in_it():
    """Four doses 1, 1, 1, 5: the slope and every dose rest on the one at 5 and the mean of three others.

    Loads of the slope are -1, -1, -1 and 3 (times a twelfth): squares 1, 1, 1, 9, so (12)^2 / 84 = 12/7. At dose 1
    loads are a third thrice and nought, which are three; at dose 5 the one unit alone.
    """
    panel = starting(4, [1, 1, 1, 5])
    counted = design_facts(fit(ContinuousDiD(at=(1,)), panel))
    assert counted.by_variance == (pytest.approx(12 / 7), 60)
    assert counted.by_weight == (4, 60)
    assert design_facts(fit(ContinuousDiD(at=(1, 5)), panel)).by_variance == (pytest.approx(1), 60)
    assert design_facts(fit(CallawaySantAnna(), panel)).by_variance == (4, 60)


def test_counts_go_with_the_units_however_they_are_listed():
    """Treated units last and in two cohorts: the same number as with them first."""
    rng, n = np.random.default_rng(3), 40
    starts, doses = np.repeat([3.0, 4.0, INF], [6, 6, 28]), rng.uniform(0.2, 1, n)
    y = rng.normal(size=(n, 5))
    one, other = dosed(y, starts, doses), dosed(y[::-1], starts[::-1], doses[::-1])
    first, second = (design_facts(fit(ContinuousDiD(), panel)).by_variance for panel in (one, other))
    assert first == (pytest.approx(second[0]), second[1])
    assert 1 < first[0] < 12


@pytest.mark.parametrize(("treated", "methods"), [(45, ["randomization", "analytic"]), (100, ["analytic"])])
def test_auto_permutes_until_enough_decide_the_curve(treated, methods):
    """With 45 treated the average effect alone would get cluster-robust errors; the curve rests on half of them."""
    panel = starting(treated, np.random.default_rng(1).uniform(0.3, 1, treated))
    found = resolve([Auto()], design_facts(fit(ContinuousDiD(), panel)))
    assert [method.name for method in found.methods] == methods
    counted = f"{treated} treated and 60 comparison clusters, by share in the variance of the curve of the dose worth "
    assert found.choice.startswith(counted)
    assert [method.name for method in resolve([Auto()], design_facts(fit(CallawaySantAnna(), panel))).methods] == [
        "analytic"
    ]
