"""How an estimate weighs the counts of units: each other way is one more equation on the same few counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.results.fitted import Fitted

__all__ = ["Weighing", "carried_by_few"]

Array = NDArray[np.float64]

_CLOSE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Weighing:
    """What decides how much a count adds to an estimate, within units of one start: all but units and periods.

    Attributes
    ----------
    cells
        Outcome (which holds its denominator), weight, stratum and what share of it ever starts, by unit and period;
        means where rows are people.
    adjusted_for, how
        The covariates that it adjusts for, and by what method; empty where by none.
    pooled
        Whether it sets sums of counts against sums of denominators, not means of rates.
    by_numbers
        Whether columns of numbers decide that nobody here knows: covariates that it adjusts for or that a comparison
        weighs units by, weights of the panel's own that are not its denominators.
    """

    cells: pd.DataFrame
    adjusted_for: tuple[str, ...] = ()
    how: tuple[str, ...] = ()
    pooled: bool = False
    by_numbers: bool = False

    @classmethod
    def of(cls, fitted: Fitted) -> Self:
        """Return that of an estimate."""
        frame, how = fitted.panel.frame, fitted.estimator
        frame = frame.assign(share=_share_treated(frame))
        by = frame.groupby(["unit", "time"], observed=True, sort=False)
        cells = by[["outcome", "weight", "share"]].mean()
        cells = cells.assign(stratum=by["stratum"].first() if "stratum" in frame else "")
        ways = tuple(str(getattr(how, name, "")) for name in ("name", "adjust", "by"))
        names = how.adjusts_for(fitted.panel.covariates)
        pooled = "poisson" in (how.name.split("_")[0], getattr(how, "family", ""))
        by_numbers = bool(_numbers(frame, names)) or _weighs_by_numbers(fitted) or _weighs_rows(fitted.source.frame)
        return cls(cells, tuple(names), ways if names else (), pooled, by_numbers)

    def times(self, factors: Mapping[str, float]) -> Self:
        """Return it with the weights of some units times what their estimator weighs them by."""
        if not factors:
            return self
        by_unit = self.cells.index.get_level_values("unit").astype(str).map(factors).to_numpy(float)
        weight = self.cells["weight"] * np.where(np.isnan(by_unit), 1.0, by_unit)
        return replace(self, cells=self.cells.assign(weight=weight))

    def differs(self, other: Weighing) -> bool:
        """Whether some count that both hold may add more to the one than to the other.

        What is taken off for covariates hangs on all units and periods that are there.
        """
        if (self.adjusted_for, self.how, self.pooled) != (other.adjusted_for, other.how, other.pooled):
            return True
        mine, theirs = self.cells.index, other.cells.index
        if self.adjusted_for and not (len(mine) == len(theirs) and mine.isin(theirs).all()):
            return True
        both = self.cells.join(other.cells.add_suffix("_other"), how="inner")
        return any(_apart(both[name], both[f"{name}_other"]) for name in ("outcome", "weight", "stratum"))

    def carried(self, names: Collection[str], fewest: int) -> bool:
        """Whether few of some units carry their weight in some period; see `carried_by_few`."""
        own = self.cells["weight"].reset_index()
        own = own[own["unit"].astype(str).isin([*names])]
        return any(carried_by_few(one.to_numpy(float), fewest) for _, one in own.groupby("time")["weight"])

    def unstratified(self) -> Self:
        """Return it as if it were made within no strata, as means are."""
        return replace(self, cells=self.cells.assign(share=1.0))

    def few_apart(self, other: Self, fewest: int) -> bool:
        """Whether the two are alike but for few units, of whom a difference tells.

        Their weights or outcomes are in one proportion in a period, or their outcomes apart by one number, and the
        share of the treated in the strata of the one is paired with one in those of the other, but for these.
        """
        both = self.cells.join(other.cells.add_suffix("_other"), how="inner")
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio, weight = (both[name] / both[f"{name}_other"] for name in ("outcome", "weight"))
        weight = weight.where((both["weight"] > 0) & (both["weight_other"] > 0))
        pairs = both.groupby(["share", "share_other"], dropna=False).ngroup().astype(float)
        pairs = pairs.mask(np.isclose(both["share"], both["share_other"], rtol=0.0, atol=_CLOSE), -1.0)
        gap = both["outcome"] - both["outcome_other"]
        return any(_few_unlike(one, fewest) for one in (weight, ratio, gap, pairs))


def carried_by_few(weights: Array, fewest: int) -> bool:
    """Say whether weights are worth fewer units than may be told of, or than half of them where these are fewer.

    They are worth the square of their sum over the sum of their squares.

    Examples
    --------
    >>> carried_by_few(np.array([1e6, 1, 1, 1, 1, 1]), 3), carried_by_few(np.array([10.0, 20, 60]), 3)
    (True, False)
    """
    own = weights[weights > 0]
    worth = own.sum() ** 2 / np.square(own).sum() if len(own) else np.inf
    return len(own) >= fewest and bool(worth < min(fewest, len(own) / 2))


def _few_unlike(values: pd.Series, fewest: int) -> bool:
    """Whether a number is one for most units in each period, and another for fewer than may be told of, and for some.

    Parameters
    ----------
    values
        By unit and period; NaN where it is not known.
    """
    cells = values.rename("value").reset_index().dropna()
    if not len(cells):
        return False
    cells["value"] = [float(f"{value:.10e}") for value in cells["value"]]
    usual = cells.groupby("time")["value"].agg(lambda one: one.mode().iloc[0])
    unlike = cells.loc[cells["value"].to_numpy() != cells["time"].map(usual).to_numpy(), "unit"].nunique()
    return bool(0 < unlike < min(fewest, cells["unit"].nunique() / 2))


def _share_treated(frame: pd.DataFrame) -> pd.Series:
    """Return by row what share of its stratum and period ever starts; one where there are no strata."""
    if "stratum" not in frame:
        return pd.Series(1.0, frame.index)
    starts = np.isfinite(frame["first_treated"]).astype(float)
    shares: pd.Series = starts.groupby([frame["stratum"], frame["time"]], observed=True).transform("mean")
    return shares


def _numbers(frame: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return the covariates that are numbers."""
    return [name for name in names if name in frame and pd.api.types.is_numeric_dtype(frame[name])]


