"""The subcluster wild bootstrap: every sign vector refitted in a loop, and the wild cluster bootstrap."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from sos_eval.errors import DesignFault
from sos_eval.estimators import TWFE
from sos_eval.inference import Analytic, SubclusterWildBootstrap, WildClusterBootstrap
from sos_eval.inference.auto import resolve
from sos_eval.inference.design_facts import design_facts
from sos_eval.inference.satterthwaite import regression_clusters
from sos_eval.inference.wild_cluster_bootstrap import wild_test
from sos_eval.numerics.bootstrap import all_signs, wild_terms
from tests.fakes import InfluenceOnly, Linear, fit, noise_panel, panel_of

RNG = np.random.default_rng(0)


def eight(outcome):
    """Eight units in two periods, in pairs: a pair is a cluster, two pairs of four start in the second period."""
    return panel_of(outcome, [2002.0] * 4 + [np.inf] * 4, cluster=list("aabbccdd"))


def refitted(changes, treated, clusters, signs, restricted):
    """Return t of every sign vector, and of the data: changes on a constant and treatment, in plain loops."""

    def t(y, null):
        effect = y[treated].mean() - y[~treated].mean()
        residuals = np.where(treated, y - y[treated].mean(), y - y[~treated].mean())
        weights = np.where(treated, 1 / treated.sum(), -1 / (~treated).sum())
        sums = [(weights * residuals)[clusters == c].sum() for c in np.unique(clusters)]
        error = np.sqrt(np.square(sums).sum())
        return (effect - null) / error if error > 0 else np.inf

    under = np.full(8, changes.mean())
    effect = changes[treated].mean() - changes[~treated].mean()
    if not restricted:
        under = np.where(treated, changes[treated].mean(), changes[~treated].mean())
    null = 0.0 if restricted else effect
    drawn = [t(under + (changes - under) * np.array(v), null) for v in signs]
    return np.array(drawn), t(changes, 0.0)


@pytest.mark.parametrize("restricted", [True, False])
def test_eight_units_in_four_clusters_by_all_256_signs(restricted):
    # in two periods the regression with unit and period effects is one of changes; a unit's weight moves both its rows
    changes = np.array([3.0, 5.0, 4.0, 9.0, 1.0, 0.0, 2.5, 2.0])
    panel = eight(np.column_stack([np.zeros(8), changes]))
    signs = list(product([-1.0, 1.0], repeat=8))
    clusters = np.repeat(np.arange(4), 2)
    drawn, observed = refitted(changes, np.arange(8) < 4, clusters, signs, restricted)
    expected = (np.abs(drawn) >= abs(observed) * (1 - 1e-9)).mean()
    method = SubclusterWildBootstrap(within="unit", restricted=restricted)
    inferred = method.infer(fit(TWFE(), panel), RNG)
    row = inferred.table.iloc[0]
    assert inferred.facts["complete"]
    assert inferred.facts["draws"] == 256
    assert row["estimate"] == pytest.approx(5.25 - 1.375)
    assert row["statistic"] == pytest.approx(observed, rel=1e-8)
    assert row["p_value"] == pytest.approx(expected, abs=1e-12)
    # weights by pair instead: sixteen vectors
    by_pair = WildClusterBootstrap(restricted=restricted).infer(fit(TWFE(), panel), RNG).table["p_value"].iloc[0]
    coarse = np.repeat(all_signs(4), 2, axis=1)
    drawn, _ = refitted(changes, np.arange(8) < 4, clusters, coarse, restricted)
    assert by_pair == pytest.approx((np.abs(drawn) >= abs(observed) * (1 - 1e-9)).mean(), abs=1e-12)


def test_matrix_products_are_bootstrap_samples_refitted_row_by_row():
    panel = noise_panel(7, 3, seed=1)
    fitted = fit(Linear(), panel)
    design = regression_clusters(fitted.estimate)
    unit, time = panel.unit_codes, panel.time_codes
    full = np.column_stack(
        [panel.frame["treated"].to_numpy(float), np.eye(7)[unit], np.eye(panel.n_times)[time][:, 1:]]
    )
    y = panel.frame["outcome"].to_numpy(float)
    under = full[:, 1:] @ np.linalg.lstsq(full[:, 1:], y, rcond=None)[0]
    rows = np.arange(panel.n_rows)
    signs = np.random.default_rng(3).choice([-1.0, 1.0], (20, len(rows)))
    terms = wild_terms(design, design.contrast[0], rows)
    found = wild_test(terms, float(fitted.estimate.values[0]), signs, restricted=True, complete=False, level=None)
    inverse = np.linalg.inv(full.T @ full)
    for v, drawn in zip(signs, found.drawn, strict=True):
        star = under + (y - under) * v
        coef = inverse @ full.T @ star
        scores = np.array([(full * (star - full @ coef)[:, None])[unit == g].sum(0) for g in range(7)])
        assert drawn == pytest.approx(coef[0] / np.sqrt((inverse @ scores.T @ scores @ inverse)[0, 0]), rel=1e-8)
    assert terms.error == pytest.approx(wild_terms(design, design.contrast[0]).error, rel=1e-8)


def test_groups_that_are_the_clusters_are_the_wild_cluster_bootstrap():
    fitted = fit(TWFE(), noise_panel(9, 4, seed=2))
    fine, plain = (
        method.infer(fitted, np.random.default_rng(1)).table
        for method in (SubclusterWildBootstrap(within="unit"), WildClusterBootstrap(draws=1_999))
    )
    for name in ("statistic", "p_value", "conf_low", "conf_high"):
        np.testing.assert_allclose(fine[name], plain[name], rtol=1e-9)


@pytest.mark.parametrize("restricted", [True, False])
def test_interval_holds_the_nulls_that_are_kept(restricted):
    panel = noise_panel(12, 5, seed=2)
    method = SubclusterWildBootstrap(restricted=restricted, level=0.9, draws=399)
    table = method.infer(fit(TWFE(), panel), np.random.default_rng(0)).table.iloc[0]
    treated = panel.matrix("treated")

    def p(theta):
        moved = fit(TWFE(), panel.with_outcome(panel.matrix() - theta * treated))
        return method.infer(moved, np.random.default_rng(0)).table["p_value"].iloc[0]

    step = 1e-6 * (table["conf_high"] - table["conf_low"])
    for end, outward in (("conf_low", -1), ("conf_high", 1)):
        assert p(table[end] + outward * step) <= 0.1
        assert p(table[end] - outward * step) > 0.1


def test_what_is_no_subcluster_is_refused_by_name():
    panel = noise_panel(12, 5, seed=2)
    halves = panel.with_columns(half=np.where(np.arange(panel.n_rows) % 2, "x", "y"))
    for fitted, within, said in (
        (fit(TWFE(), halves), "half", "half has values in several clusters"),
        (fit(TWFE(), panel), "child_id", "the panel has no column 'child_id'"),
        (fit(InfluenceOnly(), panel), "row", "defined for linear regressions only"),
    ):
        table = SubclusterWildBootstrap(within=within).infer(fitted, RNG).table
        assert table["reason"].str.startswith(said).all()
        assert table["p_value"].isna().all()
    assert SubclusterWildBootstrap(within="half").columns == ("half",)


def test_more_draws_than_memory_holds_are_refused(monkeypatch):
    monkeypatch.setattr("sos_eval.inference.memory._memory", lambda: 4_000_000)
    with pytest.raises(DesignFault, match="do not fit into memory"):
        SubclusterWildBootstrap(draws=9_999).infer(fit(TWFE(), noise_panel(30, 12)), RNG)


def test_the_error_behind_it_is_the_clusters():
    fitted = fit(TWFE(), noise_panel(30, 12))
    table = SubclusterWildBootstrap(draws=99).infer(fitted, RNG).table
    error = Analytic(small_sample="none").infer(fitted, RNG).table["std_error"].iloc[0]
    assert table["estimate"].iloc[0] / table["statistic"].iloc[0] == pytest.approx(error, rel=1e-8)


def test_declared_with_few_treated_it_comes_behind_a_randomization_test():
    facts = design_facts(fit(TWFE(), noise_panel(30, 10)))
    chosen = resolve((SubclusterWildBootstrap(),), facts)
    assert [method.name for method in chosen.methods] == ["randomization", "subcluster_wild_bootstrap"]
    assert chosen.changed
