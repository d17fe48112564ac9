"""The rule on the design alone: what it puts first, what it says, and that outcomes do not move it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from sos_eval.estimators import CallawaySantAnna, PoissonDiD
from sos_eval.inference.analytic import Analytic
from sos_eval.inference.attainable import SmallestP
from sos_eval.inference.auto import FEW, LOSABLE, RELIED_ON, SPREAD_FROM, TOO_OFTEN, Auto, resolve
from sos_eval.inference.cr2 import CR2
from sos_eval.inference.cr3 import CR3
from sos_eval.inference.design_facts import DesignFacts, design_facts, effective_clusters, lost_share
from sos_eval.inference.jackknife import Jackknife
from sos_eval.inference.randomization import Randomization
from sos_eval.inference.two_way import TwoWay
from sos_eval.inference.wild_cluster_bootstrap import WildClusterBootstrap
from sos_eval.results.fitted import Fitted
from tests.conftest import ROOT
from tests.fakes import FastLinear, InfluenceOnly, RefitOnly, fit, noise_panel, panel_of


def facts(
    treated=30, comparison=60, influence=True, assignments=10**9, weight=None, variance=None, lost=0.0, spread=False
):
    return DesignFacts(
        n_units=treated + comparison, n_clusters=treated + comparison, n_treated_clusters=treated,
        n_comparison_clusters=comparison, by_weight=weight or (treated, comparison),
        by_variance=variance or (treated, comparison), n_cohorts=1, layout="panel", estimator="x",
        lost=lambda test: (lost, "nobody is left (cohort 2013)"),
        clusters_of=lambda column: {"": 8, "region": 30}[column],
        has_influence=influence, divides=influence or spread, is_linear=False, rebuilds=False,
        smallest=lambda test: SmallestP(min(assignments, test.draws), listed=assignments <= test.draws),
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


@pytest.mark.parametrize("declared", [Jackknife(), CR2(), CR3(), WildClusterBootstrap(restricted=False)])
def test_below_five_clusters_nothing_but_a_randomization_test_stands_alone(declared):
    assert names(resolve([declared], facts(treated=5))) == [declared.name]
    assert names(resolve([declared], facts(treated=4))) == ["randomization", declared.name]
    assert names(resolve([declared], facts(comparison=4))) == ["randomization", declared.name]
    assert not resolve([declared], facts(treated=2, assignments=15)).reliable
    own = Randomization(strata=("exposure_half",))
    assert resolve([declared, own], facts(treated=4)).methods == (own, declared)
    by_coefficient = Randomization(statistic="coefficient")
    assert names(resolve([by_coefficient, declared], facts(treated=1))) == ["randomization", declared.name]


def test_a_declared_test_that_cannot_answer_is_not_relied_on_either():
    """One that has too few assignments, or adoptions that cannot be estimated; without an error the coefficient is."""
    own = Randomization()
    for why, design in (("15 possible", facts(assignments=15)), ("cannot be estimated", facts(lost=0.02))):
        resolution = resolve([own, Analytic()], design)
        assert names(resolution) == ["withheld", "randomization", "analytic"]
        assert why in resolution.choice
        assert not resolution.reliable
    assert resolve([own, Analytic()], facts()).reliable
    both = Randomization(statistic="both", strata=("half",), draws=999)
    found = resolve([both, Analytic()], facts(treated=1))
    assert [(one.name, getattr(one, "statistic", "")) for one in found.methods] == [
        ("randomization", "coefficient"), ("randomization", "both"), ("analytic", ""),
    ]  # fmt: skip
    assert found.methods[0].strata == ("half",)
    assert found.methods[0].draws == 999
    assert "the coefficient is permuted in its place" in found.choice
    assert not resolve([both], facts(treated=1, assignments=15)).reliable
    behind = resolve([Analytic(), both], facts(treated=1)).methods
    assert (behind[0].statistic, behind[0].strata, behind[1:]) == ("coefficient", ("half",), (Analytic(), both))


def test_a_second_clustering_with_few_clusters_does_not_stand_alone():
    """Eight periods are fewer than twenty, thirty regions are not."""
    by_period = resolve([TwoWay()], facts())
    assert names(by_period) == ["randomization", "two_way"]
    assert "30 treated and 60 comparison clusters, and 8 clusters by period, so randomization" in by_period.choice
    assert names(resolve([TwoWay(also="region")], facts())) == ["two_way"]
    assert names(resolve([TwoWay(also="region")], facts(treated=10))) == ["randomization", "two_way"]


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
    assert resolution.facts().headline is None
    assert resolution.choice == (
        "No procedure is reliable here: a randomization test cannot reject at the 5% level: with 15 possible "
        "assignments the smallest p is 0.0667"
    )
    found = resolution.methods[0].infer(fit(InfluenceOnly(), noise_panel()), np.random.default_rng(0))
    assert found.table["p_value"].isna().all()
    assert found.table["conf_low"].isna().all()
    assert found.table["estimate"].notna().all()


def test_without_influence_the_coefficient_is_permuted():
    resolution = resolve([Auto()], facts(influence=False))
    assert names(resolution) == ["randomization"]
    assert resolution.methods[0].statistic == "coefficient"
    spread = resolve([Auto()], facts(influence=False, spread=True))
    assert names(spread) == ["randomization"]
    assert spread.methods[0].statistic == "studentised"
    few = resolve([Auto()], facts(treated=SPREAD_FROM - 1, influence=False, spread=True))
    assert few.methods[0].statistic == "coefficient"


def test_one_treated_cluster_is_permuted_by_coefficient():
    assert resolve([Auto()], facts(treated=1)).methods[0].statistic == "coefficient"
    assert resolve([Analytic()], facts(treated=1)).methods[0] == Randomization(statistic="coefficient")


def test_the_bundle_is_told():
    told = resolve([Auto()], facts(treated=10)).facts()
    assert told.headline == "randomization"
    assert told.methods == ("randomization", "analytic")
    assert told.declared == ("auto",)
    assert "before" not in told.choice
    assert "design only" in told.rule


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
    assert found.smallest(Randomization()) == SmallestP(210, listed=True, rows=(1,))
    assert not design_facts(fit(RefitOnly(), noise_panel(10, 4))).has_influence
    assert "nothing can swap" in design_facts(
        fit(FastLinear(), panel_of(noise_panel(8, 4).matrix(), [2004] * 4 + [np.inf] * 4, half=list("aaaabbbb")))
    ).smallest(Randomization(strata=("half",)))


def test_auto_on_a_frame_applies_the_headline():
    found = Auto(draws=99).infer(fit(FastLinear(), noise_panel(10, 4)), np.random.default_rng(0))
    assert set(found.table["inference"]) == {"randomization"}
    assert found.facts["headline"] == "randomization"


@pytest.mark.parametrize(("treated", "told"), [(FEW, True), (RELIED_ON - 1, True), (RELIED_ON, False)])
def test_a_declared_cluster_robust_headline_says_what_was_measured(treated, told):
    resolution = resolve([Analytic()], facts(treated, 100))
    assert resolution.choice == "Analytic, as declared"
    said = "leave out no difference in 5.8 to 9.1% of cases in which there was none"
    assert (said in resolution.caution) == (said in resolution.facts().caution) == told
    assert not resolve([Randomization()], facts(treated, 100)).caution


def test_what_was_measured_is_what_the_page_says():
    page = " ".join((ROOT / "docs" / "coverage.md").read_text(encoding="utf-8").split())
    low, high = re.search(rf"10, ([\d.]+) to ([\d.]+)% with {FEW}\.", page).groups()
    assert (float(low), float(high)) == TOO_OFTEN


def test_heavy_clusters_count_for_less():
    """Weights 4, 1, 1 among the treated: 36/18, squared 18²/258; 1, 1, 1, 3, 0 among the others: 36/12, 12²/84."""
    never = np.inf
    panel = panel_of(np.arange(16.0).reshape(8, 2), [2002] * 3 + [never] * 5)
    heavy = panel.with_columns(weight=np.repeat([4.0, 1, 1, 1, 1, 1, 3, 0], 2))
    assert effective_clusters(panel, by_exposure=False, power=1) == (3, 5)
    assert effective_clusters(panel, by_exposure=False, power=2) == (3, 5)
    assert effective_clusters(heavy, by_exposure=False, power=1) == (2, 3)
    assert effective_clusters(heavy, by_exposure=False, power=2) == (pytest.approx(324 / 258), pytest.approx(144 / 84))


def test_a_share_in_the_variance_is_how_an_estimated_variance_varies():
    """A sum of w² times squared normals varies, relative to its mean, as one of G* squared normals does: 2 / G*."""
    weight = np.array([4.0, 3, 2, 1, 1, 1, 1, 1])
    panel = panel_of(np.ones((16, 2)), [2002] * 8 + [np.inf] * 8)
    panel = panel.with_columns(weight=np.repeat(np.concatenate([weight, np.ones(8)]), 2))
    drawn = (weight**2 * np.random.default_rng(0).normal(size=(400_000, 8)) ** 2).sum(1)
    found, _ = effective_clusters(panel, by_exposure=False, power=2)
    assert 2 / (drawn.var() / drawn.mean() ** 2) == pytest.approx(found, rel=0.02)


def test_units_of_one_cluster_count_together():
    panel = panel_of(np.arange(16.0).reshape(8, 2), [2002] * 3 + [np.inf] * 5, cluster=list("aabcccde"))
    assert effective_clusters(panel, by_exposure=False, power=1) == (pytest.approx(9 / 5), pytest.approx(25 / 11))
    assert effective_clusters(panel, by_exposure=False, power=2)[0] == pytest.approx(25 / 17)


def test_only_an_estimator_that_weighs_by_exposure_has_it_count():
    counts, children = np.full((6, 2), 9.0), np.repeat([[300.0], [100], [100], [100], [100], [100]], 2, axis=1)
    panel = panel_of(counts, [2002, 2002, 2002] + [np.inf] * 3, exposure=children)
    assert effective_clusters(panel, by_exposure=True, power=1) == (pytest.approx(25 / 11), 3)
    assert effective_clusters(panel, by_exposure=True, power=2) == (pytest.approx(121 / 83), 3)
    assert PoissonDiD.weighs_exposure
    assert not CallawaySantAnna.weighs_exposure


def test_forty_treated_of_unequal_weight_are_permuted():
    resolution = resolve([Auto()], facts(60, 100, weight=(42.7, 71.0), variance=(19.2, 33.0)))
    assert names(resolution) == ["randomization", "analytic"]
    assert "60 treated and 100 comparison clusters, by share in the variance worth 19.2 and 33.0" in resolution.choice
    assert resolution.facts().effective_treated_clusters == 42.7
    assert resolution.facts().variance_treated_clusters == 19.2


def test_a_declared_one_counts_by_weight_and_says_what_its_variance_rests_on():
    stays = resolve([Analytic()], facts(60, 100, weight=(42.7, 71.0), variance=(19.2, 33.0)))
    assert names(stays) == ["analytic"]
    assert "declared for 60 treated and 100 comparison clusters, by share in the variance worth 19.2" in stays.caution
    moved = resolve([Analytic()], facts(25, 100, weight=(17.3, 71.0), variance=(9.0, 33.0)))
    assert names(moved) == ["randomization", "analytic"]
    assert "25 treated and 100 comparison clusters, by weight worth 17.3 and 71.0" in moved.choice


def test_a_test_that_loses_its_level_is_not_relied_on():
    at_most = LOSABLE * 0.05
    assert resolve([Auto()], facts(treated=5, lost=at_most)).reliable
    resolution = resolve([Auto()], facts(treated=5, lost=0.07))
    assert not resolution.reliable
    assert names(resolution) == ["withheld", "analytic"]
    assert resolution.choice.endswith(
        "7.0% of random adoptions cannot be estimated (most often: nobody is left) and count as extreme: more than "
        "1.0% of all, up to which a test at 0.05 is relied on"
    )
    assert not resolve([Analytic()], facts(treated=5, lost=0.07)).reliable


def test_a_cohort_of_one_has_no_propensity_at_the_ends_of_the_covariate():
    """Of 24 units the two with the extreme covariate are separated: 2/24 of the adoptions are lost, outcomes or not."""
    rng = np.random.default_rng(3)
    panel = panel_of(rng.normal(size=(24, 4)), [2003] + [np.inf] * 23, x=rng.normal(size=24))
    adjusted, plain = fit(CallawaySantAnna(adjust="ipw"), panel), fit(CallawaySantAnna(), panel)
    share, why = lost_share(adjusted, Randomization(statistic="coefficient"))
    assert share == pytest.approx(2 / 24)
    assert "separate" in why
    assert lost_share(plain, Randomization(statistic="coefficient")) == (0, "")
    other = panel.with_columns(outcome=np.where(panel.frame["time"] < 2003, panel.frame["outcome"], 5.0))
    again = fit(CallawaySantAnna(adjust="ipw"), panel)
    again = Fitted("a", "primary", again.estimator, again.estimate, other)
    assert lost_share(again, Randomization(statistic="coefficient")) == (share, why)
