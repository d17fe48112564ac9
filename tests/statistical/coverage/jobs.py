"""What is measured: estimators by inference method, noise and number treated; each job gives rates with their error."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE, PoissonDiD
from sos_eval.inference.auto import RELIED_ON
from sos_eval.inference.wald import two_sided
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Panel
from sos_eval.results.small_sample import small_sample_factor
from tests.statistical.coverage.chosen import WITHHELD, Rates, choice, chosen
from tests.statistical.coverage.noise import RealNoise, england, real_noise, scenes
from tests.statistical.coverage.permuted import (
    REFERENCE,
    analytic_p,
    assignments_of,
    on_real_noise,
    overall,
    rejects,
    sequentially,
    unrestricted,
)
from tests.statistical.coverage.refitted import bootstrapped, jackknifed, of_a_regression

ESTIMATORS = {
    "callaway_santanna": CallawaySantAnna(),
    "callaway_santanna, not yet treated": CallawaySantAnna(control="not_yet_treated"),
    "callaway_santanna, dr": CallawaySantAnna(adjust="dr", covariates=("idaci",)),
    "twfe": TWFE(),
    "event_study_twfe": EventStudyTWFE(),
    "poisson_did": PoissonDiD(),
}
ADJUSTED = "callaway_santanna, dr"
SIZES = (5, 10, 20, 40, 60)
SEED = 20260101
DRAWS, FEWER = 10_000, 1_000
RULED = 20  # adoptions on which the rule is asked what it takes
EACH = 200  # outcomes drawn on one adoption of the declared world …
PERMUTATIONS = 199  # … which share so many permuted adoptions
SHORT_REFERENCE = 5_000  # where an adoption costs a fit of its own

PERMUTED = "randomization, studentised"
WHERE_RELIED_ON = "randomization, studentised, where relied on"


@dataclass(frozen=True)
class Job:
    """One line of the tables at one number treated.

    Attributes
    ----------
    kind
        What is measured: a key of `KINDS`.
    estimator
        A key of `ESTIMATORS`.
    treated
        How many authorities start.
    draws
        How many draws.
    """

    kind: str
    estimator: str
    treated: int
    draws: int

    @property
    def name(self) -> str:
        """What its result is kept under."""
        return f"{self.kind}-{self.estimator.replace(', ', '-').replace(' ', '_')}-{self.treated}-{self.draws}"

    def run(self) -> Rates:
        """Measure; the stream is the job's own, so the order of jobs does not matter."""
        return KINDS[self.kind](self, stream(SEED, self.kind, self.estimator, self.treated))


def jobs(scale: float = 1.0) -> Iterator[Job]:
    """List all jobs, short ones first; `scale` shrinks the draws of each."""
    many, few = (max(EACH, round(draws * scale / EACH) * EACH) for draws in (DRAWS, FEWER))
    for treated in SIZES:
        for estimator in ESTIMATORS:
            yield Job("england-rule", estimator, treated, RULED)
            yield Job("real-rule", estimator, treated, RULED)
            yield Job("england-effect", estimator, treated, many)
            yield Job("england-analytic", estimator, treated, many)
            yield Job("real", estimator, treated, many)
        yield Job("real-refitted", "callaway_santanna", treated, few)
        yield Job("real-refitted", "twfe", treated, few)
    for treated in SIZES:
        for estimator in ESTIMATORS:
            taken = treated < RELIED_ON or ESTIMATORS[estimator].weighs_exposure  # permuted whatever the number
            mostly_withheld = 3 if (estimator, treated) == (ADJUSTED, 10) else 1  # most adoptions are withheld there
            yield Job("england-permuted", estimator, treated, mostly_withheld * many if taken else few)


def _share(found: dict[str, np.ndarray]) -> Rates:
    """Shares of independent draws with their binomial error."""
    shares = {name: float(values.mean()) for name, values in found.items()}
    return {name: (p, float(np.sqrt(p * (1 - p) / len(found[name]))), len(found[name])) for name, p in shares.items()}


def _clustered(found: dict[str, list[np.ndarray]]) -> Rates:
    """Shares where the draws of one adoption belong together: the error is that of the adoptions' own shares."""
    rates = {}
    for name, parts in found.items():
        shares = np.array([part.mean() for part in parts])
        error = float(shares.std(ddof=1) / np.sqrt(len(shares))) if len(shares) > 1 else np.nan
        rates[name] = (float(shares.mean()), error, int(sum(map(len, parts))))
    return rates


def _noise(estimator: str) -> RealNoise:
    noise = real_noise()
    return replace(noise, panel=replace(noise.panel, covariates=("idaci",))) if estimator == ADJUSTED else noise


