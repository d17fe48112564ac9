"""Time the family of difference-in-differences, synthetic controls and HonestDiD beside their peers: `make bench`.

Every call is a default one with errors, 152 units over 20 periods, five cohorts unless said. Each row has the fastest
of the peers that offer the same; `--all` prints every one. `--cpu` counts processor time, for a machine with other work
on it. Placebos of ours draw units without replacement, find weights (and penalties) anew in each, and give p and an
interval by inversion; those of the peers give an error, or p alone. HonestDiD of ours is the whole check: the set at
M = 0, those at four values and the breakdown value; of the peers only the four sets, from the same estimates and
covariance. Diff-diff's relative magnitudes are left out: its interval is not the published one. csdid offers
`callaway_santanna` alone, which `bench.peers` times.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from time import perf_counter, process_time

import numpy as np
import pandas as pd

from bench.peers import COLUMNS, best, simulated
from sos_eval.checks.event_path import PathSpread, path_spread
from sos_eval.checks.honest_did import HonestDiD
from sos_eval.estimators import (
    ETWFE,
    DechaisemartinDhaultfoeuille,
    EventStudyTWFE,
    Imputation,
    Stacked,
    SunAbraham,
    SyntheticControl,
    SyntheticDiD,
    TripleDifference,
    TwoStage,
)
from sos_eval.panel.tabular import from_frame
from sos_eval.results.fitted import Fitted

Job = Callable[[], object]
PLACEBOS = {"method": "randomization", "statistic": "coefficient", "draws": 200}
MAGNITUDES, GRID = (0.5, 1.0, 1.5, 2.0), 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: ours, every peer that does the same, and how often each is timed."""

    name: str
    ours: Job
    theirs: Mapping[str, Job]
    times: int = 7


def block(treated: int, t: int = 20, start: int = 11) -> pd.DataFrame:
    """Draw a panel of 152 units of which some start together: `g` is the start, `ever` marks them, `d` years on it."""
    df = simulated(152, t, 1)
    ever = df["unit"] < treated
    after = ever & (df["time"] >= start)
    noise = np.random.default_rng(1).normal(size=len(df))
    return df.assign(g=np.where(ever, start, 0), ever=ever.astype(int), d=after.astype(int), y=noise + after)


def staggered() -> list[Row]:
    """Return the regressions and imputations on five cohorts."""
    import diff_diff as dd
    import pyfixest
    import statspai as sp

    df = simulated(152, 20, 5)
    fit = {"outcome": "y", "unit": "unit", "time": "time", "first_treat": "g"}
    group = {"y": "y", "group": "unit", "time": "time", "first_treat": "g"}
    study = {"yname": "y", "idname": "unit", "tname": "time", "gname": "g", "cluster": "unit"}

    def own(method: SunAbraham | Imputation | TwoStage | Stacked | ETWFE) -> Job:
        return lambda: method.fit(df, **COLUMNS)

    def saturated() -> object:
        return pyfixest.event_study(df, **study, estimator="saturated").aggregate()

    return [
        Row("sun_abraham", own(SunAbraham()), {
            "diff-diff": lambda: dd.SunAbraham().fit(df, **fit), "pyfixest": saturated,
            "StatsPAI": lambda: sp.sun_abraham(df, y="y", g="g", t="time", i="unit"),
        }),
        Row("imputation", own(Imputation()), {
            "diff-diff": lambda: dd.ImputationDiD().fit(df, **fit), "StatsPAI": lambda: sp.did_imputation(df, **group),
        }),
        Row("two_stage", own(TwoStage()), {
            "diff-diff": lambda: dd.TwoStageDiD().fit(df, **fit), "StatsPAI": lambda: sp.gardner_did(df, **group),
            "pyfixest": lambda: pyfixest.event_study(df, **study, estimator="did2s"),
        }),
        Row("stacked, two before and two after", own(Stacked(window=(-2, 2))), {
            "diff-diff": lambda: dd.StackedDiD(kappa_pre=2, kappa_post=2).fit(df, **fit),
            "StatsPAI": lambda: sp.stacked_did(df, **group, window=(-2, 2)),
        }),
        Row("etwfe", own(ETWFE()), {
            "diff-diff": lambda: dd.WooldridgeDiD().fit(df, **fit), "StatsPAI": lambda: sp.etwfe(df, **group),
        }),
    ]  # fmt: skip


