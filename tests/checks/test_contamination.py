"""A contaminated comparison: corrected estimates and bounds by hand, and bounds by going through all subsets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from sos_eval.checks import ContaminationCheck
from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD, SyntheticControl
from sos_eval.numerics.exposed import ratio_without_exposed
from tests.fakes import fit, panel_of

CHANGE = np.array([3.0, 5, 1, 0, 2, -1, 4, 0.5, -2, 1.5])
PANEL = panel_of(np.column_stack([np.full(10, 10.0), 10 + CHANGE]), [2002.0] * 2 + [np.inf] * 8)


def difference(without=()):
    """Return the difference in mean changes without some of the comparison."""
    kept = [i for i in range(2, 10) if i not in without]
    return CHANGE[:2].mean() - CHANGE[kept].mean()


@pytest.mark.parametrize("method", [TWFE(), CallawaySantAnna()])
def test_bounds_are_those_of_all_subsets(method):
    check = ContaminationCheck(shares=(0.25, 0.5), draws=99)
    (result,) = check.check(fit(method, PANEL), np.random.default_rng(0))
    for k, row in zip((2, 4), result.table.itertuples(), strict=True):
        every = [difference(gone) for gone in combinations(range(2, 10), k)]
        assert row.n_exposed == k
        assert row.bound_low == pytest.approx(min(every), abs=1e-10)
        assert row.bound_high == pytest.approx(max(every), abs=1e-10)
        assert row.corrected == pytest.approx(difference() / (1 - row.share), abs=1e-10)
    assert result.value == pytest.approx(difference() / 0.5)
    low, high = result.table[["conf_low", "conf_high"]].iloc[0]
    assert (result.table[["conf_low", "conf_high"]].iloc[1] * 0.5).tolist() == pytest.approx([low * 0.75, high * 0.75])
    assert "The test is not changed by it" in result.text


def test_a_correction_gives_the_effect_back_where_some_were_exposed():
    """The comparison's units 2 and 3 took the effect too: a quarter of eight."""
    change = np.full(10, 1.0)
    change[:4] += 6.0
    panel = panel_of(np.column_stack([np.full(10, 10.0), 10 + change]), [2002.0] * 2 + [np.inf] * 8)
    (result,) = ContaminationCheck(shares=(0.25,), draws=99).check(fit(TWFE(), panel), np.random.default_rng(0))
    assert result.table["estimate"].iloc[0] == pytest.approx(4.5)
    assert result.table["corrected"].iloc[0] == pytest.approx(6.0)
    assert result.table["bound_high"].iloc[0] == pytest.approx(6.0)


def test_ratios_by_hand():
    """Rates of 10 become 8 where exposed: of four alike one is, so the comparison's mean is 9.5."""
    ratio = 0.8 / 0.95
    assert ratio_without_exposed(np.array([ratio]), 0.25)[0] == pytest.approx(0.8, abs=1e-12)
    count = np.array([[10.0, 8], [10, 8], [10, 8], [10, 10], [10, 10], [10, 10]])
    panel = panel_of(count, [2002.0] * 2 + [np.inf] * 4, exposure=np.ones((6, 2)))
    (result,) = ContaminationCheck(shares=(0.25,), draws=99).check(fit(PoissonDiD(), panel), np.random.default_rng(0))
    assert result.table["corrected"].iloc[0] == pytest.approx(0.8, abs=1e-6)
    assert np.isnan(ratio_without_exposed(np.array([4.0]), 0.25))[0]


def test_what_has_no_influence_has_a_correction_and_the_reason_for_no_bounds():
    outcomes = np.random.default_rng(1).normal(size=(12, 8))
    fitted = fit(SyntheticControl(), panel_of(outcomes, [2007.0] * 2 + [np.inf] * 10))
    (result,) = ContaminationCheck(draws=19).check(fitted, np.random.default_rng(0))
    assert result.table["corrected"].notna().all()
    assert result.table["bound_low"].isna().all()
    assert "no influence" in result.table["reason"].iloc[0]


def test_too_many_leave_nobody():
    panel = panel_of(np.column_stack([np.full(4, 10.0), [11, 12, 13, 15]]), [2002.0, 2002, np.inf, np.inf])
    (result,) = ContaminationCheck(shares=(0.9,), draws=19).check(fit(TWFE(), panel), np.random.default_rng(0))
    assert "nobody would be left" in result.table["reason"].iloc[0]


@pytest.mark.parametrize("shares", [(), (0.5, 0.1), (0.1, 0.1)])
def test_shares_in_disorder_are_refused(shares):
    with pytest.raises(ValueError, match="smallest first"):
        ContaminationCheck(shares=shares)
