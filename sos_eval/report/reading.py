"""What figures, tables and words ask of a bundle: names in words, the headline's rows, the time axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.wording import plain_words, time_axis

__all__ = [
    "convention", "estimator_label", "headline_keys", "headline_row_keys", "inference_label",
    "method_label", "outcome_facts", "outcome_label", "panel_facts", "scale_label", "table_of", "unit_words",
]  # fmt: skip

_METHODS = {
    "analytic": "conventional cluster-robust", "randomization": "permutation of who was treated",
    "multiplier_bootstrap": "multiplier bootstrap", "wild_cluster_bootstrap": "wild cluster bootstrap",
    "two_way": "two-way cluster-robust", "cr2": "cluster-robust, CR2", "cr3": "cluster-robust, CR3",
    "conley_taber": "Conley-Taber",
    "withheld": "no procedure relied on", "ferman_pinto": "Ferman-Pinto", "jackknife": "leave-one-unit-out jackknife",
}  # fmt: skip

_UNITS = {
    "authorit": ("authority", "authorities"), "school": ("school", "schools"), "county": ("county", "counties"),
    "state": ("state", "states"), "region": ("region", "regions"), "team": ("team", "teams"),
}  # fmt: skip
_NAMES = {
    "twfe": "two-way fixed effects", "event_study_twfe": "event-study fixed effects", "poisson_did": "Poisson",
    "callaway_santanna": "Callaway and Sant'Anna", "sun_abraham": "Sun and Abraham", "two_stage": "two-stage, Gardner",
    "imputation": "imputation, Borusyak, Jaravel and Spiess", "etwfe": "extended fixed effects, Wooldridge",
    "dechaisemartin_dhaultfoeuille": "de Chaisemartin and D'Haultfoeuille", "synthetic_did": "synthetic DiD",
    "aipw": "AIPW", "double_ml": "double machine learning", "matched_did": "matched DiD",
}  # fmt: skip


def panel_facts(bundle: ResultBundle) -> dict[str, Any]:
    """Return what `results.json` says of the panel."""
    return dict(bundle.results.get("panel") or {})


def convention(bundle: ResultBundle) -> str:
    """Return how years are named; ``none`` where the bundle does not say."""
    declared = (bundle.design.get("panel") or {}).get("year_convention")
    return str(panel_facts(bundle).get("year_convention") or declared or "none")


def time_label(bundle: ResultBundle) -> str:
    """Return the label of an axis of times."""
    period = panel_facts(bundle).get("period")
    return str(period).capitalize() if period else time_axis(convention(bundle))


def outcome_facts(bundle: ResultBundle, outcome: str) -> dict[str, Any]:
    """Return what `results.json` says of one outcome."""
    return dict((panel_facts(bundle).get("outcomes") or {}).get(outcome) or {})


def outcome_label(bundle: ResultBundle, outcome: str) -> str:
    """Return an outcome in words, with its scale: ``Children starting to be looked after per 10,000``."""
    facts = outcome_facts(bundle, outcome)
    label = plain_words(str(facts.get("label") or outcome))
    label = label[:1].upper() + label[1:]
    if facts.get("counted") and facts.get("per", 1) != 1 and " per " not in label.lower():
        label = f"{label} per {facts['per']:,g}"
    return f"{label} (log)" if facts.get("transform") == "log" else label


def scale_label(bundle: ResultBundle, outcome: str, scale: str) -> str:
    """Return the unit that an effect is in."""
    if scale == "rate_per":
        per = outcome_facts(bundle, outcome).get("per")
        return f"per {per:,g}" if per else "rate"
    words = {"ratio": "rate ratio", "log": "log points", "count": "count", "value": "outcome's own units"}
    return words.get(scale, scale)


def headline_keys(bundle: ResultBundle) -> dict[str, str]:
    """Return estimator, outcome and inference of the headline; from `headline.json`, else the first primary row."""
    row: dict[str, Any] = {}
    primary = bundle.estimates[bundle.estimates["role"] == "primary"]
    if len(primary):
        row = dict(primary.iloc[0])
    known = {**row, **{k: v for k, v in bundle.headline.items() if v is not None}}
    return {name: str(known.get(name) or "") for name in ("estimator", "outcome", "inference")}


def headline_row_keys(bundle: ResultBundle) -> dict[str, str]:
    """Return what tells the headline's row from all others, its scale included."""
    scale = bundle.headline.get("scale")
    return headline_keys(bundle) | ({"scale": str(scale)} if scale else {})


def estimator_label(bundle: ResultBundle, estimator: str) -> str:
    """Return an estimator's declared label, else its id and method in words."""
    for entry in bundle.design.get("estimators") or []:
        if isinstance(entry, dict) and entry.get("id") == estimator:
            if entry.get("label"):
                return str(entry["label"])
            method = str(entry.get("method", ""))
            same = not method or method == estimator
            return _worded(estimator) if same else f"{_worded(estimator)} ({_worded(method)})"
    return _worded(estimator)


def _worded(name: str) -> str:
    return _NAMES.get(name) or name.replace("_", " ")


def method_label(method: str) -> str:
    """Return an estimator's method in words."""
    return _worded(method)


def inference_label(inference: str) -> str:
    """Return an inference method in words."""
    return _METHODS.get(inference, _worded(inference))


def unit_words(bundle: ResultBundle) -> tuple[str, str]:
    """Return what one unit and several units are called."""
    column = (bundle.design.get("panel") or {}).get("unit") or panel_facts(bundle).get("unit") or ""
    return words_for_units(str(column), dict(bundle.design.get("question") or {}))


def words_for_units(column: str, question: Mapping[str, Any]) -> tuple[str, str]:
    """Return what one and several units are called: from the column that names them, else from the question."""
    if column.lower().startswith("la"):
        return "authority", "authorities"
    for text in (column, str(question.get("comparator", "")), str(question.get("population", ""))):
        for stem, words in _UNITS.items():
            if stem in text.lower():
                return words
    return "unit", "units"


def table_of(bundle: ResultBundle, kind: str) -> tuple[str, pd.DataFrame]:
    """Return the name and content of a table such as ``leave_one_out``: of several, the headline estimator's.

    Tables are called ``<kind>`` or ``<estimator>.<…>.<kind>``; without one, the name is empty.
    """
    names = [name for name in bundle.table_names if name == kind or name.endswith(f".{kind}")]
    keys = headline_keys(bundle)
    names.sort(
        key=lambda name: (keys["estimator"] not in name.split("."), keys["outcome"] not in name.split("."), name)
    )
    return (names[0], bundle.tables(names[0])) if names else ("", pd.DataFrame())
