"""When the money falls: what conventions of timing do to the saving for an averted entry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from sos_eval.economics.model.evaluated import DecisionModel
from sos_eval.economics.section import EconomicsSection

__all__ = ["AVERAGE_CHILD", "marginal_child", "timing_table"]

#: What is missing where every averted entry is taken to last as the average one.
AVERAGE_CHILD = (
    "no scenario has a shorter stay (change: {care_pathway.weeks: …}): the child whose entry is averted stays less "
    "long than the average child in care"
)
_CONVENTIONS: tuple[tuple[str, str, str], ...] = (
    ("all entries on the first day of the year, every stay the mean", "first_day", "fixed"),
    ("entries spread through the year, every stay the mean", "spread", "fixed"),
    ("entries spread through the year, exponential stays", "spread", "gamma"),
)


def timing_table(model: DecisionModel) -> pd.DataFrame:
    """Say what conventions of timing do to the saving for one entry averted in each year of full effect.

    Returns
    -------
    DataFrame
        ``convention, saving_per_averted, share_of_declared, text``: as declared, and three conventions beside it, with
        the same mean stay.
    """
    assert model.stay is not None
    base = model.expected
    own = float(model.saving_per_averted(base)[0])
    cut = "no age at entry is declared: no stay is ended at 18" if np.isinf(model.stay.limit) else "they end at 18"
    pathway = model.section.care_pathway
    assert pathway is not None
    assumed = "no distribution of stays is declared: exponential"
    said = [f"{model.stay.kind} stays" if pathway.stays is not None else assumed, cut]
    said += [] if marginal_child(model.section) else [AVERAGE_CHILD]
    rows = [("as declared", own, 1.0, "; ".join(said))]
    for words, entries, kind in _CONVENTIONS:
        one = np.ones(1) if kind == "fixed" else np.empty(0)
        stay = replace(model.stay, kind=kind, shape=1.0, points=one, mass=one, spread=entries == "spread")
        saving = float(replace(model, stay=stay).saving_per_averted(base)[0])
        more = f"{abs(saving / own - 1):.1%} {'more' if saving > own else 'less'}" if own else "another sum"
        text = "the same as declared" if np.isclose(saving, own) else f"would say that {more} is saved"
        rows.append((words, saving, saving / own if own else np.nan, text))
    return pd.DataFrame(rows, columns=["convention", "saving_per_averted", "share_of_declared", "text"])


def marginal_child(section: EconomicsSection) -> bool:
    """Whether a scenario has a shorter stay: the child whose entry is averted is not the average child in care."""
    pathway = section.care_pathway
    shorter = [scenario.change.get("care_pathway.weeks") for scenario in section.scenarios]
    mean = None if pathway is None else pathway.weeks
    return any(isinstance(w, (int, float)) and (mean is None or w < mean) for w in shorter)
