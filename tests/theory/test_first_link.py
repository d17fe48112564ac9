"""The first link: the effect on a mediator by the headline's design and lots."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from sos_eval.jobs.theory import on_values
from sos_eval.theory.first_link import first_links, mediators
from sos_eval.theory.programme import ProgrammeTheory
from tests.fakes import fit, noise_panel, panel_of

THEORY = ProgrammeTheory(
    edges=(("practice", "trust"), ("trust", "outcome"), ("practice", "plan"), ("plan", "outcome"), ("need", "outcome")),
    columns={"trust": "trust", "need": "need"},
)


def panel(effect, seed=0):
    data = noise_panel(seed=seed)
    rng = np.random.default_rng(seed + 100)
    trust = rng.standard_normal((data.n_units, data.n_times)) + effect * data.matrix("treated")
    return data.with_columns(trust=trust.ravel(), need=1.0)


def links(data):
    return first_links(THEORY, fit(TWFE(), data), 199, np.random.default_rng(0))


def test_only_measured_mediators_have_one():
    assert mediators(THEORY) == ("trust",)


def test_it_is_the_estimators_own_effect_on_the_column():
    data = panel(2.0)
    row = links(data).iloc[0]
    own = TWFE().complete(data.with_columns(outcome=data.frame["trust"]))
    assert row["estimate"] == pytest.approx(own.values[0], rel=1e-10)
    assert row["p_value"] == 1 / 200
    assert row["n_treated_units"] == 8


@pytest.mark.parametrize(
    ("treated", "reason"), [(4, "4 treated and 36 comparison"), (19, "with few treated"), (20, "")]
)
def test_an_interval_that_few_treated_make_too_narrow_is_said_to_be_as_the_headline_s_is(treated, reason):
    data = noise_panel(n_units=40, n_treated=treated)
    data = data.with_columns(trust=np.random.default_rng(1).standard_normal(len(data.frame)), need=1.0)
    row = first_links(THEORY, fit(TWFE(), data), 19, np.random.default_rng(0)).iloc[0]
    assert row["reason"].startswith(reason)
    assert bool(row["reason"]) == bool(reason)
    assert np.isfinite(row["conf_low"]) == (treated >= 5)


def test_what_it_would_find_is_found_four_times_in_five():
    """The size is of the lots alone: whatever the effect is, and 2.8 errors of a mediator that is noise, within 10%."""
    told, other = (links(panel(effect)).iloc[0] for effect in (0.0, 5.0))
    assert told["detectable"] == pytest.approx(other["detectable"], rel=1e-9)
    sizes = [links(panel(told["detectable"], seed))["p_value"].item() for seed in range(40)]
    assert 24 <= sum(p <= 0.05 for p in sizes) <= 39  # 32 expected, 3 errors of 2.5


def test_without_an_effect_it_is_rarely_found():
    p = np.array([links(panel(0.0, seed))["p_value"].item() for seed in range(60)])
    assert (p <= 0.05).sum() <= 8  # 3 expected, 3 errors of 1.7


def test_words_have_a_reason():
    data = panel(0.0).with_columns(trust="much")
    assert links(data)["reason"].item().endswith("trust holds words, and an effect is on numbers")


def test_of_a_headline_that_is_a_ratio_the_link_is_a_difference_and_says_so():
    """Counts of which a tenth fewer come; trust moves by 1, of about 10: as a ratio it would be 1.1."""
    rng = np.random.default_rng(3)
    starts = np.where(np.arange(40) < 8, 2004.0, np.inf)
    late = (np.arange(2001, 2007) >= 2004) & np.isfinite(starts)[:, None]
    counts = rng.poisson(100 * np.where(late, 0.9, 1.0))
    data = panel_of(counts, starts, exposure=np.ones((40, 6)))
    trust = 10 + 1.0 * late + 0.1 * rng.standard_normal((40, 6))
    data = data.with_columns(trust=trust.ravel(), need=1.0)
    row = first_links(THEORY, on_values(fit(PoissonDiD(), data)), 99, np.random.default_rng(0)).iloc[0]
    assert (row["scale"], row["method"]) == ("value", "twfe")
    change = trust[:, 3:].mean(1) - trust[:, :3].mean(1)
    assert row["estimate"] == pytest.approx(change[:8].mean() - change[8:].mean())
    assert row["conf_high"] - row["estimate"] == pytest.approx(2.0227 * row["std_error"], rel=1e-4)  # t with 39
    assert row["detectable"] < 0.5


def test_it_counts_the_units_of_its_own_estimate():
    """Where everybody begins the last cohort is nobody's effect: it was counted, and an interval was withheld."""
    rng = np.random.default_rng(2)
    starts = np.repeat([2003.0, 2005.0, 2007.0], 10)
    data = panel_of(rng.standard_normal((30, 8)), starts)
    data = data.with_columns(trust=rng.standard_normal(240), need=1.0)
    fitted = fit(CallawaySantAnna(control="not_yet_treated"), data)
    row = first_links(THEORY, fitted, 19, np.random.default_rng(0)).iloc[0]
    inside = fitted.estimate.cells.query("aggregation == 'overall'").iloc[0]
    assert (row["n_treated_units"], row["n_units"]) == (20, 30) == (inside["n_treated_units"], inside["n_units"])
    assert np.isfinite([row["conf_low"], row["conf_high"]]).all()
    assert "0 comparison" not in row["reason"]
