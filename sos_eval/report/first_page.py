"""Page one: the verdict, safety and costs, one figure, at most seven sentences by weight; the rest is further down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.told import SEARCHED
from sos_eval.report.attenuation import attenuation_table
from sos_eval.report.cautions import FAILED
from sos_eval.report.clustered import only_clustered
from sos_eval.report.content import Block, Bullets, Heading, Link, Picture, Table, Text
from sos_eval.report.converted import PATH_ROWS
from sos_eval.report.draw import Drawn
from sos_eval.report.economics_answer import economics_answer
from sos_eval.report.family_blocks import together
from sos_eval.report.plan import lock_sentence
from sos_eval.report.reading import scale_label, unit_words
from sos_eval.report.safety import safety_words
from sos_eval.report.tables.converted import converted
from sos_eval.report.truth_blocks import known_truth
from sos_eval.report.wording import count, number, sentence_count
from sos_eval.results.facts import OutcomeFacts, QuestionFacts

__all__ = ["GUARDED", "LIMITS", "MOST_SENTENCES", "first_page", "limits", "numbers", "weighed"]

LIMITS, MOST_SENTENCES = "What limits the answer", 7
GUARDED = (
    "A disclosure profile was applied: what could tell of single people or of few units is withheld, and "
    "disclosure.csv lists file by file what was."
)
COARSE = (
    "The answer is told to few digits, and without how far other random draws would move the ends of its range: with "
    "more, whole numbers behind it could be searched for."
)
#: Rows whose Monte Carlo errors allow no third digit.
_ROUGH = ("low", "high", "detectable fall", "detectable rise", *PATH_ROWS)
NOT_ASSESSED = "Safety was not assessed: no outcome of this design is declared as one that should not get worse."


def first_page(bundle: ResultBundle, drawn: Drawn) -> list[Block]:
    """Return page one."""
    shown, more = _within_budget(bundle)
    headline, costs = bundle.headline, economics_answer(bundle.economics)
    return [
        *_question(bundle.facts.question),
        Text(lock_sentence(bundle.facts.lock), "small"),
        *([Text(GUARDED, "small")] if bundle.guarded else []),
        *([Text(COARSE, "small")] if _is_coarse(bundle) else []),
        Text(str(headline.get("sentence") or "This bundle has no headline."), "answer"),
        *_safety(bundle),
        *([Text(costs)] if costs else []),
        *([Picture("answer", drawn.alt["answer"])] if "answer" in drawn.images else []),
        *([Bullets(tuple(shown))] if shown else []),
        Link(f"{LIMITS}: {_how_many(more)}, and words that it does not support", LIMITS),
    ]


def _is_coarse(bundle: ResultBundle) -> bool:
    """Whether there is an answer, and a profile lets few of its digits be told."""
    answered = bundle.headline.get("verdict") != "not_identified"
    return bundle.guarded and answered and bundle.facts.detectable.reason == SEARCHED


def _how_many(more: Sequence[str]) -> str:
    return count(len(more), "more point") if more else "what it does not show"


def limits(bundle: ResultBundle) -> list[Block]:
    """Return what page one has no room for."""
    headline, units = bundle.headline, unit_words(bundle)
    _, more = _within_budget(bundle)
    whole = Text(
        "Page one holds the caveats that weigh most; the others and what checks found are below. Its numbers follow in "
        "all their units."
    )
    blocks: list[Block] = [Heading(LIMITS), Bullets(tuple(more)) if more else whole]
    if headline.get("attenuation"):
        caption = (
            "How much of an effect the estimate is expected to show, by the share of it that was there before the "
            f"start and by the share of comparison {units[1]} that took the practice up in between: one less both; "
            f"below zero the comparison gained more of the practice in these years than the treated {units[1]} did, "
            "and the estimate turns its sign; no number of this report is divided by it"
        )
        blocks += [Text(str(headline["attenuation"])), Table(attenuation_table(units), caption)]
    blocks += numbers(bundle)
    blocks += _listed("The other outcomes", headline.get("other_outcomes"))
    if len(headline.get("other_outcomes") or []) > 1:
        adjusted = "; p adjusted for their number stand in chapter Effect" if together(bundle) else ""
        blocks.append(Text(f"Intervals are not widened for looking at several outcomes{adjusted}.", "small"))
    blocks += _listed("What this does not show", headline.get("does_not_show"))
    blocks += _listed("What would change the answer", headline.get("what_would_change_it"))
    phrases = [f"“{phrase}”" for phrase in headline.get("must_not_say") or []]
    return [*blocks, *([Text(f"This result does not support the words {', '.join(phrases)}.")] if phrases else [])]


def numbers(bundle: ResultBundle) -> list[Block]:
    """Return the numbers of page one in all their units, and how one is made of the other."""
    if not bundle.headline.get("converted"):
        return []
    table = converted(bundle).dropna(axis="columns", how="all").dropna(subset="value")
    scale = scale_label(bundle, str(bundle.headline["outcome"]), str(bundle.headline["scale"]))
    natural = bundle.headline.get("natural_units") or {}
    outcome = bundle.facts.outcome or OutcomeFacts()
    names = {"what": "", "value": f"As estimated ({scale})", "percent": "Per cent",
             "difference": f"Difference{f' per {outcome.per:,.10g}' if outcome.scale == 'rate_per' else ''}",
             "people": str(natural.get("unit", "People")).capitalize()}  # fmt: skip
    if bundle.headline["scale"] not in ("ratio", "log"):
        table = table.drop(columns="difference", errors="ignore")
    rough = table["what"].isin(_ROUGH).tolist()
    ratio = bundle.headline["scale"] == "ratio"
    texts = {
        names[name]: [
            _cell(value, two, ratio and name == "value") for value, two in zip(table[name], rough, strict=True)
        ]
        for name in table.columns
    }
    frame = pd.DataFrame(texts, dtype=object)
    caption = "The numbers of page one in all their units"
    return [Table(frame, caption), Text(str(bundle.headline.get("conversions") or ""), "small")]


def _cell(value: Any, rough: bool, ratio: bool) -> str:
    """Return a cell for the eye: the words of the first column, numbers after it; rough ones to two digits."""
    if isinstance(value, str):
        return value[:1].upper() + value[1:]
    if rough and ratio:
        return number(float(value), 3 if value >= 1 else 2)
    return number(float(value), 2 if rough else 3)


def weighed(bundle: ResultBundle) -> list[str]:
    """Return every sentence on the answer's limits, in the fixed order of weight."""
    headline = bundle.headline
    failed = [text for text in headline.get("caveats") or [] if str(text).startswith(FAILED)]
    parts, neutral = _disagreement(headline.get("disagreement"))
    first = [parts, headline.get("basis"), known_truth(bundle), headline.get("detectable_text")]
    first += [headline.get("earlier_path"), together(bundle)]
    said = (*failed, *first, *(headline.get("caveats") or []), only_clustered(bundle), neutral)
    return list(dict.fromkeys(str(text) for text in said if text))


