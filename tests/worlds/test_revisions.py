"""Revisions: a later release of the same world mends some figures, and changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.errors import DesignFault
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.revisions import Rebasing, Revisions, publish_children
from tests.worlds.tiny import tiny

TIMES = np.arange(2011.0, 2017.0)


def _drawn(reps=400, **revisions):
    return draw_world(tiny(revisions=revisions), np.random.default_rng(1), reps)


def test_the_first_release_is_wrong_where_it_says_and_a_later_one_is_the_truth():
    """A third of the figures of age 0 are wrong, 4 people on average, three quarters of them too low."""
    ages = {"0": {"share": 1 / 3, "size": 4.0}}
    first, later = (_drawn(by_age=ages, too_low=0.75, release=release) for release in (2016, 2017))
    plain = draw_world(tiny(), np.random.default_rng(1), 400)
    np.testing.assert_array_equal(later.observed, plain.observed)
    np.testing.assert_array_equal(first.observed[..., :-1], plain.observed[..., :-1])
    change = (first.observed - plain.observed)[..., -1].ravel()
    wrong = change != 0
    n = wrong.size
    assert wrong.mean() == pytest.approx(1 / 3, abs=4.5 * np.sqrt(2 / 9 / n))
    sizes = np.abs(change[wrong])
    assert sizes.min() == 1
    assert sizes.mean() == pytest.approx(4, abs=4.5 * np.sqrt(12 / len(sizes)))  # geometric: variance 4 x 3
    assert (change[wrong] < 0).mean() == pytest.approx(0.75, abs=4.5 * np.sqrt(0.1875 / len(sizes)))


def test_the_truth_is_that_of_true_figures():
    draws = _drawn(3, by_age={"0": {"share": 1.0, "size": 9.0}}, rebasing={"census": [2011], "drift": 0.01})
    plain = draw_world(tiny(), np.random.default_rng(1), 3)
    assert draws.truth.query("scale == 'rate_per'").equals(plain.truth.query("scale == 'rate_per'"))
    assert (draws.frame.children == plain.frame.children).all()
    assert (draws.outcomes < plain.outcomes).mean() > 0.5  # too many children make rates too low


def test_rebasing_by_hand():
    """Drift of 1% a period: the census of 2011, and one of 2014 that is known from 2016 on."""
    children = np.full((1, 6), 1000.0)
    spec = Rebasing(census=(2011, 2014), drift=0.01)

    def published(release):
        drawn = publish_children(Revisions(release=release, rebasing=spec), children, TIMES, np.random.default_rng(1))
        return drawn.ravel().tolist()

    assert published(2016) == [1000, 1000, 1000, 1000, 1010, 1020]
    early = Rebasing(census=(2011, 2014), drift=0.01, delay=3)
    late = publish_children(Revisions(release=2016, rebasing=early), children, TIMES, np.random.default_rng(1))
    assert late.ravel().tolist() == [1000, 1010, 1020, 1030, 1040, 1050]


def test_counts_stay_whole_and_above_zero():
    drawn = _drawn(50, by_age={str(age): {"share": 1.0, "size": 60.0} for age in range(6)}, too_low=1.0)
    assert (drawn.observed >= 0).all()
    assert (drawn.observed == drawn.observed.round()).all()


def test_faults_of_revisions():
    with pytest.raises(DesignFault, match=r"revisions\.release: 2015 is before the world's last period 2016"):
        tiny(revisions={"release": 2015})
    with pytest.raises(DesignFault, match="revisions: only counts of people are revised"):
        tiny(revisions={"rebasing": {"census": [2011]}}, outcome__distribution="none", outcome__link="identity")
    with pytest.raises(DesignFault, match="the drift leaves an authority without children"):
        draw_world(tiny(revisions={"rebasing": {"census": [2011], "drift": -0.5}}), np.random.default_rng(1))
