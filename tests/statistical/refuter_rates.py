"""How often `refuters` and `sensitivity` pass sound and broken designs: `python -m tests.statistical.refuter_rates`.

Names of designs limit it to these. Every line is held against every design, so that a line's blind spots are printed
as well as the fault that it is for. Limits are those of `tests/checks/test_refuters.py` and of `SENSITIVITY_LIMITS`;
`benchmarks` has none, and passes where the sign stays with a cause once as strong as the covariate.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from sos_eval.checks.sensitivity import Sensitivity
from sos_eval.estimators import TWFE
from tests.checks.test_refuters import QUICK, BeforeAfter, panel, verdicts
from tests.checks.test_sensitivity import fit, frame

Verdicts = dict[str, bool | None]

PANELS = 200
#: Its estimates are made one by one.
PANELS_ONE_BY_ONE = 100
#: 40 units, 16 treated, eight periods unless said otherwise.
DESIGNS = {
    "no effect": (TWFE(), {}),
    "no effect, 60 units, 25 treated": (TWFE(), {"n": 60, "treated": 25}),
    "effect of -4": (TWFE(), {"effect": -4.0}),
    "no effect, hidden cause": (TWFE(), {"cause": 1.0}),
    "no effect, weak hidden cause": (TWFE(), {"cause": 0.5}),
    "trend, no comparison": (BeforeAfter(), {"trend": 0.5}),
    "no effect, two treated": (TWFE(), {"treated": 2}),
}
SENSITIVITY_LIMITS = {"min_robustness_value": 0.4, "min_gamma": 1.5}
#: 40 units, 16 treated in pairs alike in a covariate; noise of units' changes has standard deviation 1.
CHANGES = {
    "changes, strong effect": {"effect": -2.0},
    "changes, modest effect": {"effect": -1.0},
    "changes, no effect": {},
    "changes, hidden cause": {"hidden": 1.0},
    "changes, strong hidden cause": {"hidden": 2.0},
}


def pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return a comparison unit of its own for each treated one, with the least total distance in the covariate."""
    units = table.groupby("unit")[["x", "start"]].first()
    own = np.isfinite(units["start"])
    treated, others = units["x"][own], units["x"][~own]
    distance = np.abs(treated.to_numpy()[:, None] - others.to_numpy())
    mine, theirs = linear_sum_assignment(distance)
    both = [*zip(treated.index[mine], mine, strict=True), *zip(others.index[theirs], mine, strict=True)]
    return pd.DataFrame(both, columns=["unit", "matched_set"])


def refuted(name: str, seed: int) -> Verdicts:
    """Return which refuters a panel of a design passes."""
    method, made = DESIGNS[name]
    return {line: one.passed for line, one in verdicts(method, panel(seed, **made), **QUICK).items()}


def bounded(name: str, seed: int) -> Verdicts:
    """Return which lines of sensitivity a panel passes; a line that finds nothing to explain does not."""
    table = frame(seed=seed, noise=1.0, moved=0.5, **CHANGES[name])
    check = Sensitivity(times=(1.0,), **SENSITIVITY_LIMITS)
    found = {one.name: one for one in check.check(fit(table, sets=pairs(table)), np.random.default_rng(seed))}
    estimate = found["sensitivity.robustness_value"].table["estimate"].item()
    kept = {"benchmarks": bool(found["sensitivity.benchmarks"].value * estimate > 0)}
    return {line: found[f"sensitivity.{line}"].passed for line in ("robustness_value", "matched_sets")} | kept


def rates(made: Callable[[str, int], Verdicts], name: str, panels: int) -> Iterator[str]:
    """Return each line's share of panels passed in percent, with its Monte Carlo error."""
    found = [made(name, seed) for seed in range(panels)]
    for line in (line for line in found[0] if found[0][line] is not None):
        passed = np.array([one[line] for one in found], bool)
        error = 100 * np.sqrt(passed.mean() * (1 - passed.mean()) / panels)
        yield f"{line} {100 * passed.mean():.1f} ± {error:.1f}"


if __name__ == "__main__":
    for name in sys.argv[1:] or [*DESIGNS, *CHANGES]:
        made = refuted if name in DESIGNS else bounded
        panels = PANELS_ONE_BY_ONE if name in DESIGNS and isinstance(DESIGNS[name][0], BeforeAfter) else PANELS
        print(f"{name} ({panels} panels), % passed: {', '.join(rates(made, name, panels))}", flush=True)
