"""Effects by stage are means of the event study, with errors and lots of their own."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from sos_eval.errors import DesignFault, NotIdentified
from sos_eval.estimators import ETWFE, TWFE, CallawaySantAnna, SunAbraham
from sos_eval.inference.analytic import Analytic
from sos_eval.inference.cr2 import CR2
from sos_eval.inference.jackknife import Jackknife
from sos_eval.inference.randomization import Randomization
from sos_eval.jobs.implementation import effects_by_stage
from sos_eval.theory.stages import by_stage, spans
from tests.fakes import fit, panel_of
from tests.jobs.test_theory import load

STAGES = {"transition": 0, "embedded": 1}
# a row a unit: 2001 and 2002 before, 2003 to 2005 after; the first four begin
Y = np.array([
    [5, 5, 4, 1, 0], [3, 4, 2, 2, 1], [6, 6, 6, 3, 3], [2, 2, 1, 1, 0],
    [5, 5, 5, 6, 5], [4, 4, 5, 4, 3], [7, 6, 6, 6, 6], [1, 2, 2, 1, 3],
], float)  # fmt: skip
STARTS = [2003.0] * 4 + [np.inf] * 4
CHANGES = Y[:, 2:] - Y[:, [1]]  # on the last period before


def table(methods, stages=STAGES, estimator=None, panel=None):
    fitted = fit(estimator or CallawaySantAnna(), panel_of(Y, STARTS) if panel is None else panel)
    return effects_by_stage(fitted, stages, methods, np.random.default_rng(1)), fitted


def test_value_and_error_by_hand():
    """Transition is the first period's change, embedded the mean of the next two: treated less the others."""
    rows, _ = table([Analytic(small_sample="none")])
    rows = rows.set_index("stage")
    for stage, own in (("transition", CHANGES[:, 0]), ("embedded", CHANGES[:, 1:].mean(1))):
        treated, others = own[:4], own[4:]
        assert rows.loc[stage, "estimate"] == pytest.approx(treated.mean() - others.mean(), abs=1e-12)
        square = sum(((part - part.mean()) ** 2).sum() / 16 for part in (treated, others))
        assert rows.loc[stage, "std_error"] == pytest.approx(np.sqrt(square), abs=1e-12)
        assert rows.loc[stage, ["most_treated", "fewest_treated"]].tolist() == [4, 4]
    assert rows["periods"].tolist() == [1, 2]
    assert rows["reason"].tolist() == ["with few treated units this conventional interval is too narrow"] * 2


@pytest.mark.parametrize("statistic", ["studentised", "coefficient"])
def test_p_by_listing_all_seventy_adoptions(statistic):
    """The difference of means, over the root of both sides' summed ``sum (change - mean)^2 / 16`` if studentised."""
    rows, _ = table([Randomization(draws=99, statistic=statistic)])

    def size(own, who):
        sides = own[list(who)], np.delete(own, who)
        error = np.sqrt(sum(((side - side.mean()) ** 2).sum() / 16 for side in sides))
        return abs(sides[0].mean() - sides[1].mean()) / (error if statistic == "studentised" else 1)

    for stage, own in (("transition", CHANGES[:, 0]), ("embedded", CHANGES[:, 1:].mean(1))):
        sizes = np.array([size(own, who) for who in combinations(range(8), 4)])
        p = (sizes >= sizes[0] - 1e-9).mean()
        assert rows.set_index("stage").loc[stage, "p_value"] == pytest.approx(p)
    assert np.isfinite(rows["conf_low"]).all()


@pytest.mark.parametrize("staggered", [False, True])
def test_a_stage_of_one_period_has_the_line_of_the_event_study(staggered):
    """By the same lots, with the headline's table (9,999 asked, stages draw fewer) and without it (all listed)."""
    panel = panel_of(Y, [2003, 2003, 2004, 2004, *[np.inf] * 4] if staggered else STARTS)
    method = Randomization(draws=499)
    fitted = fit(CallawaySantAnna(), panel)
    whole = method.infer(fitted, np.random.default_rng(1)).table
    rows = effects_by_stage(fitted, STAGES, [method], np.random.default_rng(2), {method.key: whole})
    event = whole[(whole["aggregation"] == "event_time") & (whole["event_time"] == 0)].iloc[0]
    listed = effects_by_stage(fitted, STAGES, [method], np.random.default_rng(2))
    for name in ("estimate", "conf_low", "conf_high", "p_value"):
        assert rows.iloc[0][name] == pytest.approx(event[name], abs=1e-9)
        assert listed.iloc[0][name] == pytest.approx(event[name], abs=1e-9)


def test_an_average_without_an_error_under_other_adoptions_is_compared_by_itself():
    """Of Sun and Abraham's the stage of one period stays studentised, the other says what it is compared by."""
    rows, fitted = table([Randomization(draws=99)], estimator=SunAbraham())
    event = Randomization(draws=99).infer(fitted, np.random.default_rng(1)).table
    event = event[(event["aggregation"] == "event_time") & (event["event_time"] == 0)].iloc[0]
    assert rows.iloc[0]["p_value"] == pytest.approx(event["p_value"])
    assert rows["reason"].tolist() == ["", "by the estimate itself: no error of an average under other adoptions"]
    own = CHANGES[:, 1:].mean(1)
    sizes = np.array([abs(own[list(w)].mean() - np.delete(own, w).mean()) for w in combinations(range(8), 4)])
    assert rows.iloc[1]["p_value"] == pytest.approx((sizes >= sizes[0] - 1e-9).mean())


