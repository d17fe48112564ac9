"""From a bundle to a document: page one for a director, then everything under the EMMIE headings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.content import Block, Bullets, ReportDocument, Text
from sos_eval.report.draw import Drawn
from sos_eval.report.economics_blocks import economics
from sos_eval.report.evidence_page import evidence_page
from sos_eval.report.first_page import first_page, limits
from sos_eval.report.plan import plan_badge
from sos_eval.report.sections import appendix, effect, implementation, mechanisms, moderators, provenance
from sos_eval.report.verdict import VERDICTS

__all__ = ["compose"]

WITHHELD = "The answer is withheld (disclosure)"


def is_withheld(headline: Mapping[str, Any]) -> bool:
    """Whether there is an answer that a disclosure profile holds back."""
    return headline.get("verdict") == "not_identified" and str(headline.get("reason") or "").startswith("withheld")


def compose(bundle: ResultBundle, drawn: Drawn) -> ReportDocument:
    """Return the report of a bundle, with the figures that could be drawn."""
    headline = bundle.headline
    title = str(bundle.design.get("title") or bundle.design.get("name") or "Evaluation")
    body = [
        *limits(bundle),
        *effect(bundle, drawn), *mechanisms(bundle, drawn), *moderators(bundle, drawn), *implementation(bundle, drawn),
        *economics(bundle, drawn), *evidence_page(bundle), *appendix(bundle), *provenance(bundle, drawn),
    ]  # fmt: skip
    failed = any(passed is False for passed in bundle.diagnostics["passed"])
    verdict = WITHHELD if is_withheld(headline) else VERDICTS.get(str(headline.get("verdict")), "No headline")
    check = "a declared check failed" if failed else ""
    damaged = "damaged: not as the run wrote it" if bundle.damage else ""
    parts = (damaged, verdict, _part(headline, "badge"), check, plan_badge(bundle.facts.lock))
    badge = "; ".join(part for part in parts if part)
    return ReportDocument(title, badge, [*_damage(bundle), *first_page(bundle, drawn)], body)


def _damage(bundle: ResultBundle) -> list[Block]:
    """Say what of a bundle is not as the run wrote it."""
    if not bundle.damage:
        return []
    words = "This bundle is damaged, and the report was asked for all the same. What follows may be wrong."
    return [Text(words, "answer"), Bullets(tuple(f"{Path(f.where).name} {f.what}" for f in bundle.damage))]


def _part(headline: Mapping[str, Any], name: str) -> str:
    """Return what is said where tests or estimates part; an older bundle holds the sentence alone."""
    said = headline.get("disagreement")
    if isinstance(said, Mapping):
        return str(said.get(name) or "")
    return str(said or "") if name == "text" else ""
