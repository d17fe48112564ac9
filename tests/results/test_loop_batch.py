"""Batches of estimates whose cells differ."""

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import InputFault, NotIdentified
from sos_eval.estimators import ETWFE, CallawaySantAnna, EventStudyTWFE, Imputation, SunAbraham, TwoStage
from sos_eval.inference import Randomization
from sos_eval.results.estimate import ABSENT, loop_batch, overall_place, same_rows
from sos_eval.terms import KEY_COLUMNS
from tests.estimators.panels import INF, panel
from tests.fakes import fit, noise_panel


def test_estimates_are_aligned_by_their_keys():
    """The second panel lacks the cohort of 2005: its cells are empty, the others stand where they belong."""
    whole = noise_panel(n_units=20, n_treated=6)
    later = whole.keep(whole.units[3:])
    method = CallawaySantAnna()
    batch = loop_batch([whole, later], method.complete)
    first, second = method.complete(whole), method.complete(later)
    assert np.array_equal(batch.values[0], first.values, equal_nan=True)
    of_2005 = (batch.cells["cohort"] == 2005).to_numpy()
    assert of_2005.any()
    assert np.isnan(batch.values[1, of_2005]).all()
    assert np.isnan(batch.std_error[1, of_2005]).all()
    for aggregation in ("overall", "simple"):
        ours = batch.values[1, (batch.cells["aggregation"] == aggregation).to_numpy()]
        assert ours == second.values[(second.cells["aggregation"] == aggregation).to_numpy()]
    assert (batch.cells.loc[np.isfinite(batch.values[1]), "cohort"].dropna() == 2004).all()


def test_no_estimate_decides_which_cells_the_others_have():
    """The panel that lacks a cohort comes first: the other keeps its cells."""
    whole = noise_panel(n_units=20, n_treated=6)
    later = whole.keep(whole.units[3:])
    method = CallawaySantAnna()
    batch, turned = loop_batch([whole, later], method.complete), loop_batch([later, whole], method.complete)
    keys = list(KEY_COLUMNS)
    place = pd.MultiIndex.from_frame(turned.cells[keys]).get_indexer(pd.MultiIndex.from_frame(batch.cells[keys]))
    assert sorted(place) == list(range(len(turned.cells)))
    np.testing.assert_array_equal(turned.values[::-1, place], batch.values)
    np.testing.assert_array_equal(turned.std_error[::-1, place], batch.std_error)
    assert turned.failures[::-1] == batch.failures == ("", ABSENT)


def never(_):
    raise NotIdentified("nobody is treated")


def test_refusals_are_counted_and_without_cells_all_refused_is_a_refusal():
    panel = noise_panel()
    batch = loop_batch([panel, panel], never, CallawaySantAnna().complete(panel).cells)
    assert batch.failures == ("nobody is treated",) * 2
    assert np.isnan(batch.values).all()
    with pytest.raises(InputFault, match="nobody is treated"):
        loop_batch([panel], never)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_the_order_of_draws_does_not_matter(order):
    """Gaps take a cohort out of one draw: the others keep it, whichever comes first."""
    panel, method = noise_panel(n_units=20, n_treated=6), CallawaySantAnna()
    outcomes = panel.matrix() + np.random.default_rng(1).normal(size=(3, 20, panel.n_times))
    outcomes[1, panel.first_treated == 2005] = np.nan
    whole = method.complete(panel)
    drawn = outcomes[list(order)]
    for batch in (method.compile(panel).apply(drawn), method.estimate_many(panel, drawn)):
        assert batch.cells[list(KEY_COLUMNS)].equals(whole.cells[list(KEY_COLUMNS)])
        lost = order.index(1)
        of_2005 = (batch.cells["cohort"] == 2005).to_numpy()
        assert of_2005.any()
        assert np.isnan(batch.values[lost, of_2005]).all()
        assert np.isfinite(np.delete(batch.values, lost, 0)).all()
        assert [bool(why) for why in batch.failures] == [draw == 1 for draw in order]
        assert batch.failures[lost] == ABSENT


def test_the_reason_of_an_empty_row_is_that_of_its_cell():
    """Two units of a cohort have no rows in one period: that cell has a reason of its own, and it is counted."""
    panel, method = noise_panel(n_units=20, n_treated=6), CallawaySantAnna()
    outcome = panel.matrix()
    outcome[panel.first_treated == 2005, 0] = np.nan
    one = method.complete(panel.with_outcome(outcome))
    empty = np.isnan(one.values)
    assert 0 < empty.sum() < len(empty)
    batch = method.estimate_many(panel, np.stack([panel.matrix(), outcome]))
    assert batch.failures == ("", one.cells["reason"][empty].iloc[0])
    assert batch.failures[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [Imputation(), TwoStage(), SunAbraham(), ETWFE(), ETWFE(control="never_treated"), EventStudyTWFE()],
    ids=str,
)  # fmt: skip
def test_adoptions_are_in_the_rows_of_the_estimate(method):
    """The one unit of the first start lacks a period: others, who start then in a draw, have a row more."""
    starts = np.array([5.0, *[6.0] * 4, *[INF] * 5])
    y = np.random.default_rng(0).normal(size=(10, 8))
    y[0, 6] = np.nan
    fitted = fit(method, panel(y, starts))
    batch = fitted.refit_assignments(np.array([starts, starts[::-1]]))
    assert same_rows(batch.cells, fitted.estimate.cells)
    np.testing.assert_allclose(batch.values[0], fitted.estimate.values, rtol=1e-9)
    overall = overall_place(fitted.estimate.cells)
    turned = method.complete(fitted.source.with_first_treated(starts[::-1]))
    assert batch.values[1, overall] == pytest.approx(turned.values[overall_place(turned.cells)], rel=1e-9)
    assert Randomization(draws=99).infer(fitted, np.random.default_rng(1)).table["p_value"].notna().any()
