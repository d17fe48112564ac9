"""Bounds for suppressed outcomes: against going through every value that ranges and totals leave."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from sos_eval.checks import SuppressionBounds
from sos_eval.checks.quantity import overall
from sos_eval.checks.suppression_bounds import _filled, _slope
from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from sos_eval.inference import Analytic
from sos_eval.jobs.run import run
from sos_eval.numerics.suppressed import Margin, imbens_manski, linear_bounds
from sos_eval.results.estimate import clustered_error
from tests.fakes import fit, panel_of

COUNT = np.array([[8.0, 5], [7, 9], [6, 3], [9, 9], [4, 7], [5, 5], [9, 8], [6, 2]])
#: Suppressed: two primary counts (1 to 5) and two secondary ones, of which only the total says something.
LOW = np.full((8, 2), np.nan)
HIGH = np.full((8, 2), np.nan)
LOW[[2, 7], [1, 1]], HIGH[[2, 7], [1, 1]] = 1, 5
LOW[[0, 4], [1, 1]] = 0
REGION = np.array(list("nnnsnsss"))
TOTAL = np.array([[COUNT[region == REGION, t].sum() for t in (0, 1)] for region in REGION])
SUPPRESSED = np.argwhere(np.isfinite(LOW))
CHECK = SuppressionBounds(low="low", high="high", totals={"region": "total"}, complete=True, draws=99)


def panel(count=None):
    """Return eight units, two treated, with counts of 100 children each; suppressed counts are missing."""
    seen = np.where(np.isfinite(LOW), np.nan, COUNT) if count is None else count
    made = panel_of(seen, [2002.0] * 2 + [np.inf] * 6, exposure=np.full((8, 2), 100.0), region=REGION)
    return made.with_columns(low=LOW.ravel(), high=HIGH.ravel(), total=TOTAL.ravel())


def every(complete):
    """Return the estimate for every whole number of each suppressed count that the totals allow."""
    found = []
    for values in product(range(1, 6), range(1, 6), range(20), range(20)):
        count = COUNT.copy()
        count[[2, 7, 0, 4], [1, 1, 1, 1]] = values
        left = [TOTAL[i, 1] - count[REGION[i] == REGION, 1].sum() for i in (0, 7)]
        if all(one == 0 for one in left) if complete else all(one >= 0 for one in left):
            change = (count[:, 1] - count[:, 0]) / 100
            found.append(change[:2].mean() - change[2:].mean())
    return found


@pytest.mark.parametrize("method", [TWFE(), CallawaySantAnna()])
@pytest.mark.parametrize("complete", [True, False])
def test_bounds_are_those_of_every_value(method, complete):
    check = SuppressionBounds(low="low", high="high", totals={"region": "total"}, complete=complete, draws=99)
    result, _ = check.check(fit(method, panel()), np.random.default_rng(0))
    assert result.text.startswith("4 outcomes are suppressed")
    found = every(complete)
    assert len(set(np.round(found, 9))) > 3
    assert result.table["estimate"].tolist() == pytest.approx([min(found), max(found)], abs=1e-9)
    assert result.value == pytest.approx(max(found) - min(found), abs=1e-9)
    assert result.table["conf_low"].iloc[0] < min(found) < max(found) < result.table["conf_high"].iloc[0]


def test_rounded_outcomes_have_ranges_too():
    """Counts rounded to 5 moved the estimate outside bounds that knew of masked ones alone."""
    shown = np.where(COUNT < 6, np.nan, np.floor(COUNT / 5 + 0.5) * 5)
    low, high = (np.where(np.isnan(shown), end, shown + move) for end, move in ((1, -2), (5, 2)))
    made = panel_of(shown, [2002.0] * 2 + [np.inf] * 6, exposure=np.full((8, 2), 100.0))
    check = SuppressionBounds(low="low", high="high", draws=99)
    fitted = fit(TWFE(), made.with_columns(low=low.ravel(), high=high.ravel()))
    result, _ = check.check(fitted, np.random.default_rng(0))
    change = np.stack([low[:, 1] - high[:, 0], high[:, 1] - low[:, 0]]) / 100
    ends = [change[k, :2].mean() - change[1 - k, 2:].mean() for k in (0, 1)]
    assert result.table["estimate"].tolist() == pytest.approx(ends)
    assert result.text.startswith("6 outcomes are suppressed, 10 rounded. Whatever")
    assert ends[0] < overall(fit(TWFE(), panel(COUNT)).estimate).estimate < ends[1]


def test_the_truth_is_inside_and_the_interval_is_that_of_imbens_and_manski():
    result, _ = CHECK.check(fit(TWFE(), panel()), np.random.default_rng(0))
    truth = overall(fit(TWFE(), panel(COUNT)).estimate).estimate
    low, high = result.table["estimate"]
    assert low <= truth <= high
    errors = result.table["std_error"]
    c = (low - result.table["conf_low"].iloc[0]) / errors[0]
    assert ndtr(c + (high - low) / errors.max()) - ndtr(-c) == pytest.approx(0.95, abs=1e-9)
    assert (result.table["conf_high"].iloc[0] - high) / errors[1] == pytest.approx(c, abs=1e-9)


def test_coverage_of_the_interval_wherever_the_number_lies():
    """Both ends of bounds one error apart are inside in 95 of 100; a two-sided interval would cover too often."""
    rng = np.random.default_rng(5)
    draws = rng.normal(size=20_000)
    for at in (0.0, 0.5, 1.0):
        inside = []
        for z in draws:
            low, high = imbens_manski(z, 1 + z, (1.0, 1.0), 0.95)
            inside.append(low <= at <= high)
        error = np.sqrt(0.05 * 0.95 / len(draws))
        assert np.mean(inside) > 0.95 - 3 * error
        if at != 0.5:
            assert np.mean(inside) < 0.95 + 3 * error


def test_random_programmes_against_all_corners():
    rng = np.random.default_rng(8)
    for _ in range(20):
        slope, high = rng.normal(size=4), rng.integers(1, 5, 4).astype(float)
        left = float(rng.integers(1, int(high[:3].sum()) + 1))
        margins = [Margin(np.array([0, 1, 2]), left, bool(rng.random() < 0.5), "total")]
        least, most = linear_bounds(slope, np.zeros(4), high, margins)
        values = np.array(list(product(*(range(int(top) + 1) for top in high))), float)
        sums = values[:, :3].sum(1)
        values = values[sums == left] if margins[0].complete else values[sums <= left]
        assert slope @ least == pytest.approx((values @ slope).min(), abs=1e-9)
        assert slope @ most == pytest.approx((values @ slope).max(), abs=1e-9)


@pytest.mark.parametrize(
    ("check", "changed", "method", "words"),
    [
        (CHECK, {}, PoissonDiD(), "is not linear"),
        (SuppressionBounds(low="low", high="high", draws=19), {}, TWFE(), "is under no published total"),
        (CHECK, {"total": TOTAL.ravel() - 20}, TWFE(), "is left of the total for values of"),
        (CHECK, {"low": np.nan}, TWFE(), "no outcome is missing or rounded where low has a value"),
        (CHECK, {"total": np.arange(16.0)}, TWFE(), "not the same for all its units"),
        (CHECK, {"high": LOW.ravel() - 1}, TWFE(), "ends below where it begins"),
    ],
)
def test_what_cannot_be_answered_says_why(check, changed, method, words):
    made = panel().with_columns(**changed)
    (result,) = check.check(fit(method, made), np.random.default_rng(0))
    assert result.text.startswith("Not done: ")
    assert words in result.text
    assert np.isnan(result.value)


DESIGN = """\
schema: sos-eval/design/1
name: eight
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  suppressed: missing
  outcome: {count: n, exposure: children, per: 100}
  treatment: {first_treated: start}
