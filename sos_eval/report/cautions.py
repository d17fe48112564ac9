"""What limits a headline: caveats, what it does not show, what would change it, phrases that it does not support."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sos_eval.errors import p_text
from sos_eval.report.converted import detectable_change
from sos_eval.report.verdict import HeadlineEffect, verdict_of
from sos_eval.report.whose import others_than, stands_for
from sos_eval.report.wording import count, in_units, minus_signs, percent
from sos_eval.results.assignments import FIXED
from sos_eval.results.check import ENTRY, of_hundred
from sos_eval.results.estimate import UNDECIDED
from sos_eval.results.facts import CheckFacts, HeadlineKey, QuestionFacts, RunFacts
from sos_eval.results.inference import FEW
from sos_eval.terms import Estimand, Verdict

__all__ = [
    "FAILED",
    "FEW_FOR_BANDS",
    "caveats",
    "does_not_show",
    "failed_checks",
    "must_not_say",
    "what_would_change_it",
]

#: Placebo groups that spread this much wider than the conventional error says are told on page one.
_WIDE = 1.25
#: Rows of the check `leave_one_out`: how many units turn the sign alone, and p of the largest change.
_ONE_UNIT = ("leave_one_out.turned", "leave_one_out.unusual")
_RARE = 0.05

FAILED = "A declared check failed:"
_NEVER = ["proves", "proven", "works", "caused", "saves", "cost-effective", "guarantees"]
_BY_VERDICT: dict[str, list[str]] = {
    "inconclusive": ["no effect", "no difference was found", "does not work", "reduces", "reduced", "promising"],
    "no_meaningful_effect": ["no effect", "does not work", "reduces", "reduced"],
    "decrease": ["no effect", "in every authority", "children are safer"],
    "increase": ["no effect", "in every authority", "harms children"],
    "not_identified": ["no effect", "does not work", "reduces", "reduced", "increases", "promising"],
}

#: Uniform bands of event times with 20 treated excluded zero somewhere in 13.5 ± 1.1% of null draws, with 60 in 6.8 ±
#: 0.8% (docs/coverage.md).
FEW_FOR_BANDS = 40


#: Checks that look at the groups before the start.
_EARLIER = ("path.", "pretrends", "placebo_time")


def must_not_say(verdict: Verdict) -> list[str]:
    """Return phrases that this result does not support."""
    return [*_BY_VERDICT[verdict], *_NEVER]


def caveats(effect: HeadlineEffect, facts: RunFacts, units: tuple[str, str]) -> list[str]:
    """Return what limits the answer, by weight: its range, the design's caveats, the data's, what checks saw."""
    about = [check for check in facts.checks if _is_about(check, facts.headline)]
    verdict = verdict_of(effect, facts.question.worthwhile)
    said = [
        *_undecided(facts, units),
        *_could_turn(effect, facts.question),
        *_too_narrow(effect, facts, units),
        *_suppressed(about, verdict),
    ]
    said += _borne(about, verdict)
    said += [facts.inference.caution] if facts.inference.caution else []
    said += facts.question.caveats
    said += [in_units(text, units) for text in facts.caveats if text not in facts.question.caveats]
    if not any(check.name.startswith("path.") for check in about):
        said += [_apart(check, units) for check in about if _shows_divergence(check) and check.passed is not False]
        said += _moved(about, units)
    for name in (
        "balance.unlike",
        "balance.few_carry",
        "balance.few_carry_treated",
        "unmatched",
        "leave_one_out.outside",
    ):
        said += [in_units(check.text, units) for check in about if check.name == name and math.isfinite(check.value)]
    said += _placebos(about, units)
    said += _one_unit(about, verdict, units)
    said += _curve(about)
    said += _unseen(about, facts, units)
    said += failed_checks(facts, units)
    return [minus_signs(text) for text in dict.fromkeys(said)]


def _undecided(facts: RunFacts, units: tuple[str, str]) -> list[str]:
    """Say over what range the answer's own method leaves it open."""
    notes = facts.notes.get(facts.headline.estimator, ())
    said = [f"{UNDECIDED}{note.partition(UNDECIDED)[2]}" for note in notes if _of_outcome(note, facts)]
    return [in_units(f"{text[:1].upper()}{text[1:]}.", units) for text in said]


