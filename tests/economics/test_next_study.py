"""The best size of the next evaluation against closed forms."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from sos_eval.declare import Document, build
from sos_eval.economics.evaluate import model_draws, model_samples
from sos_eval.economics.next_study import next_study
from sos_eval.economics.prepared import prepare, studies_fit
from sos_eval.economics.section import EconomicsSection
from sos_eval.errors import DesignFault
from sos_eval.numerics.random import stream
from tests.economics.test_model import LINE, declared

#: Error of an estimate of 40 authorities over 4 years; it falls with the root of authority-years.
SIZES = [(n, last, 0.5 * np.sqrt(160 / (n * (last - 2025)))) for n in (10, 40, 160) for last in (2027, 2029)]


def power_table(**changes):
    return pd.DataFrame([
        {"estimator": "cs", "outcome": "entries", "aggregation": "overall", "inference": how, "scale": "rate_per",
         "world.authorities.n": n, "world.times.last": last, "sd_estimate": sd, **changes}
        for n, last, sd in SIZES for how in ("analytic", "randomization")
    ])  # fmt: skip


def ready(folder: Path, table=None, *, draws=100_000, **changes):
    (folder / "power").mkdir(exist_ok=True)
    (power_table() if table is None else table).to_csv(folder / "power" / "power.csv", index=False)
    study = {"power": "power", "authorities": "world.authorities.n", "years": "world.times.last", "before": 2025,
             "cost_per_authority_year": 100, "cost_source": "by hand", "fixed_cost": 5000, **changes}  # fmt: skip
    data = declared(
        voi={"next_study": study, "decisions_per_year": 20, "years": 10},
        implementation={"licence": {"name": "licence", "amount": 13_000, **LINE}}, psa={"draws": draws, "seed": 1},
    )  # fmt: skip
    document = Document(data, folder / "by_hand.yaml")
    return prepare(build(EconomicsSection, document.data, document), document)


def valued(prepared):
    psa = model_samples(prepared.model, model_draws(prepared, partial(stream, 1)))
    studies_fit(prepared, psa)
    return next_study(prepared, psa, np.random.default_rng(2))


def closed_form(error):
    """Net benefit 13,200 x averted - 26,000: mean 400, spread 6,600; normal prior and normal result."""
    spread = 6_600 * np.sqrt(0.5**2 / (0.5**2 + error**2))
    return spread * norm.pdf(400 / spread) + 400 * norm.cdf(400 / spread) - 400


def test_evsi_of_every_size_is_the_closed_form_within_three_per_cent(tmp_path):
    table = valued(ready(tmp_path))
    assert table[["authorities", "years"]].to_numpy().tolist() == [[n, last - 2025] for n, last, _ in SIZES]
    for (_, row), (_, _, error) in zip(table.iterrows(), SIZES, strict=True):
        assert row["sd_estimate"] == pytest.approx(error)
        assert row["evsi"] == pytest.approx(closed_form(error), rel=0.03)


def test_the_best_size_has_the_largest_value_to_later_decisions_less_its_cost(tmp_path):
    # 20 decisions a year for ten years, undiscounted: 160 after two years of study, 120 after four
    table = valued(ready(tmp_path))
    want = [
        (160 if last == 2027 else 120) * closed_form(error) - 5000 - 100 * n * (last - 2025) for n, last, error in SIZES
    ]
    np.testing.assert_allclose(table["enbs"], want, rtol=0.04)
    assert table["decisions"].tolist() == pytest.approx([160, 120] * 3)
    assert table["best"].tolist() == [int(one == max(want)) for one in want]
    # where an authority and year costs so much that no size is worth it, none is best
    assert valued(ready(tmp_path, cost_per_authority_year=1e6))["best"].sum() == 0


def test_another_per_in_the_power_study_is_brought_to_the_effects(tmp_path):
    table = valued(ready(tmp_path, power_table().assign(sd_estimate=lambda t: t["sd_estimate"] / 10), per=1000))
    assert table["sd_estimate"].tolist() == pytest.approx([sd for *_, sd in SIZES])


def test_a_study_that_outlasts_the_decisions_is_worth_nothing(tmp_path):
    row = valued(ready(tmp_path, before=2010)).iloc[0]
    assert row["population_evsi"] == 0
    assert row["enbs"] == -row["cost"]


@pytest.mark.parametrize(("changes", "says"), [
    ({"power": "nowhere"}, "no such file"), ({"years": "world.times.lst"}, "not swept"),
    ({"estimator": "twfe"}, "no estimator is called 'twfe'"), ({"before": 2030}, "takes off more than there are"),
    ({"years": 4, "authorities": 40}, "more than once"),
])  # fmt: skip
def test_a_power_study_that_does_not_fit_is_refused(tmp_path, changes, says):
    with pytest.raises(DesignFault, match=says):
        valued(ready(tmp_path, **changes))


def test_another_scale_and_several_estimators_are_refused(tmp_path):
    with pytest.raises(DesignFault, match="on the scale ratio"):
        valued(ready(tmp_path, power_table(scale="ratio")))
    two = pd.concat([power_table(), power_table(estimator="twfe")])
    with pytest.raises(DesignFault, match="several estimators"):
        valued(ready(tmp_path, two))


@pytest.mark.slow
def test_sizes_that_two_errors_do_not_tell_from_the_best_are_named(tmp_path):
    # the closed form's slope in the error of the estimate, times the Monte Carlo error of that error, beside EVSI's own
    table = valued(ready(tmp_path, power_table(sd_estimate_mcse=0.02)))
    assert set(table["sd_error"]) == {0.02}
    for _, row in table.iterrows():
        sd = row["sd_estimate"]
        slope = (closed_form(sd - 0.02) - closed_form(sd + 0.02)) / 2
        own = np.hypot(row["std_error"], slope) * row["decisions"]
        assert row["enbs_error"] == pytest.approx(own, rel=0.15)
        assert row["enbs_error"] > row["std_error"] * row["decisions"]
    best = table[table["best"] == 1].iloc[0]
    apart = best["enbs"] - table["enbs"] > 2 * np.hypot(table["enbs_error"], best["enbs_error"])
    assert table["not_told_apart"].tolist() == [int(not far and not one) for far, one in zip(
        apart, table["best"], strict=True)]  # fmt: skip
    # an error of the error so large that nothing is told apart from the best among sizes of like value
    vague = valued(ready(tmp_path, power_table(sd_estimate_mcse=0.1)))
    assert vague["not_told_apart"].sum() >= table["not_told_apart"].sum()
    assert vague["not_told_apart"].sum() > 0
    # none is near where none is worth its cost
    assert valued(ready(tmp_path, cost_per_authority_year=1e6))["not_told_apart"].sum() == 0


@pytest.mark.slow
def test_the_error_of_a_spread_of_n_draws_is_derived_where_the_power_study_has_none(tmp_path):
    table = valued(ready(tmp_path, power_table(reps=200)))
    np.testing.assert_allclose(table["sd_error"], table["sd_estimate"] / 20)
    # simulated: 4,000 spreads of 200 normal draws
    spreads = np.random.default_rng(5).standard_normal((4000, 200)).std(1, ddof=1)
    assert spreads.std() == pytest.approx(1 / 20, abs=4 * 0.05 / np.sqrt(8000))
    # without both, the error is that of EVSI alone, and the column says that nothing is known
    bare = valued(ready(tmp_path))
    assert bare["sd_error"].isna().all()
    np.testing.assert_allclose(bare["enbs_error"], bare["std_error"] * bare["decisions"])


def few(folder: Path, table=None, **changes):
    return ready(folder, table, draws=5_000, **changes)


@pytest.mark.parametrize(("table", "says"), [
    (power_table().drop(columns="sd_estimate"), "has no column sd_estimate"),
    (power_table().iloc[:0], "has no rows of the overall effect"), (pd.DataFrame(), "is no table"),
    (power_table(sd_estimate="n/k"), "sd_estimate holds something else than numbers"),
    (power_table(outcome="plans"), "its outcome is plans, not entries into care: name it under outcome"),
    (pd.concat([power_table(outcome="entries"), power_table(outcome="court_entries")]),
     "several outcomes are there (entries, court_entries): name one under outcome"),
])  # fmt: skip
def test_a_power_table_that_gives_no_error_of_the_effect_is_refused(tmp_path, table, says):
    with pytest.raises(DesignFault) as caught:
        valued(few(tmp_path, table))
    assert says in str(caught.value)


def test_the_error_is_that_of_the_effects_outcome_wherever_it_stands(tmp_path):
    other = power_table(outcome="plans", sd_estimate=9.0)
    found = valued(few(tmp_path, pd.concat([other, power_table()])))
    assert found["sd_estimate"].tolist() == pytest.approx([sd for *_, sd in SIZES])
    named = valued(few(tmp_path, power_table(outcome="outcome"), outcome="outcome"))
    assert named["sd_estimate"].tolist() == pytest.approx([sd for *_, sd in SIZES])
    with pytest.raises(DesignFault, match="no outcome is called 'entry' there, but entries"):
        valued(few(tmp_path, outcome="entry"))


def test_bias_and_failed_draws_of_the_power_study_are_told(tmp_path):
    # 30 of 200 draws gave nothing; off by 0.5 per 1,000 with an error of 0.1: 5 per 10,000
    found = valued(few(tmp_path, power_table(bias=0.5, bias_mcse=0.1, failures=30, reps=200), per=1000))
    assert set(found["bias"]) == {5.0}
    assert set(found["failed"]) == {0.15}
    assert found["note"].str.startswith("estimates are off by 5 on average, which is not counted; 15.0% of sim").all()
    small = valued(few(tmp_path, power_table(bias=0.29, bias_mcse=0.1, failures=0, reps=200)))
    assert not small.loc[small["best"] == 0, "note"].any()
    bare = valued(few(tmp_path))
    assert bare[["bias", "failed"]].isna().all(axis=None)
    assert set(bare["cost_source"]) == {"by hand"}


def test_a_best_size_at_the_edge_of_the_sweep_says_so(tmp_path):
    found = valued(few(tmp_path, cost_per_authority_year=600))
    best = found[found["best"] == 1].iloc[0]
    assert best[["authorities", "years"]].tolist() == [40, 2]
    assert best["note"] == "at the edge of the sweep (the smallest number of years): a size beyond it may be better"
    assert not found.loc[found["best"] == 0, "note"].any()
    # years given as a number are not swept, and 40 authorities have neighbours on both sides
    inside = power_table()[lambda t: t["world.times.last"] == 2027]
    assert not valued(few(tmp_path, inside, years=2, before=0, cost_per_authority_year=600))["note"].any()
    cheap = valued(few(tmp_path))
    assert cheap.loc[cheap["best"] == 1, "note"].str.contains("the largest number of authorities and the small").all()