def _disagreement(said: Any) -> tuple[str, str]:
    """Return what is said where tests or estimates part, and where they do not; an older bundle's is a sentence."""
    if not isinstance(said, Mapping):
        return str(said or ""), ""
    text = str(said.get("text") or "")
    return ("", text) if said.get("kind") == "none" else (text, "")


def _within_budget(bundle: ResultBundle) -> tuple[list[str], list[str]]:
    """Return what fits on page one, and the rest: as many texts as have seven sentences, by weight."""
    texts, room = weighed(bundle), MOST_SENTENCES
    for k, text in enumerate(texts):
        room -= sentence_count(text)
        if room < 0:
            return texts[:k], texts[k:]
    return texts, []


def _question(question: QuestionFacts) -> list[Block]:
    """Return the question as declared: what, for whom, against what."""
    named = (("Evaluated", question.intervention), ("Outcome", question.outcome), ("For", question.population),
             ("Compared with", question.comparator))  # fmt: skip
    parts = [f"{label}: {text}." for label, text in named if text]
    return [Text(" ".join(parts), "small")] if parts else []


def _safety(bundle: ResultBundle) -> list[Block]:
    """Return a table of the safety outcomes and those of displacement; a sentence where none is of safety."""
    rows = bundle.headline.get("safety") or []
    silent = [] if any(row.get("role") != "displacement" for row in rows) else [Text(NOT_ASSESSED)]
    if not rows:
        return [*silent]
    said = [safety_words(row, bundle.facts) for row in rows]
    frame = pd.DataFrame({
        "Should not get worse": [row["label"] for row in rows], "Harm": [words for words, _ in said],
        "Estimate and range": [row["text"] for row in rows], "p of no difference": [p for _, p in said],
    }, dtype=object)  # fmt: skip
    return [*silent, Table(frame, f"Safety beside the verdict{_for_their_number(rows)}")]


def _for_their_number(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say whether p is adjusted for the number of outcomes; nothing of one alone."""
    if len(rows) < 2:
        return ""
    known = all(row.get("p_adjusted") is not None for row in rows if row.get("p_value") is not None)
    return "; p is adjusted for their number, the ranges are not" if known else "; p is not adjusted for their number"


def _listed(title: str, items: Sequence[str] | None) -> list[Block]:
    """Return a heading and its bullets; nothing where there are none."""
    return [Heading(title, 3), Bullets(tuple(str(item) for item in items))] if items else []
