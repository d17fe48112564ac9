"""docs/coverage.md from the rates: nothing on it is written by hand but what the numbers mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sos_eval.inference.auto import RELIED_ON
from tests.statistical.coverage.chosen import WITHHELD, Rates
from tests.statistical.coverage.jobs import PERMUTED, RULED, SIZES, WHERE_RELIED_ON, Job

LOW, HIGH = 4.0, 6.5  # percent: what a recommended pair has to keep
TITLES = {
    "real": "real noise",
    "real-refitted": "real noise",
    "england-analytic": "england",
    "england-permuted": "england",
    "england-effect": "england, with an effect",
    "england-rule": "england",
    "real-rule": "real noise",
}
OFTEN = 0.1  # what `auto` takes on so large a share of adoptions has a star

TEXT = """# Coverage

How often a nominal 5% test rejects a true null, in percent, with its Monte Carlo error. A 95% interval by inversion
misses the truth exactly as often as its test rejects it. Made by `make coverage`, which measures everything below.

- **real noise**: 145 English authorities with children starting to be looked after in every year to March 2011-2019,
  their own outcomes. In every draw two placebo cohorts (2015, 2016) start among them, with a chance that goes with the
  root of the child population and is twofold in three regions drawn anew; nothing happens to anybody. Not exchangeable
  on purpose: a randomization test assumes that everyone (in a stratum) could have started. Permutation references are
  shared by draws with the same cohorts in each stratum; their error is in the Monte Carlo error.
- **england**: adoption and outcomes drawn anew from `synthetic/england.yaml` without effect, 199 permutations of the
  starts, shared by the draws on one adoption; the error is that of the adoptions' own shares.
- **england, with an effect**: the same with its declared effect; how often the interval misses each draw's own true
  effect. A two-way regression and a Poisson model have another estimand than the mean over the treated where effects
  grow; for them a miss is bias as well as too short an interval.

**Bold** is outside {low:g} to {high:g} by more than two Monte Carlo errors. A star is what `auto` takes, on at least
one adoption in ten ({ruled} adoptions of each kind put before the rule itself): the studentised permutation test below
{relied_on} clusters on either side, cluster-robust errors from there, where clusters count by their share in the
variance. `poisson_did` weighs authorities by their children, so that 60 authorities of `england` count for 11 to 27.

{table}

**What `auto` takes**, over both kinds of noise: {starred}.

**What it leaves**: plain cluster-robust errors reject a true null in {analytic_5} with 5 treated, {analytic_10} with
10, {analytic_20} with 20. A report with such a headline never stands alone below 20 treated, and below {relied_on} it
is not what `auto` takes.

**Where `auto` says that no procedure is reliable**: {withheld}. Random adoptions that cannot be estimated (a cohort of
one whose covariate is the largest or smallest has no propensity) count as extreme, and use up the test's 5%: the rows
of the doubly robust adjustment with 5 and 10 treated on england show how rarely it then rejects, and beside them how
often on the adoptions on which the rule relies on it. Draws whose own estimate is missing count as no rejection.

**Bands.** The uniform band of event times rests on the cohorts of each: with 5 treated in two cohorts the outermost
event times hold two or three authorities, whose error is as good as unknown. The row says how often such a band leaves
zero somewhere though nothing happened.

**Further estimators** (imputation, Sun-Abraham, …) are in [their own table](coverage_family.md).

**Matched designs**, matched again in every draw and permutation, are in [a table of theirs](coverage_matched.md).

**Not measured.** Clusters above the authority, CR2, CR3 and the wild bootstrap of the event-study regression (half a
second a draw), trends that differ by adoption.

