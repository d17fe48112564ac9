"""What figures and words need to know of a panel, as plain tables that go into the bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.people import Behind
from sos_eval.errors import OurFault
from sos_eval.panel.levels import weighed_mean
from sos_eval.panel.own_names import MATCHED_ROWS
from sos_eval.panel.panel import Panel
from sos_eval.panel.small_counts import replaced
from sos_eval.results.facts import OutcomeFacts, PanelFacts
from sos_eval.results.grades import Grades, grades_of
from sos_eval.results.search import UNKNOWN

__all__ = [
    "adoption", "flat_columns", "levels_behind", "lost_periods", "outcome_paths", "panel_facts", "path_counts",
    "programmes", "unit_names",
]  # fmt: skip

Array = NDArray[np.float64]


def path_counts(panel: Panel, comparison_weights: Array | None = None) -> list[Array]:
    """Return the counts behind each row of `outcome_paths`, which the gate reads and nobody writes.

    Returns
    -------
    list of (n_units_of_row, 4)
        Of each unit: its position, what one count adds to the sum of weighted rates (NaN where the outcome is no count
        or is transformed), its count (`UNKNOWN` where a value stands in its place, NaN where another count
        does), its weight.
    """
    return [
        counts
        for one in panel.outcomes
        for group in _groups(panel.select(one.name), comparison_weights)
        for counts in _counts(panel.select(one.name), group[2])
    ]


def _counts(panel: Panel, weights: Array) -> list[Array]:
    """Return the counts behind one line of the figure, a table per time."""
    frame, units = panel.frame, np.asarray(panel.unit_codes)
    used = frame["outcome"].notna().to_numpy() & (weights > 0)
    count, exposure, time = (frame[name].to_numpy(float) for name in ("count", "exposure", "time"))
    if not panel.outcome.counted:
        count = np.full(len(frame), UNKNOWN)
    count = np.where(replaced(panel), np.nan, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = weights / exposure if panel.outcome.counted and panel.outcome.transform == "none" else weights * np.nan
        rows = np.column_stack([units, each, count, weights])
    return [rows[used & (time == at)] for at in _times(panel)]


def _times(panel: Panel) -> Array:
    """Return all times of a path, those left out of the analysis included."""
    return np.union1d(panel.times, np.array(list(panel.omitted_times), float))


def outcome_paths(
    panel: Panel, comparison_weights: Array | None = None, of_outcomes: Mapping[str, Array | None] | None = None
) -> pd.DataFrame:
    """Return mean outcomes over time, of treated units (together and by cohort) and of the comparison.

    Parameters
    ----------
    panel
        The panel *before* the comparison group was built.
    comparison_weights : (n_units,), optional
        `Comparison.weights`: the units that stand in for the treated, and how much each counts. The untreated
        before any selection are then shown apart, as ``comparison_before``.
    of_outcomes
        The same of outcomes that have a comparison group of their own, by name.

    Returns
    -------
    DataFrame
        A row per outcome, group, cohort and time, omitted times included: ``group`` is treated, comparison or
        comparison_before; ``cohort`` is empty for all treated units together; ``mean`` averages units by the panel's
        weights; ``mean_pooled`` is total count over total exposure (empty where the outcome is no count, and so is a
        mean over nobody); ``flagged`` and ``omitted`` hold the declared reasons.
    """
    weights = {one.name: comparison_weights for one in panel.outcomes} | dict(of_outcomes or {})
    pieces = [_paths_of(panel.select(one.name), weights[one.name]) for one in panel.outcomes]
    return pd.concat(pieces, ignore_index=True)


def _paths_of(panel: Panel, comparison_weights: Array | None) -> pd.DataFrame:
    """Return the rows of the outcome in use."""
    pieces = [_path(panel, *group) for group in _groups(panel, comparison_weights)]
    return pd.concat(pieces, ignore_index=True)


def _groups(panel: Panel, comparison_weights: Array | None) -> list[tuple[str, float, Array]]:
    """Return the lines of the figure: group, cohort, and a weight per row of the panel."""
    own = _row_weights(panel, None)
    starts = panel.frame["first_treated"].to_numpy(float)
    treated, never = np.isfinite(starts), ~np.isfinite(starts)
    chosen = own if comparison_weights is None else _row_weights(panel, comparison_weights)
    groups = [("treated", np.nan, np.where(treated, chosen, 0.0)), ("comparison", np.nan, np.where(never, chosen, 0.0))]
    groups += [("treated", cohort, np.where(starts == cohort, chosen, 0.0)) for cohort in panel.cohorts]
    if comparison_weights is not None:
        groups.append(("comparison_before", np.nan, np.where(never, own, 0.0)))
    return groups


def _row_weights(panel: Panel, more: Array | None) -> Array:
    """Return a weight per row: the panel's, times the comparison's."""
    weights = panel.frame["weight"].to_numpy(float)
    if more is None:
        return weights
    if len(more) != panel.n_units:
        raise OurFault(f"{len(more)} comparison weights for {panel.n_units} units")
    return np.asarray(weights * np.asarray(more, float)[panel.unit_codes], dtype=float)


def _path(panel: Panel, group: str, cohort: float, weights: Array) -> pd.DataFrame:
    """Return one line of the figure, a row per time."""
    observed = panel.frame["outcome"].notna().to_numpy() & (weights > 0)
    frame = pd.DataFrame({
        "time": panel.frame["time"].to_numpy(float)[observed],
        "unit": panel.frame["unit"].to_numpy()[observed],
        "weight": weights[observed],
    })  # fmt: skip
    for name in ("outcome", "count", "exposure"):
        frame[name] = panel.frame[name].to_numpy(float)[observed] * weights[observed]
    sums = frame.groupby("time")[["weight", "outcome", "count", "exposure"]].sum(min_count=1)
    times = _times(panel)
    sums = sums.reindex(times)
    out = pd.DataFrame({
        "outcome": panel.active, "group": group, "cohort": cohort, "time": times,
        "mean": (sums["outcome"] / sums["weight"]).to_numpy(),
        "mean_pooled": _pooled(panel, sums),
        "n_units": frame.groupby("time")["unit"].nunique().reindex(times, fill_value=0).to_numpy(),
        "flagged": [panel.flagged_times.get(float(time), "") for time in times],
        "omitted": [panel.omitted_times.get(float(time), "") for time in times],
    })  # fmt: skip
    return out


def _pooled(panel: Panel, sums: pd.DataFrame) -> Array:
    """Return total count over total exposure on the scale of the rate."""
    if not panel.outcome.counted:
        return np.full(len(sums), np.nan)
    return (sums["count"] / sums["exposure"] * panel.outcome.per).to_numpy(float)


def adoption(panel: Panel) -> pd.DataFrame:
    """Return who starts when: a row per unit, in order of start.

    Returns
    -------
    DataFrame
        ``unit, label, first_treated, embedded, stopped, status``; ``first_treated`` is empty for units that never
        start in the panel; ``status`` is treated, not treated, or not known to be treated.
    """
    untreated = "not known to be treated" if panel.untreated_means == "unknown" else "not treated"
    starts = panel.first_treated
    out = pd.DataFrame({
        "unit": panel.units, "label": _labels(panel), "first_treated": np.where(np.isfinite(starts), starts, np.nan),
        "embedded": _register(panel, "embedded"), "stopped": _register(panel, "stopped"),
        "status": np.where(np.isfinite(starts), "treated", untreated),
    })  # fmt: skip
    return out.sort_values(["first_treated", "unit"], kind="stable").reset_index(drop=True)


def programmes(panel: Panel) -> pd.DataFrame:
    """Return which other programmes ran where and when: a row per unit and programme, a column per period.

    Returns
    -------
    DataFrame
        ``unit, label, status, programme, first_treated``, then a column per period as it is written: 1 from the start
        on, 0 before it, empty where the list says no period of a start.
    """
    if "programmes" not in panel.adoption.columns:
        return pd.DataFrame()
    joined, names = panel.adoption["programmes"].reindex(pd.Index(panel.units)), _labels(panel)
    rows = [
        {"unit": unit, "label": name, "status": "treated" if treated else "untreated", "programme": programme,
         "first_treated": start, **_running(panel, start)}
        for unit, name, treated, those in zip(panel.units, names, panel.ever_treated, joined, strict=True)
        for programme, start in those
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _running(panel: Panel, start: float) -> dict[str, float]:
    """Say of each period whether a programme that started then ran in it."""
    known = np.isfinite(start)
    return {panel.periods.name(time): float(time >= start) if known else np.nan for time in panel.times}


def unit_names(panel: Panel) -> pd.DataFrame:
    """Return ``unit, label`` of every unit that was read, those left out since with them."""
    return pd.DataFrame({"unit": list(panel.names_read), "label": list(panel.names_read.values())}, dtype="str")


def _register(panel: Panel, column: str) -> Array:
    """Return a column of dates of the adoption register by unit; empty where it has none."""
    if column not in panel.adoption.columns:
        return np.full(panel.n_units, np.nan)
    table = panel.adoption
    by_unit = table.set_index("unit")[column] if "unit" in table.columns else table[column]
    return pd.to_numeric(by_unit, errors="coerce").reindex(pd.Index(panel.units)).to_numpy(float)


def _labels(panel: Panel) -> list[str]:
    """Return a readable name per unit: the panel's column of names where it has one, else the id."""
    for column in ("unit_label", "unit_name", "la_name", "name"):
        if column in panel.frame.columns:
            return [str(name) for name in panel.unit_values(column)]
    return [str(unit) for unit in panel.units]


