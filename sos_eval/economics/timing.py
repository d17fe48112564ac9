"""When the money falls: what conventions of timing do to the saving for an averted entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.model.evaluated import DecisionModel
from sos_eval.economics.model.stay import Stay
from sos_eval.errors import numeral

__all__ = ["other_mean", "timing_table"]

Array = NDArray[np.float64]
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
        conventions beside it, with the same mean stay; where children move between placements, a fourth.
        `saving_one_each_year` is for one entry averted in every year of full effect, fading as declared;
        `saving_single_entry` for one entry averted in the first year, within the horizon. The share is that of the
        former.
    """
    assert model.stay is not None
    base = model.expected
    own, alone = (float(saving(base)[0]) for saving in (model.saving_per_averted, model.saving_single_entry))
    pathway = model.section.care_pathway
    assert pathway is not None
    assumed = "no distribution of stays is declared: exponential"
    moved = "children move between placements at each anniversary of their entry" if _moves(model) else ""
    said = [
        f"{model.stay.kind} stays" if pathway.stays is not None else assumed,
        *_said(model.stay, base),
        moved,
        marginal,
    ]
    rows = [("as declared", own, alone, 1.0, "; ".join(part for part in said if part))]
    others = [(words, _under(model, entries, kind)) for words, entries, kind in _CONVENTIONS]
    others += [("as declared, moves between placements through the year", replace(model, gradual=True))] * _moves(model)
    for words, varied in others:
        saving, single = (float(of(base)[0]) for of in (varied.saving_per_averted, varied.saving_single_entry))
        more = f"{abs(saving / own - 1):.1%} {'more' if saving > own else 'less'}" if own else "another sum"
        text = "the same as declared" if np.isclose(saving, own) else f"would say that {more} is saved"
        rows.append((words, saving, single, saving / own if own else np.nan, text))
    names = ["convention", "saving_one_each_year", "saving_single_entry", "share_of_declared", "text"]
    return pd.DataFrame(rows, columns=names)


def _moves(model: DecisionModel) -> bool:
    """Say whether children move between placements."""
    return bool(np.any(model.moves != np.eye(len(model.moves))))


def _under(model: DecisionModel, entries: str, kind: str) -> DecisionModel:
    """Return the model under another convention of entries and stays."""
    assert model.stay is not None
    one = np.ones(1) if kind == "fixed" else np.empty(0)
    stay = replace(model.stay, kind=kind, shape=1.0, points=one, mass=one, spread=entries == "spread")
    return replace(model, stay=stay)


def _said(stay: Stay, base: Mapping[str, Array]) -> list[str]:
    """Say where stays end, and that observed ones were brought to another mean than their own."""
    return [_ended(stay), other_mean(stay, float(base["weeks"][0]))]


def other_mean(stay: Stay, mean: float) -> str:
    """Say that the declared mean is not that of the file of stays; empty where it is, or there is no file."""
    if np.isnan(stay.observed) or np.isclose(mean, stay.observed, rtol=0.005):
        return ""
    times = numeral(mean / stay.observed)
    return f"the file's own mean is {numeral(stay.observed, 4)} weeks: every stay is taken {times} times as long"


def _ended(stay: Stay) -> str:
    """Say whether stays end at 18."""
    if stay.kind == "empirical":
        return "none of those observed is longer than 18 years"
    return "no age at entry is declared: no stay is ended at 18" if np.isinf(stay.limit) else "they end at 18"
