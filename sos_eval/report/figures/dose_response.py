"""Effects by dose, and what one more of it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import WITHHELD, NothingToShow, figure
from sos_eval.report.reading import estimator_label, method_label, outcome_label, scale_label, unit_words
from sos_eval.report.theme import INK, MUTED, TREATED, canvas, layout_width, wrapped
from sos_eval.results.doses import doses_told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_CURVES = 3
_HEIGHT, _BETWEEN = 2.5, 1.15
_KEYS = ["outcome", "estimator", "scale"]
_COLUMNS = [
    *_KEYS, "estimand", "dose", "inference", "estimate", "conf_low", "conf_high", "conf_level", "band_inference",
    "band_low", "band_high", "n_treated_units",
]  # fmt: skip
#: Estimand -> what its panel is called.
_CURVES = {"att": "Effect of the dose", "acrt": "What one more of the dose does"}
#: From so many treated on conventional errors of the curve hold (docs/methods.md, continuous_did).
_ENOUGH = 60
_STRONG = (
    "They are effects of the dose only under strong parallel trends, which are assumed and cannot be tested: at the "
    "same dose all would have had the same effect on average. Without them a mark is the effect on those who had that "
    "dose, and the slope mixes what a dose does with who had it."
)


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return effects and responses by dose, one row each: the headline's intervals where it has them, and the band."""
    rows = bundle.estimates.assign(dose=doses_told(bundle.estimates))
    rows = rows[rows["dose"].notna()]
    if rows.empty:
        raise NothingToShow("no estimator in this bundle gives effects by dose (continuous_did does)")
    if not np.isfinite(rows["estimate"].to_numpy(float)).any():
        raise NothingToShow(WITHHELD)
    wanted = bundle.facts.headline.inference
    curves = [_one_curve(curve, wanted) for _, curve in rows.groupby([*_KEYS, "estimand"], sort=False)]
    return pd.concat(curves, ignore_index=True)[_COLUMNS]


def _one_curve(rows: pd.DataFrame, wanted: str) -> pd.DataFrame:
    """Put the intervals of one inference beside the band of one, which may be another."""
    named = {str(name): own.sort_values("dose") for name, own in rows.groupby("inference", sort=False)}
    intervals = max(named, key=lambda name: (_known(named[name], "conf_low"), name == wanted))
    band = max(named, key=lambda name: (_known(named[name], "band_low"), name == intervals))
    has_band = _known(named[band], "band_low") > 0
    own = named[band].set_index("dose")[["band_low", "band_high"]]
    kept = named[intervals].drop(columns=["band_low", "band_high"]).join(own, on="dose")
    return kept.assign(band_inference=band if has_band else "")


def _known(rows: pd.DataFrame, column: str) -> int:
    return int(rows[column].notna().sum())