estimators: [{id: primary, method: twfe}]
inference: [{method: randomization, draws: 99}]
checks: [{suppression_bounds: {low: n_low, high: n_high, totals: {region: n_region}, complete: true}}]
seed: 1
"""


def test_a_run_reads_symbols_ranges_and_totals(tmp_path):
    rows = {"la": np.repeat([f"u{i}" for i in range(8)], 2), "year": np.tile([2001, 2002], 8), "children": 100}
    count = [("c" if np.isfinite(low) else str(int(n))) for n, low in zip(COUNT.ravel(), LOW.ravel(), strict=True)]
    rows |= {"n": count, "n_low": LOW.ravel(), "n_high": HIGH.ravel(), "n_region": TOTAL.ravel()}
    rows |= {"region": np.repeat(REGION, 2), "start": np.repeat([2002] * 2 + [0] * 6, 2)}
    pd.DataFrame(rows).to_csv(tmp_path / "p.csv", index=False)
    (tmp_path / "d.yaml").write_text(DESIGN, encoding="utf-8")
    bundle = run(tmp_path / "d.yaml", out=tmp_path / "out")
    found = [100 * one for one in every(complete=True)]
    table = bundle.tables("suppression_bounds")
    assert table["estimate"].tolist() == pytest.approx([min(found), max(found)], abs=1e-8)
    assert table["complete"].all()
    text = bundle.diagnostics.set_index("name")["text"]["suppression_bounds"]
    assert "the published totals, which they make up with the others, the estimate lies between" in text


def test_errors_are_those_of_a_cluster_robust_inference_on_the_filled_data():
    fitted, check = fit(TWFE(), panel()), replace(CHECK, level=0.9)
    table = check.check(fitted, np.random.default_rng(0))[0].table
    cells, low, high = check._ranges(panel())
    ends = linear_bounds(_slope(fitted, cells, low), low, high, check._margins(panel(), cells))
    for k, values in enumerate(ends):
        made = fit(TWFE(), _filled(panel(), cells, values))
        rows = Analytic().infer(made, np.random.default_rng(0)).table
        own = rows[rows["aggregation"] == "overall"].iloc[0]
        assert table["estimate"].iloc[k] == pytest.approx(own["estimate"])
        assert table["std_error"].iloc[k] == pytest.approx(own["std_error"], rel=1e-12)
    factor = 8 / 7 * 15 / (16 - 3)  # eight clusters, 16 rows; treatment, a constant and a period
    bare = clustered_error(made.estimate)[-1]
    assert table["std_error"].iloc[1] == pytest.approx(bare * np.sqrt(factor))
    assert table["conf_low"].iloc[0] < table["estimate"].min() - 1.2 * table["std_error"].iloc[0]


def test_ranges_have_to_be_named():
    with pytest.raises(ValueError, match="low: entries_low"):
        SuppressionBounds(low="x")


def test_whether_a_direction_survives_every_value_is_a_line_of_its_own():
    first, second = CHECK.check(fit(TWFE(), panel()), np.random.default_rng(0))
    assert second.name == "suppression_bounds.largest_p"
    assert second.value == first.table["p_value"].max() > 0.05
    assert "does not survive every value" in second.text
    # both treated rise by about ninety, whatever of 95 to 100 the one's suppressed count is: no other pair does
    low, high, count = LOW.copy(), np.where(np.isfinite(LOW), 5.0, np.nan), COUNT.copy()
    low[0, 1], high[0, 1], count[1, 1] = 95, 100, 99
    made = panel(np.where(np.isfinite(LOW), np.nan, count)).with_columns(low=low.ravel(), high=high.ravel())
    check = SuppressionBounds(low="low", high="high", draws=99, level=0.9)
    _, second = check.check(fit(TWFE(), made), np.random.default_rng(0))
    assert second.value <= 0.1
    assert "at the 10% level survives every value" in second.text
