"""True effects beside estimates: of eight authorities whose effects grow, by hand, for every way of averaging."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

import sos_eval as se
from sos_eval.estimators import (
    ETWFE,
    CallawaySantAnna,
    Imputation,
    Stacked,
    SunAbraham,
    SyntheticDiD,
    TripleDifference,
    TwoStage,
)  # fmt: skip
from sos_eval.jobs.world_truth import averaged_as
from sos_eval.report.truth_blocks import known_truth
from sos_eval.results.fitted import Fitted
from sos_eval.results.overall_average import AS_ESTIMATED, AS_SEEN, averaged_rows, overall_average
from sos_eval.worlds.source import draw_once
from sos_eval.worlds.truth import plan_truth
from sos_eval.worlds.ways import ways_of
from tests.fakes import cross_sections_of, panel_of
from tests.worlds.tiny import TINY, tiny

#: Two start in 2013 and two in 2015; from the start on -1, -2, -3, -3: over 2013 to 2016 and over 2015 to 2016.
GROWING = {
    "outcome": {"link": "identity", "mean": {"2011": 28.0, "2016": 31.0}, "level_sd": 2.0, "distribution": "normal",
                "noise_sd": 0.01},
    "effect": {"size": -3.0, "shape": "growing", "periods": 3},
}  # fmt: skip
#: (-9/4 - 3/2) / 2; (-9 - 3) / 6 rows of each pair; event times 0 and 1, which both cohorts have: (-1 - 2) / 2.
BY_COHORT, BY_ROW, WITHIN = -1.875, -2.0, -1.5
AVERAGES = {
    "cs": (CallawaySantAnna(), BY_COHORT), "etwfe": (ETWFE(), BY_ROW), "imputation": (Imputation(), BY_ROW),
    "two_stage": (TwoStage(), BY_ROW), "sun": (SunAbraham(), BY_ROW), "sdid": (SyntheticDiD(), WITHIN),
    "stacked": (Stacked(), WITHIN),  # sdid: those of 2013 have too few periods before
}  # fmt: skip


def _overall(cells, values):
    return values[cells.index[cells["aggregation"] == "overall"][0]]


def test_powers_truth_is_the_average_that_each_estimator_makes():
    lines = {name: method for name, (method, _) in AVERAGES.items()}
    done = se.power(lines, tiny(**GROWING), reps=2).summary
    overall = done[done["aggregation"] == "overall"].set_index("estimator")
    assert overall["true_effect"].to_dict() == pytest.approx({name: own for name, (_, own) in AVERAGES.items()})
    np.testing.assert_allclose(overall["bias"], 0, atol=0.05)  # noise of a hundredth


@pytest.mark.usefixtures("undrawn", "unsized")
@pytest.mark.parametrize("never", [True, False])
def test_a_runs_truth_is_the_average_that_each_estimate_makes(tmp_path, never):
    """Where everybody starts, those of 2015 are compared with: the effect is of the others, until they start."""
    starts = {"2013": 1, "2015": 1}
    world = TINY | GROWING | {"adoption": {"pattern": "staggered", "treated": 4 if never else 8, "cohorts": starts}}
    (tmp_path / "w.yaml").write_text(yaml.safe_dump(world), encoding="utf-8")
    methods = {"cs": {"method": "callaway_santanna", "control": "not_yet_treated"}, "etwfe": {"method": "etwfe"}}
    design = {
        "schema": "sos-eval/design/1", "name": "d", "seed": 1,
        "panel": {
            "source": "world", "path": "w.yaml", "unit": "la_code", "time": "year",
            "outcome": {"value": "care_entries"}, "treatment": {"first_treated": "first_treated"},
        },
        "estimators": [{"id": name, **one} for name, one in methods.items()], "inference": [{"method": "analytic"}],
    }  # fmt: skip
    (tmp_path / "d.yaml").write_text(yaml.safe_dump(design, sort_keys=False), encoding="utf-8")
    bundle = se.run(se.load_design(tmp_path / "d.yaml"), out=tmp_path / "out")
    truth = bundle.tables("true_effects").set_index("estimator")
    expected = {"cs": BY_COHORT, "etwfe": BY_ROW} if never else {"cs": WITHIN, "etwfe": WITHIN}
    assert truth["true_effect"].to_dict() == pytest.approx(expected, abs=1e-6)
    assert set(truth["averaged"]) == {AS_ESTIMATED}
    assert "averaged as this estimate averages it is −1." in known_truth(
        bundle
    )  # a mixture: tests/report/test_child_page


@pytest.mark.parametrize("change", ["gap", "weight"])
def test_beside_gaps_and_weights_that_vary_the_truth_is_of_what_is_seen(change):
    """An estimate of pairs that are seen at both ends is no average of the treated rows that are."""
    made = panel_of(np.random.default_rng(1).normal(size=(8, 4)), [2003] * 4 + [np.inf] * 4)
    lost = made.frame["unit"].eq(made.units[0]) & made.frame["time"].eq(made.times[0])
    moved = {"outcome": made.frame["outcome"].mask(lost)} if change == "gap" else {"weight": 1.0 + lost}
    other, method = made.with_columns(**moved), CallawaySantAnna()
    told = [averaged_as(Fitted("cs", "primary", method, method.complete(one), one)) for one in (made, other)]
    assert told == [AS_ESTIMATED, AS_SEEN]


def test_poisson_effects_average_rows_by_exposure_in_power():
    """Effects on the rate by the children of those that start: what is estimated is what stands beside it."""
    counts = {"outcome": {"mean": {"2011": 4000.0}, "level_sd": 0.4, "distribution": "poisson"}}
    done = se.power(ETWFE(family="poisson"), tiny(**(GROWING | counts)), reps=200).summary
    for _, row in done[done["aggregation"] == "overall"].iterrows():
        assert row["bias"] == pytest.approx(0, abs=3.5 * row["bias_mcse"])


def test_only_eligible_units_are_in_the_average_of_a_triple_difference():
    panel = panel_of(np.random.default_rng(1).normal(size=(8, 4)), [2003] * 4 + [np.inf] * 4, eligible=[1, 1, 0, 0] * 2)
    own = averaged_rows(TripleDifference(), TripleDifference(covariates=()).complete(panel))
    assert sorted(set(own["unit"])) == ["u001", "u002"]
    np.testing.assert_allclose(own["weight"], 1 / 4)


def test_rows_of_people_are_averaged_within_cohort_and_period_first():
    """Cohorts of 3 and 1 rows a period of 2 and of 1 periods: shares by rows, as the estimate's own cohort shares."""
    rows = [("a", t, 2003.0, 3) for t in (2001, 2002, 2003, 2004)] + [("b", t, 2004.0, 1) for t in range(2001, 2005)]
    rows += [("c", t, np.inf, 2) for t in range(2001, 2005)]
    unit, time, start = (np.array([row[k] for row in rows for _ in range(row[3])]) for k in (0, 1, 2))
    event = time - start
    effect = np.where(event >= 0, event + 1.0, 0.0)
    panel = cross_sections_of(10 + effect, unit, time, start)
    method = CallawaySantAnna()
    found = method.complete(panel)
    own = averaged_rows(method, found)
    true = own["unit"].map({"a": 2003, "b": 2004})
    overall = found.values[found.cells.index[found.cells["aggregation"] == "overall"][0]]
    assert overall == pytest.approx(float(((own["time"] - true + 1) * own["weight"]).sum()))
    assert pd.Series(own["weight"]).groupby(own["unit"]).sum().to_dict() == pytest.approx({"a": 0.75, "b": 0.25})