def _of_outcome(note: str, facts: RunFacts) -> bool:
    """Whether a note leaves the headline's outcome open; what holds for one of several outcomes names it first."""
    label = (facts.outcome.label if facts.outcome else "") or facts.headline.outcome
    return note.startswith((UNDECIDED, f"{label}: {UNDECIDED}"))


def _suppressed(checks: Sequence[CheckFacts], verdict: Verdict) -> list[str]:
    """Say between what the answer lies whatever suppressed outcomes are, and whether a direction survives all."""
    said = []
    for check in checks:
        own, _, entry = check.name.partition(ENTRY)
        if own == "suppression_bounds" and math.isfinite(check.value):
            said.append(check.text.partition(" By random adoptions")[0])
            ends = f"suppression_bounds.largest_p{ENTRY * bool(entry)}{entry}"
            turned = [one.text for one in checks if one.name == ends and " does not survive " in one.text]
            said += turned if verdict in ("decrease", "increase") else []
    return said


def _borne(checks: Sequence[CheckFacts], verdict: Verdict) -> list[str]:
    """Say how much divergence a direction bears, by the plain restriction first."""
    if verdict not in ("decrease", "increase"):
        return []
    rows = [check for check in checks if check.name in ("honest_did.relative_magnitudes", "honest_did.smoothness")]
    texts = [check.text for check in rows if check.text.startswith(("Zero is left out", "No effect is established"))]
    return [texts[0].partition(". If ")[0].rstrip(".") + "."] if texts else []


def _curve(checks: Sequence[CheckFacts]) -> list[str]:
    """Say what other declared choices make of the answer."""
    return [
        check.text.partition(" A curve multiplies")[0]
        for check in checks
        if check.name == "specification_curve" and math.isfinite(check.value)
    ]


def failed_checks(facts: RunFacts, units: tuple[str, str]) -> list[str]:
    """Say which declared checks failed: a divergence before the start in plain words, others in their own."""
    failed = [check for check in facts.checks if check.passed is False]
    return [f"{FAILED} {_apart(one, units) if _shows_divergence(one) else _named(one, units)}" for one in failed]


def _named(check: CheckFacts, units: tuple[str, str]) -> str:
    """Return what a check said, with its name where that is withheld."""
    text = in_units(check.text, units)
    return f"{check.name.replace('_', ' ')}, {text}" if text.startswith("withheld") else text


def _could_turn(effect: HeadlineEffect, question: QuestionFacts) -> list[str]:
    """Say that other random draws could turn the verdict: an end of the range lies within its errors of nothing."""
    verdict = verdict_of(effect, question.worthwhile)
    ends = {"decrease": ("high", 1.0), "increase": ("low", -1.0)}
    near = {"inconclusive": [("high", -1.0), ("low", 1.0)]}.get(verdict, [ends[verdict]] if verdict in ends else [])
    turned = [
        end
        for end, sign in near
        if sign * effect.furthest(end, sign) >= 0 > sign * effect.difference(getattr(effect, end))
    ]
    if not turned:
        return []
    return [
        "The range ends within its simulation error of no difference: other random draws could turn this verdict, and "
        "more draws would settle it."
    ]


def _too_narrow(effect: HeadlineEffect, facts: RunFacts, units: tuple[str, str]) -> list[str]:
    """Say that an interval rests on fewer treated than its procedure needs."""
    treated = facts.panel.n_treated_clusters or int(effect.row["n_treated_units"] or 0)
    holds = facts.method(str(effect.row["inference"])).few_clusters
    if holds is not False or math.isnan(effect.low) or not 0 < treated < FEW:
        return []
    few = count(treated, f"treated {units[0]}", f"treated {units[1]}")
    return [f"With {few} the conventional interval is too narrow."]


def _is_about(check: CheckFacts, key: HeadlineKey) -> bool:
    """Whether a check is about the headline's estimate."""
    return check.estimator in ("", key.estimator) and check.outcome in ("", key.outcome)


