"""What limits a headline: caveats, what it does not show, what would change it, phrases that it does not support."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sos_eval.report.verdict import HeadlineEffect
from sos_eval.report.wording import count, p_text
from sos_eval.terms import Verdict

__all__ = ["FEW", "FEW_FOR_BANDS", "attenuation", "caveats", "does_not_show", "must_not_say", "what_would_change_it"]

#: Placebo groups that spread this much wider than the conventional error says are told on page one.
_WIDE = 1.25

_NEVER = ["proves", "proven", "works", "caused", "saves", "cost-effective", "guarantees"]
_BY_VERDICT: dict[str, list[str]] = {
    "inconclusive": ["no effect", "no difference was found", "does not work", "reduces", "reduced", "promising"],
    "no_meaningful_effect": ["no effect", "does not work", "reduces", "reduced"],
    "decrease": ["no effect", "in every authority", "children are safer"],
    "increase": ["no effect", "in every authority", "harms children"],
    "not_identified": ["no effect", "does not work", "reduces", "reduced", "increases", "promising"],
}

#: With fewer treated clusters a plain cluster-robust error is too small: Cameron, Gelbach and Miller (2008).
FEW = 20

#: Uniform bands of event times with 20 treated excluded zero somewhere in 13.5 ± 1.1% of null draws, with 60 in 6.8 ±
#: 0.8% (docs/coverage.md).
FEW_FOR_BANDS = 40


def must_not_say(verdict: Verdict) -> list[str]:
    """Return phrases that this result does not support."""
    return [*_BY_VERDICT[verdict], *_NEVER]


def caveats(effect: HeadlineEffect, facts: Mapping[str, Any], units: tuple[str, str]) -> list[str]:
    """Return sentences for page one: the design's own caveats, then those that the data give cause for."""
    question, panel = dict(facts.get("question") or {}), dict(facts.get("panel") or {})
    found = [str(text) for text in question.get("caveats") or []]
    found += [str(text) for text in facts.get("caveats") or []]
    treated = int(panel.get("n_treated_clusters") or effect.row.get("n_treated_units") or 0)
    if effect.row.get("inference") == "analytic" and 0 < treated < FEW:
        few = count(treated, f"treated {units[0]}", f"treated {units[1]}")
        found.append(f"With {few} the conventional interval is too narrow.")
    found += [str(text) for text in [dict(facts.get("inference") or {}).get("caution")] if text]
    found += [_apart(row, units) for row in facts.get("checks") or [] if _shows_divergence(row, effect)]
    found += _placebos([row for row in facts.get("checks") or [] if _is_own(row, effect)], units)
    found += [
        f"A declared check failed: {row['text']}" for row in facts.get("checks") or [] if row.get("passed") is False
    ]
    return list(dict.fromkeys(found))


def _is_own(row: Mapping[str, Any], effect: HeadlineEffect) -> bool:
    """Whether a check is about the headline's estimate."""
    return all(row.get(name) in ("", None, effect.row.get(name)) for name in ("estimator", "outcome"))


def _placebos(checks: Sequence[Mapping[str, Any]], units: tuple[str, str]) -> list[str]:
    """Say what placebos found where nothing should be found, threshold or none."""
    found = []
    early = [row for row in checks if str(row.get("name")).startswith("placebo_time.")]
    seen = [row for row in early if "excludes no effect" in str(row.get("text"))]
    if seen:
        found.append(
            f"With the start moved to earlier years, when nothing had begun, {len(seen)} of {len(early)} placebo "
            f"intervals leave out no difference: part of any difference here may have been there before."
        )
    ratios = [float(row["value"]) for row in checks if row.get("name") == "placebo_units.error_ratio"]
    if any(ratio >= _WIDE for ratio in ratios):
        found.append(
            f"Groups of comparison {units[1]} treated as if they had started differ by chance {max(ratios):.1f} times "
            "as widely as the conventional error says: conventional intervals and p values are too favourable here."
        )
    return found


