"""Covariates with gaps: several completed panels, filled blind to treatment and to every outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.errors import DataFault, Faults
from sos_eval.panel.panel import Array, FlowRow, Panel

__all__ = ["STEP", "GapFilling", "completed"]

#: The step of the flow that counts rows with gaps.
STEP = "imputation"
_NO_GAP = "No covariate has a gap: nothing was imputed, and there is one data set."


@dataclass(frozen=True)
class GapFilling(Declared):
    """How gaps in covariates are filled."""

    number: Annotated[int, Ge(2)] | None = None
    """Completed data sets. Unless given: as many as per cent of rows have a gap, and two at least (White, Royston and
    Wood 2011); write 5 only to repeat what was published."""
    iterations: Annotated[int, Ge(1)] = 5
    """Rounds of the chained equations."""
    max_missing: Annotated[float, Gt(0), Le(1)] = 0.3
    """A covariate with a larger share of gaps is refused by name."""

    def sets(self, panel: Panel) -> int:
        """Say how many completed data sets are made of a panel that was completed once; one where it had no gap."""
        gapped = sum(row.rows for row in panel.flow if row.step == STEP)
        if not gapped:
            return 1
        return self.number or max(2, _per_cent(gapped, panel.n_rows))


def completed(panel: Panel, names: tuple[str, ...], how: GapFilling, rng: np.random.Generator) -> Panel:
    """Fill the gaps of covariates once.

    Models see the covariates and the period, never the unit, its treatment or an outcome.

    Raises
    ------
    DataFault
        Covariates with too many gaps, all at once.
    """
    from sos_eval.numerics.chained import impute

    empty = {name: panel.frame[name].isna().to_numpy(bool) for name in names}
    _refuse(panel, empty, how)
    gaps = [name for name in names if empty[name].any()]
    if not gaps:
        return panel.noted(FlowRow(STEP, "noted", 0, 0, "", _NO_GAP))
    whole = [_columns(panel.frame[name]) for name in names if name not in gaps]
    period = panel.frame["time"].to_numpy(float)[:, None]
    columns = [_gapped(panel.frame[name], empty[name]) for name in gaps]
    filled = impute([one for one, _ in columns], np.column_stack([period, *whole]), rng, iterations=how.iterations)
    values = {name: _named(one, words) for name, one, (_, words) in zip(gaps, filled, columns, strict=True)}
    rows = np.any([empty[name] for name in gaps], axis=0)
    return panel.with_columns(**values).noted(
        FlowRow(STEP, "noted", 0, int(rows.sum()), ", ".join(gaps), _told(gaps, rows, how))
    )


def _told(gaps: list[str], rows: NDArray[np.bool_], how: GapFilling) -> str:
    """Say which gaps were filled, and where more completed data sets than declared are usual."""
    share = _per_cent(int(rows.sum()), len(rows))
    times = how.number or max(2, share)
    usual = f"; {share} of 100 rows have a gap, and as many data sets are usual" if share > times else ""
    return f"Gaps in {', '.join(gaps)} were filled {times} times by chained equations{usual}."


def _per_cent(gapped: int, rows: int) -> int:
    """Return the share of rows with a gap in per cent, rounded up."""
    return -(-100 * gapped // rows)


def _refuse(panel: Panel, empty: dict[str, np.ndarray], how: GapFilling) -> None:
    """Refuse covariates with too many gaps."""
    faults = Faults(DataFault)
    for name, gaps in empty.items():
        if gaps.all():
            faults.add(panel.source, f"{name}: has no value to fill gaps from", "leave it out of panel.covariates")
        elif gaps.mean() > how.max_missing:
            what = f"{name}: {gaps.mean():.0%} of rows have no value, more than imputation.max_missing allows"
            faults.add(panel.source, what, "leave it out of panel.covariates")
    faults.stop()


def _columns(column: pd.Series) -> Array:
    """Return a complete column as regressors, (n, c)."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(float)[:, None]
    codes, words = pd.factorize(column, sort=True)
    return np.asarray(codes[:, None] == np.arange(1, len(words)), float)


def _gapped(column: pd.Series, empty: np.ndarray) -> tuple[Any, list[str]]:
    """Return a column with its gaps, and the words of its categories: numbers of two values are categories too."""
    from sos_eval.numerics.chained import Gapped

    known = column[~empty]
    if pd.api.types.is_numeric_dtype(column) and known.nunique() > 2:
        return Gapped(column.to_numpy(float), empty), []
    codes, words = pd.factorize(column, sort=True)
    return Gapped(codes.astype(float), empty, len(words)), list(words)


def _named(values: Array, words: list[str]) -> object:
    """Return filled values as the column holds them."""
    if not words:
        return values
    chosen = np.array(words, object)[values.astype(int)]
    return chosen.astype(float) if not isinstance(words[0], str) else pd.array(chosen, dtype="str")
