"""Effects, as far as a disclosure profile lets them out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.errors_told import ERROR_COLUMNS, ERRORS
from sos_eval.bundle.lists import ENDS, SINGLE
from sos_eval.bundle.passage import RESULTS, Passage
from sos_eval.bundle.reasons import SETS
from sos_eval.bundle.searched import answering
from sos_eval.bundle.told import APART, GAPS, LONE, SEARCHED
from sos_eval.bundle.withheld import BACK, result_rows

__all__ = ["PassedEstimates"]


class PassedEstimates:
    """Rows of effects: held back where few units or small counts stand behind them."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage

    def passed(self, table: pd.DataFrame, file: str = "estimates.csv") -> pd.DataFrame:
        """Hold back rows of effects on few units, and those that would give them back."""
        keys = ["estimator", "outcome", "inference", "scale", "subgroup"]
        table = self.passage.words.worded(file, table)
        few, back, whole = (np.zeros(len(table), bool) for _ in range(3))
        apart = {reason: np.zeros(len(table), bool) for reason in APART}
        answers = self.passage.searched.answers(table) & (file == "estimates.csv")
        for _, at in table.groupby(keys, dropna=False, sort=False).indices.items():
            rows = table.iloc[at]
            few[at], back[at] = result_rows(rows, self.passage.about.disclosure.fewest)
            whole[at] = answering(rows)
            key = (str(rows["estimator"].iloc[0]), str(rows["outcome"].iloc[0]))
            if (reason := self.passage.silent.get(key)) in apart:
                apart[reason][at] = True
            if file != "estimates.csv" and key in self.passage.partial:
                back[at] = ~few[at]  # sums over the same cells as those of estimates.csv, judged without them
            few[at] |= self.passage.members(key).thin(self.passage.about.disclosure.fewest)
            apart[GAPS][at] |= self._gaps(key, rows) & ~few[at]
            apart[LONE][at] |= self._lone(key, rows) & ~(few[at] | apart[GAPS][at])
            if key in self.passage.searched.digits and key not in self.passage.silent:
                apart[SEARCHED][at] = ~(few | answers)[at]
            self._remember(key, rows, few[at], back[at] | apart[LONE][at] | apart[GAPS][at])
        out = self.passage.held.people(self._one_count(table, file), "n_obs", file)
        if self.passage.clusters_are_people:
            out = self.passage.held.people(out, "n_clusters", file)
        near = np.logical_or.reduce(list(apart.values()))
        why = {self.passage.few: few & ~near, BACK: back & ~near, **apart}
        gone = np.logical_or.reduce(list(why.values()))
        out = self.passage.held.emptied(file, out, RESULTS, why, "reason")
        errors, ranks = self.passage.errors.hidden(table, whole & (file == "estimates.csv"))
        plain = [name for name in ERROR_COLUMNS if name != "p_value"]
        out = self.passage.held.emptied(file, out, plain, {ERRORS: errors & ~gone}, "reason")
        out = self.passage.held.emptied(
            file, out, ("p_value",), {ERRORS: ranks & ~gone}, ""
        )  # a permutation's is a rank
        ends = self.passage.listed.rows(table) & table["conf_low"].notna().to_numpy(bool) & ~(gone | errors)
        out = self.passage.held.emptied(file, out, ENDS, {SINGLE: ends}, "reason")
        return self.passage.searched.coarser(file, out, RESULTS)

    def _lone(self, key: tuple[str, str], rows: pd.DataFrame) -> NDArray[np.bool_]:
        """Say which rows weigh few units of one start in a way of their own, beside those of the headline.

        By event time each row weighs starts otherwise; of a second estimate, only the overall row is told.
        """
        headline = self.passage.content.facts.headline
        first = key == (headline.estimator, headline.outcome)
        apart = not first and self.passage.members(key).uneven(self.passage.about.disclosure.fewest)
        return apart & (rows["aggregation"] != "overall").to_numpy(bool)

    def _gaps(self, key: tuple[str, str], rows: pd.DataFrame) -> NDArray[np.bool_]:
        """Say which rows are not the overall one, where few units lack periods or are treated in others."""
        part = (rows["aggregation"] != "overall") | (rows["subgroup"].astype(str) != "")
        return self.passage.members(key).apart(self.passage.about.disclosure.fewest) & part.to_numpy(bool)

    def _one_count(self, table: pd.DataFrame, file: str) -> pd.DataFrame:
        """Leave the number of people, where rows are people, to the headline's overall row.

        Rounded sums over many sets that overlap give back what is in them; sums of nested sets do not.
        """
        if not self.passage.about.people:
            return table
        headline = self.passage.content.facts.headline
        own = headline.rows(table)
        told = table.index.isin(own.index[own["aggregation"] == "overall"]) & (table["subgroup"] == "").to_numpy()
        self.passage.held.note(file, "n_obs", int((~told).sum()), SETS)
        return table.assign(n_obs=table["n_obs"].astype(float).where(told))

    def _remember(self, key: tuple[str, str], rows: pd.DataFrame, few: Any, back: Any) -> None:
        """Keep of which estimates nothing may be said, and of which not all."""
        total = rows["aggregation"].isin(["overall", "simple"]).to_numpy()
        if (few & total).any():
            self.passage.silent.setdefault(key, self.passage.few)
        if (few | back).any():
            self.passage.partial.add(key)
