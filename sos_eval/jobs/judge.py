"""What the headline's test could have seen, and whether valid tests of its number or other estimates of it part."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.checks.common_lots import level_after, level_before, overall_row
from sos_eval.design.design import Design
from sos_eval.errors import InputFault, numeral, p_text
from sos_eval.inference.auto import RELIED_ON
from sos_eval.inference.detectable import DetectableSize, detectable_size
from sos_eval.inference.randomization import Randomization, permute
from sos_eval.jobs.account import Account
from sos_eval.jobs.answers import Answer, Checked, Group, Key, primary
from sos_eval.jobs.apart import numbers_apart
from sos_eval.numerics.detectable import FALL, RISE, Found
from sos_eval.numerics.disagreement import disagree
from sos_eval.numerics.joint import joint_p
from sos_eval.panel.panel import Panel
from sos_eval.results.check import CheckResult
from sos_eval.results.facts import DetectableFacts, DisagreementFacts, StandingTest
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import FEW, InferenceMethod, Inferred

__all__ = ["Judged", "judge"]

#: Those behind the estimate without stratum effects.
DRAWS_WITHOUT = 1_999


@dataclass(frozen=True, slots=True)
class Judged:
    """The facts, the power at every size for `tables/detectable.csv`, and the estimate without stratum effects."""

    detectable: DetectableFacts = field(default_factory=DetectableFacts)
    disagreement: DisagreementFacts = field(default_factory=DisagreementFacts)
    curve: pd.DataFrame = field(default_factory=pd.DataFrame)
    checked: tuple[Checked, ...] = ()


def judge(
    design: Design, groups: dict[Key, Group], fitted: dict[Key, Fitted], answers: dict[Key, Answer], account: Account
) -> Judged:
    """Look at the headline's number from both sides; neither moves the verdict."""
    first = primary(design, groups)
    answer, estimate = answers[first], fitted[first]
    detectable, curve = _detectable(design, estimate, answer)
    apart = _disagreement(first, groups, fitted, answer, account)
    plain = _without_strata(estimate, answer.resolution.methods[0], account)
    beside = [plain, _unmatched(estimate)]
    checked = tuple(Checked(*first, one) for one in beside if one is not None)
    return Judged(detectable, apart, curve, checked)


def _unmatched(fitted: Fitted) -> CheckResult | None:
    """Return the estimate without a match on earlier outcomes; None where there was no such match."""
    row = overall_row(fitted)
    if row is None or fitted.rebuild is None or fitted.comparison is None or not fitted.comparison.made_alike:
        return None
    try:
        plain = replace(fitted, estimate=fitted.estimator.complete(fitted.source))
    except InputFault as fault:
        text = f"Without the match on earlier outcomes nothing can be estimated: {fault.faults[0].what}."
        return CheckResult("unmatched", "estimate", math.nan, text)
    at = overall_row(plain)
    if at is None:
        return CheckResult("unmatched", "estimate", math.nan, "Without the match there is no overall effect.")
    value = float(plain.estimate.values[at])
    log = " on the log scale" if plain.estimate.cells["scale"].iloc[at] == "ratio" else ""
    part = (
        " Outcomes that were made alike part again where they were alike by chance, so that neither number is the safe "
        "one."
    )
    whom = "" if fitted.comparison.estimand == "att" else ", and an average over the treated alone,"
    text = (
        f"Without the match on earlier outcomes, on all {fitted.source.n_units} units, the estimate{log} is "
        f"{numeral(value)}{whom} instead of "
        f"{numeral(fitted.estimate.values[row])}.{part if fitted.comparison.is_alike else ''}"
    )
    return CheckResult("unmatched", "estimate", value, text)


