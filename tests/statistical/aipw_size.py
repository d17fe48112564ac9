"""How often the doubly robust comparison rejects a true null, by the number of treated authorities.

`python -m tests.statistical.aipw_size analytic 10 1000`: children of thirty authorities of which ten start, a random
level of each authority, arms that differ in a covariate, no effect; `randomization` in place of `analytic`: what `auto`
takes there.

`python -m tests.statistical.aipw_size real 10 1000` and `… england 10 200`: a row is an authority's year. Outcomes of
real authorities with placebo adoption that is not exchangeable on purpose, judged by one pool of as many permuted
adoptions; or adoptions and outcomes of `synthetic/england.yaml` without effect, 99 permutations for each outcome until
the answer is known. Nothing is differenced, so that an authority's mean before the first start is a covariate beside
deprivation. Both sizes: of the studentised permutation test, and of clustered errors.
"""

from __future__ import annotations

import sys

import numpy as np

from sos_eval.estimators import AIPW
from sos_eval.inference import Analytic, Randomization
from sos_eval.inference.wald import two_sided
from sos_eval.numerics.inversion import TIES, Rejection
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch
from sos_eval.results.fitted import Fitted
from tests.estimators.test_aipw import children
from tests.fakes import cross_sections_of
from tests.statistical.coverage.chosen import choice
from tests.statistical.coverage.jobs import SEED
from tests.statistical.coverage.noise import COHORTS, england, real_noise, scenes
from tests.statistical.coverage.permuted import LEVEL, p_against, rejects

__all__ = ["rejected"]

SD, EACH, AT_ONCE, LOTS = 0.3, 8, 5, 99
#: Name of a test -> share rejected and its Monte Carlo error.
Sizes = dict[str, tuple[float, float]]


def rejected(inference: str, treated: int, draws: int, lots: int = 99, each: int = 40) -> tuple[float, float]:
    """Return the share of draws rejected at 5%, and its Monte Carlo error."""
    method = Analytic() if inference == "analytic" else Randomization(draws=lots, statistic="studentised")
    count = 0
    for seed in range(draws):
        panel = children(10_000 * treated + seed, units=3 * treated, each=each, effect=0.0, authority_sd=SD)
        fitted = Fitted("a", "primary", AIPW(), AIPW().complete(panel), panel)
        table = method.infer(fitted, np.random.default_rng(seed)).table
        count += table["p_value"].iloc[0] <= 0.05
    share = count / draws
    return share, float(np.sqrt(share * (1 - share) / draws))


def rows_of(panel: Panel, outcomes: Array, first_treated: Array, start: float) -> Panel:
    """Lay out authorities' years (n, t) as rows, with deprivation and the mean before `start` as covariates."""
    n, t = outcomes.shape
    earlier = outcomes[:, panel.times < start].mean(1)
    idaci = panel.frame.groupby("unit", sort=True)["idaci"].first().loc[panel.units].to_numpy()
    rows = cross_sections_of(
        outcomes.ravel(), np.repeat(panel.units, t), np.tile(panel.times, n), np.repeat(first_treated, t)
    )
    if list(rows.units) != list(panel.units):
        raise SystemExit("authorities are in another order")
    frame = rows.frame.assign(earlier=np.repeat(earlier, t), idaci=np.repeat(idaci, t))
    return Panel(frame, layout="cross_sections", covariates=("earlier", "idaci"))


def statistic(batch: Batch) -> Array:
    """Return the estimates over their errors, in absolute value, (draws,); NaN where a draw could not be estimated."""
    return np.asarray(np.abs(batch.values[:, 0] / batch.std_error[:, 0]))


def on_real_noise(treated: int, draws: int) -> Sizes:
    """Sizes on outcomes of real authorities, one pool of as many permuted adoptions behind every p."""
    noise, rng = real_noise(), stream(SEED, "aipw", "real", treated)
    observed = noise.adoptions(treated, draws, rng)
    panel = rows_of(noise.panel, noise.panel.matrix(), observed[0], min(COHORTS))
    print(f"auto takes {choice(AIPW(), panel)}", flush=True)
    fitted = Fitted("a", "primary", AIPW(), AIPW().complete(panel), panel)
    pool = AIPW().estimate_assignments(panel, fitted.space(()).draw(draws, rng).first_treated)
    own = statistic(AIPW().estimate_assignments(panel, observed))
    shares = {
        "randomization": float(rejects(p_against(statistic(pool), own, complete=False)).mean()),
        "analytic": float(rejects(two_sided(own)).mean()),
    }
    pooled = {"randomization": 2 / draws, "analytic": 1 / draws}
    lost = np.isnan(statistic(pool)).mean()
    print(f"{lost:.1%} of permuted adoptions and {np.isnan(own).mean():.1%} of the observed could not be estimated")
    return {name: (share, float(np.sqrt(share * (1 - share) * pooled[name]))) for name, share in shares.items()}


def on_england(treated: int, draws: int) -> Sizes:
    """Sizes on adoptions and outcomes drawn anew; Monte Carlo error over adoptions."""
    rng = stream(SEED, "aipw", "england", treated)
    shares: dict[str, list[float]] = {"randomization": [], "analytic": []}
    for k, scene in enumerate(scenes(england(treated), draws, EACH, rng)):
        found = []
        for outcome in scene.outcomes:
            panel = rows_of(scene.panel, outcome, scene.panel.first_treated, scene.panel.cohorts[0])
            found.append(_rejections(panel, rng))
        for name, share in zip(shares, np.mean(found, axis=0), strict=True):
            shares[name].append(share)
        if k == 0:
            print(f"auto takes {choice(AIPW(), panel)} on the first adoption", flush=True)
    return {name: (float(np.mean(s)), float(np.std(s, ddof=1) / np.sqrt(len(s)))) for name, s in shares.items()}


def _rejections(panel: Panel, rng: np.random.Generator) -> tuple[bool, bool]:
    """Return whether the permutation test and clustered errors reject; permutations end once the answer is known."""
    fitted = Fitted("a", "primary", AIPW(), AIPW().complete(panel), panel)
    drawn = fitted.space(()).draw(LOTS, rng)
    rule = Rejection.at(1 - LEVEL, LOTS, complete=drawn.complete)
    own, extreme = float(statistic(AIPW().estimate_assignments(panel, panel.first_treated[None]))[0]), 0
    for first in range(0, LOTS, AT_ONCE):
        others = statistic(AIPW().estimate_assignments(panel, drawn.first_treated[first : first + AT_ONCE]))
        extreme += int(((others >= (1 - TIES) * own) | np.isnan(others)).sum())
        if not rule.rejects(extreme):
            break
    return bool(rule.rejects(extreme)), bool(two_sided(np.array([own]))[0] <= LEVEL)


def main() -> None:
    """Print the sizes that are asked for."""
    kind, treated, draws = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if kind in ("real", "england"):
        found = (on_real_noise if kind == "real" else on_england)(treated, draws)
    else:
        found = {kind: rejected(kind, treated, draws, *map(int, sys.argv[4:]))}
    for name, (share, error) in found.items():
        print(f"{' '.join(sys.argv[1:])}, {name}: {100 * share:.1f} ± {100 * error:.1f}")


if __name__ == "__main__":
    main()
