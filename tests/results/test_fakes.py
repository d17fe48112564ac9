"""The nouns carry four very different estimators: every inference, the effect table, and the batch shape of power."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.results.estimate import CELL_COLUMNS, clustered_error
from sos_eval.results.method import registered
from sos_eval.results.table import EffectTable, stack
from sos_eval.terms import EFFECT_COLUMNS
from tests.fakes import FAKES, fit

METHODS = sorted(registered("inference"))
APPLIED = {"auto": {"randomization", "analytic", "withheld"}}  # auto leaves the name of what it chose
QUICK = {"draws": 19, "interval": "none"}  # enough to see the shape


def infer(fitted, method):
    fields = registered("inference")[method].__dataclass_fields__
    options = {name: value for name, value in QUICK.items() if name in fields}
    return registered("inference")[method](**options).infer(fitted, np.random.default_rng(5))


@pytest.fixture(scope="module")
def found(fitted):
    """What every method says of one fake, computed once."""
    return {method: infer(fitted, method) for method in METHODS}


@pytest.fixture(scope="module", params=FAKES)
def fitted(request):
    estimator, make = FAKES[request.param]
    return fit(estimator, make())


def test_fakes_are_not_on_offer():
    assert not [name for name in registered("estimator") if "fake" in name]


def test_estimate_keeps_its_promises(fitted):
    estimate = fitted.estimate
    assert list(estimate.cells.columns) == list(CELL_COLUMNS)
    assert len(estimate.cells) == len(estimate.values)
    if estimate.influence is not None:
        assert estimate.influence.shape == (fitted.panel.n_influence, len(estimate.values))
        np.testing.assert_allclose(estimate.influence.mean(0), 0, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_every_inference_gives_rows_or_reasons(fitted, found, method):
    table = found[method].table
    assert isinstance(table, EffectTable)
    assert tuple(table.columns) == EFFECT_COLUMNS
    assert len(table) == len(fitted.estimate.values)
    np.testing.assert_array_equal(table["estimate"], fitted.estimate.values)
    assert set(table["inference"]) <= APPLIED.get(method, {method})
    bare = table["p_value"].isna() & table["std_error"].isna()
    assert (table.loc[bare, "reason"] != "").all()
    known = table[table["p_value"].notna()]
    assert known["p_value"].between(0, 1).all()
    both = table[table["conf_low"].notna() & table["conf_high"].notna()]
    assert (both["conf_low"] <= both["conf_high"]).all()
    assert table.loc[table["conf_low"].notna(), "conf_level"].eq(0.95).all()


@pytest.mark.parametrize("method", METHODS)
def test_every_inference_repeats_and_leaves_its_input_alone(fitted, found, method):
    before = fitted.panel.frame.copy(), fitted.estimate.values.copy()
    pd.testing.assert_frame_equal(infer(fitted, method).table, found[method].table, check_exact=True)
    pd.testing.assert_frame_equal(fitted.panel.frame, before[0])
    np.testing.assert_array_equal(fitted.estimate.values, before[1])


def test_tables_stack_and_survive_a_file(fitted, found, tmp_path):
    table = stack([one.table for one in found.values()])
    assert len(table) == len(METHODS) * len(fitted.estimate.values)
    table.to_csv(tmp_path / "estimates.csv", index=False)
    back = pd.read_csv(tmp_path / "estimates.csv", keep_default_na=False, na_values=[""])
    np.testing.assert_array_equal(back["estimate"], table["estimate"])
    np.testing.assert_array_equal(back["std_error"], table["std_error"])


def test_batch_of_outcomes_is_the_loop(fitted):
    rng = np.random.default_rng(2)
    panel = fitted.panel
    shape = (panel.n_units, panel.n_times) if panel.layout == "panel" else (panel.n_rows,)
    outcomes = rng.standard_normal((3, *shape))
    batch = fitted.estimator.estimate_many(panel, outcomes)
    assert batch.values.shape == (3, len(fitted.estimate.values))
    one = fitted.estimator.complete(panel.with_outcome(outcomes[1]))
    np.testing.assert_array_equal(batch.values[1], one.values)
    error = clustered_error(one)
    assert (batch.std_error is None) == (error is None)
    if error is not None:
        np.testing.assert_array_equal(batch.std_error[1], error)


def test_batch_of_assignments_is_the_loop(fitted):
    panel = fitted.source
    starts = np.stack([panel.first_treated, panel.first_treated[::-1]])
    batch = fitted.refit_assignments(starts)
    np.testing.assert_array_equal(batch.values[0], fitted.estimate.values)
    again = fitted.estimator.complete(panel.with_first_treated(starts[1]))
    np.testing.assert_array_equal(batch.values[1], again.values)
