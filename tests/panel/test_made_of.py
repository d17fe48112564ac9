"""The counts that counts tell of: a few odd cells switch nothing off."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.panel.made_of import made_of

MOST = np.array([[700.0, 720, 800, 790], [650, 700, 600, 640], [900, 910, 880, 905]])
LATE = np.array([[2.0, 4, 8, 1], [3, 5, 2, 7], [6, 1, 9, 2]])


def of_units(cells):
    return {f"A{u}": row for u, row in enumerate(cells)}


def told(counts, most=MOST, *, growing=True):
    """Return what counts tell of as cells: the rest, and what is new."""
    return [np.array([*one.values()]) for one in made_of(of_units(counts), of_units(most), growing=growing)[1:]]


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_the_rest_of_all_others_is_told_where_one_count_exceeds_its_denominator(scale):
    counts = MOST - LATE
    counts[2, 3] = 906
    (rest,) = told(counts, MOST / scale, growing=False)
    assert np.isnan(rest[2, 3])
    assert np.nansum(np.abs(rest - np.where(np.isnan(rest), np.nan, LATE))) == pytest.approx(0)


def test_what_is_new_is_told_where_one_count_falls_and_where_all_begin_anew():
    grown = 12 + np.cumsum(np.concatenate([LATE, LATE], axis=1), axis=1)
    grown[:, 5:] -= grown[:, [4]]
    grown[1, 2] = grown[1, 1] - 1
    _, new = told(grown, np.full(grown.shape, 9_000.0))
    assert np.isnan(new[:, [0, 5]]).all()
    assert np.isnan(new[1, 2])
    assert (new[0, [1, 2, 3, 6, 7]] == [4, 8, 1, 8, 1]).all()


def test_counts_that_rise_and_fall_tell_of_nothing_new():
    counts = np.array([[30.0, 33, 29, 35], [50, 48, 52, 47], [40, 44, 41, 39]])
    assert len(told(counts, np.full(counts.shape, 9_000.0))) == 1
