"""How often does the set at M = 0 reject a true null? `python -m tests.statistical.honest [draws]` prints the table.

On the published panel's own noise: starters are drawn by lot, nothing happens to them, and the set is made with the
covariance of other random adoptions and with the clustered one.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from sos_eval.checks.event_path import event_path
from sos_eval.estimators import EventStudyTWFE
from sos_eval.numerics.path_sets import PathSets
from sos_eval.numerics.restrictions import Bound
from sos_eval.results.fitted import Fitted
from tests.statistical.detectable import published

BOUNDS: tuple[Bound, ...] = ("relative_magnitudes", "smoothness")


def rejections(treated: int, draws: int, permutations: int = 499) -> dict[tuple[str, str], float]:
    """Return the share of true nulls that the set at M = 0 rejects, by covariance and restriction."""
    panel, method, rng = published(treated), EventStudyTWFE(), np.random.default_rng(treated)
    whole = Fitted("one", "primary", method, method.complete(panel), panel)
    space = whole.space(())
    count = {(by, bound): 0 for by in ("draws", "clustered") for bound in BOUNDS}
    for adoption in space.draw(draws, rng).first_treated:
        moved = panel.with_first_treated(adoption)
        path = event_path(replace(whole, estimate=method.complete(moved), source=moved))
        after = path.timeline.after
        drawn = path.drawn((), permutations, rng)
        for by, covariance in (("draws", drawn.covariance), ("clustered", path.clustered)):
            normal = rng.standard_normal((2_000, len(covariance)))
            sets = PathSets(
                path.values, covariance, path.timeline, np.full(len(after), 1 / len(after)), BOUNDS[0], None, None,
                0.05, np.empty(0), normal,
            )  # fmt: skip
            for bound in BOUNDS:
                count[by, bound] += int(replace(sets, bound=bound).rejects_zero(0.0, path.values[None])[0])
    return {key: hits / draws for key, hits in count.items()}


if __name__ == "__main__":
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    for treated in (5, 10, 20, 40):
        for (by, bound), share in rejections(treated, draws).items():
            error = np.sqrt(share * (1 - share) / draws)
            print(f"{treated} treated, {by}, {bound}: {100 * share:.1f}% ± {100 * error:.1f}", flush=True)
