"""Draws that memory does not hold, and counts of assignments that no float holds."""

from __future__ import annotations

import re

import numpy as np
import pytest

from sos_eval.errors import DesignFault
from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.inference.analytic import Analytic
from sos_eval.inference.auto import Auto
from sos_eval.inference.memory import fitting, refuse_too_many
from sos_eval.inference.multiplier_bootstrap import MultiplierBootstrap
from sos_eval.inference.randomization import Randomization
from sos_eval.inference.wild_cluster_bootstrap import WildClusterBootstrap
from tests.fakes import CrossSection, cross_sections_of, fit, noise_panel


@pytest.mark.parametrize(("method", "estimator", "key"), [
    (Randomization(draws=10**12), TWFE(), "draws"),
    (Auto(draws=10**12), TWFE(), "draws"),
    (MultiplierBootstrap(draws=10**12), TWFE(), "draws"),
    (WildClusterBootstrap(draws=10**12), TWFE(), "draws"),
    (Analytic(band_draws=10**12), CallawaySantAnna(), "band_draws"),
], ids=repr)  # fmt: skip
def test_too_many_draws_name_the_key_and_a_number_that_fits(method, estimator, key):
    fitted = fit(estimator, noise_panel(60, 25, seed=3))
    with pytest.raises(DesignFault) as refused:
        method.infer(fitted, np.random.default_rng(1))
    fault = refused.value.faults[0]
    assert f"inference.{key}: 1,000,000,000,000 draws" in fault.what
    fits = int(re.fullmatch(rf"write {key}: (\d+), or fewer", fault.instead)[1])
    assert 10_000 < fits < 10**12


def test_the_number_that_is_told_is_not_refused():
    panel = noise_panel()
    most = fitting(50)
    refuse_too_many(panel, "draws", most, 50)
    with pytest.raises(DesignFault, match=f"{2 * most:,} draws"):
        refuse_too_many(panel, "draws", 2 * most, 50)
    assert len(str(most).rstrip("0")) <= 2


@pytest.mark.parametrize("by", ["authority", "person"])
def test_people_whose_assignments_no_float_counts(by):
    """3,000 people in 100 authorities, ten of them treated; where starts are people's the count has 400 digits."""
    rng = np.random.default_rng(2)
    authority = np.repeat(np.arange(100), 30)
    names = np.array([f"a{k:03d}" for k in authority])
    unit = names if by == "authority" else np.array([f"p{k:04d}" for k in range(3000)])
    starts = np.where(authority < 10, 2002.0, np.inf)
    panel = cross_sections_of(rng.normal(size=3000), unit, 2001.0 + np.arange(3000) % 2, starts)
    told = []
    for method in (Randomization(draws=19, level=0.9), Auto(draws=19, level=0.9)):
        inferred = method.infer(fit(CrossSection(), panel), np.random.default_rng(1))
        assert 0.05 <= inferred.table["p_value"].iloc[0] <= 1
        if "assignments" in inferred.facts:  # `auto` relies on conventional errors where the clusters are people
            told.append(inferred.facts["assignments"])
    assert set(told) == {17310309456440 if by == "authority" else "about 10^421"}