def switchers() -> list[Row]:
    """Return the effects of switching at every event time that there is, and triple differences, five cohorts each.

    Peers' switchers have as many periods after the switch as ours; before it as many as they allow.
    """
    import diff_diff as dd
    import moderndid
    import polars
    import statspai as sp

    df = simulated(152, 20, 5)
    lot = np.random.default_rng(3).permutation(152) % 2
    halves = df.assign(eligible=lot[df["unit"]])
    effects, before = 15, 9
    group = {"outcome": "y", "group": "unit", "time": "time", "treatment": "d"}
    names = {"outcome": "y", "unit": "unit", "time": "time", "first_treat": "g", "eligibility": "eligible"}
    triple = TripleDifference(eligible="eligible")
    table, split = polars.from_pandas(df), polars.from_pandas(halves)

    def ddd() -> list[object]:
        fitted = moderndid.ddd(split, "y", "time", "unit", "g", "eligible", est_method="reg")
        kinds = ("simple", "group", "calendar", "eventstudy")
        return [moderndid.agg_ddd(fitted, type=kind, boot=False, cband=False) for kind in kinds]

    return [
        Row("dechaisemartin_dhaultfoeuille", lambda: DechaisemartinDhaultfoeuille().fit(df, **COLUMNS), {
            "diff-diff": lambda: dd.ChaisemartinDHaultfoeuille().fit(df, **group, L_max=effects),
            "moderndid": lambda: moderndid.did_multiplegt(
                table, "y", "time", "unit", "d", effects=effects, placebo=before
            ),
            "StatsPAI": lambda: sp.did_multiplegt_dyn(
                df, y="y", group="unit", time="time", treatment="d", dynamic=effects, placebo=before
            ),
        }, 3),
        Row("triple_difference, never treated compared with",
            lambda: triple.fit(halves, **COLUMNS, covariates=("eligible",)), {
            "diff-diff": lambda: dd.StaggeredTripleDifference(control_group="nevertreated").fit(
                halves, **names, aggregate="all"
            ),
            "moderndid": ddd,
        }, 3),
    ]  # fmt: skip


def donors() -> list[Row]:
    """Return the synthetic methods: fifteen that start together, or one, and its 151 placebos."""
    import diff_diff as dd
    import statspai as sp

    many, one = block(15), block(1)
    names = {"outcome": "y", "unit": "unit", "time": "time"}
    post = list(range(11, 21))
    single = {"treated_unit": 0, "treatment_time": 11}
    plain, augmented = SyntheticControl(augment="none"), SyntheticControl()
    without = PLACEBOS | {"interval": "none"}

    def placebo() -> object:
        return dd.SyntheticDiD(n_bootstrap=200, seed=1).fit(many, treatment="ever", post_periods=post, **names)

    def statspai(se_method: str) -> Job:
        return lambda: sp.sdid(
            many, **names, treated_unit=list(range(15)), treatment_time=11, se_method=se_method, n_reps=200, seed=1
        )

    placebos = {"diff-diff": placebo, "StatsPAI": statspai("placebo")}
    synth = {"StatsPAI": lambda: sp.synth(one, **names, **single)}
    augsynth = {"StatsPAI": lambda: sp.augsynth(one, **names, **single)}
    return [
        Row("synthetic_did, jackknife", lambda: SyntheticDiD().fit(many, **COLUMNS), {
            "StatsPAI": statspai("jackknife"),
            "diff-diff": lambda: dd.SyntheticDiD(variance_method="jackknife").fit(
                many, treatment="ever", post_periods=post, **names
            ),
        }),
        Row("synthetic_did, 200 placebos: p", lambda: SyntheticDiD().fit(many, **COLUMNS, inference=without),
            placebos, 2),
        Row("the same: p and interval", lambda: SyntheticDiD().fit(many, **COLUMNS, inference=PLACEBOS), placebos, 2),
        Row("synthetic_control, no augmentation, 151 placebos: p",
            lambda: plain.fit(one, **COLUMNS, inference=without), synth, 3),
        Row("the same: p and interval", lambda: plain.fit(one, **COLUMNS, inference=PLACEBOS), synth, 3),
        Row("synthetic_control, augmented, 151 placebos: p",
            lambda: augmented.fit(one, **COLUMNS, inference=without), augsynth, 2),
        Row("the same: p and interval", lambda: augmented.fit(one, **COLUMNS, inference=PLACEBOS), augsynth, 2),
    ]  # fmt: skip


