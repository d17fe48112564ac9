"""An adversary who searches whole numbers: it lists them against every number that a bundle tells of them.

For one start among as many others, Callaway and Sant'Anna's method with its analytic errors and the randomization test.
Exposures, starts, methods and that no count is above eight are taken as known.
"""

from __future__ import annotations

from itertools import combinations, product
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.stats import norm

from tests.bundle.adversary import half_of, told_digits, told_place

MOST = 8
#: Lots of which p is worked out; a run draws from more, and what these say is left aside.
MOST_LOTS = 1000
#: Event time -> how the rates of 2010 to 2013 are set against each other, start 2012.
CONTRASTS = {
    -1.0: np.array([-1.0, 1.0, 0.0, 0.0]), 0.0: np.array([0.0, -1.0, 1.0, 0.0]), 1.0: np.array([0.0, -1.0, 0.0, 1.0]),
}  # fmt: skip
OVERALL = np.array([0.0, -1.0, 0.5, 0.5])
BASE = 1
ROW = ("estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value")

Range = tuple[float, float]


class Searcher:
    """Knows exposures (2n, 4) of n treated and n others, and what a bundle says."""

    def __init__(self, exposure: np.ndarray, bundle: Path, digits: int = 4):
        self.exposure, self.n = exposure, len(exposure) // 2
        table = pd.read_csv(bundle / "estimates.csv")
        table = table[table["estimator"] == "primary"]
        self.digits = told_digits(bundle, "estimates.csv", digits)
        self.place = told_place(bundle, digits)
        own = table[table["inference"] == "analytic"]
        self.overall = self._row(own[own["aggregation"] == "overall"].iloc[0])
        events = own[own["aggregation"] == "event_time"].set_index("event_time")
        self.events = {e: self._row(events.loc[e]) for e in CONTRASTS}
        self.draws_all = comb(2 * self.n, self.n) <= MOST_LOTS
        lots = table[(table["inference"] == "randomization") & (table["aggregation"] == "overall")].iloc[0]
        self.lots = {name: self._read(lots, name) for name in ("p_value", "conf_low", "conf_high")}
        self.means = self._means(bundle, digits)

    def _row(self, row) -> dict[str, Range]:
        return {name: self._read(row, name) for name in ROW}

    def _read(self, row, name: str) -> Range:
        """Return between which numbers a number of an answer lies: at the place of the largest, p at its own."""
        place = {"p_value": 0.0, "statistic": 10.0 ** (1 - self.digits) if self.place else 0.0}.get(name, self.place)
        return self._range(row[name], self.digits, place)

    def _range(self, published, digits, place=0.0) -> Range:
        """Return between which numbers the truth lies."""
        if not np.isfinite(published):
            return -np.inf, np.inf
        half = half_of(published, digits, place)
        return published - half, published + half

    def _means(self, bundle, digits) -> list[list[Range]]:
        table = pd.read_csv(bundle / "tables" / "outcome_paths.csv")
        digits = told_digits(bundle, "tables/outcome_paths.csv", digits)
        table = table[table["cohort"].isna()].set_index(["group", "time"])["mean"]
        return [[self._range(table[side, 2010.0 + t], digits) for t in range(4)] for side in ("treated", "comparison")]

    def rates(self, counts: np.ndarray) -> np.ndarray:
        """Return rates per 10,000 of counts (..., 2n, 4)."""
        return 10_000 * counts / self.exposure

    def possible(self) -> list[list[set[int]]]:
        """List every combination against means, event times and their errors: the values that each count may have.

        All combinations of the period before the start (both sides) are gone through, and of each other period those
        that go with them.
        """
        listed = [[self._listed(side, t) for t in range(4)] for side in (0, 1)]
        left: list[list[set[int]]] = [[set() for _ in range(4)] for _ in range(2 * self.n)]
        for before in product(listed[0][BASE], listed[1][BASE]):
            found = {}
            for event, contrast in CONTRASTS.items():
                t = next(t for t in range(4) if t != BASE and contrast[t] != 0)
                found[t] = self._together(before, [listed[side][t] for side in (0, 1)], t, event)
            if all(len(pairs[0]) for pairs in found.values()):
                for t, sides in {**found, BASE: [one[None] for one in before]}.items():
                    for side, combos in enumerate(sides):
                        for unit in range(self.n):
                            left[side * self.n + unit][t] |= set(combos[:, unit].tolist())
        return left

    def _listed(self, side: int, t: int) -> np.ndarray:
        """Return the combinations of a side in a period that its mean allows, (k, n)."""
        combos = np.array(list(product(range(MOST + 1), repeat=self.n)))
        means = (10_000 * combos / self._of(self.exposure, side)[:, t]).mean(1)
        low, high = self.means[side][t]
        return combos[(means >= low) & (means <= high)]

    def _together(self, before, combos, t: int, event: float) -> list[np.ndarray]:
        """Return the combinations of a period, of both sides, that the event time's row allows with those before."""
        changes = []
        for side in (0, 1):
            exposed = self._of(self.exposure, side)
            own = CONTRASTS[event][t] * 10_000 * combos[side] / exposed[:, t]
            changes.append(own + CONTRASTS[event][BASE] * 10_000 * before[side] / exposed[:, BASE])
        estimate = changes[0].mean(1)[:, None] - changes[1].mean(1)[None, :]
        error = np.sqrt((changes[0].var(1)[:, None] + changes[1].var(1)[None, :]) / self.n)
        fits = within(row_of(estimate, error), self.events[event])
        return [combos[0][fits.any(1)], combos[1][fits.any(0)]]

    def consistent(self, counts: np.ndarray) -> np.ndarray:
        """Say which counts (k, 2n, 4) go with every number that is told."""
        rates = self.rates(counts)
        fits = np.ones(len(counts), bool)
        for side, own in enumerate((rates[:, : self.n], rates[:, self.n :])):
            for t, (low, high) in enumerate(self.means[side]):
                fits &= (own[:, :, t].mean(1) >= low) & (own[:, :, t].mean(1) <= high)
        for contrast, told in [*((CONTRASTS[e], row) for e, row in self.events.items()), (OVERALL, self.overall)]:
            fits &= within(row_of(*self._answer(rates @ contrast)), told)
        at = np.flatnonzero(fits & self.draws_all)
        fits[at] = self._lots_fit(rates[at] @ OVERALL)
        return fits

    def _answer(self, changes: np.ndarray, treated=None) -> tuple[np.ndarray, np.ndarray]:
        """Return estimate and error of changes (k, 2n), of the treated first or of others."""
        treated = list(range(self.n)) if treated is None else list(treated)
        own, others = changes[:, treated], np.delete(changes, treated, axis=1)
        return own.mean(1) - others.mean(1), np.sqrt((own.var(1) + others.var(1)) / self.n)

    def _lots_fit(self, changes: np.ndarray) -> np.ndarray:
        """Say which changes go with p over all lots, and with an interval that ends where p passes one in twenty."""
        low, high = self.lots["p_value"]
        p = self._p(changes, 0.0)
        fits = (p >= low) & (p <= high)
        for name, inside in (("conf_low", 1), ("conf_high", -1)):
            ends = self.lots[name]
            if np.isfinite(ends).all():
                outer, inner = (self._p(changes, end) for end in ends[::inside])
                fits &= (outer <= 0.05) & (inner > 0.05)
        return fits

    def _p(self, changes: np.ndarray, effect: float) -> np.ndarray:
        """Return the share of all lots whose statistic is as far from zero, once a constant effect is taken off."""
        without = changes.copy()
        without[:, : self.n] -= effect
        lots = [np.divide(*self._answer(without, some)) for some in combinations(range(2 * self.n), self.n)]
        return (np.abs(lots) >= np.abs(lots[0]) - 1e-9).mean(0)

    def others_like(self, truth: np.ndarray, rng: np.random.Generator, size: int, near: float = 1.0) -> np.ndarray:
        """Draw counts (at most size, 2n, 4) that may go with what is told, to be tried.

        On each side units get other counts, as the means allow; then each draw of the treated is set beside that of the
        others with which estimate and error are closest to the true ones.
        """
        drawn = [self._side_like(truth, side, rng, size, near) for side in (0, 1)]
        changes = [self.rates_of(side, own) @ OVERALL for side, own in enumerate(drawn)]
        points = [np.column_stack([own.mean(1), own.var(1)]) for own in changes]
        true = [self.rates_of(side, self._of(truth, side)) @ OVERALL for side in (0, 1)]
        middle = np.array([true[0].mean() - true[1].mean(), true[0].var() + true[1].var()])
        wanted = np.column_stack([points[0][:, 0] - middle[0], middle[1] - points[0][:, 1]])
        spread = points[1].std(0)
        closest = cKDTree(points[1] / spread).query(wanted / spread)[1]
        return np.concatenate([drawn[0], drawn[1][closest]], axis=1)

    def _side_like(self, truth, side: int, rng, size: int, near: float) -> np.ndarray:
        low, high = np.array(self.means[side]).T
        own = self._of(truth, side)
        out = self._moved(own, rng, size) if np.isfinite(low).all() else self._changed(own, side, rng, size, near)
        means = self.rates_of(side, out).mean(1)
        return out[((means >= low) & (means <= high)).all(1)]

    def _changed(self, own, side: int, rng, size: int, near: float) -> np.ndarray:
        """Give half the units other counts of nearly their change."""
        every = np.array(list(product(range(MOST + 1), repeat=4)))
        out = np.repeat(own[None], size, axis=0)
        for unit, counts in enumerate(own):
            weights = 10_000 / self._of(self.exposure, side)[unit] * OVERALL
            alike = every[np.abs((every - counts) @ weights) <= near]
            new = rng.random(size) < 0.5
            out[new, unit] = alike[rng.integers(len(alike), size=new.sum())]
        return out

    def _moved(self, own, rng, size: int) -> np.ndarray:
        """Move up to three people of each period from unit to unit: means stay about the same."""
        out, draws = np.repeat(own[None], size, axis=0), np.arange(size)
        for t, _ in product(range(4), range(3)):
            gives, takes = rng.integers(self.n, size=(2, size))
            out[draws, gives, t] -= 1
            out[draws, takes, t] += 1
        return out[((out >= 0) & (out <= MOST)).all((1, 2))]

    def _of(self, values: np.ndarray, side: int) -> np.ndarray:
        return values[side * self.n : (side + 1) * self.n]

    def rates_of(self, side: int, counts: np.ndarray) -> np.ndarray:
        """Return rates per 10,000 of counts of one side, (..., n, 4)."""
        return 10_000 * counts / self._of(self.exposure, side)


def row_of(estimate: np.ndarray, error: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a row of `estimates.csv` says of an estimate and its analytic error."""
    half, ratio = norm.ppf(0.975) * error, estimate / np.maximum(error, 1e-12)
    numbers = (estimate, error, estimate - half, estimate + half, ratio, 2 * norm.sf(np.abs(ratio)))
    return dict(zip(ROW, numbers, strict=True))


def within(row: dict[str, np.ndarray], told: dict[str, Range]) -> np.ndarray:
    """Say where all numbers of a row lie between what is told."""
    return np.logical_and.reduce([(row[name] >= low) & (row[name] <= high) for name, (low, high) in told.items()])


def recovered(left: list[list[set[int]]], truth: np.ndarray, smallest: int) -> list[tuple[int, int]]:
    """Return the protected counts that have one value left."""
    assert all(truth[u, t] in left[u][t] for u, t in np.ndindex(truth.shape))
    return [(u, t) for u, t in np.ndindex(truth.shape) if 0 < truth[u, t] < smallest and len(left[u][t]) == 1]
