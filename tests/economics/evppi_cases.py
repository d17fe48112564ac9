"""EVPPI on cases whose value is known: closed forms, quadrature, nested and not, and brute force.

``python -m tests.economics.evppi_cases [REPEATS]`` prints a row per case: the truth, the mean of repeated
analyses, their mean standard error, and how often the truth lay within two of an analysis's own errors.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import exp, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm

from sos_eval.economics.model.psa import Samples
from sos_eval.economics.voi.evppi import Evppi, evppi

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], tuple[Array, Array]]
_DRAWS = 10_000


@dataclass(frozen=True)
class Case:
    """One analysis: draws of parameters and net benefit, the group asked about, and what it is worth.

    Attributes
    ----------
    draw
        Parameters (n, p) and net benefit of the new strategies against the usual one (n, K - 1).
    group
        Columns of the group.
    truth
        Its value, computed without the draws.
    source
        How the truth is known.
    bound
        Boosted trees may stand in: the value is then a lower bound, and said to be one.
    """

    draw: Draw
    group: tuple[int, ...]
    truth: Callable[[], float]
    source: str
    bound: bool = False


def unit_loss(mean: float, sd: float) -> float:
    """E max(0, m + s z) less max(0, m)."""
    return float(sd * norm.pdf(mean / sd) + mean * norm.cdf(mean / sd) - max(mean, 0.0))


def expected_best(known: Array) -> float:
    """E max(0, known) over its last axis, less the best on average."""
    return float(np.maximum(known.max(-1), 0).mean() - max(known.mean(0).max(), 0))


def normals(rule: Callable[[Array], Array], size: int, noise: float = 1.0) -> Draw:
    """Independent standard normal parameters, net benefit by the rule, normal noise beside."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        x = rng.standard_normal((n, size))
        nb = rule(x).reshape(n, -1)
        return x, nb + noise * rng.standard_normal(nb.shape)

    return draw


def midpoints(quantile: Callable[[Array], Array], points: int) -> Array:
    """Values of equal chance: the middle quantile of each of so many parts."""
    return quantile((np.arange(points) + 0.5) / points)


def on_grid(*sides: Array) -> list[Array]:
    """Every combination of the sides, a column a side."""
    return [table.ravel() for table in np.meshgrid(*sides, indexing="ij")]


def by_quadrature(rule: Callable[[Array], Array], dims: int) -> float:
    """The value of knowing all of a rule of one or two standard normals, on a grid of equal chances."""
    side = midpoints(norm.ppf, {1: 1_000_000, 2: 2000}[dims])
    grid = np.column_stack(on_grid(*[side] * dims))
    return expected_best(rule(grid).reshape(len(grid), -1))


@cache
def by_draws(rule: Callable[[Array], Array], dims: int, n: int = 4_000_000) -> float:
    """The same by four million draws of the known parameters: brute force where a grid would be too large."""
    x = np.random.default_rng(99).standard_normal((n, dims))
    return expected_best(rule(x).reshape(n, -1))


# a programme that averts entries: baseline risk, ratio, cost of an entry, cost of the programme
_N, _VALUE = 1000.0, 30.0


