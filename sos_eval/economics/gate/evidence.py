"""The dossier of an evaluation: what its declaration and its bundle measure, and the rest as declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.economics.breakeven import effect_to_pay
from sos_eval.economics.gate.dossier import Dossier, check_dossier
from sos_eval.economics.model.evaluated import DecisionModel
from sos_eval.economics.section import EconomicsSection
from sos_eval.errors import numeral, p_text
from sos_eval.numerics.confounding import robustness_value
from sos_eval.results.facts import PanelFacts, RunFacts

__all__ = ["Evidence", "bundle_evidence", "dossier_of", "own_evidence"]

POWER_80 = 2.801585  # z(0.975) + z(0.80)
#: Placebo starts whose p is smaller are not passed.
PLACEBO_LEVEL = 0.05


@dataclass(slots=True)
class Evidence:
    """Facts as they are collected: value and pointer by field, and why others could not be measured.

    `unseen` holds what the tests of G3 and G5 could have missed, as a fall in the rate (where `ratio`, a log ratio);
    it becomes a fact once the break-even effect is known. `per` is the scale of the run's rates, where it says it.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    pointers: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    unseen: dict[str, float] = field(default_factory=dict)
    ratio: bool = False
    per: float | None = None

    def measured(self, name: str, value: Any, pointer: str) -> None:
        """Note a fact that was measured; nothing (None, NaN) is no fact."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or (isinstance(value, float) and not np.isfinite(value)):
            self.reasons[name] = f"{pointer} holds no number"
            return
        self.facts[name], self.pointers[name] = value, pointer

    def absorb(self, other: Evidence) -> None:
        """Take over what the other measured."""
        self.facts |= other.facts
        self.pointers |= other.pointers
        self.reasons |= other.reasons
        self.unseen |= other.unseen
        self.ratio, self.per = other.ratio, other.per

    def over_break_even(self, falls: Mapping[str, float], baseline: float, per: float) -> None:
        """Set what the tests could have missed against the break-even effects (falls in the rate per `per`)."""
        for name, size in self.unseen.items():
            reach = baseline * (1 - np.exp(-size)) if self.ratio else size * per / (self.per or per)
            self.over_smallest(name, float(reach), falls, "what the test detects with 80% power")

    def over_smallest(self, name: str, reach: float, falls: Mapping[str, float], what: str) -> None:
        """Set what can be detected against the smallest effect at which a strategy pays for itself.

        All strategies are printed under one tier, so the one that pays at the smallest effect asks the most of it.

        Parameters
        ----------
        name
            Field of the dossier.
        reach
            What can be detected, as a fall in the rate.
        falls
            Strategy to the effect of the whole programme at which it pays for itself, from `effect_to_pay`.
        what
            What `reach` is, in words.
        """
        first = min(falls, key=lambda strategy: falls[strategy])
        if falls[first] <= 0:
            self.reasons[name] = f"{first} costs nothing, so that any fall breaks even"
            return
        pointer = f"{what} over the effect at which {first} pays for itself"
        if len(falls) > 1:
            each = ", ".join(f"{strategy} {numeral(reach / fall)}" for strategy, fall in falls.items())
            pointer += f", the smallest of the strategies' own ({each})"
        self.measured(name, reach / falls[first], pointer)


def dossier_of(section: EconomicsSection, measured: Evidence, where: str) -> Dossier:
    """Join what was measured with what was declared; what is measured goes before what is declared.

    A declared fact counts with its evidence only; a plain no needs none, it grants nothing.
    """
    declared = check_dossier(section.gate.facts, where)
    named = {name: text for name, text in section.gate.evidence.items() if text.strip()}
    facts = {name: value for name, value in declared.facts.items() if name in named or value is False}
    pointers = {name: f"declared: {named.get(name, 'no evidence is named')}" for name in facts}
    bare = "declared without evidence: say under gate.evidence where it stands"
    reasons = dict(measured.reasons) | {name: bare for name in declared.facts if name not in facts}
    for name, value in measured.facts.items():
        given = declared.facts.get(name)
        pointers[name] = measured.pointers[name]
        if given is not None and given != value:
            pointers[name] += f" (declared as {given}; the measured value is used)"
        facts[name] = value
    reasons = {name: why for name, why in reasons.items() if name not in facts}
    checked = check_dossier(facts, where)
    return Dossier(checked.facts, pointers, reasons)


def own_evidence(
    section: EconomicsSection, model: DecisionModel | None, draws: int, cheers: int, mde: float | None,
    structural: int = 0,
) -> Evidence:  # fmt: skip
    """Measure what the declaration itself shows: costs, frame, uncertainty, transparency, precision.

    `structural` is the number of structural scenarios that change a result.
    """
    out = Evidence()
    out.measured("draws", draws, "psa")
    out.measured("mc_ratio", 1 / np.sqrt(draws), "psa: one over the root of the draws")
    out.measured("covariance", True, "psa: effects and costs of a draw come from the same parameters")
    out.measured("cheers", cheers, "cheers.csv")
    out.measured("hashed", True, "provenance.json")
    if model is None:
        out.reasons["cost_ab_share"] = "draws from files do not show the grade of the costs behind them"
        for name in ("structural", "horizon_scenario"):
            out.reasons[name] = "draws from files cannot be made again under other choices: no scenario was run"
        return out
    out.measured("structural", structural, "scenarios.csv: structural scenarios that change a result")
    horizon = any("frame.horizon" in s.change for s in section.scenarios)
    out.measured("horizon_scenario", horizon, "scenarios")
    # A contradiction or a line without source, price year or unit would have been refused on reading.
    out.measured("frame_all", True, "frame, discount: checked on reading")
    out.measured("lines_sourced", True, "cost_consequence.csv: every line was checked on reading")
    out.measured("cost_ab_share", _graded_share(model), "cost_consequence.csv: grade")
    if mde is not None:
        out.over_smallest("mde_over_breakeven", mde, effect_to_pay(model), "2.80 standard errors of the effect")
    return out


def _graded_share(model: DecisionModel) -> float:
    """Share of the expected incremental cost, paid and saved, that rests on grade A or B.

    Savings are taken at the effect that is used; without one nothing is expected to be saved.
    """
    base = model.expected
    averted = abs(float(model.averted(base)[0]))
    total = good = 0.0
    for line in model.lines:
        if not model.counted(line):
            continue
        size = abs(float(model.present(line, base)[0])) * (averted if line.kind == "saving" else 1.0)
        total += size
        good += size if line.grade in "AB" else 0.0
    return good / total if total else float("nan")


def bundle_evidence(
    estimates: pd.DataFrame, diagnostics: pd.DataFrame, balance: pd.DataFrame, facts: RunFacts,
    tables: Mapping[str, pd.DataFrame],
) -> Evidence:  # fmt: skip
    """Measure what a run shows about its own effect: design, clusters, trends, balance, refutations, data.

    Only what is about the headline's estimate counts: `tables` are those of its checks, and of how practice was scored,
    by file name.
    """
    out = Evidence()
    rows, checks = facts.headline.rows(estimates), facts.headline.rows(diagnostics)
    _design(out, rows, facts)
    row = facts.headline.overall(estimates)
    out.ratio = row is not None and row["scale"] == "ratio"
    out.per = facts.outcome.per if facts.outcome is not None else None
    _diagnosed(out, checks)
    _drift(out, rows, checks)
    _placebos(out, checks, tables)
    _undone(out, tables)
    _balanced(out, balance)
    if facts.lock.state:
        fixed = facts.lock.state == "as_locked" and facts.lock.outcomes_seen == "no"
        out.measured("definition_fixed", fixed, "provenance.json: lock")
        out.measured("heap", fixed, "provenance.json: lock (the economics block is locked with the design)")
    _complete(out, facts)
    _practised(out, tables)
    return out


def _practised(out: Evidence, tables: Mapping[str, pd.DataFrame]) -> None:
    """Measure the share of treated authorities whose practice was scored; nothing where no design asks for scores."""
    scored = tables.get("implementation", pd.DataFrame())
    if len(scored):
        units, without = int(scored["n_units"].iloc[0]), int(scored["n_unscored"].iloc[0])
        out.measured("fidelity_share", units / (units + without), "tables/implementation.csv: n_units, n_unscored")


def _complete(out: Evidence, facts: RunFacts) -> None:
    """Measure the share of unit-periods with an observed outcome, gaps in the panel counted as missing."""
    panel, outcome = facts.panel, facts.outcome
    if outcome is None or not panel.n_units or not panel.n_times:
        out.reasons["complete"] = "results.json does not say how many outcomes are missing"
        return
    if panel.n_rows > panel.n_units * panel.n_times:
        out.reasons["complete"] = "rows are not one a unit and period: how many of those are complete is not measured"
        return
    seen = panel.n_rows - outcome.n_missing
    out.measured("complete", seen / (panel.n_units * panel.n_times), "results.json: panel, rows and n_missing")


def _design(out: Evidence, rows: pd.DataFrame, facts: RunFacts) -> None:
    """Measure level, clusters and pre-periods."""
    row = facts.headline.overall(rows)
    if row is None:
        out.reasons["sms"] = "the bundle has no primary overall estimate"
        return
    treated, units = int(row["n_treated_units"]), int(row["n_units"])
    out.measured("treated", treated, "estimates.csv: n_treated_units")
    out.measured("comparison", units - treated, "estimates.csv: n_units less n_treated_units")
    _few_clusters(out, facts)
    if not facts.panel.cohorts:
        out.reasons["sms"] = out.reasons["pre_periods"] = "results.json does not say who started when"
        return
    pre = _pre_periods(facts.panel)
    out.measured("pre_periods", pre, "results.json: panel, periods before anybody's start")
    compared = units > treated > 0
    level = 3 if compared and pre > 0 else 2
    out.measured("sms", level, "comparison group and pre-periods" if level == 3 else "no comparison or no pre-period")


def _few_clusters(out: Evidence, facts: RunFacts) -> None:
    """Measure whether the headline's inference holds where few clusters are treated, as the method says of itself."""
    inference = facts.headline.inference
    holds = facts.method(inference).few_clusters
    if holds is None:
        out.reasons["few_cluster"] = f"results.json does not say whether {inference} holds with few clusters"
        return
    out.measured("few_cluster", holds, f"estimates.csv: inference {inference}")


