"""The rule on the design alone: what it puts first, what it says, and that outcomes do not move it."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.inference.analytic import Analytic
from sos_eval.inference.auto import FEW, RELIED_ON, Auto, DesignFacts, design_facts, resolve
from sos_eval.inference.randomization import Randomization
from tests.fakes import FastLinear, InfluenceOnly, RefitOnly, fit, noise_panel, panel_of


def facts(treated=30, comparison=60, influence=True, assignments=10**9):
    return DesignFacts(
        n_units=treated + comparison, n_clusters=treated + comparison, n_treated_clusters=treated,
        n_comparison_clusters=comparison, n_cohorts=1, layout="panel", estimator="x", has_influence=influence,
        is_linear=False, rebuilds=False, assignments=lambda strata: assignments,
    )  # fmt: skip


def names(resolution):
    return [method.name for method in resolution.methods]


@pytest.mark.parametrize(("treated", "comparison", "expected"), [
    (RELIED_ON, RELIED_ON, ["analytic"]), (RELIED_ON - 1, 100, ["randomization", "analytic"]),
    (100, RELIED_ON - 1, ["randomization", "analytic"]), (2, 50, ["randomization", "analytic"]),
])  # fmt: skip
def test_auto_looks_at_both_sides(treated, comparison, expected):
    assert names(resolve([Auto()], facts(treated, comparison))) == expected


@pytest.mark.parametrize(("treated", "comparison", "changed"), [
    (FEW, FEW, False), (FEW - 1, 100, True), (100, FEW - 1, True),
])  # fmt: skip
def test_a_declared_method_keeps_its_place_from_twenty_on_both_sides(treated, comparison, changed):
    assert resolve([Analytic()], facts(treated, comparison)).changed == changed


def test_plain_cluster_robust_never_stands_alone_with_few_treated():
    resolution = resolve([Analytic(level=0.9)], facts(treated=19))
    assert names(resolution) == ["randomization", "analytic"]
    assert resolution.methods[0].level == 0.9
    assert resolution.changed
    assert resolution.choice.startswith("19 treated and 60 comparison clusters, so randomization comes before")
    assert not resolve([Analytic()], facts(treated=20)).changed


def test_declared_randomization_keeps_its_options_when_put_first():
    own = Randomization(strata=("exposure_half",), draws=999)
    resolution = resolve([Analytic(), own], facts(treated=5))
    assert resolution.methods == (own, Analytic())
    assert resolve([own, Analytic()], facts(treated=5)).methods == (own, Analytic())
    assert not resolve([own, Analytic()], facts(treated=5)).changed


def test_where_nothing_is_reliable_no_verdict_is_claimed():
    resolution = resolve([Analytic()], facts(treated=2, assignments=15))
    assert names(resolution) == ["withheld", "analytic"]
    assert not resolution.reliable
    assert resolution.facts()["headline"] is None
    assert resolution.choice == "No procedure is reliable here: 15 possible assignments cannot reject at level 0.95"
    found = resolution.methods[0].infer(fit(InfluenceOnly(), noise_panel()), np.random.default_rng(0))
    assert found.table["p_value"].isna().all()
    assert found.table["conf_low"].isna().all()
    assert found.table["estimate"].notna().all()


def test_without_influence_the_coefficient_is_permuted():
    resolution = resolve([Auto()], facts(influence=False))
    assert names(resolution) == ["randomization"]
    assert resolution.methods[0].statistic == "coefficient"


def test_one_treated_cluster_is_permuted_by_coefficient():
    assert resolve([Auto()], facts(treated=1)).methods[0].statistic == "coefficient"
    assert not resolve([Analytic()], facts(treated=1)).reliable


def test_the_bundle_is_told():
    told = resolve([Auto()], facts(treated=10)).facts()
    assert told["headline"] == "randomization"
    assert told["methods"] == ["randomization", "analytic"]
    assert told["declared"] == ["auto"]
    assert "before" not in told["choice"]
    assert "design only" in told["rule"]


def test_outcomes_do_not_move_the_rule():
    panel = noise_panel()
    other = panel.with_columns(outcome=panel.frame["outcome"] ** 3)
    one, two = (resolve([Auto()], design_facts(fit(InfluenceOnly(), p))) for p in (panel, other))
    assert one.methods == two.methods
    assert one.choice == two.choice


def test_facts_of_a_fit():
    found = design_facts(fit(FastLinear(), noise_panel(10, 4)))
    assert (found.n_clusters, found.n_treated_clusters, found.n_comparison_clusters) == (10, 4, 6)
    assert found.is_linear
    assert found.has_influence
    assert found.assignments(()) == 210
    assert not design_facts(fit(RefitOnly(), noise_panel(10, 4))).has_influence
    assert "nothing can swap" in design_facts(
        fit(FastLinear(), panel_of(noise_panel(8, 4).matrix(), [2004] * 4 + [np.inf] * 4, half=list("aaaabbbb")))
    ).assignments(("half",))


def test_auto_on_a_frame_applies_the_headline():
    found = Auto(draws=99).infer(fit(FastLinear(), noise_panel(10, 4)), np.random.default_rng(0))
    assert set(found.table["inference"]) == {"randomization"}
    assert found.facts["headline"] == "randomization"


@pytest.mark.parametrize(("treated", "told"), [(FEW, True), (RELIED_ON - 1, True), (RELIED_ON, False)])
def test_a_declared_cluster_robust_headline_says_what_was_measured(treated, told):
    choice = resolve([Analytic()], facts(treated, 100)).choice
    assert choice.startswith("Analytic, as declared")
    assert ("reject a true null in 6 to 9.4% at a nominal 5%" in choice) == told
