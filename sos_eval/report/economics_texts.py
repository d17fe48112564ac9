"""Words of an economic evaluation's tables: in which money they are, and columns of text as they were written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

__all__ = ["MONEY", "in_money", "texts"]

#: Tables with amounts of money.
MONEY = (
    "summary", "incremental", "value_for_money", "max_programme_cost", "timing", "cost_consequence", "research_value",
    "scenarios", "scenarios_probabilistic", "tornado", "one_way", "two_way", "equity", "distribution_weighted",
    "budget_impact", "net_benefit", "pairwise", "quadrants", "expected_loss", "convergence", "evpi", "evpi_population",
    "evppi", "evppi_population", "evsi", "next_study", "parameters", "psa",
)  # fmt: skip


def in_money(gate: Mapping[str, Any], table: str) -> str:
    """Say the money of a table; nothing of one without money, or of a folder that does not say.

    Parameters
    ----------
    gate
        `gate.json`, which holds the frame's words.
    table
        Name of the table's file.
    """
    said = gate.get("money")
    if table not in MONEY or not isinstance(said, str):
        return ""
    return f"{said}, not discounted" if table == "budget_impact" else said


def texts(column: pd.Series) -> list[str]:
    """Return a column of text; one that is empty throughout was read as numbers."""
    return ["" if pd.isna(value) else str(value) for value in column]
