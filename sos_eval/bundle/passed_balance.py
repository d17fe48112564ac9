"""Balance under a profile: rows on few units or people, and covariates that small counts could be made of."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.content import BundleContent, Confidential
from sos_eval.bundle.covariates import CoarseCovariates
from sos_eval.bundle.digits import rounded_table
from sos_eval.bundle.held import HeldBack
from sos_eval.bundle.people import few_of_sets, is_share, without_single_people
from sos_eval.bundle.told import SEARCHED
from sos_eval.bundle.withheld import BACK
from sos_eval.results.comparison import are_earlier_outcomes

__all__ = ["COVARIATE", "PassedBalance"]

#: Why little is told of a covariate.
COVARIATE = "withheld: a covariate could be made of small counts, and whole numbers could be searched for"
#: In place of a category that few people have.
_RARE = "(few people)"
#: Numbers of a comparison of rows of people that count people, effective ones too.
_COUNTS = ("n_treated", "n_comparison", "ess_comparison")
_FINER_THAN_COUNTS = "withheld: it would tell finer than rounded counts of people"


class PassedBalance:
    """Tables of balance as they may leave.

    Parameters
    ----------
    content, about
        What is to be written, and what is known of it beside.
    held
        Where what is held back is noted.
    few
        Why rows on few units are held back.

    Attributes
    ----------
    covariates
        Those of the headline's balance whose counts could be searched for.
    rounded
        File, what, decimal places, cells that were written to fewer places.
    """

    def __init__(self, content: BundleContent, about: Confidential, held: HeldBack, few: str) -> None:
        self.content, self.about, self.held, self.few = content, about, held, few
        self.rounded: list[tuple[str, str, int, int]] = []
        self.covariates = self.coarse_of(content.balance.iloc[:0] if about.people else content.balance)

    def passed(
        self, table: pd.DataFrame, file: str, hidden: Collection[str], searched_outcomes: Collection[str]
    ) -> pd.DataFrame:
        """Hold back balance on few units, and of outcomes whose path is held back."""
        fewest = self.about.disclosure.fewest
        n = table[["n_treated", "n_comparison"]].astype(float)
        rare, words = self._few_people(table), table["covariate"].astype(str)
        few = (n < fewest).any(axis=1).to_numpy() | rare
        outcomes = are_earlier_outcomes(words)
        sizes = n.groupby(table["covariate"])
        apart = (sizes.transform("max") - sizes.transform("min")).to_numpy(float)
        near = ((apart > 0) & (apart < fewest)).any(axis=1) & (table["stage"] == "before").to_numpy()
        searched = outcomes & bool(searched_outcomes)
        back = ~few & (near | (outcomes & bool(hidden))) & ~searched
        columns = ("mean_treated", "mean_comparison", "std_mean_diff", "variance_ratio", "ks")
        unnamed = rare & words.str.contains("=", regex=False).to_numpy(bool)
        table = without_single_people(table, self.about.disclosure) if self.about.people else table
        table = table.assign(covariate=words.mask(unnamed, words.str.split("=").str[0] + "=" + _RARE))
        out = self.held.emptied(file, table, columns, {self.few: few, BACK: back, SEARCHED: searched & ~few}, "")
        out = self._coarse(file, out, columns)
        for name in _COUNTS:
            out = self.held.people(out, name, file)
        return out

    def measures_of_people(self, file: str, table: pd.DataFrame) -> pd.DataFrame:
        """Mask and round what counts people in tables on how alike groups of people are, and withhold what is finer."""
        if "measure" not in table:
            return rounded_table(self.held.people(table, "n_units", file) if "n_units" in table else table)
        counts = table["measure"].astype(str).str.startswith("ess_").to_numpy(bool)
        told = self.held.people(table.assign(value=table["value"].astype(float).where(counts)), "value", file)
        return self.held.emptied(
            file,
            told.assign(value=told["value"].where(counts, table["value"])),
            ("value",),
            {_FINER_THAN_COUNTS: ~counts},
            "reason",
        )

    def coarse_of(self, balance: pd.DataFrame) -> CoarseCovariates:
        """Return the covariates of a table of balance whose counts could be searched for."""
        declared, about = (self.content.design.get("panel") or {}).get("covariates") or (), self.about.disclosure
        return CoarseCovariates(balance, about.fewest, about.smallest, declared)

    def _coarse(self, file: str, table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
        """Tell of covariates that could be made of small counts the standardised difference alone, to few places."""
        rows, of = self.covariates.rows(table), self.covariates
        beside = [*(name for name in columns if name != "std_mean_diff"), "ess_comparison"]
        out = self.held.emptied(file, table, beside, {COVARIATE: rows}, "")
        out = of.coarser(self.held.emptied(file, out, ("std_mean_diff",), {COVARIATE: of.untold(out)}, ""))
        told = out[rows & out["std_mean_diff"].notna().to_numpy()].groupby("covariate", sort=False).size()
        self.rounded += [
            (file, f"{name}: std_mean_diff", of.places[str(name)], int(cells)) for name, cells in told.items()
        ]
        return out

    def _few_people(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """Say which rows of balance, of rows that are people, tell of fewer people with or without something than may.

        A covariate of two values has no variance ratio; its mean times the people is a count. Where the two are not 0
        and 1, as mean and distance of the distributions tell, the codes are not known here, and it is held back; so is
        one that most people of a unit and period share.
        """
        if not self.about.people:
            return np.zeros(len(table), bool)
        few = np.zeros(len(table), bool)
        for group in ("treated", "comparison"):
            n, share = table[f"n_{group}"].to_numpy(float), table[f"mean_{group}"].to_numpy(float)
            held = np.minimum(share, 1 - share) * n
            few |= table["variance_ratio"].isna().to_numpy() & (held > 0) & (held < self.about.disclosure.smallest)
        few |= table["variance_ratio"].isna().to_numpy() & ~is_share(table)
        few |= table["covariate"].isin(self.about.flat).to_numpy(bool)
        whole = np.asarray(pd.Series(few).groupby(table["covariate"].to_numpy()).transform("max"), bool)
        return whole | few_of_sets(table, whole, self.about.disclosure.smallest)