def programme(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Net benefit of a programme for 1,000 children, in thousands: averted entries times their cost, less its own."""
    risk, ratio = rng.beta(30, 970, n), np.exp(rng.normal(log(0.9), 0.1, n))
    stay, cost = rng.gamma(25, _VALUE / 25, n), rng.gamma(16, 90.0 / 16, n)
    return np.column_stack([risk, ratio, stay, cost]), (_N * risk * (1 - ratio) * stay - cost)[:, None]


def programme_ratio() -> float:
    """Knowing the ratio: the others enter by their means, as they are independent and the benefit is linear in each."""
    a = _N * 0.03 * _VALUE
    ratio = np.exp(log(0.9) + 0.1 * midpoints(norm.ppf, 1_000_000))
    return expected_best((a * (1 - ratio) - 90.0)[:, None])


@cache
def programme_risk_ratio_stay() -> float:
    """Knowing all but the programme's own cost, four million draws."""
    x, _ = programme(np.random.default_rng(98), 4_000_000)
    return expected_best((_N * x[:, 0] * (1 - x[:, 1]) * x[:, 2] - 90.0)[:, None])


def cohort(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """A cohort of children over twenty quarters: at home, in care, out of it for good; two chances, two values."""
    enter, leave = rng.beta(8, 392, n), rng.beta(20, 180, n)
    ratio, cost = np.exp(rng.normal(log(0.85), 0.12, n)), rng.normal(0.7, 0.25, n)
    return np.column_stack([enter, leave, ratio, cost]), (cohort_benefit(enter, leave, ratio) - cost)[:, None]


def cohort_benefit(enter: Array, leave: Array, ratio: Array) -> Array:
    """Cost of quarters in care that the programme averts."""
    total = np.zeros(np.broadcast(enter, leave, ratio).shape)
    for sign, rate in ((1.0, enter), (-1.0, enter * ratio)):
        home, care = np.ones_like(total), np.zeros_like(total)
        for _ in range(20):
            home, care = home * (1 - rate), care * (1 - leave) + home * rate
            total += sign * 3.0 * care
    return total


@cache
def cohort_nested(known: tuple[int, ...]) -> float:
    """What is known on a grid of equal chances, what is not averaged at each point of it; the cost by its mean."""
    quantiles = (beta(8, 392).ppf, beta(20, 180).ppf, lambda p: np.exp(log(0.85) + 0.12 * norm.ppf(p)))
    outer = on_grid(*[midpoints(quantiles[i], {1: 2000, 2: 200}[len(known)]) for i in known])
    inner = on_grid(*[midpoints(quantiles[i], 40) for i in range(3) if i not in known])
    at = dict(zip(known, (column[:, None] for column in outer), strict=True))
    at |= dict(zip((i for i in range(3) if i not in known), (column[None, :] for column in inner), strict=True))
    benefit = np.concatenate([cohort_benefit(*(at[i][rows] if i in known else at[i] for i in range(3))).mean(1)
                              for rows in np.array_split(np.arange(len(outer[0])), 20)])  # fmt: skip
    return expected_best((benefit - 0.7)[:, None])


def apart(x: Array) -> Array:
    return np.column_stack([0.1 + x[:, 0], -0.2 + 1.5 * x[:, 1]])


def correlated(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """The benefit is 0.2 plus the second; the first only goes with it, at 0.8."""
    z = rng.standard_normal((n, 2))
    x = np.column_stack([z[:, 0], 0.8 * z[:, 0] + 0.6 * z[:, 1]])
    return x, (0.2 + x[:, [1]]) + 0.5 * rng.standard_normal((n, 1))


def two_groups(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    x = rng.integers(0, 2, (n, 1)).astype(float)
    return x, np.where(x == 1, 1.0, -1.2) + rng.standard_normal((n, 1))


def interaction(x: Array) -> Array:
    return -0.8 + x[:, 0] + x[:, 1] + 1.2 * x[:, 0] * x[:, 1]


def wave(x: Array) -> Array:
    return np.cos(2 * x[:, 0]) * x[:, 1]


def fourfold(x: Array) -> Array:
    return 0.3 * x[:, 0] + x[:, 1] * x[:, 2] - 0.5 * x[:, 3] ** 2 + 0.4


def triple(x: Array) -> Array:
    return x[:, 0] * x[:, 1] * x[:, 2]


def seven(x: Array) -> Array:
    return -0.3 + 0.4 * x.sum(1) + 0.5 * x[:, 0] * x[:, 6]


def both(x: Array) -> Array:
    return -0.3 + x[:, 0] + x[:, 1]


def _rule_cases() -> dict[str, Case]:
    closed, grid, brute = "closed form", "quadrature", "4 million draws"
    one_wave, product = lambda x: np.sin(3 * x[:, 0]) - 0.2, lambda x: x[:, 0] * x[:, 1]
    every = tuple(range(20))
    return {
        "linear": Case(normals(lambda x: 0.2 + x[:, 0], 2), (0,), lambda: unit_loss(0.2, 1), closed),
        "sum of two": Case(normals(both, 3), (0, 1), lambda: unit_loss(-0.3, sqrt(2)), closed),
        "square": Case(normals(lambda x: x[:, 0] ** 2 - 1, 2), (0,), lambda: float(2 * norm.pdf(1)), closed),
        "lognormal": Case(normals(lambda x: np.exp(0.5 * x[:, 0]) - 1.4, 1), (0,), lognormal, closed),
        "wave of one": Case(normals(one_wave, 1), (0,), lambda: by_quadrature(one_wave, 1), grid),
        "goes with what matters": Case(correlated, (0,), lambda: unit_loss(0.2, 0.8), closed),
        "two values": Case(two_groups, (0,), lambda: 0.5, closed),
        "three strategies": Case(normals(apart, 2), (0, 1), lambda: by_quadrature(apart, 2), grid),
        "product of two": Case(normals(product, 3), (0, 1), lambda: 1 / pi, closed),
        "product, one known": Case(normals(product, 3), (0,), lambda: 0.0, closed),
        "sum and product": Case(normals(interaction, 2), (0, 1), lambda: by_quadrature(interaction, 2), grid),
        "four, with a product": Case(normals(fourfold, 4), (0, 1, 2, 3), lambda: by_draws(fourfold, 4), brute),
        "product of three": Case(normals(triple, 3), (0, 1, 2), lambda: (2 / pi) ** 1.5 / 2, closed),
        "seven, with a product": Case(normals(seven, 7), every[:7], lambda: by_draws(seven, 7), brute),
        "wave times another, of eight": Case(normals(wave, 8), every[:8], lambda: by_quadrature(wave, 2), grid, True),
        "nothing, of twenty": Case(normals(lambda x: 0 * x[:, 0], 20, 2.0), every, lambda: 0.0, closed),
    }  # fmt: skip


def lognormal() -> float:
    """E max(0, exp(s z) - k) by the formula of a call option; the mean is below k."""
    s, k = 0.5, 1.4
    d = -log(k) / s
    return float(exp(s * s / 2) * norm.cdf(d + s) - k * norm.cdf(d) - max(exp(s * s / 2) - k, 0))


def _model_cases() -> dict[str, Case]:
    nested, brute, grid = "nested quadrature", "4 million draws", "quadrature"
    return {
        "programme: ratio": Case(programme, (1,), programme_ratio, grid),
        "programme: baseline risk": Case(programme, (0,), programme_risk, grid),
        "programme: risk, ratio, stay": Case(programme, (0, 1, 2), programme_risk_ratio_stay, brute),
        "cohort: ratio": Case(cohort, (2,), lambda: cohort_nested((2,)), nested),
        "cohort: entry and ratio": Case(cohort, (0, 2), lambda: cohort_nested((0, 2)), nested),
        "cohort: entry and leaving": Case(cohort, (0, 1), lambda: cohort_nested((0, 1)), nested),
    }


def programme_risk() -> float:
    """Knowing the baseline risk: the ratio enters by its mean."""
    fall = 1 - 0.9 * exp(0.005)
    risk = midpoints(beta(30, 970).ppf, 200_000)
    return expected_best((_N * risk * fall * _VALUE - 90.0)[:, None])


CASES = _rule_cases() | _model_cases()


def analysed(case: Case, seed: int, n: int = _DRAWS) -> Evppi:
    """One analysis of a case at a threshold of one."""
    rng = np.random.default_rng(seed)
    x, nb = case.draw(rng, n)
    names = tuple(f"x{i}" for i in range(x.shape[1]))
    effects = np.column_stack([np.zeros(n), nb])
    strategies = ("usual", *(f"new{j}" for j in range(nb.shape[1])))
    psa = Samples(strategies, effects, np.zeros_like(effects), x, names)
    return evppi(psa, [names[i] for i in case.group], np.array([1.0]), 0, rng)


def main(repeats: int) -> None:
    """Print the table."""
    print("| case | of | truth | how it is known | mean of analyses | own error | within two errors |")
    print("|---|---|---|---|---|---|---|")
    for name, case in CASES.items():
        truth = case.truth()
        found = [analysed(case, seed) for seed in range(repeats)]
        value, error = (np.array([getattr(one, key)[0] for one in found]) for key in ("evppi", "std_error"))
        trees = sum(int(one.richer[0]) for one in found)
        within = int((np.abs(value - truth) <= 2 * error).sum())
        by = f" (trees in {trees})" if trees else ""
        row = f"| {name} | {len(case.group)} | {truth:.4f} | {case.source} | {value.mean():.4f} | {error.mean():.4f} "
        print(f"{row}| {within} of {repeats}{by} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
