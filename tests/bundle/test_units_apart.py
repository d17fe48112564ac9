"""Units that something sets apart from the others of their side: weights, kinds, gaps, histories, single donors."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.bundle.files import read_table
from sos_eval.bundle.told import WEIGHED
from tests.bundle.test_searched import COUNTED
from tests.bundle.test_what_counts_tell import PLAIN, is_told, world

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")


@pytest.mark.parametrize("weight", ["", "  weight: children\n"])
def test_a_value_with_weights_of_its_own_has_no_denominator_to_set_them_against(weight, tmp_path):
    rate = np.random.default_rng(1).uniform(20, 60, (26, 4))
    design = PLAIN.replace(COUNTED, "outcome: {value: rate}").replace("  time: year\n", f"  time: year\n{weight}")
    assert is_told(world(tmp_path, 13, design, rate=rate))


@pytest.mark.parametrize(("few", "told"), [(1, False), (6, True)])
def test_of_two_estimates_that_weigh_few_units_otherwise_one_is_told(few, told, tmp_path):
    again = "inference:"
    design = PLAIN.replace("  time: year\n", "  time: year\n  weight: one\n")
    design = design.replace(again, f"  - {{id: again, method: twfe, with: {{panel.weight: revised}}}}\n{again}")
    ones = np.ones((26, 4))
    revised = np.where(np.arange(26)[:, None] < few, 3.0, ones)
    table = read_table(world(tmp_path, 13, design, one=ones, revised=revised) / "estimates.csv")
    own = table[(table["estimator"] == "again") & (table["aggregation"] == "overall")]
    assert own["estimate"].notna().all() == told
    assert told or set(own["reason"]) == {WEIGHED}