def _weighs_rows(frame: pd.DataFrame) -> bool:
    """Whether rows have weights of their own that are neither equal nor in proportion to denominators."""
    weight = frame["weight"].to_numpy(float)
    own = [weight, weight / frame["exposure"].to_numpy(float)] if "exposure" in frame else [weight]
    finite = [one[np.isfinite(one)] for one in own]  # without a denominator there is no ratio to it
    return all(bool(np.ptp(one) > _CLOSE * np.abs(one).max()) for one in finite if len(one))


def _weighs_by_numbers(fitted: Fitted) -> bool:
    """Whether a comparison weighs some units of one side otherwise than others, by covariates that are numbers."""
    made, panel = fitted.comparison, fitted.panel
    if made is None or not _numbers(fitted.source.frame, made.balance["covariate"].unique()):
        return False
    own, source = (one.frame.groupby("unit", observed=True)["weight"].first() for one in (panel, fitted.source))
    times = (own / source).reindex(panel.units).to_numpy(float)
    sides = (times[panel.ever_treated], times[~panel.ever_treated])
    return any(np.ptp(side) > _CLOSE for side in sides if len(side))


def _apart(mine: pd.Series, theirs: pd.Series) -> bool:
    """Whether two columns differ where both hold something."""
    known = (mine.notna() & theirs.notna()).to_numpy()
    if mine.dtype.kind != "f":
        return bool((mine[known] != theirs[known]).any())
    return not np.allclose(mine[known], theirs[known], rtol=_CLOSE, atol=0.0)
