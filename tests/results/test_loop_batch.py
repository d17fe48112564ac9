"""Batches of estimates whose cells differ."""

import numpy as np
import pytest

from sos_eval.errors import InputFault, NotIdentified
from sos_eval.estimators import CallawaySantAnna
from sos_eval.results.estimate import loop_batch
from tests.fakes import noise_panel


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


def test_refusals_are_counted_and_all_refused_is_a_refusal():
    panel = noise_panel()

    def never(_):
        raise NotIdentified("nobody is treated")

    with pytest.raises(InputFault, match="nobody is treated"):
        loop_batch([panel], never, CallawaySantAnna().complete(panel).cells)
