"""Adoptions in batch, cell by cell: values, errors, empty places and reasons are the loop's."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from sos_eval.estimators import CallawaySantAnna
from sos_eval.estimators._adjusted import TwoByTwoEstimator
from sos_eval.estimators._cells import plan_cells
from sos_eval.estimators.fast import adjusted
from sos_eval.estimators.fast.effects import Nuisance
from sos_eval.panel.panel import FlowRow
from sos_eval.results.estimate import loop_batch
from tests.estimators.panels import INF, panel

N, T = 28, 6
STARTS = np.array([3.0] * 5 + [4.0] * 4 + [5.0] * 3 + [INF] * 16)
ADJUSTS = ["none", "reg", "ipw", "dr", "dr_improved", "dr_comparison"]
VARIANTS = {
    "plain": {},
    "clustered": {"weights": np.random.default_rng(1).uniform(0.5, 2, N), "clusters": [f"c{i % 9}" for i in range(N)]},
}
#: Weights and clusters above units with every adjustment; neither with two of them.
CASES = [(adjust, "clustered") for adjust in ADJUSTS] + [("none", "plain"), ("dr", "plain")]


def draws():
    """Permutations; one unit in a cohort, a cohort gone, one treated unit, early starts, nobody treated."""
    rng = np.random.default_rng(3)
    changed = np.tile(STARTS, (8, 1))
    changed[1:3] = [rng.permutation(STARTS) for _ in range(2)]
    changed[3, 1:5] = INF
    changed[4, 9:12] = INF
    changed[5] = np.where(np.arange(N) == 6, 4.0, INF)
    changed[6, 20:22] = 1
    changed[7] = INF
    return changed


def made(variant, *, moving=False):
    rng = np.random.default_rng(2)
    x = np.repeat(rng.normal(size=N), T) + moving * rng.normal(size=N * T)
    y = rng.normal(size=(N, T)) + x.reshape(N, T) * np.arange(T) / 3 + 50 * rng.normal(size=(N, 1))
    return replace(panel(y, STARTS, **VARIANTS[variant]).with_columns(x=x), covariates=("x",))


def with_gaps(base):
    gone = np.isin(np.arange(base.n_rows), [7, 40, 41, 75, 100, 131, 150])
    return replace(base, frame=base.frame[~gone].reset_index(drop=True))


def as_cross_sections(base, *, crossing=False):
    """Three people in every unit and period; clusters hold units, or cross them."""
    rng = np.random.default_rng(4)
    frame = base.frame.loc[base.frame.index.repeat(3)].reset_index(drop=True)
    frame["outcome"] += rng.normal(size=len(frame))
    frame["x"] += rng.normal(size=len(frame))
    if crossing:
        frame["cluster"] = [f"p{i % 31}" for i in range(len(frame))]
    return replace(base, frame=frame, layout="cross_sections")


def without_first_year(base):
    gone = base.frame["time"] == base.frame["first_treated"]
    line = FlowRow("transition", "dropped", 0, int(gone.sum()), "", "between the start and full embedding")
    return replace(base.noted(line), frame=base.frame[~gone].reset_index(drop=True))


def loop_of(estimator, base, starts, cells):
    return loop_batch([base.with_first_treated(adoption) for adoption in starts], estimator.complete, cells)


def same(estimator, base, starts, *, some=True):
    batch = estimator.estimate_assignments(base, starts)
    loop = loop_of(estimator, base, starts, batch.cells)
    assert np.isfinite(batch.values).any() == some
    np.testing.assert_allclose(batch.values, loop.values, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=1e-9, atol=1e-10)
    assert [bool(why) for why in batch.failures] == [bool(why) for why in loop.failures]
    return batch, loop


@pytest.mark.parametrize(("adjust", "variant"), CASES)
class TestEveryAdjustment:
    def test_balanced(self, adjust, variant):
        for estimator in (CallawaySantAnna(adjust=adjust), CallawaySantAnna(adjust=adjust, control="not_yet_treated")):
            same(estimator, made(variant), draws())

    def test_a_covariate_that_moves(self, adjust, variant):
        same(CallawaySantAnna(adjust=adjust), made(variant, moving=True), draws())

    def test_gaps(self, adjust, variant):
        same(CallawaySantAnna(adjust=adjust), with_gaps(made(variant)), draws())

    def test_gaps_as_levels(self, adjust, variant):
        base = with_gaps(made(variant))
        same(CallawaySantAnna(adjust=adjust, gaps="levels", base_period="universal"), base, draws())

    def test_cross_sections(self, adjust, variant):
        same(CallawaySantAnna(adjust=adjust), as_cross_sections(made(variant)), draws())

    def test_transition_left_out(self, adjust, variant):
        batch, _ = same(CallawaySantAnna(adjust=adjust), without_first_year(made(variant)), draws()[:5])
        assert np.isnan(batch.values[0]).any(), "periods that other draws have are no cells of the adoption itself"


@pytest.mark.parametrize("adjust", ["none", "dr"])
def test_clusters_that_cross_units(adjust):
    same(CallawaySantAnna(adjust=adjust), as_cross_sections(made("plain"), crossing=True), draws())


@pytest.mark.parametrize("adjust", ["reg", "ipw", "dr", "dr_improved"])
def test_what_fails_in_a_draw_has_the_loops_reason(adjust):
    """Covariates that separate the groups or are collinear in some draws, and a limit that trims."""
    base, starts = made("plain"), draws()[:3]
    steps = base.with_columns(x=np.repeat(np.isin(np.arange(N), [0, 5, 9, 20, 21, 22]).astype(float), T))
    lonely = base.with_columns(x=np.repeat(np.arange(N) == 9, T).astype(float))
    for trim, data, some in ((0.995, steps, True), (0.995, lonely, adjust == "reg"), (0.3, base, True)):
        batch, loop = same(CallawaySantAnna(adjust=adjust, trim=trim), data, starts, some=some)
        assert batch.failures == loop.failures
        assert any(batch.failures) == (data is lonely or (data is steps and adjust != "reg"))


def test_memory_is_bounded_by_chunks_that_change_nothing(monkeypatch):
    base, starts = made("clustered"), draws()[:5]
    whole = CallawaySantAnna(adjust="dr").estimate_assignments(base, starts)
    monkeypatch.setattr(adjusted, "_HOLD", 1)
    parts = CallawaySantAnna(adjust="dr").estimate_assignments(base, starts)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-12)
    np.testing.assert_allclose(parts.std_error, whole.std_error, rtol=1e-10, atol=1e-12)


@dataclass(frozen=True)
class Stated(TwoByTwoEstimator):
    """A method that states its cells, and nothing else."""

    name: ClassVar[str] = "stated"
    adjust: str = "dr"

    @property
    def nuisance(self):
        return Nuisance(self.adjust, 0.99)

    def cell_plan(self, starts, times):
        return plan_cells(starts, times, control="not_yet_treated", base_period="universal", anticipation=0)


def test_a_method_that_states_its_cells_has_every_batch():
    base, starts = made("clustered"), draws()
    theirs = CallawaySantAnna(adjust="dr", trim=0.99, control="not_yet_treated", base_period="universal")
    batch, _ = same(Stated(), base, starts)
    np.testing.assert_array_equal(batch.values, theirs.estimate_assignments(base, starts).values)
    outcomes = base.matrix() * np.random.default_rng(5).uniform(0.9, 1.1, (3, N, T))
    np.testing.assert_array_equal(
        Stated().estimate_many(base, outcomes).values, theirs.estimate_many(base, outcomes).values
    )


def test_batches_can_be_sent_to_other_processes():
    """The method and the panel are pickled, and the same draws give the same bytes."""
    base, starts = made("plain"), draws()
    method, sent = pickle.loads(pickle.dumps((CallawaySantAnna(adjust="dr"), base)))
    there = method.estimate_assignments(sent, starts)
    here = CallawaySantAnna(adjust="dr").estimate_assignments(base, starts)
    assert there.values.tobytes() == here.values.tobytes()
    assert there.std_error.tobytes() == here.std_error.tobytes()