def test_cohorts_of_a_triple_difference_count_by_all_their_units():
    """2003: four units, one eligible, effect 1; 2004: three, two eligible, effect 3; so (4 + 3 x 3) / 7."""
    starts = np.array([2003] * 4 + [2004] * 3 + [np.inf] * 4)
    eligible = np.array([1, 0, 0, 0, 1, 1, 0, 1, 1, 0, 0])
    effect = (np.arange(2001, 2005) >= starts[:, None]) * (eligible * np.where(starts == 2003, 1.0, 3.0))[:, None]
    method = TripleDifference(covariates=())
    found = method.complete(panel_of(effect, starts, eligible=eligible))
    assert _overall(found.cells, found.values) == pytest.approx(13 / 7)
    own = averaged_rows(method, found)
    assert own["weight"] @ own["unit"].map({"u001": 1, "u005": 3, "u006": 3}) == pytest.approx(13 / 7)
    some = eligible == 1
    plan = plan_truth(starts[some], np.arange(2001.0, 2005), [("att", "value")], shares=np.array([4.0, 3]))
    told = plan.apply(np.zeros((1, 5, 4)), effect[None, some], np.ones((5, 4)))
    assert _overall(plan.cells, told[0]) == pytest.approx(13 / 7)


def test_units_count_alike_in_all_periods_where_cohorts_come_first_and_rows_by_their_own_weight_elsewhere():
    """Two of 2003 with effects 1 and 0, weights 1 and 1 in 2003, 3 and 1 in 2004: by row (1 + 3) / (2 + 4)."""
    effect = np.zeros((4, 4))
    effect[0, 2:] = 1
    panel = panel_of(effect, [2003, 2003, np.inf, np.inf])
    weight = np.ones((4, 4))
    weight[0, 3] = 3
    panel = panel.with_columns(weight=weight.ravel()).changed(weighted=True)
    for method, own in ((CallawaySantAnna(), 1 / 2), (Imputation(), 4 / 6)):
        rows = averaged_rows(method, method.complete(panel))
        assert rows.loc[rows["unit"] == "u001", "weight"].sum() == pytest.approx(own)
        drawn = plan_truth(
            np.array([2003.0, 2003]),
            panel.times,
            [("att", "value")],
            weights=weight[:2] if own > 0.5 else np.ones((2, 4)),
            average=overall_average(method, method.complete(panel)),
        )
        told = drawn.apply(np.zeros((1, 2, 4)), effect[None, :2], np.ones((2, 4)))
        assert told[0, drawn.cells.index[drawn.cells["aggregation"] == "overall"][0]] == pytest.approx(own)


def test_of_ratios_the_ways_multiply_and_what_hangs_on_the_mediator_is_left_out():
    """Practice: times 0.9, and e^0.5 of trust's 2 x -0.1; of two ways each closed on its own."""
    theory = {
        "edges": [["practice", "trust", 2.0], ["trust", "outcome", -0.1]],
        "mediators": {"trust": {"level_sd": 0.1}},
    }
    world = tiny(effect={"size": -0.1, "scale": "ratio"}, theory=theory)
    draws = draw_once(world)
    ways = ways_of(draws)
    on = (draws.frame.own > 0).ravel()
    for name, ratio in {"beside": 0.9, "through": np.exp(-0.2), "with_it": 0.9 * np.exp(-0.2)}.items():
        np.testing.assert_allclose(ways[name] / ways["without"], np.where(on, ratio, 1.0))
    assert ways["slope"].isna().all()
    np.testing.assert_allclose(ways["moved"], np.where(on, 2.0, 0.0))
