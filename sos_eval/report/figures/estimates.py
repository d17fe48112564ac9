"""All estimates of the overall effect side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.clustered import drawn_of_few
from sos_eval.report.drawing import WITHHELD, NothingToShow, figure
from sos_eval.report.figures.forest import forest
from sos_eval.report.reading import axis_words, estimator_label, headline_row_keys, method_label, outcome_label
from sos_eval.report.tables.effects import summaries

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return overall effects, every estimator and inference, headline first."""
    rows = summaries(bundle.estimates)
    if rows.empty:
        raise NothingToShow("no estimator in this bundle gives an overall effect")
    if _withheld(rows).all():
        raise NothingToShow(WITHHELD)
    keys = headline_row_keys(bundle)
    is_headline = np.logical_and.reduce([(rows[name] == value).to_numpy() for name, value in keys.items()])
    names = ["outcome", "scale", "estimator", "role", "inference", "estimate", "conf_low", "conf_high", "conf_level",
             "p_value", "n_treated_units", "n_units", "reason"]  # fmt: skip
    return rows[names].assign(headline=is_headline).reset_index(drop=True)


@figure("estimates", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Every estimate of the overall effect with its interval and p, by estimator and inference; headline marked."""
    outcomes = list(dict.fromkeys(table["outcome"]))
    table = table[~_is_said_elsewhere(table)]
    held = _withheld(table)
    table = table[~held]
    table = table.assign(
        group=[_axis(bundle, o, s, several=len(outcomes) > 1)
               for o, s in zip(table["outcome"], table["scale"], strict=True)],
        label=[f"{estimator_label(bundle, e)}\n{method_label(bundle, i)}"
               for e, i in zip(table["estimator"], table["inference"], strict=True)],
    )  # fmt: skip
    levels = table["conf_level"].dropna()
    level = f"{100 * levels.iloc[0]:g}% intervals. " if len(levels) else ""
    note = f"{level}Filled square: the headline, fixed by a rule on the design alone. Dotted: no difference."
    note += f" Estimates that are withheld (disclosure.csv): {held.sum()}." if held.any() else ""
    note += drawn_of_few(table)
    title = "The overall effect by every estimator and procedure"
    title += f": {outcome_label(bundle, outcomes[0])}" if len(outcomes) == 1 else ""
    return forest(table, title, note=note)


def _withheld(table: pd.DataFrame) -> np.ndarray:
    """Find estimates that a profile held back."""
    held = table["estimate"].isna() & table["reason"].astype(str).str.startswith("withheld")
    return np.asarray(held, dtype=bool)


def _is_said_elsewhere(table: pd.DataFrame) -> np.ndarray:
    """Find estimates without an interval that have one on another scale, by the same procedure."""
    has_interval = table["conf_low"].notna()
    elsewhere = has_interval.groupby([table["estimator"], table["outcome"], table["inference"]]).transform("any")
    return np.asarray(~has_interval & elsewhere & ~table["headline"], dtype=bool)


def _axis(bundle: ResultBundle, outcome: str, scale: str, *, several: bool) -> str:
    """Return what is on an axis; with the outcome where there are several."""
    words = axis_words(bundle, outcome, scale)
    return f"{outcome_label(bundle, outcome)}: {words}" if several else words