def _shows_divergence(row: Mapping[str, Any], effect: HeadlineEffect) -> bool:
    """Whether a check saw the treated and their comparison move apart before the start, threshold or none."""
    same = _is_own(row, effect)
    p = float(row["value"]) if row.get("name") == "pretrends.joint" and row.get("value") is not None else math.nan
    return same and row.get("statistic") == "p_value" and p < 0.05


def _apart(row: Mapping[str, Any], units: tuple[str, str]) -> str:
    return (
        f"Treated and comparison {units[1]} seem not to have been on the same path before the start (joint test, "
        f"{p_text(float(row['value']))}), so the comparison may not be fair."
    )


def attenuation(facts: Mapping[str, Any], units: tuple[str, str]) -> str:
    """Say what unknown use among the comparison does to the size of a difference; empty where use is known."""
    if dict(facts.get("panel") or {}).get("untreated_means") != "unknown":
        return ""
    did = str(dict(facts.get("question") or {}).get("intervention") or "the intervention")
    return (
        f"Which comparison {units[1]} used {did} too is not known. If half of them did, a difference between using it "
        "and not using it would show here at about half its size."
    )


def does_not_show(verdict: Verdict, question: Mapping[str, Any], units: tuple[str, str]) -> list[str]:
    """Return what a reader might take from the result and should not."""
    did = str(question.get("intervention") or "the intervention")
    found = []
    if verdict == "inconclusive":
        found.append(
            f"That {did} makes no difference: a range that includes zero also includes differences that matter."
        )
    if verdict in ("decrease", "increase"):
        found.append("That nothing else explains the difference: it rests on a comparison, not on an experiment.")
    found.append(f"What happened in any one {units[0]}: the number is an average over those that were treated.")
    found.append(f"What {did} would do in {units[1]} that differ from those that were treated.")
    found.append("Whether children were safer or better off, unless the outcome itself measures that.")
    return found


def what_would_change_it(
    verdict: Verdict, effect: HeadlineEffect, facts: Mapping[str, Any], units: tuple[str, str]
) -> list[str]:
    """Return what evidence would move the verdict."""
    panel, lock = dict(facts.get("panel") or {}), dict(facts.get("lock") or {})
    found = []
    needed = _units_needed(effect, dict(facts.get("question") or {}))
    if verdict == "inconclusive" and needed:
        found.append(needed.format(units=units[1]))
    if verdict == "not_identified":
        found.append("A design that identifies the estimate: see the reason beside it in the table of estimates.")
    if verdict in ("decrease", "increase", "no_meaningful_effect"):
        found.append(
            f"Evidence that treated and comparison {units[1]} were already on different paths, or that something else "
            f"happened to the treated {units[1]} at the same time."
        )
    if panel.get("untreated_means") == "unknown":
        found.append(f"A register of which comparison {units[1]} used it, and from when.")
    if lock.get("state", "never_locked") != "as_locked":
        found.append("A repetition under a plan that is locked before its outcomes are seen.")
    return found


def _units_needed(effect: HeadlineEffect, question: Mapping[str, Any]) -> str:
    """Say how many treated units would be needed to see a change worth seeing: errors shrink as one over root n."""
    declared = question.get("meaningful_change")
    treated = float(effect.row.get("n_treated_units") or 0)
    target = float(declared) if declared else 0.1 * effect.without
    detectable = abs(effect.difference(effect.detectable))
    if not (treated > 0 and target > 0 and math.isfinite(detectable)) or detectable <= target:
        return ""
    needed = treated * (detectable / target) ** 2
    words = "the change declared as meaningful" if declared else "a change of 10%"
    return (
        f"More treated {{units}}: to see {words} four times in five would take roughly {_rounded(needed)} of them "
        f"rather than {treated:.0f}, all else equal."
    )


def _rounded(n: float) -> str:
    """Return a count to two significant figures, upwards."""
    step = 10 ** max(math.floor(math.log10(n)) - 1, 0)
    return f"{math.ceil(n / step) * step:,}"
