"""Effects by time since the start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.cautions import FEW_FOR_BANDS
from sos_eval.report.drawing import WITHHELD, NothingToShow, figure
from sos_eval.report.reading import (
    estimator_label,
    is_reference,
    method_label,
    outcome_label,
    period_word,
    scale_label,
    unit_words,
)
from sos_eval.report.theme import INK, MUTED, TREATED, canvas, layout_width, panel_rows, wrapped
from sos_eval.report.wording import listing
from sos_eval.results.inference import FEW

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_PANELS = 6
#: Inches from which on two panels stand beside each other.
_TWO_FROM = 5.0
_COLUMNS = [
    "outcome", "estimator", "inference", "scale", "event_time", "estimate", "std_error", "conf_low", "conf_high",
    "conf_level", "band_low", "band_high", "n_treated_units", "reason",
]  # fmt: skip


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return effects by event time, one inference per estimator and outcome: the headline's where it has intervals."""
    rows = bundle.estimates
    rows = rows[(rows["aggregation"] == "event_time") & rows["event_time"].notna() & (rows["subgroup"] == "")]
    if rows.empty:
        raise NothingToShow("no estimator in this bundle gives effects by time since the start")
    if not np.isfinite(rows["estimate"].to_numpy(float)).any():
        held = rows["reason"].astype(str).str.startswith("withheld").any()
        raise NothingToShow(WITHHELD if held else "no effect by time since the start could be estimated")
    first = bundle.facts.headline
    groups = [group for _, group in rows.groupby(["outcome", "estimator", "scale"], sort=False)]
    groups.sort(key=lambda g: (g["outcome"].iloc[0] != first.outcome, g["estimator"].iloc[0] != first.estimator))
    kept = pd.concat([_one_a_time(_on_one_base(bundle, group), first.inference) for group in groups], ignore_index=True)
    return kept.reindex(columns=_COLUMNS)


def _on_one_base(bundle: ResultBundle, group: pd.DataFrame) -> pd.DataFrame:
    """Put periods before the start on the base of those after it, where the estimator's own bases vary."""
    table = bundle.tables(f"{group['estimator'].iloc[0]}.{group['outcome'].iloc[0]}.universal_base")
    if table.empty:
        return group
    before = table[(table["event_time"] < 0) & (table["scale"] == group["scale"].iloc[0])]
    whole: pd.DataFrame = pd.concat(
        [before.assign(reason=before["reason"].fillna("")), group[group["event_time"] >= 0]]
    )
    return whole


def _one_a_time(group: pd.DataFrame, wanted: str) -> pd.DataFrame:
    """Keep a row an event time: the wanted inference where it has an interval, else the one that has most of them."""
    intervals = group["conf_low"].notna().groupby(group["inference"]).sum()
    names = sorted(intervals.index, key=lambda name: (-int(intervals[name]), name != wanted))
    order = {name: k for k, name in enumerate(names)}
    has = group["conf_low"].notna()
    rank = np.where(has & (group["inference"] == wanted), -1, group["inference"].map(order) + len(order) * ~has)
    ranked = group.assign(rank=rank).sort_values(["event_time", "rank"], kind="stable")
    kept: pd.DataFrame = ranked.drop_duplicates("event_time").drop(columns="rank")
    return kept


