"""The report on practice: its score, its instrument, how it held, what those who practised had, effects by stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.content import Block, Bullets, Table, Text
from sos_eval.report.reading import method_label, unit_words
from sos_eval.report.tabulate import shown
from sos_eval.report.truth_blocks import with_true_parts
from sos_eval.report.wording import count, interval_words, number, p_number
from sos_eval.theory.stages import before_stages

__all__ = ["practice_blocks"]

_ITEMS = (
    "The instrument, item by item (reliability: how far the items agree with one another, Cronbach's alpha; lacking: "
    "treated periods without the item)"
)
_WHOLE = {
    "n_units": "Scored", "n_unscored": "Not scored", "scores": "Scores", "mean": "Mean", "sd_between": "SD between",
    "sd_within": "SD within", "minimum": "Minimum", "share_reaching": "Share of means that reach it",
    "share_of_periods": "Share of treated periods that do",
}  # fmt: skip
_BY_TIME = {
    "event_time": "Periods since the start", "n_units": "Scored", "mean": "Mean", "sd": "SD",
    "share_reaching": "Share at the minimum then", "share_by_then": "Share at it then or before",
}  # fmt: skip
_SHARES = "Fidelity by periods since the start (both shares are of the units scored in that period)"
_COLUMNS = {
    "item": "Item", "label": "In words", "weight": "Weight", "mean": "Mean", "sd": "SD",
    "rest_correlation": "Correlation with the rest", "reliability": "Alpha", "between_scorers": "Between scorers",
    "scores": "Scores", "lacking": "Lacking",
}  # fmt: skip
_CONTRASTS = {
    "contrast": "Contrast", "estimate": "Estimate", "interval": "95% interval", "n_treated": "Treated",
    "reading": "How to read it", "reason": "Note",
}  # fmt: skip
_NOT_CAUSAL = "It describes practice: who practised better was not chosen by lot, so no causal effect is read off it."
_STAGES = ("Stage", "Periods since the start", "Effect", "True effect", "Interval", "p", "Treated", "Procedure", "Note")


def practice_blocks(bundle: ResultBundle) -> list[Block]:
    """Return what was measured of practice, and the effect by stage where stages are declared."""
    declared: dict[str, Any] = bundle.design.get("implementation") or {}
    scores = _scores(bundle, declared) if declared.get("fidelity") or declared.get("items") else []
    without = [Text("How well it was put into practice was not scored: no fidelity or dose is declared.")]
    return [*(scores or without), *_by_stage(bundle)]


def _scores(bundle: ResultBundle, declared: dict[str, Any]) -> list[Block]:
    whole = bundle.tables("implementation")
    if whole.empty:
        return [Text("The fidelity that the design declares is not in the bundle.")]
    row = whole.iloc[0]
    named = "" if str(row["fidelity"]).lower() == "fidelity" else f" ({row['fidelity']})"
    said = f"Fidelity{named} was scored in {count(int(row['n_units']), *unit_words(bundle))}"
    missing = f", not in {int(row['n_unscored'])} with a recorded start" if row["n_unscored"] else ""
    after = f" The instrument is after: {declared['source']}." if declared.get("source") else ""
    return [
        Text(f"{said}{missing}; the mean is {number(row['mean'])}. {_NOT_CAUSAL}{after}"),
        Table(_renamed(whole, _WHOLE), "Fidelity, between units and within them"),
        Table(_renamed(bundle.tables("implementation.by_time"), _BY_TIME), _SHARES),
        *_decay(bundle.tables("implementation.decay")),
        *_items(bundle.tables("implementation.items"), declared),
        *_as_treated(bundle.tables("implementation.as_treated")),
    ]


def _decay(table: pd.DataFrame) -> list[Block]:
    """Say how the score goes with time since the start, and with turnover where that is declared."""
    said = []
    for _, row in table.iterrows():
        if not pd.notna(row["slope"]):
            said.append(f"{row['with']}: not told, {row['reason']}")
            continue
        ends = interval_words(row["conf_low"], row["conf_high"]) or str(row["reason"])
        within = f"95% interval {ends}" if pd.notna(row["conf_low"]) else ends
        said.append(f"{row['with']}: {number(row['slope'])} ({within}); {row['reading']}")
    words = "How the score held within units, change of the score with"
    return [Text(f"{words}:"), Bullets(tuple(said))] if said else []


def _items(table: pd.DataFrame, declared: dict[str, Any]) -> list[Block]:
    """Return the items of an instrument, and where those are read off that the data lack."""
    if table.empty:
        return []
    needs, gaps = declared.get("needs") or {}, table[table["lacking"].astype(float) > 0]
    said = [
        f"{row['label']}: lacking in {count(int(row['lacking']), 'treated period', 'treated periods')}"
        + (f"; it is read off {needs[row['item']]}" if needs.get(row["item"]) else "")
        for _, row in gaps.iterrows()
    ]
    return [Table(_renamed(table, _COLUMNS), _ITEMS), *([Bullets(tuple(said))] if said else [])]


def _as_treated(table: pd.DataFrame) -> list[Block]:
    words = "As treated, not causal, beside intention to treat (on units' changes)"
    if table.empty:
        return []
    ends = [interval_words(row["conf_low"], row["conf_high"]) for _, row in table.iterrows()]
    return [Table(_renamed(table.assign(interval=ends), _CONTRASTS), words)]


def _by_stage(bundle: ResultBundle) -> list[Block]:
    """Return the effect by declared stage, and what a comparison of stages does not say."""
    table = bundle.tables("implementation.by_stage")
    if table.empty:
        return []
    if table["estimate"].isna().all():
        return [Text(f"The effect by declared stage is not told: {'; '.join(table['reason'].unique())}.")]
    said = (
        "The effect by declared stage is the plain mean of the headline's effects in the stage's periods since the "
        "start, under the headline's procedures; a stage of one period is the line of that period in the event study. "
        "Their p values are not adjusted for the number of stages, and stages are not tested against one another."
    )
    if left_out := before_stages(float(table["first"].min())):
        said += f" By the design {left_out}: what happened then is in the event study alone."
    if (table["fewest_treated"] < table["most_treated"].max()).any():
        said += (
            " Not all who began are seen in every period: what differs between stages may be who is in them, and not "
            "the stage."
        )
    told, known = with_true_parts(bundle, table, "implementation.true_effects", ["stage"])
    said = f"{said} {known}".strip()
    return [Text(said), Table(_laid_out(bundle, told), "Effect by stage and periods since the start")]


def _laid_out(bundle: ResultBundle, table: pd.DataFrame) -> pd.DataFrame:
    """Return the lines of stages as a reader sees them."""
    rows = []
    for _, row in table.iterrows():
        ends = interval_words(row["conf_low"], row["conf_high"])
        last = "on" if pd.isna(row["last"]) else f"to {number(row['last'])}"
        span = number(row["first"]) if row["first"] == row["last"] else f"{number(row['first'])} {last}"
        treated = row["most_treated"], row["fewest_treated"]
        who = "" if pd.isna(treated[0]) else number(treated[0])
        if who and treated[0] != treated[1]:
            who = f"{number(treated[1])} to {who}"
        how = method_label(bundle, str(row["inference"])) if row["inference"] else ""
        p = p_number(row["p_value"])
        true = number(row.get("true_effect", np.nan))
        rows.append((row["stage"], span, number(row["estimate"]), true, ends, p, who, how, row["reason"]))
    laid = pd.DataFrame(rows, columns=list(_STAGES))
    return shown(laid if "true_effect" in table else laid.drop(columns="True effect"))


def _renamed(table: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Return named columns as a reader sees them, without those that are empty throughout."""
    kept = [name for name in names if name in table and (table[name].notna() & (table[name] != "")).any()]
    return shown(table[kept].rename(columns=names))
