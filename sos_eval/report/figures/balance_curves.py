"""Covariates of the treated and their comparison before and after: densities and distribution functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.group_blocks import why_no_balance
from sos_eval.report.reading import table_of
from sos_eval.report.theme import COMPARISON, TREATED, canvas, layout_width, wrapped
from sos_eval.report.wording import covariate_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
Curve = Callable[[Array, Array], tuple[Array, Array]]

#: Covariates that one figure holds, those that differ most before first.
SHOWN = 6
STAGES = ("before", "after")


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return the curves' values of ``tables/balance_values.csv``: covariates that are numbers."""
    _, table = table_of(bundle, "balance_values")
    if table.empty:
        raise NothingToShow(f"there are no values by unit: they are withheld, or {why_no_balance(bundle)}")
    numbers = table.groupby("covariate")["value"].transform("nunique") > 2
    if not numbers.any():
        raise NothingToShow("no covariate is a number of more than two values")
    return table[numbers & table["value"].notna()]


@figure("balance_density", data)
def density(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Density of each covariate among treated and comparison units, before and after selection."""
    return _curves(table, bundle, "Balance: where the values of treated and comparison lie", "Density", _density)


@figure("balance_ecdf", data)
def distribution(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Share of treated and comparison units at or below each value of a covariate, before and after selection."""
    return _curves(table, bundle, "Balance: share of units at or below a value", "Share", _ecdf)


def _curves(table: pd.DataFrame, bundle: ResultBundle, title: str, label: str, curve: Curve) -> Figure:
    """Draw a row per covariate: before on the left, after on the right, on the same axes."""
    names = _most_apart(table, bundle)
    rest = table["covariate"].nunique() - len(names)
    note = "Units count by their weight." + (f" {rest} covariates that differ less are not drawn." if rest else "")
    panels = [(name, stage) for name in names for stage in STAGES]
    wide = (layout_width() - 0.86) / 2
    headings = [wrapped(f"{covariate_words(name)}, {stage}", wide, size=8.5) for name, stage in panels]
    more = 0.15 * max(heading.count("\n") for heading in headings)
    shown, axes = canvas(
        title, height=1.35 * len(names) + more * (len(names) - 1), rows=len(names), columns=2, note=note,
        top=0.6 + more, hspace=0.75 + more / 0.7, wspace=0.12, sharey="row", sharex="row",
    )  # fmt: skip
    for at, (one, (name, stage), heading) in enumerate(zip(axes, panels, headings, strict=True)):
        rows = table[table["covariate"] == name]
        for group, colour, words in ((1, TREATED, "Treated"), (0, COMPARISON, "Comparison")):
            inside = rows[(rows["treated"] == group) & (rows[stage] > 0)]
            x, y = curve(inside["value"].to_numpy(float), inside[stage].to_numpy(float))
            one.plot(x, y, color=colour, ls="-" if group else "--", lw=1.6, label=words if at == 0 else None)
        one.set_title(heading, fontsize=8.5, loc="left")
    for one in axes[::2]:
        one.set_ylabel(label)
    axes[0].legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.26 + 1.3 * more), ncols=2, borderaxespad=0.2
    )  # above the panel's name
    return shown


def _most_apart(table: pd.DataFrame, bundle: ResultBundle) -> list[str]:
    """Return the covariates that are drawn, those that differ most before selection first."""
    before = bundle.balance[bundle.balance["stage"] == "before"].set_index("covariate")["std_mean_diff"].abs()
    names = pd.Index(table["covariate"].unique())
    apart = before.reindex(names).fillna(0.0).sort_values(ascending=False, kind="stable")
    return [str(name) for name in apart.index[:SHOWN]]


def _ecdf(x: Array, weight: Array) -> tuple[Array, Array]:
    """Return the steps of a weighted distribution function, (2n,) each."""
    order = np.argsort(x, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    return np.repeat(x[order], 2), np.column_stack([np.r_[0.0, share[:-1]], share]).ravel()


def _density(x: Array, weight: Array) -> tuple[Array, Array]:
    """Return a Gaussian kernel density at 200 points, its width by Silverman's rule on the effective number."""
    share = weight / weight.sum()
    spread = float(np.sqrt(share @ (x - share @ x) ** 2))
    if not spread > 0:
        return np.repeat(x[:1], 2), np.array([0.0, 1.0])
    width = 1.06 * spread * float((share**2).sum()) ** 0.2
    points = np.linspace(x.min() - 3 * width, x.max() + 3 * width, 200)
    kernel = np.exp(-(((points[:, None] - x) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
    return points, kernel @ share