def test_of_staggered_starts_it_is_the_plain_mean_of_event_times():
    panel = panel_of(Y, [2003, 2003, 2004, 2004, *[np.inf] * 4])
    rows, fitted = table([Analytic()], panel=panel)
    cells = fitted.estimate.cells
    events = fitted.estimate.values[(cells["aggregation"] == "event_time") & cells["event_time"].isin([1, 2])]
    embedded = rows.set_index("stage").loc["embedded"]
    assert embedded["estimate"] == pytest.approx(events.mean())
    assert (embedded["fewest_treated"], embedded["most_treated"]) == (2, 4)


def test_one_stage_of_all_periods_is_the_average_of_the_event_study():
    """The row that the event study has anyway: value, error and interval are the same."""
    rows, fitted = table([Analytic(band_draws=0)], {"all": 0}, panel=panel_of(Y, [2003, 2003, 2004, *[np.inf] * 5]))
    whole = Analytic(band_draws=0).infer(fitted, np.random.default_rng(1)).table
    whole = whole[(whole["aggregation"] == "event_time") & whole["event_time"].isna()].iloc[0]
    for name in ("estimate", "std_error", "conf_low", "conf_high", "p_value"):
        assert rows.iloc[0][name] == pytest.approx(whole[name], abs=1e-10)


def test_of_a_regression_it_is_a_combination_of_coefficients():
    """A stage of one period is that period's coefficient, under an error that reads the regression (CR2)."""
    rows, fitted = table([CR2()], estimator=SunAbraham())
    event = CR2().infer(fitted, np.random.default_rng(1)).table
    event = event[(event["aggregation"] == "event_time") & (event["event_time"] == 0)].iloc[0]
    for name in ("estimate", "std_error", "conf_low", "conf_high", "p_value"):
        assert rows.iloc[0][name] == pytest.approx(event[name], abs=1e-10)
    assert rows["std_error"].notna().all()


def test_of_ratios_it_is_the_mean_of_their_logs():
    panel = panel_of(20 + Y, STARTS, exposure=np.full(Y.shape, 10.0))
    rows, fitted = table([Analytic(), Randomization(draws=19)], estimator=ETWFE(family="poisson"), panel=panel)
    cells = fitted.estimate.cells
    own = (cells["aggregation"] == "event_time") & (cells["scale"] == "ratio") & cells["event_time"].isin([1, 2])
    embedded = rows[rows["stage"] == "embedded"].set_index("inference")
    assert embedded.loc["analytic", "estimate"] == pytest.approx(np.exp(fitted.estimate.values[own].mean()))
    assert np.isfinite(embedded.loc["randomization", "p_value"])
    assert embedded.loc["randomization", "reason"].endswith("p alone: no interval by lots")


def test_left_out_one_cluster_at_a_time_by_hand():
    """Each unit left out of the differences of means, which is what the method does of any other row."""
    rows, _ = table([Jackknife()])
    own = CHANGES[:, 1:].mean(1)

    def effect(keep):
        return own[keep & (np.arange(8) < 4)].mean() - own[keep & (np.arange(8) >= 4)].mean()

    apart = np.array([effect(np.arange(8) != i) for i in range(8)]) - effect(np.ones(8, bool))
    assert rows.set_index("stage").loc["embedded", "std_error"] == pytest.approx(np.sqrt(7 / 8 * (apart**2).sum()))


def test_where_no_declared_procedure_gives_an_error_cluster_robust_ones_stand_beside():
    rows, _ = table([CR2()])
    assert rows["inference"].tolist() == ["cr2", "analytic"] * 2
    assert rows["std_error"].notna().tolist() == [False, True] * 2


def test_what_cannot_be_averaged_has_its_reason():
    rows, _ = table([Analytic()], estimator=TWFE())
    assert rows["estimate"].isna().all()
    assert "twfe gives no effect by periods since the start" in rows["reason"].iloc[0]
    rows, _ = table([Analytic()], {**STAGES, "later": 3})
    assert rows["reason"].iloc[-1] == "no treated unit is seen so many periods after its start"
    assert np.isnan(rows["estimate"].iloc[-1])
    rows, _ = table([Analytic()], {"later": 3})
    assert rows["reason"].tolist() == ["no treated unit is seen in any declared stage"]
    with pytest.raises(NotIdentified, match="choose an estimator that has an event study"):
        by_stage(fit(TWFE(), panel_of(Y, STARTS)), STAGES)


def test_a_stage_lasts_until_the_next():
    assert spans({"a": 0, "b": 2, "c": 3}) == {"a": (0, 1), "b": (2, 2), "c": (3, np.inf)}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{stages: {a: 2, b: 1}}", "stages: each begins later than the one before it"),
        ("{stages: {'': 0}}", "stages: one has no name"),
        ("{stages: {a: -1}}", "implementation.stages.a"),
        ("{stages: {a: 0}, minimum: 0.5}", "minimum: goes with a score"),
        ("{stages: {a: 0}, turnover: t}", "turnover: goes with a score"),
        ("{fidelity: f, reached_by: 1}", "reached_by: goes with a minimum"),
    ],
)
def test_faults(tmp_path, section, said):
    with pytest.raises(DesignFault) as caught:
        load(tmp_path, ("seed: 1\n", f"implementation: {section}\nseed: 1\n"))
    assert any(said in str(fault) for fault in caught.value.faults), [str(one) for one in caught.value.faults]