@cache
def event_study(before: int, after: int) -> tuple[Fitted, PathSpread]:
    """Fit an event study with so many periods beside the base before the start, and as many from it on."""
    panel = from_frame(block(51, before + 1 + after, before + 2), **COLUMNS)
    method = EventStudyTWFE()
    fitted = Fitted("study", "primary", method, method.complete(panel), panel)
    spread = path_spread(fitted, 999, 499, np.random.default_rng(1))
    if isinstance(spread, str):
        raise SystemExit(f"event study: {spread}")
    return fitted, spread


def honest(before: int, after: int, *, peers: bool = True) -> list[Row]:
    """Return HonestDiD on an event study, by relative magnitudes and by smoothness."""
    import moderndid
    import statspai as sp

    fitted, spread = event_study(before, after)
    error = float(np.sqrt(spread.covariance.diagonal()[len(spread.path.timeline.before) - 1]))
    bends = tuple(error * share for share in (0.25, 0.5, 0.75, 1.0))
    events = [int(e) for e in np.concatenate([spread.path.timeline.before, spread.path.timeline.after])]

    def ours(check: HonestDiD) -> Job:
        return lambda: check.check(fitted, np.random.default_rng(1))

    def statspai(method: str, values: tuple[float, ...]) -> Job:
        return partial(
            sp.honest_did_from_moments, spread.path.values, spread.covariance, event_times=events, m_grid=list(values),
            method=method, grid_points=GRID, l_vec=[1 / after] * after,
        )  # fmt: skip

    given = (spread.path.values, spread.covariance, before, after)
    equal = {"l_vec": np.full((after, 1), 1 / after), "grid_points": GRID}
    magnitudes: Mapping[str, Job] = {
        "StatsPAI": statspai("relative_magnitude", MAGNITUDES),
        "moderndid": lambda: moderndid.create_sensitivity_results_rm(*given, m_bar_vec=list(MAGNITUDES), **equal),
    }
    smoothness: Mapping[str, Job] = {
        "StatsPAI": statspai("smoothness", bends),
        "moderndid": lambda: moderndid.create_sensitivity_results_sm(
            *given, m_vec=list(bends), method="FLCI", l_vec=equal["l_vec"]
        ),
    }
    size = f"{before} before, {after} after"
    return [
        Row(f"HonestDiD, relative magnitudes, {size}",
            ours(HonestDiD(restriction="relative_magnitudes", values=MAGNITUDES, grid_points=GRID)),
            magnitudes if peers else {}, 2),
        Row(f"HonestDiD, smoothness (FLCI), {size}", ours(HonestDiD(restriction="smoothness", values=bends)),
            smoothness if peers else {}, 3),
    ]  # fmt: skip


def told(row: Row, clock: Callable[[], float], *, every: bool) -> str:
    """Time a row and lay it out: ours, the fastest peer, and how many times ours it takes."""
    ours = best(row.ours, row.times, clock)
    taken = {name: best(job, row.times, clock) for name, job in row.theirs.items()}
    if not taken:
        return f"{row.name:<56}{ours:>9.4f}s"
    first = min(taken, key=lambda name: taken[name])
    others = "  ".join(f"{name} {seconds:.4f}s" for name, seconds in taken.items()) if every else ""
    return f"{row.name:<56}{ours:>9.4f}s{first:>11}{taken[first]:>9.4f}s{taken[first] / ours:>8.2f}  {others}".rstrip()


def main() -> None:
    """Print a line per comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="run what has these words in its name")
    parser.add_argument("--all", action="store_true", help="print every peer's time")
    parser.add_argument("--cpu", action="store_true", help="count processor time: for a machine with other work on it")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    clock = process_time if chosen.cpu else perf_counter
    print(f"{'':<56}{'ours':>10}{'fastest':>11}{'theirs':>10}{'ratio':>8}")
    for group in (staggered, switchers, donors, partial(honest, 5, 5), partial(honest, 9, 9, peers=False)):
        for row in group():
            if chosen.only in row.name:
                print(told(row, clock, every=chosen.all), flush=True)


if __name__ == "__main__":
    main()
