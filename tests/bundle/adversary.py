"""An adversary: takes all that a bundle publishes as linear statements on the counts of people, and solves.

Exposures, starts and methods are taken as known. What is not linear in the counts (errors, rate ratios) is not used.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from sos_eval.checks.compared import ComparedCheck
from sos_eval.design.design import load_design
from sos_eval.jobs import steps
from sos_eval.jobs.alternatives import _varied
from sos_eval.jobs.universal_base import varies_base

#: A number that was published says that the truth is no further from it than this share of its own last digit.
HALF = 0.5 + 1e-6
#: Estimators that are linear in the outcomes.
LINEAR = ("callaway_santanna", "twfe", "event_study_twfe")


KEYS = ["aggregation", "cohort", "time", "event_time"]


@dataclass
class Statements:
    """Linear statements: coefficients on the counts, and between which two numbers their sum lies."""

    rows: list[np.ndarray] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, coefficients, published, digits, place=0.0):
        """Take a published number with so many significant digits, or to a place; 17 digits are full precision."""
        if not np.isfinite(published) or not np.abs(coefficients).max() > 0:
            return
        half = half_of(published, digits, place)
        scale = np.abs(coefficients).max()
        self.rows.append(coefficients / scale)
        self.low.append((published - half) / scale)
        self.high.append((published + half) / scale)

    def add_share(self, part, whole, published, digits):
        """Take a part over a whole that is not negative: two inequalities."""
        if not np.isfinite(published):
            return
        half = half_of(published, digits)
        for coefficients, ends in (
            (part - (published + half) * whole, (-np.inf, 0)),
            (part - (published - half) * whole, (0, np.inf)),
        ):
            scale = np.abs(coefficients).max()
            self.rows.append(coefficients / scale)
            self.low.append(ends[0])
            self.high.append(ends[1])


def half_of(published, digits, place=0.0):
    """Return how far the truth may lie from a published number: half a last digit, of the number's or at a place.

    What ends earlier than four digits was rounded to four before.
    """
    half = 1e-9 * max(1.0, abs(published))  # of arithmetic
    if digits <= 15 and published != 0:
        last = 10 ** (np.floor(np.log10(abs(published))) - digits + 1)
        half = max(half, HALF * last)
        half += HALF * last * 10.0 ** (digits - 4) if digits < 4 else 0.0
    return max(half, 0.55 * place)


def told_digits(bundle: Path, file: str, digits: int) -> int:
    """Return to how many significant digits a bundle says that it wrote a file, as its `disclosure.csv` has it.

    More than is said of any part of it is not taken: a reader does not know better.
    """
    listed = bundle / "disclosure.csv"
    if not listed.exists():
        return digits
    rows = pd.read_csv(listed)
    said = rows.loc[(rows["file"] == file) & (rows["action"] == "rounded"), "rule"]
    return min([digits, *said.str.extract(r"^(\d) significant")[0].dropna().astype(int)])


def told_place(bundle: Path, digits: int) -> float:
    """Return the last place of `estimates.csv` where it says that all end at that of the largest; else nought."""
    listed = bundle / "disclosure.csv"
    rules = pd.read_csv(listed).set_index("file")["rule"].get(["estimates.csv"]) if listed.exists() else None
    if rules is None or not rules.str.contains("digits of the largest").any():
        return 0.0
    levels = ["estimate", "std_error", "conf_low", "conf_high", "band_low", "band_high"]
    largest = np.nanmax(np.abs(pd.read_csv(bundle / "estimates.csv")[levels].to_numpy(float)))
    return float(10.0 ** (np.floor(np.log10(largest)) - told_digits(bundle, "estimates.csv", digits) + 1))


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
        self.maps = {name: self._map(fit) for (name, _), fit in fitted.items() if fit.estimator.name in LINEAR}
        self.one_base = {
            name: self._map(
                replace(fit, estimator=(own := fit.estimator.on_one_base()), estimate=own.complete(fit.panel))
            )
            for (name, _), fit in fitted.items() if varies_base(fit.estimator)
        }  # fmt: skip
        self.variants = self._variants(plan, fitted[key])

    def _rates(self, panel):
        """Return the outcome of a panel's units and periods as a map of all counts, (n_counts, units, periods)."""
        units, times = np.isin(self.panel.units, panel.units), np.isin(self.panel.times, panel.times)
        basis = np.zeros((self.size, *self.exposure.shape))
        basis.reshape(self.size, -1)[np.arange(self.size), np.arange(self.size)] = self.panel.outcome.per
        return basis[:, units][:, :, times] / panel.matrix("exposure")

    def _map(self, fit):
        """Return an estimate of any units, periods and denominators as a map of all counts."""
        batch = fit.estimator.estimate_many(fit.panel, self._rates(fit.panel))
        truth = fit.estimate.values  # the statements are true of the true counts
        np.testing.assert_allclose(self.counts @ np.nan_to_num(batch.values), np.nan_to_num(truth), atol=1e-6)
        return batch

    def _level(self, panel):
        """Return the treated's mean outcome before their start as a map of all counts."""
        before = panel.first_treated[:, None] > panel.times[None, :]
        before &= np.isfinite(panel.first_treated)[:, None]
        return (self._rates(panel) * before).sum((1, 2)) / before.sum()

    def _variants(self, plan, primary):
        """Return effect, what it is set against and level before the start of each alternative, as maps of all counts.

        By check and words; alternatives whose estimator is not linear are left out.
        """
        own = _overall(self._map(primary)), self._level(primary.panel)
        found = {}
        for place, check in enumerate(plan.checks):
            if not isinstance(check, ComparedCheck):
                continue
            found[check.name, "as declared"] = (own[0], own[0], own[1])
            for one, entry in zip(check.alternatives, plan.alternatives[place], strict=True):
                if isinstance(entry, str):
                    continue
                varied = _varied(plan, one, entry, next(iter(self.groups.values())), primary)
                if varied.fitted is not None and varied.fitted.estimator.name in LINEAR:
                    against = own[0] if varied.against is None else _overall(self._map(varied.against))
                    effect = _overall(self._map(varied.fitted))
                    found[check.name, one.words] = effect, against, self._level(varied.fitted.panel)
        return found

    def _matrix(self, name):
        panel, out = self.panel, np.full((self.panel.n_units, self.panel.n_times), np.nan)
        out[panel.unit_codes, panel.time_codes] = panel.frame[name].to_numpy(float)
        return out

    def statements(self, bundle: Path, digits: int) -> Statements:
        """Read every table and fact of a bundle that is linear in the counts, to as many digits as it says at most."""
        out = Statements()
        fewer, place = told_digits(bundle, "estimates.csv", digits), told_place(bundle, digits)
        self._effects(out, bundle / "estimates.csv", self.maps, fewer, place)
        for name, batch in self.one_base.items():
            self._effects(out, bundle / "tables" / f"{name}.outcome.universal_base.csv", {name: batch}, digits)
        self._paths(out, bundle, told_digits(bundle, "tables/outcome_paths.csv", digits))
        self._leave_one_out(out, bundle, digits)
        for check in sorted({check for check, _ in self.variants}):
            self._alternatives(out, bundle, check, digits)
        self._tests(out, bundle, told_digits(bundle, "tests.csv", digits))
        self._before(out, bundle, digits)
        self._facts(out, bundle, digits)
        return out

    def _effects(self, out, file, maps, digits, place=0.0):
        table = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=["estimator", *KEYS])
        for name, batch in maps.items():
            own = table[(table["estimator"] == name)].drop_duplicates(KEYS)
            cells = batch.cells.reset_index(drop=True)
            for _, row in own.iterrows():
                same = np.logical_and.reduce([
                    (cells[key] == row[key]) | (cells[key].isna() & pd.isna(row[key])) for key in KEYS
                ])  # fmt: skip
                at = np.flatnonzero(same)
                assert len(at) == 1
                out.add(batch.values[:, at[0]], row["estimate"], digits, place)

    def _before(self, out, bundle, digits):
        """Take the coefficients before the start that the headline's own rows are tested on."""
        file, first = bundle / "tables" / "pretrends.joint.csv", next(iter(self.groups))[0]
        if not file.exists():
            return
        table = pd.read_csv(file)
        own = table[table["source"].str.endswith("cells of the estimate")]
        for _, row in own.iterrows():
            kind = row["source"].split()[0]
            cells = self.maps[first].cells.reset_index(drop=True)
            same = (cells["aggregation"] == kind) & (cells["event_time"] == row["event_time"])
            if kind == "group_time":
                same &= cells["cohort"] == row["cohort"]
            at = np.flatnonzero(same)
            assert len(at) == 1
            out.add(self.maps[first].values[:, at[0]], row["coefficient"], digits)

    def _tests(self, out, bundle, digits):
        """Take what a test of the coefficient observed: the coefficient."""
        table = pd.read_csv(bundle / "tests.csv")
        for _, row in table[(table["statistic"] == "coefficient") & table["estimator"].isin(self.maps)].iterrows():
            out.add(_overall(self.maps[row["estimator"]]), row["observed"], digits)

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
            left = self.panel.keep(self.panel.units[kept])
            whole = method.estimate_many(left, self._rates(left))
            at = np.flatnonzero((whole.cells["aggregation"] == "overall").to_numpy())
            out.add(whole.values[:, at[0]], row["estimate"], digits)

    def _alternatives(self, out, bundle, check, digits):
        file = bundle / "tables" / f"{check}.csv"
        if not file.exists():
            return
        for _, row in pd.read_csv(file).iterrows():
            if (check, row["variant"]) not in self.variants:
                continue
            own, against, level = self.variants[check, row["variant"]]
            out.add(own, row["estimate"], digits)
            out.add(own - against, row.get("shift", np.nan), digits)
            out.add(against, row.get("against_estimate", np.nan), digits)
            out.add_share(own, level, row.get("percent", np.nan) / 100, digits)

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
        upper, bounds = upper[np.isfinite(bounds)], bounds[np.isfinite(bounds)]
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
