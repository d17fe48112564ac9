"""An option that is accepted does something, says that it does not, or is refused with what to write."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from sos_eval.checks import HonestDiD
from sos_eval.estimators import (
    CallawaySantAnna,
    DechaisemartinDhaultfoeuille,
    Imputation,
    TripleDifference,
)
from sos_eval.results.method import registered
from tests.estimators.panels import INF, panel


def made():
    """Return eight units over six periods, three of which start in the fourth."""
    return panel(np.random.default_rng(3).normal(size=(8, 6)), [4, 4, 4, *[INF] * 5])


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        (CallawaySantAnna, {"trim": 0.9}, "trim: without adjust no propensity"),
        (CallawaySantAnna, {"levels_error": "exact"}, "levels_error: without adjust"),
        (TripleDifference, {"eligible": "z", "trim": 0.9}, "trim: without adjust no propensity"),
        (HonestDiD, {"restriction": "smoothness", "grid_points": 200}, "grid_points: smoothness alone"),
        (HonestDiD, {"restriction": "smoothness", "grid_reach": 3}, "grid_reach: smoothness alone"),
    ],
)
def test_refused(method, options, words):
    with pytest.raises(ValueError, match=words):
        method(**options)


ADJUSTING = [
    pytest.param(method, id=name) for name, method in registered("estimator").items()
    if {"adjust", "covariates"} <= {one.name for one in fields(method)}
]  # fmt: skip


@pytest.mark.parametrize("method", ADJUSTING)
def test_covariates_without_adjustment_are_refused_of_every_method_that_has_both(method):
    with pytest.raises(ValueError, match="covariates: without adjust none is adjusted for; leave them out, or write"):
        method(covariates=("x",))
    assert method(covariates=()).adjust == "none"
    assert method(covariates=("x",), adjust="dr").covariates == ("x",)


def test_some_methods_have_both():
    assert len(ADJUSTING) >= 2


def test_taken_where_they_do_something():
    assert CallawaySantAnna(adjust="dr", trim=0.9, levels_error="exact").trim == 0.9
    assert TripleDifference(eligible="z", adjust="ipw", trim=0.9).trim == 0.9
    assert HonestDiD(restriction="smoothness", sign="positive", grid_points=200).grid_points == 200


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (Imputation(leads_tested=40), "leads_tested: 40 are declared, and 2 can be"),
        (DechaisemartinDhaultfoeuille(effects=50), "effects: 50 are declared, and this panel has 3"),
        (DechaisemartinDhaultfoeuille(placebos=50), "placebos: 50 are declared, and this panel has 2"),
    ],
)
def test_more_than_there_are_is_said(method, said):
    found = method.complete(made())
    assert said in found.notes
    np.testing.assert_array_equal(found.values, type(method)().complete(made()).values)
    assert not any("are declared" in note for note in type(method)().complete(made()).notes)


def test_an_error_on_levels_is_said_to_be_idle_where_changes_are_compared():
    data = made().with_columns(x=np.repeat(np.arange(8.0) % 3, 6))
    method = CallawaySantAnna(adjust="reg", covariates=("x",), levels_error="exact")
    found = method.complete(data)
    assert any("levels_error has no effect here" in note for note in found.notes)
