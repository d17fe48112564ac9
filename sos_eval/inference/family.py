"""Permutation tests of several outcomes adjusted for their number: each is recomputed under the same adoptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from sos_eval.errors import OurFault
from sos_eval.inference.statistic import Statistic
from sos_eval.numerics.joint import joint_statistic
from sos_eval.numerics.multiplicity import westfall_young
from sos_eval.panel.panel import Array
from sos_eval.results.inference import Inferred

__all__ = ["adjusted_for_number"]


def adjusted_for_number(family: str, tests: Mapping[str, Inferred], statistic: Statistic) -> dict[str, Inferred]:
    """Add step-down max-t adjusted p values (Westfall and Young 1993, algorithm 4.1) to a family of tests.

    Parameters
    ----------
    family
        Its name, for `tests.csv`.
    tests
        Outcome to its permutation test, all by the same method. Tests that have no p take no part.
    statistic
        What they compare. Coefficients are set against the spread of their own draws, as outcomes differ in scale.

    Returns
    -------
    dict
        The same tests; those that take part have `p_adjusted` in `facts` and in `tests`.

    Raises
    ------
    OurFault
        Members were not drawn under the same adoptions.
    """
    inside = {name: one for name, one in tests.items() if _has_p(one)}
    if not inside:
        return dict(tests)
    columns = [_statistics(one, statistic) for one in inside.values()]
    if len({len(column) for column in columns}) > 1:
        raise OurFault(f"family {family}: its outcomes have different numbers of draws")
    complete = bool(next(iter(inside.values())).facts["complete"])
    adjusted = westfall_young(np.column_stack(columns), complete=complete)
    told = {
        name: _told(one, family, statistic, float(p))
        for (name, one), p in zip(inside.items(), adjusted, strict=True)
    }  # fmt: skip
    return {**tests, **told}


def _has_p(one: Inferred) -> bool:
    return one.tests is not None and bool(np.isfinite(one.facts.get("p_value", np.nan)))


def _statistics(one: Inferred, statistic: Statistic) -> Array:
    """Return the statistic of a test under the observed adoption and the draws, (1 + draws,)."""
    draws = next(table for name, table in one.tables.items() if name.startswith("draws."))
    estimate = draws["estimate"].to_numpy(float)
    if statistic == "coefficient":
        return np.asarray(estimate / np.nanstd(estimate))
    with np.errstate(divide="ignore", invalid="ignore"):
        studentised = np.asarray(estimate / draws["std_error"].to_numpy(float))
    if statistic == "studentised":
        return studentised
    parts = (studentised[:, None], estimate[:, None])
    return joint_statistic(parts, complete=bool(one.facts["complete"]))[:, 0]


def _told(one: Inferred, family: str, statistic: Statistic, p: float) -> Inferred:
    """Write the adjusted p beside the p of the statistic that is reported."""
    tests = pd.DataFrame(one.tests)
    reported = tests["statistic"] == statistic
    tests = tests.assign(
        family=np.where(reported, family, ""), p_adjusted=np.where(reported, p, np.nan)
    )  # fmt: skip
    return replace(one, tests=tests, facts={**one.facts, "family": family, "p_adjusted": p})