def real(job: Job, rng: np.random.Generator) -> Rates:
    """Placebo adoptions of real outcomes: cluster-robust errors and permutations."""
    noise, reference = _noise(job.estimator), SHORT_REFERENCE if job.estimator == ADJUSTED else REFERENCE
    halves = (noise.population > np.median(noise.population)).astype(np.intp)
    strata = {"randomization": unrestricted(len(halves)), "randomization by exposure_half": halves}
    if job.estimator in (ADJUSTED, "poisson_did"):  # hundreds of references of an iterated fit would take hours
        del strata["randomization by exposure_half"]
    starts = noise.adoptions(job.treated, job.draws, rng)
    rates = _share(on_real_noise(noise, ESTIMATORS[job.estimator], starts, strata, rng, reference))
    return {
        name: (p, error if name == "analytic" else float(np.hypot(error, np.sqrt(p * (1 - p) / reference))), draws)
        for name, (p, error, draws) in rates.items()
    }


def real_refitted(job: Job, rng: np.random.Generator) -> Rates:
    """Placebo adoptions of real outcomes, one fit at a time."""
    noise, estimator = _noise(job.estimator), ESTIMATORS[job.estimator]
    starts = noise.adoptions(job.treated, job.draws, rng)
    panels: list[Panel] = [noise.panel.with_first_treated(one) for one in starts]
    found = bootstrapped(estimator, panels, rng) | jackknifed(estimator, panels)
    if job.estimator == "twfe":
        found |= of_a_regression(estimator, panels, rng)
    return _share(found)


def england_analytic(job: Job, rng: np.random.Generator) -> Rates:
    """Outcomes of the declared world without effect: cluster-robust errors."""
    estimator, found = ESTIMATORS[job.estimator], defaultdict(list)
    for scene in scenes(england(job.treated), job.draws, EACH // 4, rng):
        values, errors = overall(estimator.estimate_many(scene.panel, scene.outcomes))
        found["analytic"].append(rejects(analytic_p(estimator, scene.panel, values, errors)))
    return _clustered(found)


def england_effect(job: Job, rng: np.random.Generator) -> Rates:
    """Outcomes of the declared world with its effect: how often the interval misses each draw's true effect."""
    estimator, found = ESTIMATORS[job.estimator], defaultdict(list)
    for scene in scenes(england(job.treated, effect=None), job.draws, EACH // 4, rng):
        plan = estimator.complete(scene.panel)
        row = int(np.flatnonzero(plan.cells["aggregation"] == "overall")[0])
        values, errors = overall(estimator.estimate_many(scene.panel, scene.outcomes))
        truth = scene.true_effect(plan.cells.iloc[row])
        factor = small_sample_factor(plan, "default")
        found["analytic"].append(rejects(two_sided((values - truth) / errors / np.sqrt(factor.variance), factor.df)))
    return _clustered(found)


def england_permuted(job: Job, rng: np.random.Generator) -> Rates:
    """Outcomes of the declared world without effect: permutations, and those where `auto` relies on them."""
    estimator, found = ESTIMATORS[job.estimator], defaultdict(list)
    for scene in scenes(england(job.treated), job.draws, EACH, rng):
        drawn = assignments_of(scene.panel, PERMUTATIONS, rng)
        rejected = sequentially(estimator, scene.panel, scene.outcomes, drawn, ("studentised",))["studentised"]
        found[PERMUTED].append(rejected)
        if choice(estimator, scene.panel) != WITHHELD:
            found[WHERE_RELIED_ON].append(rejected)
    if len(found[WHERE_RELIED_ON]) == len(found[PERMUTED]):
        del found[WHERE_RELIED_ON]
    return _clustered({name: parts for name, parts in found.items() if parts})


def england_rule(job: Job, rng: np.random.Generator) -> Rates:
    """What `auto` takes on adoptions of the declared world."""
    panels = [scene.panel for scene in scenes(england(job.treated), job.draws, 1, rng)]
    return chosen(ESTIMATORS[job.estimator], panels)


def real_rule(job: Job, rng: np.random.Generator) -> Rates:
    """What `auto` takes on placebo adoptions of the real panel."""
    noise = _noise(job.estimator)
    starts = noise.adoptions(job.treated, job.draws, rng)
    return chosen(ESTIMATORS[job.estimator], [noise.panel.with_first_treated(one) for one in starts])


KINDS = {
    "real": real,
    "real-refitted": real_refitted,
    "england-analytic": england_analytic,
    "england-effect": england_effect,
    "england-permuted": england_permuted,
    "england-rule": england_rule,
    "real-rule": real_rule,
}
