"""What may move trends: common causes of practice and outcome, which parallel trends has to do without."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from sos_eval.theory.programme import ProgrammeTheory

__all__ = ["movers"]


def movers(theory: ProgrammeTheory, covariates: Collection[str], absorbed: Collection[str] = ()) -> pd.DataFrame:
    """Return the common causes of treatment and outcome, and what a comparison of changes does about each.

    Unit effects take out the level of what is constant. What varies over time, and what is constant but counts
    differently in different periods, may move adopters' trends otherwise than the others'.

    Parameters
    ----------
    covariates
        Columns that the estimate adjusts for or is matched on.
    absorbed
        Columns that it was to adjust for and that its unit and time effects absorb.

    Returns
    -------
    DataFrame
        ``node, words, column, constant, adjusted, says``.
    """
    rows = []
    for node in theory.graph.nodes:
        if theory.role(node) == "common cause":
            column, constant = theory.columns.get(node, ""), theory.node(node).constant
            row = {"node": node, "words": theory.label(node), "column": column, "constant": constant}
            rows.append(
                {**row, "adjusted": column in covariates, "says": _says(constant, column, covariates, absorbed)}
            )
    return pd.DataFrame(rows, columns=["node", "words", "column", "constant", "adjusted", "says"])


def _says(constant: bool, column: str, covariates: Collection[str], absorbed: Collection[str]) -> str:
    """Say what is left of a common cause."""
    done = "adjusted for" if column in covariates else "not measured" if not column else "measured, not adjusted for"
    if column in absorbed and column not in covariates:
        done = "declared, but absorbed by unit and time effects: not adjusted for"
    if constant:
        return f"its level drops out of changes; it moves trends only where what it does changes over time; {done}"
    return f"changes over time and may move trends; {done}"
