"""Small counts between bounds: sums weighed in two ways, and rates that are alike."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.bundle.withheld import carries
from sos_eval.results.members import Members
from sos_eval.results.pinned import adds_to, pins_down
from sos_eval.results.search import are_alike, can_be_searched, digits_of, taken

EQUAL = np.full(7, 0.5)
SMALL_APART = np.append(EQUAL[:6], 12.5)


def test_sums_and_means_of_equal_exposures_leave_the_small_one_known():
    """Six of exposure 20,000 and one of 800: sum less 2 x mean of rates per 10,000 is 24 times the count of the one."""
    counts = np.array([90.0, 104, 97, 120, 88, 101, 3])
    assert pins_down(np.array([np.ones(7), SMALL_APART]), counts, 6)
    assert not pins_down(SMALL_APART[None], counts, 6)
    assert not pins_down(np.array([np.ones(7), SMALL_APART]), np.append(counts[:6], 9.0), 6)  # 9 is not protected


def test_exposures_that_differ_leave_room():
    counts = np.array([90.0, 104, 97, 120, 88, 101, 3])
    rates = 10_000 / np.array([20_000, 31_000, 12_000, 45_000, 26_000, 17_000, 800])
    assert not pins_down(np.array([np.ones(7), rates]), counts, 6)


@pytest.mark.parametrize(("first", "adds"), [([1.0, 1, 1, 0], True), ([2.0, 2, 2, 2], False), ([3.0, 1, 1, 1], False)])
def test_a_sum_that_others_give_adds_nothing(first, adds):
    others = np.array([[1.0, 1, 1, 1], [5.0, 3, 3, 3]])
    assert adds_to(np.vstack([first, others])) is adds


def test_alike_by_hand():
    """Rates 5, 5, 5 and 5 per 10,000 leave 4 of 8,000 alone; a fourth at 15 reaches 0 to 12.5: any count."""
    each = 10_000 / np.array([20_000.0, 20_000, 20_000, 8_000])
    assert are_alike(np.array([10.0, 10, 10, 4]), each, 6)
    assert not are_alike(np.array([10.0, 10, 30, 4]), each, 6)
    assert not are_alike(np.array([10.0, 10, 10, 4]), each, 4)  # 4 is shown


@pytest.mark.parametrize(("last", "found"), [(20 / 21, True), (1.0, False)])
def test_a_weighted_mean_that_tells_a_small_count_by_its_remainder_is_searched(last, found):
    """Twelve audits of 20 files: equal weights tell nothing, weighed 20/21 the last adds as one of 21 files would."""
    names = [f"A{k:02d}" for k in range(12)]
    counts = {name: np.array([2.0 if name == "A11" else 6.0 + k % 6]) for k, name in enumerate(names)}
    each = {name: np.array([1 / 20]) for name in names}
    adds = {name: one * (last if name == "A11" else 1) for name, one in each.items()}
    most = {name: np.array([20.0]) for name in names}
    behind = Members({2012.0: frozenset(names)}, frozenset(), (2012.0,), counts, each, adds, most)
    assert behind.searched(3, 6) == found


@pytest.mark.parametrize("others", [[9.0] * 11, [6.0 + k % 6 for k in range(11)], [40.0, 44, 300]])
def test_what_is_decided_does_not_hang_on_which_a_protected_count_is(others):
    """Whoever knows all others would read it off what is withheld."""
    files = np.array([20.0] * 11 + [21.0]) if len(others) == 11 else np.full(4, 1e4)
    for decided in (
        lambda counts: can_be_searched(counts, 6), lambda counts: pins_down(1 / files[None], counts, 6, files),
        lambda counts: carries(1 / files, counts, 6), lambda counts: digits_of(taken(counts, 6)),
    ):  # fmt: skip
        assert len({decided(np.array([*others, small])) for small in (1.0, 2, 3, 4, 5)}) == 1