def _detectable(design: Design, fitted: Fitted, answer: Answer) -> tuple[DetectableFacts, pd.DataFrame]:
    """Ask which fall and rise the headline's test would find."""
    test, aimed = answer.resolution.methods[0], design.question.expected_direction
    silent = DetectableFacts(test=test.key, level=test.level, declared_direction=aimed)
    if not answer.resolution.reliable:
        return _because(silent, "no procedure is relied on"), pd.DataFrame()
    if not isinstance(test, Randomization):
        return _because(silent, "the headline's test is not a permutation test"), pd.DataFrame()
    if not math.isfinite(float(answer.inferred[0].facts.get("p_value", math.nan))):
        return _because(silent, "the headline's test gave no p"), pd.DataFrame()
    try:
        size = detectable_size(fitted, test, seed=design.seed)
    except (InputFault, np.linalg.LinAlgError) as fault:  # a number beside the estimate: it is left empty, and told why
        why = fault.faults[0].what if isinstance(fault, InputFault) else str(fault)
        return _because(silent, f"it could not be computed: {why}"), pd.DataFrame()
    if size.fall is None or size.rise is None:
        return _because(silent, size.reason), pd.DataFrame()
    outcome = fitted.panel.outcome
    unit = "share" if size.in_logs else f"per {outcome.per:,.10g}" if outcome.scale == "rate_per" else outcome.scale
    fall, fall_error = _shown(size, size.fall, FALL)
    rise, rise_error = _shown(size, size.rise, RISE)
    if unit.startswith("per ") and fall >= level_before(fitted):
        fall, fall_error = math.nan, math.nan
    facts = DetectableFacts(
        test=test.key, power=size.power, level=size.level, fall=fall, rise=rise, unit=unit, fall_error=fall_error,
        rise_error=rise_error, error_monte_carlo=size.fall.error / size.fall.size, error_panel=size.panel_error,
        declared_direction=aimed, reason="",
    )  # fmt: skip
    return replace(facts, **_at_worthwhile(design, fitted, size)), size.curve


def _at_worthwhile(design: Design, fitted: Fitted, size: DetectableSize) -> dict[str, Any]:
    """Say how often the test finds the smallest change worth having, and says that none as large is there.

    An interval lies within the change worth having, w, where ``c s + |b| < w``: where the draw would have found both a
    fall and a rise of w.
    """
    least = design.question.worthwhile
    logs = fitted.panel.outcome.transform == "log"  # no change of an outcome in logs is held against it
    if least is None or size.fall is None or size.rise is None or logs:
        return {}
    if size.in_logs:
        row = overall_row(fitted)
        ratio = float(np.exp(fitted.estimate.values[row])) if row is not None else math.nan
        share = least * ratio / level_after(fitted)
        fall, rise = -float(np.log1p(-share)) if share < 1 else math.inf, float(np.log1p(share))
    else:
        fall = rise = least
    both = size.fall.found_at(fall) & size.rise.found_at(rise)
    return {
        "worthwhile": least, "worthwhile_fall": size.fall.power_at(fall)[0],
        "worthwhile_rise": size.rise.power_at(rise)[0], "equivalence": float(both.mean()),
    }  # fmt: skip


def _because(silent: DetectableFacts, reason: str) -> DetectableFacts:
    return DetectableFacts(
        test=silent.test, level=silent.level, declared_direction=silent.declared_direction, reason=reason
    )


def _shown(size: DetectableSize, found: Found, sign: float) -> tuple[float, float]:
    """Return a size as it is told, with the error of its draws and of the panel together."""
    error = float(np.hypot(found.error, found.size * size.panel_error))
    ends = [size.shown(max(found.size + side * error, 0.0), sign) for side in (-1.0, 1.0)]
    return size.shown(found.size, sign), (ends[1] - ends[0]) / 2


def _disagreement(
    first: Key, groups: dict[Key, Group], fitted: dict[Key, Fitted], answer: Answer, account: Account
) -> DisagreementFacts:
    """Set valid tests of the headline's number, and other estimates on the same units, against each other."""
    estimate, test = fitted[first], answer.resolution.methods[0]
    standing = _standing(estimate, answer)
    p, errors = [one.p for one in standing], [one.mcse for one in standing]
    fires = len(standing) > 1 and disagree(p, errors, round(1 - test.level, 12))
    changes = _changes(estimate.panel)
    entries = [one.entry for one in groups.values()]
    numbers = numbers_apart(first, fitted, entries, test, account)
    tests = DisagreementFacts(fires=fires, tests=tuple(standing), p_joint=_joint(answer) if fires else math.nan)
    said: dict[str, Any] = {**changes, **numbers}
    return replace(tests, **said)


