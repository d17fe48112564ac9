"""How often wild bootstraps reject a true null with few treated: `python -m tests.statistical.subcluster_size [draws]`.

Starters are drawn by lot on the published panel's own noise and nothing happens to them; weights by authority (the wild
cluster bootstrap) and by row (the subcluster wild bootstrap), residuals under the null and not.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np

from sos_eval.estimators import TWFE
from sos_eval.inference.satterthwaite import regression_clusters
from sos_eval.inference.wild_cluster_bootstrap import wild_test
from sos_eval.numerics.bootstrap import draw_weights, wild_terms
from tests.statistical.detectable import published

__all__ = ["rejections"]

LEVEL = 0.05


def rejections(treated: int, draws: int, samples: int = 399) -> dict[str, float]:
    """Return the share of true nulls rejected at 5%, by level of the weights and residuals."""
    panel, rng = published(treated), np.random.default_rng(treated)
    start, rows = panel.cohorts[0], np.arange(panel.n_rows)
    count: Counter[str] = Counter()
    for _ in range(draws):
        starts = np.full(panel.n_units, np.inf)
        starts[rng.choice(panel.n_units, treated, replace=False)] = start
        estimate = TWFE().complete(panel.with_first_treated(starts))
        design, value = regression_clusters(estimate), float(estimate.values[0])
        for words, groups in (("authority", None), ("row", rows)):
            terms = wild_terms(design, design.contrast[0], groups)
            weights = draw_weights("rademacher", (samples, len(terms.alpha)), rng)
            for restricted in (True, False):
                test = wild_test(terms, value, weights, restricted=restricted, complete=False, level=None)
                count[f"{words}, {'restricted' if restricted else 'unrestricted'}"] += test.p_value <= LEVEL
    return {name: hits / draws for name, hits in count.items()}


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    for few in (2, 3, 5, 10, 20):
        for name, share in rejections(few, number).items():
            found = f"{100 * share:.1f}% ± {100 * np.sqrt(share * (1 - share) / number):.1f}"
            print(f"{few} treated: {name} {found}", flush=True)
