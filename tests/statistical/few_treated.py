"""Size with few treated of unequal size: `python -m tests.statistical.few_treated [draws]` prints the table.

Starters are drawn by lot and nothing happens to them. ``real``: the published panel's own noise, starters from all. By
size: normal noise with a variance of a + b / children on the published numbers of children, starters from all, from the
smaller half and from the larger one (on real noise that would be a comparison of small with large, not a true null).
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from sos_eval.estimators import TWFE, PoissonDiD
from sos_eval.inference import ConleyTaber, FermanPinto
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimator import Estimator
from sos_eval.results.fitted import Fitted
from tests.statistical.detectable import published

CASES = (
    (TWFE(), "real"), (PoissonDiD(), "real"), (TWFE(), "all"), (TWFE(), "smaller"), (TWFE(), "larger"),
)  # fmt: skip


def _sizes(panel: Panel) -> Array:
    return np.asarray(panel.frame.groupby("unit", sort=False)["exposure"].mean(), float)


def _noise(panel: Panel, rng: np.random.Generator) -> Panel:
    """Return the panel with noise whose variance is one and a median authority's ratio of children."""
    size = _sizes(panel)
    sd = np.sqrt(1 + 3 * np.median(size) / size)
    return panel.with_outcome((rng.standard_normal((panel.n_units, panel.n_times)) * sd[:, None]).ravel())


def rejections(method: Estimator, treated: int, case: str, draws: int, samples: int = 999) -> dict[str, float]:
    """Return the share of true nulls that each method rejects at 5%."""
    panel, rng = published(treated), np.random.default_rng(treated)
    size, start = _sizes(panel), panel.cohorts[0]
    middle = np.median(size)
    eligible = {"smaller": size <= middle, "larger": size > middle}.get(case, size > 0)
    whole = Fitted("one", "primary", method, method.complete(panel), panel)
    count = {"conley_taber": 0, "ferman_pinto": 0}
    for _ in range(draws):
        starts = np.full(panel.n_units, np.inf)
        starts[rng.choice(np.flatnonzero(eligible), treated, replace=False)] = start
        moved = (panel if case == "real" else _noise(panel, rng)).with_first_treated(starts)
        fitted = replace(whole, estimate=method.complete(moved), source=moved)
        for test in (ConleyTaber(draws=samples), FermanPinto(draws=samples)):
            count[test.name] += test.infer(fitted, rng).facts["p_value"] <= 0.05
    return {name: hits / draws for name, hits in count.items()}


if __name__ == "__main__":
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    for treated in (5, 10):
        for method, case in CASES:
            for name, share in rejections(method, treated, case, draws).items():
                found = f"{100 * share:.1f}% ± {100 * np.sqrt(share * (1 - share) / draws):.1f}"
                print(f"{method.name}, {case}, {treated} treated: {name} {found}", flush=True)
