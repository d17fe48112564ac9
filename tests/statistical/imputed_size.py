"""How often a randomization test averaged over completed data sets rejects a true null.

`python -m tests.statistical.imputed_size 6 400`: rows of people in 24 authorities over six years of which so many
start, a covariate that moves the outcome and lacks a fifth of its values (more of them where it is high), no effect;
five completed data sets, 199 draws. Beside it clustered errors pooled by Rubin's rules, and the test on the first data
set alone.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from sos_eval.estimators import TWFE
from sos_eval.inference import Analytic
from sos_eval.inference.averaged import averaged
from sos_eval.inference.randomization import Randomization
from sos_eval.jobs.imputed import pooled_table
from sos_eval.panel.imputation import GapFilling, completed
from sos_eval.panel.tabular import from_frame
from sos_eval.results.fitted import Fitted

__all__ = ["rejected"]

SETS = 5


def people(seed: int, treated: int) -> pd.DataFrame:
    """Draw rows of people, levels and shocks of authorities, and a covariate with gaps."""
    rng = np.random.default_rng(seed)
    n = 24 * 6 * 8
    area, year = np.tile(np.arange(24), n // 24), 2001 + np.repeat(np.arange(6), n // 6)
    shock = rng.normal(size=24)[area] + 0.4 * rng.normal(size=(24, 6))[area, year - 2001]
    need = rng.normal(size=n) + 0.3 * rng.normal(size=24)[area]
    y = 2 * need + shock + rng.normal(size=n)
    need[rng.random(n) < np.where(need > 0, 0.3, 0.1)] = np.nan
    start = np.where(area < treated, 2004, 0)
    return pd.DataFrame({"area": area, "year": year, "start": start, "need": need, "y": y})


def rejected(treated: int, draws: int) -> dict[str, float]:
    """Return shares of draws rejected at 5%."""
    count = dict.fromkeys(("averaged", "first data set", "pooled"), 0)
    for seed in range(draws):
        panel = from_frame(
            people(1000 * treated + seed, treated), unit="area", time="year", outcome="y", first_treated="start",
            covariates=("need",), layout="cross_sections",
        )  # fmt: skip
        swapped, conventional = [], []
        for k in range(SETS):
            filled = completed(panel, ("need",), GapFilling(number=SETS), np.random.default_rng((seed, k)))
            method = TWFE(covariates=("need",))
            fitted = Fitted("a", "primary", method, method.complete(filled), filled)
            swapped.append(Randomization(interval="none", draws=199).infer(fitted, np.random.default_rng(seed)))
            conventional.append(Analytic(band_draws=0).infer(fitted, np.random.default_rng(seed)).table)
        test = averaged(swapped)
        assert not isinstance(test, str), test
        count["averaged"] += test.p <= 0.05
        count["first data set"] += swapped[0].table["p_value"].iloc[test.row] <= 0.05
        count["pooled"] += pooled_table(conventional)[0]["p_value"].iloc[test.row] <= 0.05
    return {name: times / draws for name, times in count.items()}


if __name__ == "__main__":
    number, times = int(sys.argv[1]), int(sys.argv[2])
    told = ", ".join(
        f"{name} {100 * share:.1f} ({100 * np.sqrt(share * (1 - share) / times):.1f})"
        for name, share in rejected(number, times).items()
    )
    print(f"{number} treated: {told}")
