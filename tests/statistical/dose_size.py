"""Size of `continuous_did` under a true null, 10 and 20 treated: `python -m tests.statistical.dose_size`.

Adoptions and outcomes are those of `synthetic/england.yaml` without effect; doses are drawn uniformly from .3 to 1.
`python -m tests.statistical.dose_size analytic`: cluster-robust errors alone, 20 to 72 treated, 4,000 draws, for the
average effect, the average response and the curve at the doses that 10 and 50% of the treated do not exceed; and how
many treated units `auto` counts behind the curve.
"""

from __future__ import annotations

import sys

import numpy as np

from sos_eval.estimators import ContinuousDiD
from sos_eval.inference.design_facts import effective_clusters
from sos_eval.numerics.random import stream
from tests.statistical.coverage.jobs import SEED
from tests.statistical.coverage.noise import england, scenes
from tests.statistical.coverage.permuted import assignments_of

DRAWS, EACH, PERMUTATIONS, LEVEL = 500, 20, 199, 0.05
ROWS = ("overall", "average causal response")
ANALYTIC_DRAWS, ANALYTIC_EACH, BEYOND = 4_000, 40, 1.959963984540054
#: Position among overall rows -> its name: two scalars, then the curve at five doses.
CURVE_ROWS = {0: "overall", 1: "average causal response", 2: "dose of 10%", 4: "dose of 50%"}


def measured(treated: int) -> dict[str, np.ndarray]:
    """Return rejections by row and test, a mean per adoption each."""
    rng, shares = stream(SEED, "dose", treated), {}
    for scene in scenes(england(treated), DRAWS, EACH, rng):
        dose = rng.uniform(0.3, 1.0, scene.panel.n_units)[scene.panel.unit_codes]
        panel, estimator = scene.panel.with_columns(dose=dose), ContinuousDiD()
        adoptions = assignments_of(panel, PERMUTATIONS, rng).first_treated
        every = [estimator.estimate_many(panel.with_first_treated(one), scene.outcomes) for one in adoptions]
        own = estimator.estimate_many(panel, scene.outcomes)
        places = np.flatnonzero(own.cells["aggregation"] == "overall")[:2]
        for name, row in zip(ROWS, places, strict=True):
            for statistic, by in (("studentised", "std_error"), ("coefficient", "")):
                size = [np.abs(b.values[:, row]) / (getattr(b, by)[:, row] if by else 1) for b in (own, *every)]
                p = np.mean(np.array(size) >= size[0] * (1 - 1e-9), axis=0)
                shares.setdefault(f"{name}, {statistic}", []).append(np.mean(p <= LEVEL))
            wald = np.abs(own.values[:, row] / own.std_error[:, row])
            shares.setdefault(f"{name}, analytic", []).append(np.mean(wald > BEYOND))
    return {name: np.array(parts) for name, parts in shares.items()}


def conventional(treated: int) -> tuple[dict[str, np.ndarray], float]:
    """Return rejections of cluster-robust errors by row, a mean an adoption each, and the mean count behind a curve."""
    rng, estimator = stream(SEED, "dose analytic", treated), ContinuousDiD()
    shares: dict[str, list[float]] = {name: [] for name in CURVE_ROWS.values()}
    behind = []
    for scene in scenes(england(treated), ANALYTIC_DRAWS, ANALYTIC_EACH, rng):
        dose = rng.uniform(0.3, 1.0, scene.panel.n_units)[scene.panel.unit_codes]
        panel = scene.panel.with_columns(dose=dose)
        own = estimator.estimate_many(panel, scene.outcomes)
        places = np.flatnonzero(own.cells["aggregation"] == "overall")
        for at, name in CURVE_ROWS.items():
            row = places[at]
            shares[name].append(np.mean(np.abs(own.values[:, row] / own.std_error[:, row]) > BEYOND))
        counts, _ = estimator.leverage(panel)
        behind.append(effective_clusters(panel, by_exposure=False, power=2, counts=counts)[0])
    return {name: np.array(parts) for name, parts in shares.items()}, float(np.mean(behind))


def told(parts: np.ndarray) -> str:
    """Return a share in percent with its Monte Carlo error over adoptions."""
    return f"{100 * parts.mean():.1f} ± {100 * parts.std(ddof=1) / np.sqrt(len(parts)):.1f}"


def main() -> None:
    """Print a line per number of treated and test."""
    if "analytic" in sys.argv[1:]:
        for number in (20, 40, 60, 72):
            found, behind = conventional(number)
            rows = ", ".join(f"{name} {told(parts)}" for name, parts in found.items())
            print(f"{number} treated ({behind:.1f} behind the curve), analytic: {rows}", flush=True)
        return
    for number in (10, 20):
        for test, parts in measured(number).items():
            print(f"{number} treated, {test}: {told(parts)}")


if __name__ == "__main__":
    main()
