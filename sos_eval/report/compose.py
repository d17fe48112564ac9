"""From a bundle to a document: page one for a director, then everything under the EMMIE headings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.content import ReportDocument
from sos_eval.report.draw import Drawn
from sos_eval.report.economics_blocks import economics
<<<<<<< HEAD
from sos_eval.report.plan import lock_sentence, plan_badge
from sos_eval.report.reading import unit_words
=======
from sos_eval.report.first_page import first_page, limits
from sos_eval.report.plan import plan_badge
>>>>>>> origin/main
from sos_eval.report.sections import effect, implementation, mechanisms, moderators, provenance

__all__ = ["compose"]

_BADGES = {
    "inconclusive": "Inconclusive", "decrease": "Lower than the comparison suggests",
    "increase": "Higher than the comparison suggests", "no_meaningful_effect": "No difference worth having",
    "not_identified": "Cannot be answered with these data",
}  # fmt: skip


def compose(bundle: ResultBundle, drawn: Drawn) -> ReportDocument:
    """Return the report of a bundle, with the figures that could be drawn."""
    headline = bundle.headline
    title = str(bundle.design.get("title") or bundle.design.get("name") or "Evaluation")
    body = [
        *limits(bundle),
        *effect(bundle, drawn), *mechanisms(bundle), *moderators(bundle), *implementation(bundle, drawn),
        *economics(bundle, drawn), *provenance(bundle, drawn),
    ]  # fmt: skip
    failed = any(passed is False for passed in bundle.diagnostics["passed"])
    verdict = _BADGES.get(str(headline.get("verdict")), "No headline")
    check = "a declared check failed" if failed else ""
    parts = (verdict, _part(headline, "badge"), check, plan_badge(bundle.facts.lock))
    badge = "; ".join(part for part in parts if part)
<<<<<<< HEAD
    badge += "; a declared check failed" if failed else ""
    return ReportDocument(title, f"{badge}{plan_badge(bundle.facts.lock)}", _first_page(bundle), body)


def _first_page(bundle: ResultBundle) -> list[Block]:
    headline = bundle.headline
    blocks: list[Block] = [*_question(bundle.facts.question), Heading("The answer")]
    blocks.append(Text(str(headline.get("sentence") or "This bundle has no headline."), "answer"))
    blocks += [Text(str(headline["disagreement"]))] if headline.get("disagreement") else []
    blocks += _listed("The other outcomes", headline.get("other_outcomes"))
    if len(headline.get("other_outcomes") or []) > 1:
        blocks.append(Text("Intervals are not widened for looking at several outcomes.", "small"))
    blocks += _listed("Why it is uncertain", _uncertain(bundle))
    blocks += _listed("What this does not show", headline.get("does_not_show"))
    blocks += _listed("Caveats", headline.get("caveats"))
    blocks += _listed("What would change the answer", headline.get("what_would_change_it"))
    blocks += [Heading("Was the plan fixed beforehand?"), Text(lock_sentence(bundle.facts.lock))]
    phrases = [f"“{phrase}”" for phrase in headline.get("must_not_say") or []]
    if phrases:
        blocks.append(Text(f"This result does not support the words {', '.join(phrases)}.", "small"))
    return blocks


def _question(question: QuestionFacts) -> list[Block]:
    """Return the question as declared: what, for whom, against what."""
    named = (("Evaluated", question.intervention), ("Outcome", question.outcome), ("For", question.population),
             ("Compared with", question.comparator))  # fmt: skip
    parts = [f"{label}: {text}." for label, text in named if text]
    return [Text(" ".join(parts), "small")] if parts else []


def _uncertain(bundle: ResultBundle) -> list[str]:
    """Return what the answer rests on, what could have been seen, and which checks failed."""
    headline, found = bundle.headline, []
    if headline.get("n_treated_units"):
        rest = int(headline["n_units"]) - int(headline["n_treated_units"])
        many = unit_words(bundle)[1]
        found.append(f"It rests on {int(headline['n_treated_units']):,} treated and {rest:,} comparison {many}.")
    found += [str(headline["detectable_text"])] if headline.get("detectable_text") else []
    checks = zip(bundle.diagnostics["passed"], bundle.diagnostics["text"], strict=True)
    failed = [str(text) for passed, text in checks if passed is False]
    found += [str(headline["attenuation"])] if headline.get("attenuation") else []
    said = " ".join(headline.get("caveats") or [])
    found += [f"A declared check failed: {text}" for text in failed if text not in said]
    return found


def _listed(title: str, items: Sequence[str] | None) -> list[Block]:
    """Return a heading and its bullets; nothing where there are none. Long lists go on in the body."""
    if not items:
        return []
    shown = tuple(str(item) for item in items[:_MOST_BULLETS])
    more = len(items) - len(shown)
    return [Heading(title), Bullets((*shown, f"and {more} more, in headline.json") if more else shown)]
=======
    return ReportDocument(title, badge, first_page(bundle, drawn), body)


def _part(headline: Mapping[str, Any], name: str) -> str:
    """Return what is said where tests or estimates part; an older bundle holds the sentence alone."""
    said = headline.get("disagreement")
    if isinstance(said, Mapping):
        return str(said.get(name) or "")
    return str(said or "") if name == "text" else ""
>>>>>>> origin/main
