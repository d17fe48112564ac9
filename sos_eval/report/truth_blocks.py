"""Estimates beside the true effects of a simulated world, which are known."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.content import Block, Heading, Table, Text
from sos_eval.report.reading import estimator_label, method_label, outcome_label
from sos_eval.report.tables.effects import summaries
from sos_eval.report.wording import alike, number, p_number
from sos_eval.results.overall_average import AS_ESTIMATED, AS_SEEN, PLAIN

__all__ = ["beside_the_truth", "known_truth", "with_true_effects", "with_true_mechanism", "with_true_parts"]

_KEYS = ["estimator", "outcome", "scale", "subgroup"]
#: What a reader should know of the truth beside the links of a mechanism.
_KNOWN = {
    "first_link": "These data are simulated, so that what is true is known and stands beside each estimate, averaged "
    "over the units and periods that the estimate averages.",
    "second_link": "These data are simulated: the true second link stands beside the estimate.",
}
#: What page one says of a true effect by how it is averaged: over what, and what the estimate does otherwise.
_AVERAGED = {
    AS_ESTIMATED: ("averaged as this estimate averages", ""),
    PLAIN: (
        "on average over all that is treated",
        "; where effects differ this estimate is a mixture with weights of its own",
    ),
    AS_SEEN: (
        "averaged over the treated rows that are seen",
        "; units lack periods or change their weight, and this estimate may compare others",
    ),
}
_KNOWN_MIXED = _KNOWN | {
    "first_link": "These data are simulated, so that what is true is known and stands beside each estimate, "
    f"{''.join(_AVERAGED[PLAIN])}.",
}
_MIXED = "Where true parts differ between units, an estimate of them is a mixture with weights of its own."


def with_true_effects(bundle: ResultBundle, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of effects by subgroup with the true effect beside each, where any is known."""
    truth = _truth(bundle)
    if truth["subgroup"].eq("").all():
        return rows
    own = rows[_KEYS].merge(truth, on=_KEYS, how="left")["true_effect"]
    return _beside(rows, "estimate", "true_effect", own)


def with_true_mechanism(bundle: ResultBundle, table: pd.DataFrame, quantity: str = "") -> tuple[pd.DataFrame, str]:
    """Return a table of a mechanism with the true effects beside it, and what a reader should know of them.

    Parameters
    ----------
    quantity
        Of which link its rows are; unless given they say so themselves.
    """
    if "mechanisms.true_effects" not in bundle.table_names:
        return table, ""
    keys = ["mediator", "quantity"]
    truth = bundle.tables("mechanisms.true_effects")[[*keys, "true_effect", "averaged"]]
    own = (table.assign(quantity=quantity) if quantity else table)[keys].astype(str).merge(truth, on=keys, how="left")
    if own["true_effect"].isna().all():
        return table, ""
    mixed = own["averaged"].eq(PLAIN).any()
    said = (_KNOWN_MIXED if mixed else _KNOWN).get(quantity, _MIXED if mixed else "")
    link = quantity == "second_link"
    told = _beside(table, "link" if link else "estimate", "true_link" if link else "true_effect", own["true_effect"])
    return told, said


def with_true_parts(
    bundle: ResultBundle, table: pd.DataFrame, name: str, keys: list[str]
) -> tuple[pd.DataFrame, str]:  # fmt: skip
    """Return estimates of parts of the effect, such as stages, with the true effect beside each, and how it averages.

    Parameters
    ----------
    name
        Of the table with the true effects.
    keys
        Columns that say which part a line is of.
    """
    if name not in bundle.table_names:
        return table, ""
    truth = bundle.tables(name)
    own = table[keys].merge(truth[[*keys, "true_effect"]], on=keys, how="left")["true_effect"]
    averaged, beside = _AVERAGED[str(truth["averaged"].iloc[0])]
    said = f"These data are simulated: beside each estimate stands the true effect, {averaged}{beside}."
    return _beside(table, "estimate", "true_effect", own), said


def _beside(table: pd.DataFrame, column: str, name: str, values: pd.Series) -> pd.DataFrame:
    """Return a table with a column more, after another."""
    told = table.copy()
    told.insert(list(table.columns).index(column) + 1, name, values.to_numpy())
    return told