@figure("dose_response", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Effects by dose with pointwise intervals and uniform bands; strong parallel trends are stated, not tested."""
    groups = [group for _, group in table.groupby(_KEYS, sort=False)]
    shown_groups = groups[:_MOST_CURVES]
    n_rows = len(shown_groups)
    several = len(set(table["outcome"])) > 1
    title = "Effect by dose"
    title = title if several else f"{title}: {outcome_label(bundle, table['outcome'].iloc[0])}"
    shown, axes = canvas(
        title, height=_HEIGHT * n_rows + _BETWEEN * (n_rows - 1), rows=n_rows, columns=2,
        hspace=_BETWEEN / _HEIGHT, wspace=0.3, note=_note(table, len(groups) - n_rows, bundle), top=0.62, left=0.72,
    )  # fmt: skip
    for k, group in enumerate(shown_groups):
        for one, (estimand, words) in zip(axes[2 * k : 2 * k + 2], _CURVES.items(), strict=True):
            _curve(one, group[group["estimand"] == estimand])
            one.set_title(_heading(words, group, bundle, several=several), size=8.5)
            outcome, scale = group[["outcome", "scale"]].iloc[0]
            per = "" if estimand == "att" else ", for one more of the dose"
            said = f"Difference, {scale_label(bundle, outcome, scale)}{per}"
            one.set_ylabel(wrapped(said, _HEIGHT + 0.3, size=8.5), size=8.5)
            one.set_xlabel("Dose, in its own units")
    return shown


def _heading(words: str, group: pd.DataFrame, bundle: ResultBundle, *, several: bool) -> str:
    """Say which curve it is, and whose where there are several."""
    whose = estimator_label(bundle, group["estimator"].iloc[0])
    own = f"{outcome_label(bundle, group['outcome'].iloc[0])}; {whose}" if several else whose
    return f"{wrapped(own, (layout_width() - 1.2) / 2, size=8.5)}\n{words}"


def _curve(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw one curve: the band as a ribbon, the intervals as bars, estimates as squares joined by a line."""
    ratio = bool((rows["scale"] == "ratio").all())
    dose, value, low, high, under, over = (
        rows[name].to_numpy(float) for name in ("dose", "estimate", "conf_low", "conf_high", "band_low", "band_high")
    )
    axes.fill_between(dose, under, over, color=MUTED, alpha=0.22, lw=0, zorder=2)
    for edge in (under, over):
        axes.plot(dose, edge, color=MUTED, lw=0.9, zorder=3)
    known = np.isfinite(low) & np.isfinite(high)
    axes.vlines(dose[known], low[known], high[known], color=TREATED, lw=3.2, alpha=0.55, zorder=4)
    axes.plot(dose, value, color=TREATED, lw=1.3, marker="s", mfc=TREATED, mec=TREATED, zorder=5)
    axes.axhline(1.0 if ratio else 0.0, color=INK, lw=0.9, ls=(0, (1, 2)), zorder=1)
    axes.margins(x=0.06)


def _note(table: pd.DataFrame, left_out: int, bundle: ResultBundle) -> str:
    """Say what is drawn and by which inference, what it takes to read it so, and on how many treated it rests."""
    parts = ["Squares: at the doses that were told, joined by lines. Dotted: no difference."]
    parts += [_bars(table, bundle), _ribbon(table, bundle), _STRONG]
    treated = int(table["n_treated_units"].max())
    parts.append(f"All rests on {treated} treated {unit_words(bundle)[1 if treated != 1 else 0]}.")
    used = {*table.loc[table["conf_low"].notna(), "inference"], *table["band_inference"]} - {""}
    if treated < _ENOUGH and any(bundle.facts.method(name).few_clusters is False for name in used):
        parts.append(
            f"With fewer than {_ENOUGH} treated conventional intervals and bands of such a curve are too narrow: with "
            "20 an interval left out no difference in one case of ten in which nothing had happened, with 40 in one of "
            "twelve, where one of twenty is promised."
        )
    if left_out:
        parts.append(f"{left_out} more estimators are in the data file.")
    return " ".join(filter(None, parts))


def _bars(table: pd.DataFrame, bundle: ResultBundle) -> str:
    """Name the procedure of the intervals, for each curve where they differ."""
    rows = table[table["conf_low"].notna()]
    if rows.empty:
        return ""
    share = f"{100 * rows['conf_level'].iloc[0]:g}%"
    return f"Bars: {share} interval of each estimate by itself ({_by_curve(rows, 'inference', bundle)})."


def _ribbon(table: pd.DataFrame, bundle: ResultBundle) -> str:
    """Name the procedure of the bands."""
    rows = table[table["band_low"].notna()]
    if rows.empty:
        return ""
    return f"Shaded: band that covers all doses of a curve at once ({_by_curve(rows, 'band_inference', bundle)})."


def _by_curve(rows: pd.DataFrame, column: str, bundle: ResultBundle) -> str:
    used = {str(estimand): list(dict.fromkeys(own[column])) for estimand, own in rows.groupby("estimand", sort=False)}
    words = {estimand: ", ".join(method_label(bundle, name) for name in names) for estimand, names in used.items()}
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    sides = {"att": "left", "acrt": "right"}
    return "; ".join(f"{sides[estimand]}: {said}" for estimand, said in words.items())