def panel_facts(panel: Panel) -> PanelFacts:
    """Return what words and figures need to know of a panel beside the numbers."""
    treated = panel.ever_treated
    return PanelFacts(
        unit=panel.label("unit_name" if "unit_name" in panel.labels else "unit"), time=panel.label("time"),
        year_convention=panel.year_convention, first_time=float(panel.times.min()), last_time=float(panel.times.max()),
        n_times=panel.n_times, n_read=len(panel.names_read), n_units=panel.n_units, n_treated_units=int(treated.sum()),
        n_comparison_units=int((~treated).sum()), n_clusters=panel.n_clusters,
        n_treated_clusters=panel.n_treated_clusters, n_rows=panel.n_rows, untreated_means=panel.untreated_means,
        layout=panel.layout, weighted=panel.weighted,
        omitted_times={panel.periods.name(time): why for time, why in panel.omitted_times.items()},
        flagged_times={panel.periods.name(time): why for time, why in panel.flagged_times.items()},
        cohorts=tuple(float(cohort) for cohort in panel.cohorts), **_numbering(panel),
        outcomes={outcome.name: _outcome_facts(panel.select(outcome.name)) for outcome in panel.outcomes},
        strata=tuple(sorted(panel.frame["stratum"].astype(str).unique())) if panel.stratified else (),
        support=panel.support, n_window=_in_window(panel),
    )  # fmt: skip