def _diagnosed(out: Evidence, diagnostics: pd.DataFrame) -> None:
    """Measure pre-trends and the breakdown value from the checks that were run.

    The path before the start by the headline's own lots goes before the conventional joint test, whose size few treated
    clusters spoil.
    """
    path = _rows(diagnostics, "path.joint")
    trend = "path.joint" if path["value"].notna().any() else "pretrends.joint"
    for name, check, statistic in (
        ("pretrend_p", trend, "p_value"),
        ("mbar", "honest_did.relative_magnitudes", "breakdown"),
    ):
        found = _rows(diagnostics, check)
        said = found["name"].astype(str) + " " + found["statistic"].astype(str)
        found = found[said.str.contains(statistic, regex=False)]
        if len(found):
            out.measured(name, float(found["value"].iloc[0]), f"diagnostics.csv: {found['name'].iloc[0]}")
        else:
            out.reasons[name] = f"the check {check} was not run, or gave no {statistic}"


def _placebos(out: Evidence, diagnostics: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> None:
    """Measure placebos: one p over all placebo starts by the headline's own lots, and intervals of placebo outcomes.

    The conventional intervals of placebo starts are several tests of one path, too narrow with few treated clusters.
    """
    found = _rows(diagnostics, "placebo_time.largest")
    p = float(found["value"].iloc[0]) if len(found) else float("nan")
    if np.isfinite(p):
        pointer = f"diagnostics.csv: placebo_time.largest, {p_text(p)} against {PLACEBO_LEVEL:g}"
        out.measured("placebo_time_ok", p >= PLACEBO_LEVEL, pointer)
    else:
        out.reasons["placebo_time_ok"] = "the check placebo_time was not run, or gave no p over its starts"
    _placebo_outcome(out, _tables_of(tables, "placebo_outcome"))
    errors = [table["std_error"].max() for check in ("placebo_time", "placebo_outcome")
              for table in _tables_of(tables, check) if "std_error" in table]  # fmt: skip
    if errors:
        out.unseen["placebo_detectable"] = float(POWER_80 * max(errors))


def _undone(out: Evidence, tables: Mapping[str, pd.DataFrame]) -> None:
    """Measure how much stronger than the strongest covariate an unmeasured cause would have to be to undo the effect.

    A covariate's strength is the robustness value of an estimate that a cause just as strong would undo: of partial R2
    `r_d` with who began and `r_y` with the outcome, that of ``f = sqrt(r_y r_d / (1 - r_d))`` (Cinelli and Hazlett
    2020). One or more: a cause as strong as any covariate does not undo the estimate.
    """
    name = "robustness_ratio"
    value, likened = (tables.get(f"sensitivity.{one}", pd.DataFrame()) for one in ("robustness_value", "benchmarks"))
    if value.empty:
        out.reasons[name] = "the check sensitivity was not run, or gave no robustness value"
        return
    found = float(value["robustness_value"].iloc[0])
    alike = likened[likened["times"] == 1] if len(likened) else likened
    if alike.empty:
        lacks = "the estimate has no covariate to hold it against" if likened.empty else "its times lack 1"
        out.reasons[name] = f"the check sensitivity has a robustness value of {numeral(found)}, and {lacks}"
        return
    treated, outcome = (alike[column].to_numpy(float) for column in ("r2_treatment", "r2_outcome"))
    if not np.isfinite(treated * outcome).all():
        out.reasons[name] = "tables/sensitivity.benchmarks.csv: no cause can be as strong as one of the covariates"
        return
    own = [robustness_value(one, 1) for one in np.sqrt(outcome * treated / (1 - treated))]
    strongest = int(np.argmax(own))
    if not own[strongest] > 0:
        out.reasons[name] = "tables/sensitivity.benchmarks.csv: no covariate has any strength to hold it against"
        return
    pointer = (
        f"tables/sensitivity.*: a robustness value of {numeral(found)} over the {numeral(own[strongest])} of a cause "
        f"as strong as {alike['covariate'].iloc[strongest]}, the strongest of {len(own)} on units' changes"
    )
    out.measured(name, found / own[strongest], pointer)


def _tables_of(tables: Mapping[str, pd.DataFrame], check: str) -> list[pd.DataFrame]:
    """Return the tables of a check that hold intervals."""
    return [t for key, t in tables.items() if (key == check or key.startswith(f"{check}.")) and "conf_low" in t]


def _placebo_outcome(out: Evidence, own: list[pd.DataFrame]) -> None:
    """Measure whether every interval of a placebo outcome contains no effect."""
    if not own:
        out.reasons["placebo_outcome_ok"] = "the check placebo_outcome was not run, or gave no interval"
        return
    table = pd.concat(own, ignore_index=True)
    low, high = (table[column].to_numpy(float) for column in ("conf_low", "conf_high"))
    ratio = table["scale"].eq("ratio") if "scale" in table else pd.Series(False, index=table.index)
    neutral = np.where(ratio, 1.0, 0.0)
    if not (np.isfinite(low) & np.isfinite(high)).all():
        out.reasons["placebo_outcome_ok"] = "tables/placebo_outcome…: not every interval is finite"
        return
    contains = bool(((low <= neutral) & (high >= neutral)).all())
    out.measured("placebo_outcome_ok", contains, f"tables/placebo_outcome…: {len(table)} intervals against no effect")


def _pre_periods(panel: PanelFacts) -> int:
    """Count the periods in use before anybody's start; omitted ones do not count."""
    start = min(panel.cohorts)
    omitted = [time for time in map(panel.place, panel.omitted_times) if panel.first_time < time < panel.last_time]
    steps = panel.n_times + len(omitted) - 1
    span = (panel.last_time - panel.first_time) / steps if steps > 0 else 1.0
    return int(round((start - panel.first_time) / span) - sum(time < start for time in omitted))


def _drift(out: Evidence, rows: pd.DataFrame, diagnostics: pd.DataFrame) -> None:
    """Note the drift that the pre-trend test could have missed: its slope over the average distance of the effects."""
    found = _rows(diagnostics, "pretrends.detectable_slope")
    events = rows.loc[(rows["aggregation"] == "event_time") & (rows["event_time"] >= 0), "event_time"]
    if len(found) and len(events) and np.isfinite(found["value"].iloc[0]):
        out.unseen["pretrend_detectable"] = float(abs(found["value"].iloc[0]) * (events.mean() + 1))


def _rows(diagnostics: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of a check, by its name or as the head of a dotted one."""
    names = diagnostics["name"].astype(str)
    return diagnostics[(names == name) | names.str.startswith(f"{name}.")]


def _balanced(out: Evidence, balance: pd.DataFrame) -> None:
    """Measure balance and overlap after the comparison group was built."""
    if not len(balance):
        out.reasons["max_smd"] = out.reasons["ess_share"] = "balance.csv is empty: no covariate was compared"
        return
    after = balance[balance["stage"] == "after"]
    after = after if len(after) else balance
    out.measured("max_smd", float(after["std_mean_diff"].abs().max()), "balance.csv: std_mean_diff")
    share = float((after["ess_comparison"] / after["n_comparison"]).min())
    out.measured("ess_share", min(share, 1.0), "balance.csv: ess_comparison over n_comparison")
    before = balance[balance["stage"] == "before"]
    if len(before) and before["n_treated"].max() > 0:
        lost = 1 - float(after["n_treated"].min()) / float(before["n_treated"].max())
        out.measured("trimmed", max(lost, 0.0), "balance.csv: treated units before and after")
