"""Is a stated detectable size found four times in five? `python -m tests.statistical.detectable` prints the table.

A number of draws may follow, and a part of the lines' names: ``300 poisson_did``.

On the published panel's own noise: starters are drawn by lot, the stated fall or rise is put in place, and the
headline's test is run on every draw.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from sos_eval.estimators import TWFE, PoissonDiD
from sos_eval.inference.detectable import detectable_size
from sos_eval.inference.randomization import Randomization
from sos_eval.numerics.detectable import FALL, RISE
from sos_eval.numerics.joint import joint_p
from sos_eval.panel.panel import Panel
from sos_eval.panel.tabular import from_frame
from sos_eval.results.assignments import assignment_space, stratified
from sos_eval.results.estimator import Estimator
from sos_eval.results.fitted import Fitted
from sos_eval.results.without_effect import without_effect

STRATA = {"none": (), "quartiles": ("exposure_quarter",)}


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    method: Estimator
    treated: int
    strata: str
    statistic: str
    effects: bool = True

    @property
    def name(self) -> str:
        """Say it in words."""
        effects = ", no stratum effects" if self.strata != "none" and not self.effects else ""
        return f"{self.method.name}, {self.treated} treated, strata {self.strata}{effects}, {self.statistic}"


CASES = [
    *(Case(TWFE(), n, "none", s) for n in (5, 10, 20, 40) for s in ("studentised", "coefficient")),
    *(Case(TWFE(), 10, "quartiles", s, e) for s in ("studentised", "coefficient") for e in (True, False)),
    *(Case(PoissonDiD(), 10, "quartiles", s) for s in ("studentised", "coefficient")),
    *(Case(PoissonDiD(), n, "none", s) for n in (5, 10, 20, 40) for s in ("studentised", "coefficient")),
    *(Case(TWFE(), n, "none", "both") for n in (5, 10, 20, 40)),
    *(Case(PoissonDiD(), 10, strata, "both") for strata in ("none", "quartiles")),
]


def published(treated: int) -> Panel:
    """Return years to March 2011-2014 and 2016-2019 of areas with every count, `treated` of them starting in 2016.

    Years are numbered through, so that 2016 is 2015.
    """
    import pandas as pd

    from sos_eval.panel.england.published import panel_file

    frame = pd.read_csv(panel_file(None), dtype={"la_code": str})
    frame = frame[frame["year"].between(2011, 2019) & (frame["year"] != 2015) & ~frame["la_code"].isin(["886", "306"])]
    whole = frame.groupby("la_code")["children_0_17"].transform(lambda values: values.notna().all())
    frame = frame[whole]
    first = np.random.default_rng(1).permutation(frame["la_code"].unique())[:treated]
    through = frame["year"] - (frame["year"] > 2015)
    frame = frame.assign(year=through, start=np.where(frame["la_code"].isin(first), 2015, 0))
    return from_frame(
        frame, unit="la_code", time="year", outcome="care_entries", exposure="children_0_17", per=10_000,
        first_treated="start",
    )  # fmt: skip


def power_at(case: Case, panel: Panel, size: float, sign: float, draws: int, permutations: int = 199) -> float:
    """Return how often the test finds an effect of a size on the working scale."""
    ratio = isinstance(case.method, PoissonDiD)
    rng, space = np.random.default_rng(2), assignment_space(panel, STRATA[case.strata])
    found = 0
    for adoption in space.draw(draws, rng).first_treated:
        moved = without_effect(panel.with_first_treated(adoption), -sign * size, ratio=ratio)
        lots = np.vstack([adoption, space.draw(permutations, rng).first_treated])
        batch = case.method.estimate_assignments(moved, lots)
        each = {"studentised": (batch.values / batch.std_error)[:, 0], "coefficient": batch.values[:, 0]}
        tested = tuple(each.values()) if case.statistic == "both" else (each[case.statistic],)
        found += joint_p(tested, complete=False) <= 0.05 + 1e-12
    return found / draws


def line(case: Case, draws: int) -> str:
    """Return one line: sizes stated, and the power they have."""
    panel = published(case.treated)
    strata = STRATA[case.strata]
    panel = stratified(panel, strata) if case.effects else panel
    fitted = Fitted("one", "primary", case.method, case.method.complete(panel), panel)
    test = Randomization(statistic=case.statistic, strata=strata)
    stated = detectable_size(fitted, test)
    ratio = isinstance(case.method, PoissonDiD)
    bare = without_effect(panel, float(fitted.estimate.values[0]), ratio=ratio)
    words = []
    for name, found, sign in (("fall", stated.fall, FALL), ("rise", stated.rise, RISE)):
        power = power_at(case, bare, found.size, sign, draws)
        error = np.sqrt(power * (1 - power) / draws)
        words.append(f"{name} {stated.shown(found.size, sign):.3g} found in {100 * power:.0f}% ± {100 * error:.1f}")
    return f"{case.name}: {'; '.join(words)}"


if __name__ == "__main__":
    draws, named = (int(sys.argv[1]) if len(sys.argv) > 1 else 600), (sys.argv[2] if len(sys.argv) > 2 else "")
    for one in CASES:
        if named in one.name:
            print(line(one, draws), flush=True)