def _in_window(panel: Panel) -> int:
    """Count the treated units that have a period between start and full embedding which counts as treated in full."""
    if panel.layout != "panel" or panel.transition_dropped or panel.partly_exposed:
        return 0
    embedded, start, last = _register(panel, "embedded"), panel.first_treated, panel.times[-1]
    return int(((start <= last) & (embedded > np.maximum(start, panel.times[0]))).sum())


def lost_periods(panel: Panel) -> dict[str, Any]:
    """Return the fields of `PanelFacts` on periods without a treated unit's outcome; none where rows are people."""
    treated = panel.ever_treated
    if panel.layout != "panel" or not treated.any():
        return {}
    empty = np.isnan(panel.matrix()[treated])
    early = np.isin(panel.times, panel.pre_times)
    return {
        "gaps": {panel.periods.name(time): int(n) for time, n in zip(panel.times, empty.sum(0), strict=True) if n},
        "n_early": int(early.sum()), "n_early_seen": int((~empty.all(0) & early).sum()),
    }  # fmt: skip


def _numbering(panel: Panel) -> dict[str, Any]:
    """Return what a period is, and the number behind each as it is written; nothing where they are years as numbers."""
    if panel.periods.plain:
        return {} if panel.periods.unit == "year" else {"period": panel.periods.unit}
    low = min(panel.times.min(), panel.first_treated.min())
    numbers = np.arange(low, panel.times.max() + 1)
    return {"period": panel.periods.unit, "periods": {panel.periods.name(number): float(number) for number in numbers}}


