"""Sizes that a permutation test finds: against the power of a normal test, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from sos_eval.numerics.detectable import FALL, RISE, Lots, findable


def test_a_normal_test_of_known_error_finds_what_the_formula_says():
    rng = np.random.default_rng(1)
    lots = Lots(2 * rng.normal(size=400_000), np.full((400_000, 1), 2.0))
    critical = lots.critical(0.05)
    for sign in (FALL, RISE):
        found = findable(lots, lambda size: np.array([critical, critical]), sign, alpha=0.05, power=0.8)
        assert found.size == pytest.approx(2 * (ndtri(0.975) + ndtri(0.8)), abs=4 * found.error + 0.01)
        assert found.power_at(found.size)[0] == pytest.approx(0.8, abs=1e-4)


def test_an_off_centre_test_finds_falls_and_rises_of_different_sizes():
    rng = np.random.default_rng(2)
    lots = Lots(rng.normal(-0.5, 1, 100_000), np.ones((100_000, 1)))
    critical = np.array([lots.critical(0.05)] * 2)
    fall, rise = (findable(lots, lambda size: critical, sign, alpha=0.05, power=0.8) for sign in (FALL, RISE))
    assert rise.size - fall.size == pytest.approx(1.0, abs=0.02)


def test_the_second_pass_uses_the_critical_value_with_the_effect_in_place():
    lots = Lots(np.linspace(-1, 1, 999), np.ones((999, 1)))
    wider = Lots(2 * np.linspace(-1, 1, 999), np.ones((999, 1)))
    found = findable(lots, lambda size: np.array([wider.critical(0.05)] * 2), RISE, alpha=0.05, power=0.8)
    # the 50th largest |b| of 999 is 1.9 (half of them negative); a draw needs 1.9 - b, and four in five need at most
    assert found.size == pytest.approx(1.902 + 0.6, abs=0.003)


def test_draws_without_an_error_need_nothing_and_count_as_extreme():
    """Of 39 draws one is lost: the test counts it with the largest, and so rejects from the 1st of the others on."""
    known, lost = np.arange(1.0, 39.0), np.nan
    lots = Lots(np.r_[known, lost], np.ones((39, 1)))
    assert lots.usable.sum() == 38
    assert lots.critical(0.05).tolist() == [38.0]
    assert Lots(known, np.ones((38, 1))).critical(0.05).tolist() == [38.0]
    assert np.isinf(Lots(np.r_[known[:17], lost], np.ones((18, 1))).critical(0.05)).all()


def test_critical_values_of_two_statistics_taken_together_by_hand():
    """Nineteen draws at level .1: two of (1 + 19) may be as extreme. Ranks by hand, of size and of size over error.

    The largest estimate is that of the first draw (rank 1/19, with error 10 the last by the other), the largest ratio
    that of the second: both have smallest p 1/19, so two draws are as small and the two own statistics are the bars.
    """
    estimate = np.r_[100.0, 3.0, np.linspace(1, 2, 17)]
    error = np.r_[1000.0, 0.5, np.ones(17)]
    lots = Lots(estimate, np.column_stack([error, np.ones(19)]))
    assert lots.critical(0.1).tolist() == [6.0, 100.0]
    assert lots.critical(0.15).tolist() == [2.0, 3.0]


@pytest.mark.parametrize("ties", [1, 2])
def test_the_critical_value_of_one_of_a_list_leaves_it_and_its_mirror_image_out(ties):
    """Of 40 at level .1 four may be as extreme: itself and three others, or both images and two."""
    size = np.arange(1.0, 41.0) if ties == 1 else np.repeat(np.arange(1.0, 21.0), 2)
    own = 39 if ties == 1 else 38
    others = np.sort(size[size != size[own]])[::-1]
    lots = Lots(size, np.ones((40, 1)))
    assert lots.critical_of(own, 0.1).tolist() == [others[4 - ties]]
    # bare, the row stands at nought; it passes the bar as soon as its effect does
    assert lots.needed_of(own, size[own], 0.1) == others[4 - ties]


def test_no_effect_is_enough_where_the_images_alone_use_up_the_level():
    lots = Lots(np.repeat(np.arange(1.0, 11.0), 2), np.ones((20, 1)))
    assert np.isinf(lots.critical_of(19, 0.05)).all()
    assert np.isinf(lots.needed_of(19, 10.0, 0.05))
