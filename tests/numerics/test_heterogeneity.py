"""Projections of the treated's effects: by hand, and with first stages that are right or wrong."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.numerics.folds import cluster_folds
from sos_eval.numerics.heterogeneity import NoOverlapError, Scores, doubly_robust, grouped, projection

TREATED = np.array([1, 1, 1, 1, 0, 0, 0, 0], float)


def test_eight_units_by_hand():
    """Gains 3, 1 | 6, 4 of the treated in two groups; comparison units take 1 and 2 away in the second."""
    gain = np.array([3, 1, 6, 4, 0, 0, -1, -2], float)
    group = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    found = projection(Scores(gain, TREATED, np.arange(8)), np.eye(2)[group])
    assert found.coef == pytest.approx([2.0, 3.5])  # (3 + 1) / 2 and (6 + 4 - 1 - 2) / 2
    # influence: (3 - 2, 1 - 2) / 2 and (6 - 3.5, 4 - 3.5, -1, -2) / 2; squares 2 / 4 and 11.5 / 4; times 8 / 7
    assert np.diag(found.covariance) == pytest.approx([8 / 7 * 0.5, 8 / 7 * 11.5 / 4])
    assert found.covariance[0, 1] == pytest.approx(0)
    assert found.df == 7


def test_influence_is_summed_within_clusters():
    gain = np.array([3, 1, 6, 4, 0, 0, -1, -2], float)
    clusters = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    found = projection(Scores(gain, TREATED, clusters), np.ones((8, 1)))
    # mean 11 / 4; sums of clusters: (4 - 5.5), (10 - 5.5), 0, -3, all over 4
    assert found.coef == pytest.approx([2.75])
    assert found.covariance[0, 0] == pytest.approx(4 / 3 * (1.5**2 + 4.5**2 + 3**2) / 16)


@pytest.mark.parametrize("wrong", ["outcome", "chance"])
def test_one_right_first_stage_is_enough(wrong):
    """Trends or chances that are not of the fitted form: the average of the treated stays at 2."""
    values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x = rng.uniform(-1.5, 1.5, 1500)
        bent = x**2
        treated = (rng.random(1500) < 1 / (1 + np.exp(-(bent - 0.7 if wrong == "chance" else 0.8 * x)))).astype(float)
        change = (bent if wrong == "outcome" else x) + 2 * treated + rng.standard_normal(1500)
        folds = cluster_folds(np.arange(1500), treated == 1, 5, rng)
        scores = doubly_robust(
            change, treated, x[:, None], weights=np.ones(1500), clusters=np.arange(1500), folds=folds
        )
        values.append(projection(scores, np.ones((1500, 1))).coef[0])
    assert np.mean(values) == pytest.approx(2, abs=3 * np.std(values) / np.sqrt(40))


def test_rows_without_overlap_are_refused():
    x = np.linspace(-1, 1, 80)
    treated = (x > 0).astype(float)
    with pytest.raises(NoOverlapError, match="cannot be told"):
        doubly_robust(
            x, treated, x[:, None], weights=np.ones(80), clusters=np.arange(80),
            folds=cluster_folds(np.arange(80), treated == 1, 4, np.random.default_rng(1)),
        )  # fmt: skip


def test_folds_keep_clusters_whole_and_sides_even():
    clusters = np.repeat(np.arange(23), 3)
    treated = clusters < 11
    folds = cluster_folds(clusters, treated, 4, np.random.default_rng(2))
    assert all(len(set(folds[clusters == c])) == 1 for c in range(23))
    for side in (treated, ~treated):
        sizes = np.bincount(folds[side][::3], minlength=4)
        assert sizes.max() - sizes.min() <= 1


def test_groups_have_as_many_treated_and_none_where_predictions_are_alike():
    rng = np.random.default_rng(3)
    treated, folds = np.arange(80) % 2 == 0, np.repeat([0, 1], 40)
    place = grouped(rng.standard_normal(80), treated, folds, 4)
    assert np.bincount(place[treated]).tolist() == [10, 10, 10, 10]
    assert grouped(np.zeros(80), treated, folds, 4) is None
