"""What a figure shows in numbers, for those who do not see it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.reading import estimator_label, is_reference, outcome_label, placed, unit_words
from sos_eval.report.wording import count, number

__all__ = ["alt_words"]

_GROUPS = {"treated": "treated", "comparison": "comparison"}


def alt_words(name: str, table: pd.DataFrame, bundle: ResultBundle) -> str:
    """Return sentences with the figure's own numbers; empty where it has none, and under a disclosure profile."""
    if name not in _TOLD or bundle.guarded:
        return ""
    return _TOLD[name](table, bundle)


def _answer(table: pd.DataFrame, bundle: ResultBundle) -> str:
    value = dict(zip(table["what"], table["value"].astype(float), strict=True))
    said = f"Estimate {number(value['estimate'])}"
    if np.isfinite([value["low"], value["high"]]).all():
        said += f", range {number(value['low'])} to {number(value['high'])}"
    found = [
        f"{words} of {number(abs(value[key] - value['no difference']))}"
        for key, words in (("detectable fall", "a fall"), ("detectable rise", "a rise"))
        if key in value and np.isfinite(value[key])
    ]
    return f"{said}." + (f" Would be found: {' or '.join(found)}." if found else "")


def _leave_one_out(table: pd.DataFrame, bundle: ResultBundle) -> str:
    rows = table.dropna(subset=["estimate"]).sort_values("estimate")
    if rows.empty:
        return ""
    names = rows.get("label", rows["unit"]).astype(str)
    ends = [f"{number(rows['estimate'].iloc[k])} (without {names.iloc[k]})" for k in (0, -1)]
    whole = float(table["all_units"].iloc[0])
    with_all = f"With all {unit_words(bundle)[1]} {number(whole)}; " if np.isfinite(whole) else ""
    said = f"{with_all}without one of them from {ends[0]} to {ends[1]}."
    return said[:1].upper() + said[1:]


def _outcome_paths(table: pd.DataFrame, bundle: ResultBundle) -> str:
    table, when, parts = placed(bundle, table), bundle.facts.panel.written, []
    together = table[table["cohort"].isna() & table["mean"].notna()].sort_values("time")
    for outcome in dict.fromkeys(table["outcome"]):
        for group, words in _GROUPS.items():
            line = together[(together["outcome"] == outcome) & (together["group"] == group)]
            if len(line):
                ends = [f"{number(line['mean'].iloc[k])} ({when(line['time'].iloc[k])})" for k in (0, -1)]
                parts.append(f"{outcome_label(bundle, outcome)}, {words}: from {ends[0]} to {ends[1]}.")
    return " ".join(parts)


def _synthetic_path(table: pd.DataFrame, bundle: ResultBundle) -> str:
    table, when, parts = placed(bundle, table), bundle.facts.panel.written, []
    for start, rows in table.groupby("cohort"):
        early, late = (rows.loc[side, "gap"] for side in (rows["time"] < start, rows["time"] >= start))
        told = [f"{number(part.min())} to {number(part.max())}" for part in (early, late)]
        parts.append(f"Start in {when(float(str(start)))}: gaps {told[0]} before it, {told[1]} from it on.")
    return " ".join(parts)


def _event_study(table: pd.DataFrame, bundle: ResultBundle) -> str:
    parts = []
    for (outcome, estimator, _), every in table.groupby(["outcome", "estimator", "scale"], sort=False):
        told, rows = [], every[~is_reference(every)]  # that one is zero by construction
        for words, side in (
            ("before the start", rows["event_time"] < 0),
            ("from the start on", rows["event_time"] >= 0),
        ):
            found = rows.loc[side, "estimate"].dropna()
            if len(found):
                told.append(f"{words} {number(found.min())} to {number(found.max())}")
        named = f"{outcome_label(bundle, str(outcome))}, " if len(table["outcome"].unique()) > 1 else ""
        parts.append(f"{named}{estimator_label(bundle, str(estimator))}: estimates {', '.join(told)}.")
    return " ".join(parts)


def _overlap(table: pd.DataFrame, bundle: ResultBundle) -> str:
    treated, used = table["treated"].astype(float) > 0, table["weight"].astype(float) > 0
    parts = []
    for words, rows in (("treated", table[treated]), ("comparison, used", table[~treated & used])):
        found = rows["distance"].dropna()
        if len(found):
            parts.append(f"{words} {number(found.min())} to {number(found.max())}")
    return f"Values: {'; '.join(parts)}." if parts else ""


def _flow(table: pd.DataFrame, bundle: ResultBundle) -> str:
    ends = [table[table["what"] == what] for what in ("start", "kept")]
    if any(rows.empty or rows[["units", "rows"]].iloc[-1].isna().any() for rows in ends):
        return ""
    first, last = (
        f"{count(rows['units'].iloc[-1], *unit_words(bundle))} and {count(rows['rows'].iloc[-1], 'row')}"
        for rows in ends
    )
    return f"From {first} to {last}."


def _mediation_path(table: pd.DataFrame, bundle: ResultBundle) -> str:
    parts = []
    for mediator, rows in table.groupby("mediator", sort=False):
        told = rows[rows["estimate"].notna()]
        said = [f"{row['arrow']} {number(row['estimate'])}{_ends(row)}" for _, row in told.iterrows()]
        parts.append(f"{mediator}: {', '.join(said)}.")
    return " ".join(parts)


def _ends(row: pd.Series) -> str:
    if not np.isfinite(row[["conf_low", "conf_high"]].astype(float)).all():
        return ""
    return f" ({number(row['conf_low'])} to {number(row['conf_high'])})"


_TOLD: dict[str, Callable[[pd.DataFrame, ResultBundle], str]] = {
    "answer": _answer, "leave_one_out": _leave_one_out, "outcome_paths": _outcome_paths, "event_study": _event_study,
    "overlap": _overlap, "flow": _flow, "mediation_path": _mediation_path, "synthetic_path": _synthetic_path,
}  # fmt: skip
