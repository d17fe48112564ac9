"""The headline as it is published: its items in words, in the order of a page; files for programs keep the keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.page_tables import head_words
from sos_eval.report.reading import estimator_label, method_label, outcome_label, scale_label
from sos_eval.report.verdict import VERDICTS

__all__ = ["ESTIMANDS", "headline_in_words"]

ESTIMANDS = {"att": "on the treated", "ate": "on all", "ato": "where groups overlap"}
_NUMBERS = ("estimate", "std_error", "conf_low", "conf_high", "conf_level", "p_value", "n_treated_units", "n_units",
            "n_clusters")  # fmt: skip
_ENDS = {"estimate": "estimate", "low": "low end", "high": "high end"}
_SAID = {
    "basis": "What it rests on", "detectable_text": "What would be found", "earlier_path": "Path before the start",
    "attenuation": "Practice in the comparison group", "caveats": "Caveats", "other_outcomes": "Other outcomes",
    "does_not_show": "What this does not show", "what_would_change_it": "What would change the answer",
}  # fmt: skip


def headline_in_words(bundle: ResultBundle) -> pd.DataFrame:
    """Return ``item, value`` in words: answer, estimate and its units, what limits it; what is empty is left out.

    Numbers of page one in all their units are the table `converted`; `headline.json` holds every item.
    """
    rows = [(item, value) for item, value in _items(bundle, bundle.headline) if _is_said(value)]
    return pd.DataFrame(rows, columns=["item", "value"], dtype=object)


def _items(bundle: ResultBundle, head: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give item and value."""
    yield "Answer", head.get("sentence")
    yield "Verdict", VERDICTS.get(str(head.get("verdict")), head.get("verdict"))
    yield "Why there is none", head.get("reason")
    yield from _named(bundle, head)
    yield from ((head_words(name), head.get(name)) for name in _NUMBERS)
    natural, share = head.get("natural_units") or {}, head.get("percent") or {}
    unit = str(natural.get("unit") or "People").capitalize()
    yield from ((f"{unit}, {words}", natural.get(name)) for name, words in _ENDS.items())
    yield from ((f"Per cent, {words}", share.get(name)) for name, words in _ENDS.items())
    parts = head.get("disagreement")
    yield "Where tests or estimates part", parts.get("text") if isinstance(parts, Mapping) else parts
    for row in head.get("safety") or []:
        yield f"Should not get worse: {row.get('label')}", row.get("text")
    for name, words in _SAID.items():
        said = head.get(name)
        yield words, " ".join(map(str, said)) if isinstance(said, list) else said
    yield "Words that it does not support", ", ".join(f"“{phrase}”" for phrase in head.get("must_not_say") or [])
    yield "Lock", (head.get("lock") or {}).get("text")


def _named(bundle: ResultBundle, head: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give what the estimate is of, where there is one."""
    if not head.get("estimator"):
        return
    outcome = str(head["outcome"])
    yield "Estimator", estimator_label(bundle, str(head["estimator"]))
    yield "Outcome", outcome_label(bundle, outcome)
    yield "Procedure", method_label(bundle, str(head["inference"]))
    yield "Effect", ESTIMANDS.get(str(head.get("estimand")), head.get("estimand"))
    yield "Scale", scale_label(bundle, outcome, str(head["scale"]))


def _is_said(value: Any) -> bool:
    return value is not None and value == value and value != ""