def _truth(bundle: ResultBundle) -> pd.DataFrame:
    """Return the true effects; without rows where none is known."""
    if "true_effects" not in bundle.table_names:
        return pd.DataFrame(columns=[*_KEYS, "true_effect"])
    truth = bundle.tables("true_effects")
    return truth.assign(subgroup=truth["subgroup"].fillna("") if "subgroup" in truth else "")


def _of_the_whole(bundle: ResultBundle) -> pd.DataFrame:
    """Return the true effects that are of no subgroup."""
    truth = _truth(bundle)
    return truth[truth["subgroup"] == ""]


def beside_the_truth(bundle: ResultBundle) -> list[Block]:
    """Return overall estimates beside the true effect that each is the average of; nothing where data are real."""
    if "true_effects" not in bundle.table_names:
        return []
    truth = _of_the_whole(bundle)
    found = summaries(bundle.estimates)
    found = found[found["estimate"].notna() & ~found["estimand"].isin(["ate", "ato"])]  # the truth is of the treated
    rows = []
    for estimator, outcome, scale, true, declared, *_ in truth.itertuples(index=False):
        own = found[(found["estimator"] == estimator) & (found["outcome"] == outcome) & (found["scale"] == scale)]
        told = own[own["p_value"].notna() | (own["p_value"].isna().all() & ~own.duplicated("estimator"))]
        rows += [_row(bundle, str(outcome), (float(true), float(declared)), row) for _, row in told.iterrows()]
    if not rows:
        return []
    own = (
        "over the treated rows that are seen: units lack periods or change their weight, and an estimate may compare "
        "others"
        if truth["averaged"].eq(AS_SEEN).any()
        else "that the estimate itself is of: the same units and periods, each counting the same"
    )
    said = (
        "These data are simulated, so that effects are known. The true effect beside an estimate is the average "
        f"{own}; beside one that mixes effects by weights of its own stands the plain average. Whether the interval "
        f"holds it is asked of that. The declared effect is another: {truth['whose'].iloc[0]}."
    )
    return [
        Heading("The true effect, and what was found", 3),
        Text(said),
        Table(pd.DataFrame(rows, dtype=object), "True effect of the world beside every estimate of it"),
    ]


def known_truth(bundle: ResultBundle) -> str:
    """Say of the headline what its true effect is and whether its range holds it; empty where nobody knows."""
    headline = bundle.headline
    if "true_effects" not in bundle.table_names or headline.get("estimate") is None:
        return ""
    truth = _of_the_whole(bundle)
    key = [headline.get(name) for name in ("estimator", "outcome", "scale")]
    own = truth[(truth[["estimator", "outcome", "scale"]] == key).all(axis=1) & truth["true_effect"].notna()]
    if own.empty:
        return ""
    true = float(own["true_effect"].iloc[0])
    ends = [float(end) for end in (headline.get("conf_low"), headline.get("conf_high")) if end is not None]
    inside = len(ends) == 2 and ends[0] <= true <= ends[1]
    holds = f", which the range {'holds' if inside else 'does not hold'}" if len(ends) == 2 else ""
    how = str(own["averaged"].iloc[0]) if "averaged" in own else AS_ESTIMATED
    averaged, beside = _AVERAGED[how]
    return f"These data are simulated and know the true effect: {averaged} it is {number(true, 3)}{holds}{beside}."


def _row(bundle: ResultBundle, outcome: str, known: tuple[float, float], row: pd.Series) -> dict[str, str]:
    """Return one line: the effect, an estimate of it, and whether the interval holds it."""
    true, declared, best, low, high = alike([*known, row["estimate"], row["conf_low"], row["conf_high"]])
    ranged = pd.notna(row["conf_low"]) and pd.notna(row["conf_high"]) and pd.notna(known[0])
    holds = "" if not ranged else "yes" if row["conf_low"] <= known[0] <= row["conf_high"] else "no"
    return {
        "Outcome": outcome_label(bundle, outcome), "Estimator": estimator_label(bundle, row["estimator"]),
        "Role": str(row["role"]), "Procedure": method_label(bundle, row["inference"]), "True effect": true,
        "Estimate": best, "Interval": f"{low} to {high}" if ranged else "", "Holds it": holds,
        "p": p_number(row["p_value"]), "Declared effect": declared,
    }  # fmt: skip