def _placebos(checks: Sequence[CheckFacts], units: tuple[str, str]) -> list[str]:
    """Say what placebos found where nothing should be found, threshold or none."""
    early = [check.value for check in checks if check.name == "placebo_time.largest"]
    said = [
        "With the start moved to earlier years, when nothing had begun, a difference as large as the largest seen "
        f"comes up in {of_hundred(p)} draws: part of any difference here may have been there before."
        for p in early
        if p < 0.05
    ]
    values = {check.name: check.value for check in checks if check.name.startswith("placebo_units.")}
    ratio, own = (values.get(f"placebo_units.{name}", math.nan) for name in ("error_ratio", "own_error_ratio"))
    if ratio >= _WIDE:
        mostly = "" if not own < _WIDE else (
            f", though only {own:.1f} times as widely as their own errors say, since the treated {units[1]} vary less "
            "than others"
        )  # fmt: skip
        favour = "are" if not mostly else "may be"
        said.append(
            f"Groups of comparison {units[1]} treated as if they had started differ by chance {ratio:.1f} times "
            f"as widely as the conventional error of the answer says{mostly}: its conventional interval and p value "
            f"{favour} too favourable."
        )
    return said


def _one_unit(checks: Sequence[CheckFacts], verdict: Verdict, units: tuple[str, str]) -> list[str]:
    """Say that the answer hangs on one unit: leaving it out turns a verdict's sign, or moves more than chance does."""
    rows = {check.name: check for check in checks if check.name.startswith("leave_one_out")}
    turned, p = (rows[name].value if name in rows else math.nan for name in _ONE_UNIT)
    said = []
    if verdict in ("decrease", "increase") and turned > 0:
        said.append(f"Leaving out a single treated {units[0]} would turn the sign of the answer.")
    if p <= _RARE:
        said.append(
            f"One treated {units[0]} moves the answer more than any does where {units[1]} are drawn alike: so large a "
            f"change comes up in {of_hundred(p)} draws (chapter Checks)."
        )
    return said


def _unseen(checks: Sequence[CheckFacts], facts: RunFacts, units: tuple[str, str]) -> list[str]:
    """Say where nothing looked at how the groups moved before the start of a panel: the check `path` says so itself."""
    early = [check for check in checks if check.name.startswith(_EARLIER)]
    alone = len(facts.panel.cohorts) == 1 and facts.panel.n_treated_units == facts.panel.n_units > 0
    if facts.panel.layout != "panel" or alone or any(_looked(check) for check in early):
        return []
    who = f"the {units[1]} with a recorded start and those they are compared with"
    why = _why_unseen(early)
    what = "cannot be read here" if why.startswith("what its") else "was not looked at"
    return [f"Whether {who} moved alike before the start {what}: {why}."]


def _why_unseen(early: Sequence[CheckFacts]) -> str:
    """Say why no check saw the path: none is declared, or the one reason that all of them give."""
    if not early:
        return "no check of it (path, pretrends) is declared"
    if any(check.text.startswith("withheld") for check in early):
        return "what its checks found is withheld (disclosure.csv)"
    said = {check.text.removeprefix("Not done: ").rstrip(".") for check in early if check.text.startswith("Not done: ")}
    return f"no check of it could be done{f', since {said.pop()}' if len(said) == 1 else ''}"


def _looked(check: CheckFacts) -> bool:
    """Whether a check found a number, or says on page one why it did not."""
    return check.name.startswith("path.") or math.isfinite(check.value)


def _shows_divergence(check: CheckFacts) -> bool:
    """Whether a check saw the treated and their comparison move apart before the start, threshold or none."""
    return check.name == "pretrends.joint" and check.statistic == "p_value" and check.value < 0.05


def _moved(checks: Sequence[CheckFacts], units: tuple[str, str]) -> list[str]:
    """Say which way the path went where `pretrends` alone looked at it and its joint test is silent."""
    slopes = [check for check in checks if check.name == "pretrends.slope" and math.isfinite(check.value)]
    if any(map(_shows_divergence, checks)):
        return []
    return [
        f"{in_units(check.text.partition(' (')[0], units)}; its joint test does not tell that from chance, which is no "
        "evidence of the same path (the check path, which says how often chance does this, is not declared)."
        for check in slopes
    ]


def _apart(check: CheckFacts, units: tuple[str, str]) -> str:
    return (
        f"Treated and comparison {units[1]} seem not to have been on the same path before the start (joint test, "
        f"{p_text(check.value)}), so the comparison may not be fair."
    )


