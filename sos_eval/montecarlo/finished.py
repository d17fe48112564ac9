"""What a finished power study says, as tables and sentences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sos_eval.panel.card import card

__all__ = ["Power"]


@dataclass(frozen=True, eq=False)
class Power:
    """A finished power study.

    Attributes
    ----------
    summary
        `power.csv`: a row per estimator, outcome, aggregation, inference and combination of swept keys.
    mdes
        `mdes.csv`.
    failures
        `failures.csv`: how many draws failed, by reason.
    sentences
        What it says in plain English, a sentence per row of the primary question.
    explained
        How every line was computed, and where the time went.
    pretests
        `pretests.csv`: false reassurance of pre-trend tests, a row per row of `summary` and test; empty unless asked.
    families
        `families.csv`: decisions over several outcomes of an estimator; empty where each has one.
    formulas
        `formulas.csv`: error, power and detectable effect of overall effects by formula, or why there is none.
    folder
        Where it was written, if it was.
    """

    summary: pd.DataFrame
    mdes: pd.DataFrame
    failures: pd.DataFrame
    sentences: tuple[str, ...]
    explained: pd.DataFrame
    pretests: pd.DataFrame
    families: pd.DataFrame
    formulas: pd.DataFrame
    folder: Path | None = None

    def _repr_html_(self) -> str:
        """Show what it says in a notebook, a sentence a line."""
        return card("Power study", {str(place): text for place, text in enumerate(self.sentences, 1)})