@figure("event_study", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Effects by years since the start, with pointwise intervals and uniform bands; the reference period is marked."""
    groups = [group for _, group in table.groupby(["outcome", "estimator", "scale"], sort=False)]
    panels = groups[:_MOST_PANELS]
    columns = 1 if len(panels) == 1 or layout_width() < _TWO_FROM else 2
    single = len(panels) == 1
    every = period_word(bundle.facts.panel)
    around = _around_windows(bundle)
    mixed = 0 < len(around & set(table["estimator"])) < table["estimator"].nunique()
    title = f"Effect by {every}s {'around the window' if set(table['estimator']) <= around else 'since the start'}"
    title += ", or around the window" if mixed else ""
    several = len(set(table["outcome"])) > 1
    if not several:
        title = f"{title}: {outcome_label(bundle, table['outcome'].iloc[0])}"
    headings = [_heading(group, bundle, several=several, columns=columns) for group in panels]
    above = 0.26 + 0.15 * (1 + max(heading.count("\n") for heading in headings))
    between, tall = above + (0.42 if mixed else 0.22), 3.2 if single else 2.2
    rows, tall = panel_rows(
        len(panels), title, _note(table, len(groups), bundle), columns=columns, tall=tall, between=between,
        more=above + 0.48,
    )  # fmt: skip
    panels, headings = panels[: rows * columns], headings[: rows * columns]
    shown, axes = canvas(
        title, height=tall * rows + between * (rows - 1), rows=rows, columns=columns, hspace=between / tall,
        wspace=0.28, note=_note(table, len(groups) - len(panels), bundle), top=above, left=0.72,
    )  # fmt: skip
    for one, group, heading in zip(axes, panels, headings, strict=False):
        _panel(one, group)
        one.set_title(heading, size=8.5)
        outcome, scale = group[["outcome", "scale"]].iloc[0]
        one.set_ylabel(f"Difference, {scale_label(bundle, outcome, scale)}" if scale != "ratio" else "Rate ratio")
    _same_axes(axes, panels)
    for one in axes[len(panels) :]:
        one.set_visible(False)
    for one, group in list(zip(axes, panels, strict=False))[0 if mixed else max(len(panels) - columns, 0) :]:
        one.set_xlabel(_counted_from(every, windowed=group["estimator"].iloc[0] in around))
    return shown


def _around_windows(bundle: ResultBundle) -> set[str]:
    """Return the estimators that count periods before each window opens and after it closes, and leave its rows out."""
    entries = [one for one in bundle.design.get("estimators") or [] if isinstance(one, dict)]
    return {str(one.get("id")) for one in entries if one.get("method") == "matched_did"}


def _counted_from(every: str, *, windowed: bool) -> str:
    """Return what event time counts; of matched rows 0 is the first period after full embedding."""
    return f"{every.capitalize()}s {'around the window' if windowed else 'since the first treated period'}"


def _same_axes(axes: Sequence[Axes], panels: Sequence[pd.DataFrame]) -> None:
    """Give all estimators of an outcome on a scale the same axis."""
    keys = [tuple(panel[["outcome", "scale"]].iloc[0]) for panel in panels]
    for key in dict.fromkeys(keys):
        alike = [one for one, own in zip(axes, keys, strict=False) if own == key]
        ends = [one.get_ylim() for one in alike]
        for one in alike:
            one.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))


def _heading(group: pd.DataFrame, bundle: ResultBundle, *, several: bool, columns: int) -> str:
    """Say whose effects they are, and how the intervals were made."""
    first = group.iloc[0]
    how = listing([_whose(bundle, group, name) for name in dict.fromkeys(group["inference"])])
    own = f"{estimator_label(bundle, first['estimator'])}; {how}"
    own = f"{outcome_label(bundle, first['outcome'])}: {own}" if several else own
    return wrapped(own, (layout_width() - 1.0) / columns, size=8.5)


def _whose(bundle: ResultBundle, group: pd.DataFrame, name: str) -> str:
    """Name a procedure, with the side of the start that its intervals are on where several share a panel."""
    used = group[group["conf_low"].notna()]
    e = used.loc[used["inference"] == name, "event_time"]
    side = " before the start" if (e < 0).all() else " from the start on" if (e >= 0).all() else ""
    return method_label(bundle, name) + (side if len(set(used["inference"])) > 1 else "")


def _panel(axes: Axes, group: pd.DataFrame) -> None:
    """Draw one estimator: hollow circles before the start, filled squares after, a diamond for the reference."""
    from matplotlib.ticker import MaxNLocator

    ratio = group["scale"].iloc[0] == "ratio"
    e = group["event_time"].to_numpy(float)
    value = group["estimate"].to_numpy(float)
    _whiskers(axes, e, group["band_low"].to_numpy(float), group["band_high"].to_numpy(float), lw=1.0, cap=0.12)
    _whiskers(axes, e, group["conf_low"].to_numpy(float), group["conf_high"].to_numpy(float), lw=3.2, cap=0.0)
    reference = is_reference(group)
    for mask, marker, fill in (
        ((e < 0) & ~reference, "o", "white"),
        ((e >= 0) & ~reference, "s", TREATED),
        (reference, "D", INK),
    ):
        axes.plot(
            e[mask], value[mask], ls="none", marker=marker, mfc=fill, mec=INK if fill == INK else TREATED, zorder=5
        )
    axes.axhline(1.0 if ratio else 0.0, color=INK, lw=0.9, zorder=1)
    axes.axvline(-0.5, color=MUTED, lw=0.9, ls=(0, (4, 3)), zorder=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=11, min_n_ticks=2))


def _whiskers(axes: Axes, at: np.ndarray, low: np.ndarray, high: np.ndarray, *, lw: float, cap: float) -> None:
    known = np.isfinite(low) & np.isfinite(high)
    colour = TREATED if cap == 0.0 else MUTED
    axes.vlines(at[known], low[known], high[known], color=colour, lw=lw, alpha=0.55 if cap == 0.0 else 1.0, zorder=3)
    for end in (low, high):
        if cap:
            axes.hlines(end[known], at[known] - cap, at[known] + cap, color=colour, lw=lw, zorder=3)


def _note(table: pd.DataFrame, left_out: int, bundle: ResultBundle) -> str:
    """Explain the marks that are there."""
    around = _around_windows(bundle)
    early = (table["event_time"] < 0).any()
    parts = ["Hollow circles: before the start. Filled squares: after it." if early else "Squares: from the start on."]
    if not around.isdisjoint(table["estimator"]):
        every = period_word(bundle.facts.panel)
        parts.append(
            f"Around the window: −1 is the last {every} before it opened, 0 the first after it closed; dashed, the "
            "window itself, from the start to full embedding, whose rows are left out."
        )
    if is_reference(table).any():
        whole = set(table.loc[is_reference(table), "estimator"]) == set(table["estimator"])
        others = "all others are compared with it" if whole else "where there is one, the others are compared with it"
        parts.append(f"Diamond: the reference period, set to no difference; {others}.")
    if table["conf_low"].notna().any():
        level = table["conf_level"].dropna()
        share = f"{100 * level.iloc[0]:g}% " if len(level) else ""
        parts.append(f"Thick bars: {share}interval of each estimate by itself.")
    if table["band_low"].notna().any():
        parts.append("Thin bars with caps: band that covers all estimates at once.")
    treated = table.loc[table["n_treated_units"] > 0, "n_treated_units"]
    if len(treated):
        span = (
            f"{treated.min():.0f} to {treated.max():.0f}" if treated.min() < treated.max() else f"{treated.max():.0f}"
        )
        parts.append(f"Each estimate rests on {span} treated {unit_words(bundle)[span != '1']}.")
        needs_many = table["inference"].map(lambda name: bundle.facts.method(name).few_clusters is False)
        if (needs_many & table["conf_low"].notna() & table["n_treated_units"].between(1, FEW - 1)).any():
            parts.append(f"Where fewer than {FEW} are treated, conventional intervals and bands are too narrow.")
        if (table["band_low"].notna() & table["n_treated_units"].between(1, FEW_FOR_BANDS - 1)).any():
            parts.append(
                f"A band that rests on fewer than {FEW_FOR_BANDS} treated leaves out no difference too often: with 20 "
                "treated, somewhere in about one case in seven in which nothing had happened (docs/coverage.md)."
            )
    if left_out:
        parts.append(f"{left_out} more estimators are in the data file.")
    return " ".join(parts)