Measured on {states} (eight digits of the sha256 of the code, the world and the real panel behind every rate).
"""


def rows_of(jobs: Sequence[Job], rates: Sequence[Rates]) -> pd.DataFrame:
    """Lay the rates out, a row a method and number treated."""
    measured = [pair for pair in zip(jobs, rates, strict=True) if not pair[0].kind.endswith("-rule")]
    rows = [
        {"noise": TITLES[job.kind], "estimator": job.estimator, "inference": name, "treated": job.treated,
         "draws": draws, "rate": 100 * rate, "error": 100 * error, "permuted": name == (
             WHERE_RELIED_ON if WHERE_RELIED_ON in found else PERMUTED)}
        for job, found in measured
        for name, (rate, error, draws) in found.items()
    ]  # fmt: skip
    taken = {
        (job.kind.removesuffix("-rule"), job.estimator, job.treated): found
        for job, found in zip(jobs, rates, strict=True)
        if job.kind.endswith("-rule")
    }
    table = pd.DataFrame(rows)
    table["starred"] = [_is_taken(row, taken) for row in table.itertuples()]
    return table


def _is_taken(row: Any, taken: Mapping[tuple[str, str, int], Rates]) -> bool:
    """Whether the rule takes a row's method on at least one adoption in ten."""
    found = taken.get(("real" if row.noise == TITLES["real"] else "england", row.estimator, row.treated), {})
    method = "randomization" if row.permuted else row.inference
    return found.get(method, (0.0, 0.0, 0))[0] >= OFTEN


def _withheld(jobs: Sequence[Job], rates: Sequence[Rates]) -> str:
    """Name where, and on how many of the adoptions, the rule relies on nothing."""
    named = [
        f"{job.estimator} with {job.treated} treated on {TITLES[job.kind]}, on {100 * found[WITHHELD][0]:.0f}% of "
        "adoptions"
        for job, found in zip(jobs, rates, strict=True)
        if job.kind.endswith("-rule") and WITHHELD in found
    ]
    return "; ".join(named) or "nowhere here"


def page(jobs: Sequence[Job], rates: Sequence[Rates], states: Sequence[str]) -> str:
    """Return the page.

    Parameters
    ----------
    states
        What each job was measured on.
    """
    found = rows_of(jobs, rates)
    null = found[found["noise"] != TITLES["england-effect"]]
    plain = {
        f"analytic_{k}": _range(null[(null["inference"] == "analytic") & (null["treated"] == k)]) for k in (5, 10, 20)
    }
    return TEXT.format(
        low=LOW,
        high=HIGH,
        relied_on=RELIED_ON,
        ruled=RULED,
        withheld=_withheld(jobs, rates),
        table=_table(found),
        starred=_starred(null[null["starred"]]),
        states=_states(states),
        **plain,
    )


def _states(states: Sequence[str]) -> str:
    """Name the states, with how many jobs each where there are several."""
    counts = Counter(states)
    named = [f"{one} ({k} job{'s' * (k > 1)})" for one, k in counts.most_common()]
    return " and ".join(named) if len(counts) > 1 else states[0]


def outside(rows: pd.DataFrame) -> pd.Series:
    """Say which rates are outside the band by more than two Monte Carlo errors."""
    slack = 2 * rows["error"].fillna(0)
    return (rows["rate"] + slack < LOW) | (rows["rate"] - slack > HIGH)


def _table(found: pd.DataFrame) -> str:
    bold = outside(found)
    cells = [
        f"{'**' if b else ''}{rate:.1f}{'**' if b else ''} ± {error:.1f}{' *' if star else ''}"
        for rate, error, star, b in zip(found["rate"], found["error"], found["starred"], bold, strict=True)
    ]
    keys = ["noise", "estimator", "inference"]
    wide = found.assign(cell=cells).pivot(index=keys, columns="treated", values="cell").fillna("")
    draws = found.groupby(keys)["draws"].agg(lambda one: "; ".join(f"{n:,}" for n in dict.fromkeys(one)))
    wide.insert(0, "draws", draws)
    lines = ["| " + " | ".join([*keys, "draws", *(f"{k} treated" for k in SIZES)]) + " |"]
    lines.append("|---" * (len(keys) + 1 + len(SIZES)) + "|")
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in wide.reset_index().to_numpy())])


def _range(rows: pd.DataFrame) -> str:
    return f"{rows['rate'].min():.1f} to {rows['rate'].max():.1f}%"


def _starred(rows: pd.DataFrame) -> str:
    """Say how wide the recommended pairs range, and name those outside."""
    text = f"{_range(rows)} in {len(rows)} cells"
    beyond = rows[outside(rows)]
    if beyond.empty:
        return f"{text}, none of them outside {LOW:g} to {HIGH:g}% by more than two Monte Carlo errors"
    named = "; ".join(
        f"{row.estimator} with {row.treated} treated on {row.noise}, {row.rate:.1f} ± {row.error:.1f}"
        for row in beyond.itertuples()
    )
    return f"{text}; outside {LOW:g} to {HIGH:g}% by more than two Monte Carlo errors: {named}"