def _standing(fitted: Fitted, answer: Answer) -> list[StandingTest]:
    """List the declared tests of the number whose size was measured to hold at this number treated."""
    clusters = min(fitted.panel.n_treated_clusters, fitted.panel.n_clusters - fitted.panel.n_treated_clusters)
    pairs = zip(answer.resolution.methods, answer.inferred, strict=True)
    tested = [_tested(method, inferred) for method, inferred in pairs if clusters >= _needs(method)]
    return [one for one in tested if math.isfinite(one.p)]


def _needs(method: InferenceMethod) -> int:
    """Return the fewest clusters with which a method counts: plain cluster-robust ones from where `auto` relies on."""
    return max(RELIED_ON, method.alone_from) if method.alone_from >= FEW else method.alone_from


def _tested(method: InferenceMethod, inferred: Inferred) -> StandingTest:
    table = inferred.table
    rows = table[table["aggregation"].isin(["overall", "simple"]) & (table["subgroup"] == "")]
    rows = rows.sort_values("aggregation", key=lambda column: column != "overall", kind="stable")
    p = float(rows["p_value"].iloc[0]) if len(rows) else math.nan
    return StandingTest(method.key, p, float(inferred.facts.get("p_monte_carlo_error", 0.0)))


def _joint(answer: Answer) -> float:
    """Return the joint p of the studentised estimate and the coefficient by the first permutation test's draws."""
    for inferred in answer.inferred:
        draws = next((table for name, table in inferred.tables.items() if name.startswith("draws.")), None)
        if draws is not None and "std_error" in draws:
            estimate = draws["estimate"].to_numpy(float)
            both = (estimate / draws["std_error"].to_numpy(float), estimate)
            return joint_p(both, complete=bool(inferred.facts["complete"]))
    return math.nan


def _changes(panel: Panel) -> dict[str, float]:
    """Return the spread of units' changes, treated and comparison, where all start at once and some never."""
    if panel.layout != "panel" or len(panel.cohorts) != 1 or panel.ever_treated.all():
        return {}
    after = panel.times >= panel.cohorts[0]
    outcome, ever = panel.matrix(), panel.ever_treated
    with np.errstate(invalid="ignore"):  # a unit seen on one side only has no change
        after_mean, before_mean = (
            np.nansum(side, axis=1) / np.isfinite(side).sum(axis=1) for side in (outcome[:, after], outcome[:, ~after])
        )
    change = after_mean - before_mean
    return {"sd_treated": float(np.nanstd(change[ever])), "sd_comparison": float(np.nanstd(change[~ever]))}


def _without_strata(fitted: Fitted, test: InferenceMethod, account: Account) -> CheckResult | None:
    """Return the estimate without stratum-by-period effects, its p, and the mean of its draws; None without strata.

    Drawn by stratum and estimated without, an estimate is off centre: the mean of its draws says how far.
    """
    if not fitted.source.stratified or not isinstance(test, Randomization) or fitted.rebuild is not None:
        return None
    source = fitted.source.changed(frame=fitted.source.frame.drop(columns="stratum"))
    plain = replace(fitted, source=source, estimate=fitted.estimator.complete(source))
    space, row = plain.space(test.strata), overall_row(plain)
    if isinstance(space, str) or row is None:
        return None
    assignments = space.draw(min(test.draws, DRAWS_WITHOUT), account.stream("judge", "without strata"))
    permuted = permute(plain, assignments, test.statistic)
    drawn = permuted.batch.values[1:, row]
    value, mean, p = float(plain.estimate.values[row]), float(np.nanmean(drawn)), float(permuted.p_value()[row])
    spread = float(np.nanstd(drawn))
    log = " on the log scale" if plain.estimate.cells["scale"].iloc[row] == "ratio" else ""
    off = ", not zero" if abs(mean) > 3 * spread / np.sqrt(len(drawn)) else ""
    text = (
        f"Without stratum-by-period effects the estimate{log} is {numeral(value)} ({p_text(p)}, "
        f"{len(drawn):,} draws), and "
        f"random adoptions from the same strata average {numeral(mean)} (standard deviation {numeral(spread)}){off}."
    )
    table = pd.DataFrame({"estimate": [value], "p_value": p, "mean_of_draws": mean, "sd_of_draws": spread})
    return CheckResult("without_strata_effects", "estimate", value, text, table=table)
