"""What figures, tables and words ask of a bundle: names in words, the headline's row, the time axis."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.wording import plain_words, time_axis
from sos_eval.results.facts import OutcomeFacts, PanelFacts, QuestionFacts
from sos_eval.terms import PERIOD_COLUMNS

__all__ = [
    "axis_words", "convention", "estimator_label", "every_of", "headline_row_keys", "headline_scale", "is_reference",
    "method_label", "outcome_label", "people", "period_word", "placed", "scale_label", "table_of", "time_label",
    "unit_labels", "unit_words", "weighs", "why_missing", "without_check", "words_for_units",
]  # fmt: skip

#: Most characters of an outcome's words in a title.
_TITLE = 80
_UNITS = {
    "authorit": ("authority", "authorities"), "school": ("school", "schools"), "county": ("county", "counties"),
    "state": ("state", "states"), "region": ("region", "regions"), "team": ("team", "teams"),
}  # fmt: skip


def convention(bundle: ResultBundle) -> str:
    """Return how years are named; ``none`` where the bundle does not say."""
    return bundle.facts.panel.year_convention


def placed(bundle: ResultBundle, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the places of its periods on an axis: a period's number where it is written as a code."""
    panel = bundle.facts.panel
    there = [name for name in PERIOD_COLUMNS if name in table.columns] if panel.periods else []
    return table.assign(**{name: table[name].map(panel.place) for name in there}) if there else table


def time_label(bundle: ResultBundle) -> str:
    """Return the label of an axis of times."""
    period = bundle.facts.panel.period
    return period.capitalize() if period else time_axis(convention(bundle))


def unit_labels(bundle: ResultBundle) -> dict[str, str]:
    """Return the name of every unit that was read, those left out since with them; empty without names."""
    table = bundle.tables("unit_names")
    return {} if table.empty else dict(zip(table["unit"].astype(str), table["label"].astype(str), strict=True))


def period_word(panel: PanelFacts) -> str:
    """Return what one period is: a year unless the panel says otherwise."""
    return panel.period or "year"


def every_of(panel: PanelFacts, outcome: OutcomeFacts) -> str:
    """Return in what time people are counted: ``a year``, or ``at any one time`` where a day's are."""
    return "at any one time" if outcome.stock else f"a {period_word(panel)}"


def people(question: QuestionFacts, outcome: OutcomeFacts) -> str:
    """Return what a count counts: children where the outcome's words say so, else cases."""
    text = f"{question.outcome} {outcome.label}".lower()
    return "children" if "child" in text else "cases"


def outcome_label(bundle: ResultBundle, name: str) -> str:
    """Return an outcome in words, with its scale: ``Children starting to be looked after per 10,000``.

    In its own label, else, of the headline's, the question's words where a title has room for them, else its name.
    """
    outcome, facts = bundle.facts.panel.outcomes.get(name, OutcomeFacts()), bundle.facts
    asked = facts.question.outcome if name == facts.headline.outcome else ""
    label = plain_words(outcome.label or (asked if len(asked) <= _TITLE else "") or name)
    label = label[:1].upper() + label[1:]
    if outcome.counted and outcome.per != 1 and " per " not in label.lower():
        label = f"{label} per {outcome.per:,.10g}"
    return f"{label} (log)" if outcome.transform == "log" else label


def scale_label(bundle: ResultBundle, name: str, scale: str) -> str:
    """Return the unit that an outcome's effect is in."""
    outcomes = bundle.facts.panel.outcomes
    if scale == "rate_per":
        return f"per {outcomes[name].per:,.10g}" if name in outcomes else "rate"
    words = {"ratio": "rate ratio", "log": "log points", "count": "count", "value": "outcome's own units"}
    return words.get(scale, scale)


def axis_words(bundle: ResultBundle, outcome: str, scale: str) -> str:
    """Return what is on an axis of effects."""
    return "Rate ratio" if scale == "ratio" else f"Difference, {scale_label(bundle, outcome, scale)}"


def headline_scale(bundle: ResultBundle) -> str:
    """Return the scale of the headline's estimate; ``value`` where there is none."""
    rows = bundle.facts.headline.rows(bundle.estimates)
    return str(rows["scale"].iloc[0]) if len(rows) else "value"


