"""A table as it is published: columns that fit a page, values and heads in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.economics_words import parameters_in_words
from sos_eval.report.flow_words import who
from sos_eval.report.headline_words import ESTIMANDS, headline_in_words
from sos_eval.report.page_tables import head_words
from sos_eval.report.power.naming import key_words, with_bounds
from sos_eval.report.power.reading import PowerFolder
from sos_eval.report.reading import (
    estimator_label,
    method_label,
    outcome_label,
    scale_label,
    unit_labels,
    unit_words,
)
from sos_eval.report.wording import covariate_words, in_units

__all__ = ["PUBLICATION", "for_print", "headed", "power_for_print"]

#: Formats for readers; the others keep a file's columns and values for programs.
PUBLICATION = ("md", "html", "tex", "docx")

#: Columns that a page has room for; what tells rows apart or says why one is empty comes with them.
_PRINTED: dict[str, tuple[str, ...]] = {
    "effects": ("estimator", "inference", "scale", "estimate", "conf_low", "conf_high", "p_value", "n_treated_units"),
    "event_study": ("estimator", "event_time", "scale", "estimate", "conf_low", "conf_high", "n_treated_units"),
}
_TELLS_APART = ("outcome", "estimand", "scale", "inference", "conf_level", "reason")
_OF_POWER = (
    "true_effect", "bias", "coverage", "coverage_mcse", "power", "power_mcse", "failures",
)  # fmt: skip
_SCALES = {"rate_per": "rate", "ratio": "rate ratio", "value": "own units"}
_POWER_HEADS = {
    "true_effect": "True effect", "bias_mcse": "Error of bias", "coverage_mcse": "Error of coverage",
    "power_mcse": "Error of power",
    "failures": "Failed draws",
}  # fmt: skip


def for_print(bundle: ResultBundle, name: str, rows: pd.DataFrame, *, chosen: bool) -> pd.DataFrame:
    """Return a table of a run as it is published.

    Parameters
    ----------
    chosen
        Whether the reader named the columns, so that all of them stay.
    """
    if name.startswith("economics."):
        return parameters_in_words(rows)
    if name == "headline":
        words = headline_in_words(bundle)
        return words[[column for column in rows.columns if column in words]]
    kept = rows if chosen or name not in _PRINTED else _fitting(rows, _PRINTED[name])
    return _in_words(bundle, rows, kept)


def power_for_print(study: PowerFolder, name: str, rows: pd.DataFrame, *, chosen: bool) -> pd.DataFrame:
    """Return a table of a power study as it is published: estimators, procedures and swept keys in words."""
    swept = study.swept
    rows = with_bounds(study.in_words(rows), rows, study.unseen)
    if name != "power":
        return rows.rename(columns={key: key_words(key) for key in swept})
    if not chosen:
        several = [one for one in ("outcome", "aggregation") if len(rows[one].unique()) > 1]
        scale = ["scale"] if len(rows["scale"].unique()) > 1 else []
        rows = rows[["estimator", *several, "inference", *swept, *scale, *_OF_POWER]]
        rows = rows.assign(**{name: rows[name].replace(_SCALES) for name in scale})
    return rows.rename(columns=_POWER_HEADS | {name: key_words(name) for name in swept})


def headed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a table with heads in words, where no two would read the same."""
    names = [str(name) for name in rows.columns]
    heads = [head_words(name) for name in names]
    once = [head if heads.count(head) == 1 else name for head, name in zip(heads, names, strict=True)]
    return rows.set_axis(once, axis="columns")


def _fitting(rows: pd.DataFrame, printed: Sequence[str]) -> pd.DataFrame:
    """Keep the columns that are printed, and others where their values tell rows apart or say something."""
    more = [
        name
        for name in _TELLS_APART
        if name in rows and name not in printed and (len(rows[name].unique()) > 1 or (name == "reason" and _said(rows)))
    ]
    first = [name for name in more if name == "outcome"]
    last = [name for name in more if name == "reason"]
    between = [name for name in more if name not in (*first, *last)]
    return rows[[*first, printed[0], *between, *printed[1:], *last]]


def _said(rows: pd.DataFrame) -> bool:
    return bool(rows["reason"].fillna("").astype(str).str.strip().ne("").any())


def _in_words(bundle: ResultBundle, rows: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """Write codes as words: estimators, procedures, outcomes, scales, estimands and units."""
    words: dict[str, list[str]] = {}
    for name in kept.columns:
        values = list(rows[name])
        if name == "estimator":
            words[name] = [estimator_label(bundle, str(value)) if _is_text(value) else "" for value in values]
        elif name == "inference":
            words[name] = [method_label(bundle, str(value)) if _is_text(value) else "" for value in values]
        elif name == "outcome":
            words[name] = [outcome_label(bundle, str(value)) if _is_text(value) else "" for value in values]
        elif name == "covariate":
            words[name] = [covariate_words(str(value)) for value in values]
        elif name == "estimand":
            words[name] = [_known(value, ESTIMANDS) for value in values]
        elif name == "scale":
            outcomes = rows["outcome"] if "outcome" in rows else [bundle.facts.headline.outcome] * len(rows)
            words[name] = [
                scale_label(bundle, str(of), str(value)) if _is_text(value) else ""
                for of, value in zip(outcomes, values, strict=True)
            ]
    flow = {"step", "what", "units", "names", "reason"} <= set(rows)
    if flow and "names" in kept:
        labels = unit_labels(bundle)
        words["names"] = [who(row, labels) if _is_text(row["names"]) else "" for _, row in rows.iterrows()]
    if flow and "reason" in kept:
        words["reason"] = [in_units(str(one), unit_words(bundle)) if _is_text(one) else "" for one in rows["reason"]]
    return kept.assign(**words)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _known(value: object, words: Mapping[str, str]) -> str:
    return words.get(value, value) if isinstance(value, str) else ""
