"""When the money falls: what conventions of timing do to the saving for an averted entry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from sos_eval.economics.model.evaluated import DecisionModel
from sos_eval.economics.model.stay import Stay

__all__ = ["timing_table"]

_CONVENTIONS: tuple[tuple[str, str, str], ...] = (
    ("all entries on the first day of the year, every stay the mean", "first_day", "fixed"),
    ("entries spread through the year, every stay the mean", "spread", "fixed"),
    ("entries spread through the year, exponential stays", "spread", "gamma"),
)


def timing_table(model: DecisionModel, marginal: str = "") -> pd.DataFrame:
    """Say what conventions of timing do to the saving of averted entries.

    Parameters
    ----------
    model
        The model.
    marginal
        What is said of the marginal child, whose stay is shorter; empty: nothing.

    Returns
    -------
    DataFrame
        ``convention, saving_one_each_year, saving_single_entry, share_of_declared, text``: as declared, and three
        conventions beside it, with the same mean stay. `saving_one_each_year` is for one entry averted in every year of
        full effect, fading as declared; `saving_single_entry` for one entry averted in the first year, within the
        horizon. The share is that of the former.
    """
    assert model.stay is not None
    base = model.expected
    own, alone = (float(saving(base)[0]) for saving in (model.saving_per_averted, model.saving_single_entry))
    pathway = model.section.care_pathway
    assert pathway is not None
    assumed = "no distribution of stays is declared: exponential"
    said = [f"{model.stay.kind} stays" if pathway.stays is not None else assumed, _ended(model.stay), marginal]
    rows = [("as declared", own, alone, 1.0, "; ".join(part for part in said if part))]
    for words, entries, kind in _CONVENTIONS:
        one = np.ones(1) if kind == "fixed" else np.empty(0)
        stay = replace(model.stay, kind=kind, shape=1.0, points=one, mass=one, spread=entries == "spread")
        varied = replace(model, stay=stay)
        saving, single = (float(of(base)[0]) for of in (varied.saving_per_averted, varied.saving_single_entry))
        more = f"{abs(saving / own - 1):.1%} {'more' if saving > own else 'less'}" if own else "another sum"
        text = "the same as declared" if np.isclose(saving, own) else f"would say that {more} is saved"
        rows.append((words, saving, single, saving / own if own else np.nan, text))
    names = ["convention", "saving_one_each_year", "saving_single_entry", "share_of_declared", "text"]
    return pd.DataFrame(rows, columns=names)


def _ended(stay: Stay) -> str:
    """Say whether stays end at 18."""
    if stay.kind == "empirical":
        return "observed stays, which had ended at 18"
    return "no age at entry is declared: no stay is ended at 18" if np.isinf(stay.limit) else "they end at 18"
