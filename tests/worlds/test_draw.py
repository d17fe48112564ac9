"""What a world says is what it draws: moments against their closed forms, each within Monte Carlo error."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.errors import DesignFault
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.source import data_of, draw_once
from tests.worlds.tiny import tiny

REPS = 4000
SIGMAS = 4.5  # with some hundred comparisons in this file, a true one fails in about 1 run of 1,000


def _close(draws, expected):
    """Compare means over draws (axis 0) with what they should be, within Monte Carlo error."""
    error = draws.std(0, ddof=1) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(0) - expected) < SIGMAS * error + 1e-12).all()


def test_mean_rates_follow_the_declared_path():
    """With levels, trends, persistence and deprivation, the mean over authorities is still the declared mean."""
    world = tiny(
        outcome__mean={"2011": 20, "2016": 30}, outcome__trend_sd=0.03, outcome__persistence={"rho": 0.5, "sd": 0.2},
        outcome__deprivation={"2011": 4.0, "2016": 2.0}, effect__size=0.0,
    )  # fmt: skip
    draws = draw_world(world, np.random.default_rng(1), REPS)
    _close(draws.outcomes.mean(1), [20, 22, 24, 26, 28, 30])


def test_shocks_have_their_declared_factor():
    """A 20% fall for all in 2014 and a doubling for one southern authority in 2012."""
    shocks = (
        {"name": "pandemic", "change": {"2014": -0.2}, "spread": 0.1},
        {"name": "surge", "change": {"2012": 1.0}, "authorities": 1, "regions": ["South"]},
    )
    draws = draw_world(tiny(outcome__shocks=shocks, effect__size=0.0), np.random.default_rng(2), REPS)
    _close(draws.untreated.mean(1), 28 * np.array([1, 1 + 1 / 8, 1, 0.8, 1, 1]))
    north = draws.frame.table["region"].to_numpy() == "North"
    np.testing.assert_allclose(draws.untreated[:, north, 1], draws.untreated[:, north, 0])


def test_persistence_is_stationary_with_its_correlation():
    world = tiny(outcome__level_sd=0.0, outcome__persistence={"rho": 0.6, "sd": 0.2}, effect__size=0.0)
    draws = draw_world(world, np.random.default_rng(3), REPS)
    logs = np.log(draws.untreated[:, 0] / 28) + 0.02  # E exp(eta) = exp(0.2^2 / 2)
    _close(logs, 0.0)
    _close(logs**2, 0.04)
    _close(logs[:, 1:] * logs[:, :-1], 0.6 * 0.04)


@pytest.mark.parametrize(("distribution", "dispersion"), [("poisson", 0.0), ("negative_binomial", 0.05)])
def test_counts_have_the_declared_variance(distribution, dispersion):
    """Variance of a count about its expectation: mean + dispersion x mean squared."""
    world = tiny(outcome__distribution=distribution, outcome__dispersion=dispersion, outcome__level_sd=0.0)
    draws = draw_world(world, np.random.default_rng(4), REPS)
    mean = draws.expected * draws.frame.exposure / 10000
    _close((draws.observed - mean) ** 2, mean[0] + dispersion * mean[0] ** 2)


def test_identity_link_draws_the_peers_world():
    """Unit effects and normal noise: what diff-diff and others simulate."""
    world = tiny(
        outcome__link="identity", outcome__distribution="normal", outcome__noise_sd=1.0, outcome__level_sd=2.0,
        outcome__mean={"2011": 10}, effect__size=5.0,
    )  # fmt: skip
    draws = draw_world(world, np.random.default_rng(5), REPS)
    _close(draws.observed.var(1, ddof=1)[:, 0], 5.0)
    assert draws.panel.outcome.scale == "value"
    assert np.isnan(draws.panel.matrix("exposure")).all()
    _close((draws.observed - draws.untreated)[:, draws.frame.own[:, -1] > 0, -1], 5.0)


def test_selection_on_level_is_sequential_sampling():
    """One adopter of eight with log odds 2 per SD of its own level: its mean level is what brute force says.

    Brute force: draw levels, choose one with probability proportional to exp(2 level).
    """
    world = tiny(
        adoption={"pattern": "calendar", "treated": 1, "start": 2013, "selection": {"level": 2.0}},
        effect__size=0.0, outcome__link="identity", outcome__distribution="none", outcome__level_sd=1.0,
        outcome__mean={"2011": 0},
    )  # fmt: skip
    draws = draw_world(world, np.random.default_rng(6), REPS)
    adopter = np.isfinite(draws.frame.first_treated)
    level = np.random.default_rng(7).standard_normal((400_000, 8))
    odds = np.exp(2 * level)
    expected = ((odds * level).sum(1) / odds.sum(1)).mean()
    _close(draws.untreated[:, adopter, 0], expected)
    _close(draws.untreated[:, ~adopter, 0].mean(1), -expected / 7)


def test_selection_on_trend_makes_the_earliest_the_steepest():
    """Log odds 3 per SD of trend: cohort 2013 outruns 2015, which outruns the never treated."""
    world = tiny(
        adoption__selection={"trend": 3.0}, effect__size=0.0, outcome__link="identity", outcome__distribution="none",
        outcome__trend_sd=1.0, outcome__level_sd=0.0,
    )  # fmt: skip
    draws = draw_world(world, np.random.default_rng(8), REPS)
    trend = draws.untreated[..., 1] - draws.untreated[..., 0]
    by_cohort = [trend[:, draws.frame.first_treated == g].mean() for g in (2013, 2015, np.inf)]
    assert by_cohort[0] > by_cohort[1] + 0.5 > by_cohort[2] + 1.0
    _close(trend.mean(1), 0.0)


def test_selection_on_what_is_observed_moves_adoption():
    gaps = []
    for seed in range(60):
        world = tiny(authorities__n=40, adoption__treated=10, adoption__selection={"deprivation": 3.0})
        frame = draw_world(world, np.random.default_rng(seed)).frame
        treated = np.isfinite(frame.first_treated)
        z = frame.table["deprivation_z"].to_numpy()
        gaps.append(z[treated].mean() - z[~treated].mean())
    assert np.mean(gaps) > 1.5


def test_stepped_wedge_treats_everybody_in_equal_groups():
    world = tiny(adoption={"pattern": "stepped_wedge", "steps": [2013, 2014, 2015, 2016]})
    starts = draw_world(world, np.random.default_rng(1)).frame.first_treated
    assert np.unique(starts, return_counts=True)[1].tolist() == [2, 2, 2, 2]


def test_regions_limit_who_starts():
    frame = draw_world(tiny(adoption__regions=["South"]), np.random.default_rng(1)).frame
    assert (np.isfinite(frame.first_treated) == (frame.table["region"] == "South").to_numpy()).all()


def test_missing_and_suppressed():
    draws = draw_world(tiny(missing={"share": 0.1}), np.random.default_rng(1), 500)
    _close(np.isnan(draws.observed).mean((1, 2)), 0.1)
    small = draw_world(tiny(missing={"suppress_below": 80}), np.random.default_rng(1), 50)
    seen = small.observed[np.isfinite(small.observed)]
    assert np.isnan(small.observed).any()
    assert ((seen >= 80) | (seen == 0)).all()
    assert str(data_of(small)["care_entries"].dtype) == "Int64"


def test_an_effect_that_takes_rates_below_zero_is_refused():
    with pytest.raises(DesignFault, match=r"effect.size: -40 takes .*% of the treated rates below zero"):
        draw_world(tiny(effect__size=-40), np.random.default_rng(1), 10)


def test_same_seed_same_bytes():
    first, again, other = (data_of(draw_once(tiny(), seed)).to_csv() for seed in (1, 1, 2))
    assert first == again
    assert first != other
