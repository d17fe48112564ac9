"""An adversary: takes all that a bundle publishes as linear statements on the counts of people, and solves.

Exposures, starts and methods are taken as known. What is not linear in the counts (errors, rate ratios) is not used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from sos_eval.checks import Robustness
from sos_eval.design.design import load_design
from sos_eval.jobs import steps
from sos_eval.jobs.alternatives import _varied

#: A number that was published says that the truth is no further from it than this share of its own last digit.
HALF = 0.5 + 1e-6
#: Estimators that are linear in the outcomes.
LINEAR = ("callaway_santanna", "twfe", "event_study_twfe")


@dataclass
class Statements:
    """Linear statements: coefficients on the counts, and between which two numbers their sum lies."""

    rows: list[np.ndarray] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, coefficients, published, digits):
        """Take a published number with so many significant digits; 17 is full precision."""
        if not np.isfinite(published) or not np.abs(coefficients).max() > 0:
            return
        size = abs(published)
        half = 1e-9 * max(1.0, size)  # of arithmetic
        if digits <= 15 and size > 0:
            half = max(half, HALF * 10 ** (np.floor(np.log10(size)) - digits + 1))
        scale = np.abs(coefficients).max()
        self.rows.append(coefficients / scale)
        self.low.append((published - half) / scale)
        self.high.append((published + half) / scale)


def _overall(batch):
    return batch.values[:, np.flatnonzero((batch.cells["aggregation"] == "overall").to_numpy())[0]]


class Adversary:
    """Knows the design and everything but the counts."""

    def __init__(self, design: Path):
        plan = load_design(design)
        panels = steps.load_panels(plan)
        self.groups = steps.compare(plan, panels)
        fitted = steps.estimate(plan, self.groups)
        key = next(iter(self.groups))
        self.panel = self.groups[key].source
        self.exposure = self._matrix("exposure")
        self.counts = self._matrix("count").ravel()
        self.size = self.exposure.size
        basis = np.zeros((self.size, *self.exposure.shape))
        basis.reshape(self.size, -1)[np.arange(self.size), np.arange(self.size)] = self.panel.outcome.per
        self.basis = basis / self.exposure
        self.maps = {name: self._map(fit) for (name, _), fit in fitted.items() if fit.estimator.name in LINEAR}
        self.variants = self._variants(plan, fitted[key])

    def _map(self, fit):
        """Return an estimate of any units and periods as a map of all counts."""
        panel = fit.panel
        units, times = np.isin(self.panel.units, panel.units), np.isin(self.panel.times, panel.times)
        batch = fit.estimator.estimate_many(panel, self.basis[:, units][:, :, times])
        truth = fit.estimate.values  # the statements are true of the true counts
        np.testing.assert_allclose(self.counts @ np.nan_to_num(batch.values), np.nan_to_num(truth), atol=1e-6)
        return batch

    def _variants(self, plan, primary):
        """Return the overall effect of each alternative of the check `robustness`, as a map of all counts."""
        found = {"as declared": _overall(self._map(primary))}
        for place, check in enumerate(plan.checks):
            pairs = zip(check.vary, plan.alternatives[place], strict=True) if isinstance(check, Robustness) else ()
            for one, entry in pairs:
                varied = _varied(plan, one, entry, next(iter(self.groups.values())), primary)
                if varied.fitted is not None:
                    found[one.words] = _overall(self._map(varied.fitted))
        return found

    def _matrix(self, name):
        panel, out = self.panel, np.full((self.panel.n_units, self.panel.n_times), np.nan)
        out[panel.unit_codes, panel.time_codes] = panel.frame[name].to_numpy(float)
        return out

    def statements(self, bundle: Path, digits: int) -> Statements:
        """Read every table and fact of a bundle that is linear in the counts."""
        out = Statements()
        self._estimates(out, bundle, digits)
        self._paths(out, bundle, digits)
        self._leave_one_out(out, bundle, digits)
        self._robustness(out, bundle, digits)
        self._facts(out, bundle, digits)
        return out

    def _estimates(self, out, bundle, digits):
        table = pd.read_csv(bundle / "estimates.csv")
        keys = ["aggregation", "cohort", "time", "event_time"]
        for name, batch in self.maps.items():
            own = table[(table["estimator"] == name)].drop_duplicates(keys)
            cells = batch.cells.reset_index(drop=True)
            for _, row in own.iterrows():
                same = np.logical_and.reduce([
                    (cells[key] == row[key]) | (cells[key].isna() & pd.isna(row[key])) for key in keys
                ])  # fmt: skip
                at = np.flatnonzero(same)
                assert len(at) == 1
                out.add(batch.values[:, at[0]], row["estimate"], digits)

    def _paths(self, out, bundle, digits):
        table = pd.read_csv(bundle / "tables" / "outcome_paths.csv")
        first, times = self.panel.first_treated, self.panel.times
        ever = np.isfinite(first)
        for _, row in table.iterrows():
            who = ever if row["group"] == "treated" else ~ever
            who = first == row["cohort"] if np.isfinite(row["cohort"]) else who
            at = np.outer(who, times == row["time"])
            per = self.panel.outcome.per
            mean = np.where(at, per / self.exposure, 0.0) / who.sum()
            pooled = np.where(at, per, 0.0) / self.exposure[at].sum()
            out.add(mean.ravel(), row["mean"], digits)
            out.add(pooled.ravel(), row["mean_pooled"], digits)

    def _leave_one_out(self, out, bundle, digits):
        file = bundle / "tables" / "leave_one_out.csv"
        if not file.exists():
            return
        table, name = pd.read_csv(file), next(iter(self.groups))[0]
        method = self.groups[name, "outcome"].entry.method
        for _, row in table[table["estimate"].notna()].iterrows():
            kept = self.panel.units != row["unit"]
            whole = method.estimate_many(self.panel.keep(self.panel.units[kept]), self.basis[:, kept])
            at = np.flatnonzero((whole.cells["aggregation"] == "overall").to_numpy())
            out.add(whole.values[:, at[0]], row["estimate"], digits)

    def _robustness(self, out, bundle, digits):
        file = bundle / "tables" / "robustness.csv"
        if not file.exists():
            return
        for _, row in pd.read_csv(file).iterrows():
            if row["variant"] in self.variants:
                own = self.variants[row["variant"]]
                out.add(own, row["estimate"], digits)
                out.add(own - self.variants["as declared"], row["shift"], digits)

    def _facts(self, out, bundle, digits):
        facts = pd.read_json(bundle / "results.json", typ="series")["panel"]["outcomes"]["outcome"]
        ever = np.isfinite(self.panel.first_treated)
        before = ever[:, None] & (self.panel.times[None, :] < self.panel.first_treated[:, None])
        whole = np.ones_like(self.exposure, bool)
        masks = {
            "mean_treated": ever[:, None] & ~before & whole, "mean_treated_before": before & whole,
            "mean_comparison": ~ever[:, None] & whole,
        }  # fmt: skip
        for name, mask in masks.items():
            if facts[name] is not None and mask.any():
                row = np.where(mask, self.panel.outcome.per / self.exposure, 0.0) / mask.sum()
                out.add(row.ravel(), facts[name], digits)

    def recovered(self, said: Statements, smallest: int, within: int | None = None) -> list[int]:
        """Return the protected counts for which fewer than two whole numbers of the protected range are left."""
        protected = np.flatnonzero((self.counts > 0) & (self.counts < smallest))[:within]
        a = np.array(said.rows).reshape(-1, self.size)
        upper, bounds = np.concatenate([a, -a]), np.concatenate([said.high, -np.array(said.low)])
        out = []
        for k in protected:
            ends = [self._end(k, sign, upper, bounds) for sign in (1.0, -1.0)]
            low, high = max(ends[0], 1.0), min(ends[1], smallest - 1.0)
            if np.floor(high + 1e-6) - np.ceil(low - 1e-6) + 1 < 2:
                out.append(int(k))
        return out

    def _end(self, k, sign, upper, bounds):
        goal = np.zeros(self.size)
        goal[k] = sign
        found = linprog(goal, A_ub=upper, b_ub=bounds, bounds=(0, None), method="highs")
        if found.status not in (0, 3):  # the solver lost its way: another of its kind
            found = linprog(goal, A_ub=upper, b_ub=bounds, bounds=(0, None), method="highs-ipm")
        if found.status == 3:
            return sign * -np.inf
        assert found.status == 0, found.message
        return sign * found.fun