def does_not_show(
    verdict: Verdict,
    question: QuestionFacts,
    units: tuple[str, str],
    *,
    ranged: bool = True,
    whom: Estimand = "att",
    by_lot: str = "",
    alone: bool = False,
) -> list[str]:
    """Return what a reader might take from the result and should not.

    `by_lot`: where a lot is declared; `alone`: the number is of one treated unit.
    """
    did = question.intervention
    said = []
    if verdict == "inconclusive":
        also = (
            "a range that includes zero also includes differences that matter"
            if ranged
            else "no range stands beside it"
        )
        said.append(f"That {did} makes no difference: {also}.")
    if verdict in ("decrease", "increase"):
        why = f"a lot drew the starts, {by_lot}, and this run does not show that it was kept to"
        said.append(
            f"That nothing else explains the difference: "
            f"{why if by_lot else 'it rests on a comparison, not on an experiment'}."
        )
    if not alone or whom != "att":
        said.append(f"What happened in any one {units[0]}: the number is {stands_for(whom, units)}.")
    said.append(f"What {did} would do in {units[1]} {others_than(whom)}.")
    said.append("Whether children were safer or better off, unless the outcome itself measures that.")
    return said


def what_would_change_it(
    verdict: Verdict, effect: HeadlineEffect, facts: RunFacts, units: tuple[str, str], *, by_lot: bool = False
) -> list[str]:
    """Return what evidence would move the verdict; `by_lot`: a lot is declared to have drawn the starts."""
    said = []
    needed = _units_needed(effect, facts)
    why = facts.inference.reason
    if not facts.inference.reliable:
        said.append(
            f"A test that can be relied on: {why}."
            if FIXED in why  # more of them would not help
            else f"More {units[1]}, or others, so that some procedure can be relied on ({why})."
        )
    if verdict == "inconclusive" and needed:
        said.append(needed.format(units=units[1]))
    if verdict == "not_identified" and not str(effect.row.get("reason") or "").startswith("withheld"):
        said.append("A design that identifies the estimate: see the reason beside it in the table of estimates.")
    if verdict in ("decrease", "increase", "no_meaningful_effect"):
        apart = f"treated and comparison {units[1]} were already on different paths"
        apart = "the lot was not kept to" if by_lot else apart
        said.append(
            f"Evidence that {apart}, or that something else happened to the treated {units[1]} at the same time."
        )
    if facts.panel.untreated_means == "unknown":
        said.append(f"A register of which comparison {units[1]} used it, and from when.")
    if facts.lock.state != "as_locked":
        said.append("A repetition under a plan that is locked before its outcomes are seen.")
    return said


def _units_needed(effect: HeadlineEffect, facts: RunFacts) -> str:
    """Say how many of the units compared would have to be treated to see a change worth seeing, or that none do.

    Errors go with ``sqrt(1/treated + 1/comparison)``. Units that begin are taken from those compared, so the sum of the
    two never falls below four over their number.
    """
    treated, every = float(effect.row["n_treated_units"] or 0), float(effect.row["n_units"] or 0)
    declared = facts.question.worthwhile
    target = declared or 0.1 * effect.without
    aimed = "rise" if facts.detectable.declared_direction == "increase" else "fall"
    detectable = abs(detectable_change(effect, facts, aimed))
    if not (0 < treated < every and target > 0 and math.isfinite(detectable)) or detectable <= target:
        return ""
    words = "the smallest change worth having" if declared else f"a {aimed} of, say, 10%"
    needed = _treated_of(every, (1 / treated + 1 / (every - treated)) * (target / detectable) ** 2)
    if math.isnan(needed):
        least = detectable * math.sqrt(4 / every / (1 / treated + 1 / (every - treated)))
        size = f"a {aimed} of about {percent(least / effect.without)}" if effect.without > 0 else f"a larger {aimed}"
        return (
            f"More {{units}} than the {every:.0f} compared here, or outcomes that vary less, to see {words} four times "
            f"in five (with half of these treated, {size} would be seen as often; a rough guide, all else equal: "
            "sos-eval feasible asks the panel itself)."
        )
    return (
        f"More treated {{units}}: to see {words} four times in five would take roughly {_rounded(needed)} of the "
        f"{every:.0f} compared rather than {treated:.0f}, all else equal (sos-eval feasible: by outcome and years)."
    )


def _treated_of(every: float, precision: float) -> float:
    """Return the smaller n with ``1/n + 1/(every - n) = precision``; NaN where no split is as precise."""
    inside = 1 - 4 / (every * precision)
    return every * (1 - math.sqrt(inside)) / 2 if inside >= 0 else math.nan


def _rounded(n: float) -> str:
    """Return a count to two significant figures, upwards."""
    step = 10 ** max(math.floor(math.log10(n)) - 1, 0)
    return f"{math.ceil(n / step) * step:,}"
