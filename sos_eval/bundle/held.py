"""What a profile holds back, file by file: cells emptied with their reason, counts of people masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.content import Confidential
from sos_eval.bundle.digits import rounded_table
from sos_eval.panel.disclosure import masked
from sos_eval.panel.flow import EXCLUDED_EPISODES

__all__ = ["HeldBack"]


class HeldBack:
    """What was held back so far.

    Parameters
    ----------
    about
        What is known of the run beside its content.

    Attributes
    ----------
    rows
        File, what, number of cells, reason.
    """

    def __init__(self, about: Confidential) -> None:
        self.about = about
        self.rows: list[tuple[str, str, int, str]] = []

    def note(self, file: str, what: str, cells: int, reason: str) -> None:
        """Note cells that are held back; none are no matter."""
        if cells:
            self.rows.append((file, what, cells, reason))

    def note_whole(self, file: str, table: pd.DataFrame, reason: str) -> None:
        """Note that a whole file is held back."""
        self.note(file, "the whole file", max(int(table.notna().to_numpy().sum()), 1), reason)

    def emptied(
        self, file: str, table: pd.DataFrame, columns: Sequence[str], why: Mapping[str, Any], said: str
    ) -> pd.DataFrame:
        """Empty cells of rows, say why beside them, and round what is left."""
        out = rounded_table(table)
        present = [name for name in columns if name in out.columns]
        for reason, rows in why.items():
            if not rows.any():
                continue
            for label, at in _labelled(out).items():
                cells = out.loc[at & rows, present].notna().to_numpy().sum()
                self.note(file, f"{label}: {', '.join(present)}", int(cells), reason)
            for name in present:
                out[name] = out[name].astype(float).mask(rows)
            if said in out.columns:
                out[said] = out[said].astype(object).mask(rows, reason)
        return out

    def people(self, table: pd.DataFrame, column: str, file: str) -> pd.DataFrame:
        """Mask a column that counts people, where rows are people."""
        if not self.about.people:
            return table
        out, hidden = masked(table, [column], self.about.disclosure)
        self.note(file, column, hidden, f"withheld: a count of people under {self.about.disclosure.smallest}")
        return out

    def episodes(self, flow: pd.DataFrame, file: str) -> pd.DataFrame:
        """Mask how many episodes of children the rules of returns exclude, whatever the panel's rows are."""
        of_children = flow["step"] == EXCLUDED_EPISODES
        if not of_children.any():
            return flow
        shown, hidden = masked(flow[of_children], ["rows"], self.about.disclosure)
        self.note(
            file, "rows", hidden, f"withheld: a count of children's episodes under {self.about.disclosure.smallest}"
        )
        return flow.assign(rows=flow["rows"].astype(float).where(~of_children, shown["rows"]))

    def count(self, value: float) -> float:
        """Return a count of people as it may be shown."""
        if not self.about.people:
            return value
        return float(masked(pd.DataFrame({"n": [value]}), ["n"], self.about.disclosure)[0]["n"].iloc[0])


def _labelled(table: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Return the rows of a table by the words that the output checker finds them under."""
    named = [
        name
        for name in ("estimator", "outcome", "aggregation", "group", "covariate", "name", "variant")
        if name in table
    ]
    words = pd.Series([" ".join(map(str, row)) for row in zip(*(table[name] for name in named), strict=True)])
    return {str(word): (words == word).to_numpy() for word in words.unique()}