def levels_behind(panel: Panel) -> dict[str, dict[str, Behind]]:
    """Return how many people stand behind the mean outcomes of `panel_facts`, and how many of them have a yes.

    By outcome and field of `OutcomeFacts`; the gate reads it and nobody writes it. A row in several sets counts once.
    """
    out: dict[str, dict[str, Behind]] = {}
    for outcome in panel.outcomes:
        frame = panel.select(outcome.name).frame
        seen = (frame["outcome"].notna() & (frame["weight"] > 0)).to_numpy(bool)
        grades = grades_of(frame["outcome"].to_numpy(float)[seen])
        out[outcome.name] = {name: _behind(frame[rows & seen], grades) for name, rows in _sides(frame).items()}
    return out


def flat_columns(panel: Panel) -> frozenset[str]:
    """Return the outcomes, covariates and what else a design reads of people that are figures of their unit and period.

    That is what most people of a unit and period have in common. Those of ten even steps or of mostly one value are
    counts (`grades_of`), and are judged as such.
    """
    columns = {one.name: panel.select(one.name).frame["outcome"] for one in panel.outcomes}
    further = panel.frame[panel.further_columns].select_dtypes("number")
    columns |= {str(name): further[name] for name in further}
    cell = panel.unit_codes * panel.n_times + panel.time_codes
    return frozenset(name for name, values in columns.items() if _is_shared(values.to_numpy(float), cell))


def _is_shared(values: Array, cell: NDArray[np.intp]) -> bool:
    """Say whether more than half of the people beside another of a cell, (n,), have its commonest value."""
    seen = np.isfinite(values)
    if not seen.any() or grades_of(values[seen]) is not None:
        return False
    alike = pd.Series(1, index=seen.nonzero()[0]).groupby([cell[seen], values[seen]]).size()
    cells = alike.groupby(level=0)
    return bool((cells.max() - 1).sum() > (cells.sum() - 1).sum() / 2)


def _behind(rows: pd.DataFrame, grades: Grades | None) -> Behind:
    """Return how many people rows are, and how many are above the lowest grade; NaN where there are no grades."""
    once = rows.drop_duplicates(MATCHED_ROWS) if MATCHED_ROWS in rows else rows
    if grades is None:
        return Behind(float(len(once)))
    yes = float((grades.steps(once["outcome"].to_numpy(float)) > 0).sum())
    return Behind(float(len(once)), yes, grades.low, grades.step)


def _sides(frame: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Return the rows behind each mean outcome of `OutcomeFacts`, by its field, (n_rows,) each."""
    ever = np.isfinite(frame["first_treated"].to_numpy(float))
    before = ever & (frame["time"] < frame["first_treated"]).to_numpy()
    return {"mean_treated": ever & ~before, "mean_treated_before": before, "mean_comparison": ~ever}


def _outcome_facts(panel: Panel) -> OutcomeFacts:
    """Return an outcome's words, its scale, and the levels that effects are compared with."""
    frame, outcome = panel.frame, panel.outcome
    ever = np.isfinite(frame["first_treated"].to_numpy(float))
    return OutcomeFacts(
        label=outcome.label, scale=outcome.scale, per=outcome.per, counted=outcome.counted,
        transform=outcome.transform, role=outcome.role, margin=outcome.margin,
        mean_exposure=_mean(frame["exposure"]), mean_exposure_treated=_mean(frame.loc[ever, "exposure"]),
        **{name: weighed_mean(frame[rows]) for name, rows in _sides(frame).items()},
        n_missing=int(frame["outcome"].isna().sum()),
        n_missing_exposure=int((frame["outcome"].isna() & frame["exposure"].isna()).sum()) if outcome.counted else 0,
        stock=outcome.stock,
    )  # fmt: skip


def _mean(values: pd.Series) -> float:
    """Return the mean of what is observed; NaN over nothing."""
    known = values.dropna()
    return float(known.mean()) if len(known) else float("nan")