def headline_row_keys(bundle: ResultBundle) -> dict[str, str]:
    """Return what tells the headline's row from all others, its scale included."""
    scale = bundle.headline.get("scale")
    return asdict(bundle.facts.headline) | ({"scale": str(scale)} if scale else {})


def estimator_label(bundle: ResultBundle, estimator: str) -> str:
    """Return an estimator's declared label, else its id and method in words."""
    words, entry = bundle.facts.method(estimator).label, _entry(bundle, estimator)
    method = str(entry.get("method", ""))
    same = not method or method == estimator
    return str(entry.get("label") or (words if same else f"{words} ({method_label(bundle, method)})"))


def weighs(bundle: ResultBundle, estimator: str) -> str:
    """Return how an estimator weighs untreated units itself; empty where it does not."""
    return bundle.facts.method(str(_entry(bundle, estimator).get("method", ""))).weighs


def _entry(bundle: ResultBundle, estimator: str) -> dict[str, Any]:
    """Return what the design declares of an estimator; nothing where it is not there."""
    entries = [entry for entry in bundle.design.get("estimators") or [] if isinstance(entry, dict)]
    return next((entry for entry in entries if entry.get("id") == estimator), {})


def method_label(bundle: ResultBundle, method: str) -> str:
    """Return an estimator's or an inference's method in words, as it gave them to the run."""
    return bundle.facts.method(method).label


def unit_words(bundle: ResultBundle) -> tuple[str, str]:
    """Return what one unit and several units are called."""
    facts = bundle.facts
    column = (bundle.design.get("panel") or {}).get("unit") or facts.panel.unit
    return words_for_units(str(column), facts.question.comparator, facts.question.population)


def words_for_units(column: str, *texts: str) -> tuple[str, str]:
    """Return what one and several units are called: from the column that names them, else from the question's texts."""
    if column.lower().startswith("la"):
        return "authority", "authorities"
    for text in (column, *texts):
        for stem, words in _UNITS.items():
            if stem in text.lower():
                return words
    return "unit", "units"


def why_missing(bundle: ResultBundle, kind: str, otherwise: str) -> str:
    """Return why a bundle has no table of a kind: that it was withheld, where it was."""
    held = bundle.withheld[bundle.withheld["action"] == "withheld"]
    names = held["file"].astype(str).str.removeprefix("tables/").str.removesuffix(".csv")
    rows = held[((names == kind) | names.str.endswith(f".{kind}")) & held["file"].astype(str).str.startswith("tables/")]
    return f"its table is {rows['rule'].iloc[0]}" if len(rows) else otherwise


def without_check(bundle: ResultBundle, check: str, kind: str = "") -> str:
    """Return why a bundle has nothing of a check: withheld, asked for and not done, or not asked for.

    `kind` is the table that it would write, where that is not called as the check is.
    """
    asked = bundle.diagnostics["name"].astype(str).str.split(".").str[0].eq(check).any()
    done = f"the check {check} could not be done (diagnostics.csv says why)"
    return why_missing(bundle, kind or check, done if asked else f"the design does not ask for the check {check}")


def table_of(bundle: ResultBundle, kind: str) -> tuple[str, pd.DataFrame]:
    """Return the name and content of a table such as ``leave_one_out``: the headline's, never another outcome's.

    Tables are called ``<kind>`` where they are the headline's, else ``<estimator>.<…>.<kind>``; without one, the name
    is empty.
    """
    key = bundle.facts.headline
    others = {name for name in bundle.facts.panel.outcomes if name != key.outcome}
    names = [name for name in bundle.table_names if name == kind or name.endswith(f".{kind}")]
    names = [name for name in names if not name.startswith(("draws.", "confidence."))]
    parts = {name: name.removesuffix(kind).strip(".").split(".") for name in names}
    names = [name for name in parts if not others & set(parts[name][1:])]
    names.sort(key=lambda name: (name != kind, key.estimator not in parts[name], name))
    return (names[0], bundle.tables(names[0])) if names else ("", pd.DataFrame())


def is_reference(group: pd.DataFrame) -> np.ndarray:
    """Find the reference period: said by `reason`, or exactly no effect without an error."""
    nothing = np.where(group["scale"] == "ratio", 1.0, 0.0)
    by_number = (group["estimate"].to_numpy(float) == nothing) & ~(group["std_error"].to_numpy(float) > 0)
    return np.asarray(group["reason"].str.contains("reference").to_numpy(bool) | by_number)
