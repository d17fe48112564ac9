"""Two-way clustered errors: by hand, against every pair of rows, a peer's number, and what they are not defined for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE, PoissonDiD
from sos_eval.inference.analytic import Analytic
from sos_eval.inference.design_facts import design_facts
from sos_eval.inference.two_way import NEGATIVE, TwoWay
from sos_eval.numerics.two_way import two_way
from sos_eval.panel.tabular import from_frame
from sos_eval.results.fitted import Fitted
from tests.fakes import RefitOnly, fit, noise_panel

N, T = 12, 7
STARTS = np.array([3, 3, 4, 4, 5, 0, 0, 0, 0, 0, 0, 0], float)


def frame():
    """Unit, time and row noise; the same numbers were given to the peer."""
    rng = np.random.default_rng(5)
    units, times = np.repeat(np.arange(N), T), np.tile(np.arange(T), N)
    start = np.where(np.arange(N) < 5, STARTS, 99)
    treated = (times >= np.repeat(start, T)).astype(float)
    x = rng.normal(size=N * T)
    noise = rng.normal(size=N * T) + rng.normal(size=N)[units] + rng.normal(size=T)[times]
    y = noise + 0.5 * treated + np.repeat(rng.normal(size=N), T) * 0.1 * times
    return pd.DataFrame({"u": units, "t": times, "y": y, "x": x, "g": np.repeat(np.where(start == 99, 0, start), T),
                         "r": units % 4})  # fmt: skip


def fitted(method, df=None, **more):
    df = (frame() if df is None else df).assign(u=lambda d: d["u"].map("{:02d}".format))  # text sorts as numbers do
    panel = from_frame(df, unit="u", time="t", outcome="y", first_treated="g", **more)
    return Fitted("e", "primary", method, method.complete(panel), panel)


def error(fitted, **options):
    return TwoWay(**options).infer(fitted, np.random.default_rng(0)).table.iloc[0]


def test_by_hand():
    """Four scores in two rows and two columns: (1 + 2)^2 + (3 - 1)^2 + (1 + 3)^2 + (2 - 1)^2 - (1 + 4 + 9 + 1)."""
    scores, rows, columns = np.array([1.0, 2, 3, -1])[:, None], np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    assert two_way(scores, rows, columns) == pytest.approx([9 + 4 + 16 + 1 - 15])
    batch = two_way(np.stack([scores, 2 * scores]), rows, columns)
    assert batch.ravel() == pytest.approx([15, 60])
    assert np.isnan(two_way(np.array([[1.0], [-1], [-1], [1]]), rows, columns))


def test_every_pair_of_rows_that_shares_a_unit_or_a_period():
    one = fitted(TWFE(covariates=("x",)), covariates=("x",))
    fit = one.estimate.linear
    scores = ((fit.x * fit.residuals[:, None]) @ (fit.contrast @ fit.bread).T)[:, 0]
    df = frame()
    shared = (df["u"].to_numpy()[:, None] == df["u"].to_numpy()) | (df["t"].to_numpy()[:, None] == df["t"].to_numpy())
    slow = float(np.sqrt(scores @ shared @ scores))
    assert error(one, small_sample="none")["std_error"] == pytest.approx(slow, rel=1e-10)


@pytest.mark.parametrize(
    ("method", "covariates", "peer"),
    [(TWFE(covariates=()), (), 0.3502455256475494), (TWFE(covariates=("x",)), ("x",), 0.35275829013557797)],
)
def test_as_pyfixest_has_it(method, covariates, peer):
    """pyfixest 0.60, ``feols(y ~ d [+ x] | u + t, vcov={"CRV1": "u+t"})`` on `frame()`: G of the periods, t(6)."""
    row = error(fitted(method, covariates=covariates))
    assert row["std_error"] == pytest.approx(peer, rel=1e-8)
    assert row["df"] == 6


def test_a_clustering_that_holds_the_other_is_the_coarser_one():
    """Units within four groups: two-way by both is one-way by group."""
    two = TwoWay(also="r").infer(_with(fitted(CallawaySantAnna()), "r"), np.random.default_rng(0)).table
    one = Analytic(band_draws=0).infer(fitted(CallawaySantAnna(), cluster="r"), np.random.default_rng(0)).table
    np.testing.assert_allclose(two["std_error"], one["std_error"], rtol=1e-10)
    assert two["band_low"].isna().all()


def _with(one, column):
    """Return a fitted estimate whose panel carries a column, as a design's does for a method that names it."""
    values = frame().sort_values(["u", "t"])[column].to_numpy()
    panel = one.panel.with_columns(**{column: values})
    return Fitted(one.id, one.role, one.estimator, one.estimator.complete(panel), panel)


def test_crossed_groups_by_column_against_every_pair_of_units():
    """Clusters of the panel by three, a second clustering by four that crosses it."""
    df = frame().assign(k=lambda d: d["u"] // 4)
    one = _with(fitted(CallawaySantAnna(), df, cluster="k"), "r")
    scores = one.estimate.influence / N
    k, r = np.arange(N) // 4, np.arange(N) % 4
    shared = (k[:, None] == k) | (r[:, None] == r)
    slow = np.einsum("im,ij,jm->m", scores, shared, scores)
    found = TwoWay(also="r").infer(one, np.random.default_rng(0)).table
    ours = found["std_error"].to_numpy()
    known = np.isfinite(slow) & (slow > 0)
    np.testing.assert_allclose(ours[known], np.sqrt(slow[known]), rtol=1e-10)
    negative = np.isfinite(slow) & (slow < 0)
    assert np.isnan(ours[negative]).all()
    assert (found["reason"][negative].str.contains(NEGATIVE)).all()


@pytest.mark.parametrize(
    ("one", "options", "said"),
    [
        (lambda: fitted(CallawaySantAnna()), {}, "clustering by period needs the rows of a linear regression"),
        (
            lambda: fitted(PoissonDiD(), frame().assign(y=lambda d: np.round(np.exp(0.3 * d["y"]) * 20))),
            {},
            "the rows of a linear regression",
        ),
        (lambda: fitted(TWFE()), {"also": "nothing"}, "the panel has no column 'nothing'"),
        (lambda: _with(fitted(TWFE()), "x"), {"also": "x"}, "x changes within a unit"),
        (lambda: fit(RefitOnly(), noise_panel(10, 4)), {}, "no influence function"),
    ],
)
def test_what_it_is_not_defined_for_is_said(one, options, said):
    table = TwoWay(**options).infer(one(), np.random.default_rng(0)).table
    assert table["std_error"].isna().all()
    assert table["reason"].str.contains(said).all()


def test_an_event_study_has_an_error_or_a_reason_in_every_row():
    table = TwoWay().infer(fitted(EventStudyTWFE()), np.random.default_rng(0)).table
    assert ((table["std_error"] > 0) | table["reason"].ne("")).all()
    assert (table["std_error"] > 0).any()


def test_the_rule_knows_how_many_clusters_there_are():
    facts = design_facts(_with(fitted(TWFE()), "r"))
    assert (facts.clusters_of(""), facts.clusters_of("r"), facts.clusters_of("nothing")) == (T, 4, 0)
