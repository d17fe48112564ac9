"""What the regression estimators share: the rows that take part, absorbed effects, and the way to an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
from sos_eval.numerics.absorb import TwoWayEffects
from sos_eval.numerics.regress import LinearFit, least_squares
from sos_eval.numerics.scale import near_one
from sos_eval.panel.columns import column_labels, covariate_columns, told_labels
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import LEFT_OUT, Estimate

__all__ = [
    "SINGLE",
    "Rows",
    "comparable",
    "complete_rows",
    "fit_linear",
    "independent",
    "influence_of",
    "keep_rows",
    "keep_units",
    "linear_estimate",
    "missing_note",
    "regression_rows",
    "stacked_rows",
    "time_varying",
    "unabsorbed",
    "without",
]

SINGLE = "one treated unit: its own variation cannot be told from its effect, so there is no analytic error"
#: A regressor is taken as absorbed where less than this share of its length is left (rounding leaves about 1e-15).
ABSORBED = 1e-9
#: And as a combination of others where less than this share of what the effects leave of it is left.
COLLINEAR = 1e-7


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a panel that a two-way regression uses.

    Attributes
    ----------
    panel
        Units that are left.
    used : (n,)
        Positions of the rows in ``panel.frame``.
    outcome, treated : (n,)
        Left-hand side, and the treatment in the period.
    covariates : (n, p)
        Time-varying regressors that are not absorbed, `names`.
    effects
        Unit and time effects with the row weights.
    influence_codes : (n,)
        Position of each row in an influence function.
    by_stratum
        How many of the first covariates are effects of strata by period.
    notes
        What was left out.
    """

    panel: Panel
    used: NDArray[np.intp]
    outcome: Array
    treated: Array
    covariates: Array
    names: tuple[str, ...]
    effects: TwoWayEffects
    influence_codes: NDArray[np.intp]
    notes: tuple[str, ...] = ()
    by_stratum: int = 0

    @property
    def weights(self) -> Array:
        """Row weights, (n,)."""
        return np.ones(len(self.used)) if self.effects.weights is None else self.effects.weights

    @property
    def frame(self) -> pd.DataFrame:
        """The rows themselves."""
        return self.panel.frame.iloc[self.used]

    @property
    def n_treated_units(self) -> int:
        """How many units are treated in some row."""
        return len(np.unique(self.panel.unit_codes[self.used[self.treated > 0]]))

    @property
    def n_units(self) -> int:
        """How many units have rows."""
        return len(np.unique(self.panel.unit_codes[self.used]))


def regression_rows(
    panel: Panel, covariates: Sequence[str], *, outcome: str = "outcome", also: Sequence[str] = ()
) -> Rows:
    """Choose the rows: complete, of units that have more than one and are not treated in all of them.

    Parameters
    ----------
    panel
        As given.
    covariates
        Columns that vary over time; those that the effects absorb are left out and named.
    outcome
        Column of the left-hand side.
    also
        Further columns that must not be missing.

    Raises
    ------
    NotIdentified
        Nobody is treated, or everybody is.
    """
    rows = complete_rows(panel, covariates, outcome=outcome, also=also)
    untreated = rows.panel.unit_codes[rows.used[rows.treated == 0]]
    throughout = np.bincount(untreated, minlength=rows.panel.n_units) == 0
    if throughout.any():
        others = without(rows.panel, throughout, "treated in every period observed")
        rows = replace(complete_rows(others, covariates, outcome=outcome, also=also), notes=rows.notes)
    if not 0 < rows.treated.sum() < len(rows.used):
        who = "no unit is" if not rows.treated.any() else "every unit is"
        lost = "; ".join(f"{row.reason}: {row.names}" for row in panel.flow if row.step == "estimate")
        left = f"the rows of {panel.outcome.name} that are left{f' ({lost})' if lost else ''}"
        raise NotIdentified(panel.fault(f"{who} treated in {left}", "widen panel.window, or leave the outcome out"))
    return rows


def complete_rows(
    panel: Panel, covariates: Sequence[str], *, outcome: str = "outcome", also: Sequence[str] = ()
) -> Rows:
    """Choose the rows as `regression_rows` does, whoever is treated in them."""
    varying = time_varying(panel, covariates) if panel.layout == "panel" else tuple(covariates)
    needed = panel.frame[[outcome, *also, *varying]]
    complete = needed.notna().all(axis=1).to_numpy() & (panel.frame["weight"].to_numpy(float) > 0)
    notes = missing_note(panel, complete)
    chosen = _not_single(panel, complete)
    single = np.bincount(panel.unit_codes[chosen], minlength=panel.n_units) == 0
    kept = without(panel, single, "fewer than two complete rows")
    if single.any():
        chosen = _not_single(kept, complete[~single[panel.unit_codes]])
    rows = _assemble(kept, np.flatnonzero(chosen), outcome, notes)
    constant = tuple(name for name in covariates if name not in varying)
    return _with_covariates(rows, varying, constant)


def time_varying(panel: Panel, names: Sequence[str]) -> tuple[str, ...]:
    """Return the covariates that vary within some unit: unit effects absorb the others."""
    first = np.unique(panel.unit_codes, return_index=True)[1][panel.unit_codes]
    codes = {name: pd.factorize(panel.frame[name])[0] for name in names}
    return tuple(name for name in names if (codes[name] != codes[name][first]).any())


def without(panel: Panel, gone: NDArray[np.bool_], reason: str) -> Panel:
    """Leave out units (n_units,) and say so in the flow."""
    if gone.all():
        raise NotIdentified(panel.fault(f"no unit is left: {reason}", "widen panel.window"))
    return panel.keep(panel.units[~gone], "estimate", reason) if gone.any() else panel


def missing_note(panel: Panel, complete: NDArray[np.bool_]) -> tuple[str, ...]:
    """Name the units whose rows are incomplete."""
    if complete.all():
        return ()
    names = list(dict.fromkeys(panel.frame["unit"][~complete].astype(str).map(panel.unit_names)))
    return (f"{int((~complete).sum())} rows without outcome, covariate or weight are left out: {listed(names)}",)


def _not_single(panel: Panel, complete: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop rows that an effect of their own fits perfectly, until there are none, (n_rows,)."""
    kept = complete.copy()
    while True:
        units = np.bincount(panel.unit_codes, kept, panel.n_units)
        times = np.bincount(panel.time_codes, kept, panel.n_times)
        more = kept & (units[panel.unit_codes] > 1) & (times[panel.time_codes] > 1)
        if (more == kept).all():
            return kept
        kept = more


def _assemble(panel: Panel, used: NDArray[np.intp], outcome: str, notes: tuple[str, ...]) -> Rows:
    """Gather the arrays of the rows."""
    frame = panel.frame
    weights = near_one(frame["weight"].to_numpy(float)[used])
    weights = np.ones(len(weights)) if len(np.unique(weights)) == 1 else weights
    unit, time = _without_gaps(panel.unit_codes[used]), _without_gaps(panel.time_codes[used])
    effects = TwoWayEffects(unit, time, None if (weights == 1).all() else weights)
    codes = panel.unit_codes[used] if panel.layout == "panel" else used
    values = {name: frame[name].to_numpy(float)[used] for name in (outcome, "treated")}
    nothing = np.empty((len(used), 0))
    return Rows(panel, used, values[outcome], values["treated"], nothing, (), effects, codes, notes)


def _without_gaps(codes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return codes (n,) numbered anew in their order, without those that nothing has."""
    return np.asarray((np.cumsum(np.bincount(codes) > 0) - 1)[codes])


def _with_covariates(rows: Rows, names: tuple[str, ...], constant: tuple[str, ...] = ()) -> Rows:
    """Add the covariates that vary beyond the effects; name the others, those `constant` in units among them.

    Raises
    ------
    NotIdentified
        A covariate is a combination of others: each is named, for which of them to leave out is a choice.
    """
    frame = rows.panel.frame[list(names)].iloc[rows.used]
    columns, labels = covariate_columns(frame, names)
    kept, strata = unabsorbed(rows, columns), _strata_by_period(rows)
    repeated = kept.copy()
    repeated[kept] = ~independent(rows, np.column_stack([strata, columns[:, kept]]))[strata.shape[1] :]
    if repeated.any():
        effects = "unit and stratum-by-period" if rows.panel.stratified else "unit and time"
        named = listed(told_labels(_chosen(labels, repeated)))
        what = f"covariates are combinations of others, {effects} effects: {named}"
        raise NotIdentified(rows.panel.fault(what, "leave one of them out"))
    gone = [*constant, *_chosen(labels, ~kept)]
    note = (f"{LEFT_OUT}{', '.join(told_labels(gone))}",) if gone else ()
    left = set(_chosen(labels, kept))
    names = tuple(name for name in names if left.intersection(column_labels(frame[name], name)))
    return replace(
        rows, covariates=np.column_stack([strata, columns[:, kept]]),
        names=names, notes=rows.notes + note, by_stratum=strata.shape[1],
    )  # fmt: skip


def _strata_by_period(rows: Rows) -> Array:
    """Return the effects of a stratum in a period that unit and time effects leave, (n, c); none without strata."""
    if not rows.panel.stratified:
        return np.empty((len(rows.used), 0))
    codes, strata = pd.factorize(rows.frame["stratum"], sort=True)
    n_times = rows.effects.shape[1]
    cell = codes * n_times + rows.effects.time
    wanted = [s * n_times + t for s in range(1, len(strata)) for t in range(1, n_times)]
    columns = (cell[:, None] == np.array(wanted, np.intp)).astype(float)
    columns = columns[:, columns.any(0)]
    return np.asarray(columns[:, independent(rows, columns)])


def _chosen(labels: Sequence[str], kept: NDArray[np.bool_]) -> list[str]:
    return [label for label, yes in zip(labels, kept, strict=True) if yes]


def keep_rows(rows: Rows, kept: NDArray[np.bool_]) -> Rows:
    """Keep some of the rows (n,); covariates that the effects then absorb are left out and named."""
    unit, time = _without_gaps(rows.effects.unit[kept]), _without_gaps(rows.effects.time[kept])
    weights = None if rows.effects.weights is None else rows.effects.weights[kept]
    smaller = replace(
        rows, used=rows.used[kept], outcome=rows.outcome[kept], treated=rows.treated[kept],
        covariates=np.empty((int(kept.sum()), 0)), names=(), effects=TwoWayEffects(unit, time, weights),
        influence_codes=rows.influence_codes[kept],
    )  # fmt: skip
    return _with_covariates(smaller, rows.names)


def still_varying(rows: Rows) -> Rows:
    """Leave out and name the covariates that effects absorb in the rows that are left."""
    if not rows.covariates.shape[1]:
        return rows
    return _with_covariates(replace(rows, covariates=np.empty((len(rows.used), 0)), names=()), rows.names)


def keep_units(rows: Rows, kept: NDArray[np.bool_], reason: str) -> Rows:
    """Keep some of the rows (n,); units without any leave the panel as well, and the flow says why."""
    panel, codes = rows.panel, rows.panel.unit_codes
    there = np.bincount(codes[rows.used[kept]], minlength=panel.n_units) > 0
    used = (np.cumsum(there[codes]) - 1)[rows.used]
    place = (np.cumsum(there) - 1)[rows.influence_codes] if panel.layout == "panel" else used
    return keep_rows(replace(rows, panel=without(panel, ~there, reason), used=used, influence_codes=place), kept)


def comparable(rows: Rows, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop rows alone in their unit or period, and those of units without an untreated one, until there are none."""
    unit, time = rows.effects.unit, rows.effects.time
    while True:
        units, times = np.bincount(unit, kept), np.bincount(time, kept)
        untreated = np.bincount(unit, kept & (rows.treated == 0))
        fewer = kept & (units[unit] > 1) & (times[time] > 1) & (untreated[unit] > 0)
        if (fewer == kept).all():
            return kept
        kept = fewer


def stacked_rows(rows: Rows, copy: NDArray[np.intp], place: NDArray[np.intp]) -> Rows:
    """Take rows at positions (m,) of several copies of the data, each copy with unit and time effects of its own."""
    n, t = rows.effects.shape
    weights = None if rows.effects.weights is None else rows.effects.weights[place]
    unit, time = copy * n + rows.effects.unit[place], copy * t + rows.effects.time[place]
    return replace(
        rows, used=rows.used[place], outcome=rows.outcome[place], treated=rows.treated[place],
        covariates=rows.covariates[place], influence_codes=rows.influence_codes[place],
        effects=TwoWayEffects(_without_gaps(unit), _without_gaps(time), weights),
    )  # fmt: skip


def unabsorbed(rows: Rows, columns: Array) -> NDArray[np.bool_]:
    """Find the columns (n, p) that the effects do not explain, (p,)."""
    root = np.sqrt(rows.weights)[:, None]
    left = rows.effects.residual(columns.T).T
    return np.asarray(np.linalg.norm(left * root, axis=0) > ABSORBED * np.linalg.norm(columns * root, axis=0))


def independent(rows: Rows, columns: Array) -> NDArray[np.bool_]:
    """Find the columns (n, p) that neither the effects nor the columns before them explain, (p,)."""
    if not columns.shape[1]:
        return np.zeros(0, bool)
    root = np.sqrt(rows.weights)
    length = np.linalg.norm(columns * root[:, None], axis=0)
    left = (rows.effects.residual(columns.T) * root).T
    kept = np.zeros(columns.shape[1], bool)
    every, found = np.empty(left.shape, order="F"), 0
    for j in range(columns.shape[1]):
        basis = every[:, :found]
        rest = left[:, j] - basis @ (basis.T @ left[:, j])
        size = np.linalg.norm(rest)
        kept[j] = size > max(ABSORBED * length[j], COLLINEAR * np.linalg.norm(left[:, j]))
        if kept[j]:
            every[:, found] = rest / size
            found += 1
    return kept


def fit_linear(rows: Rows, regressors: Array, contrast: Array) -> LinearFit:
    """Regress the outcome on regressors (n, k) and covariates beside unit and time effects.

    Parameters
    ----------
    contrast : (m, k)
        Cells as combinations of the regressors' coefficients; covariates get zeros.
    """
    columns = np.column_stack([regressors, rows.covariates])
    x = rows.effects.residual(columns.T).T
    y = rows.effects.residual(rows.outcome)
    coef, bread = least_squares(y, x, rows.effects.weights)
    padded = np.column_stack([contrast, np.zeros((len(contrast), rows.covariates.shape[1]))])
    return LinearFit(
        coef=coef, x=x, residuals=y - x @ coef, weights=rows.weights, bread=bread,
        unit_codes=rows.influence_codes, n_obs=len(y), n_params=x.shape[1] + rows.effects.shape[1], contrast=padded,
        absorbed=(rows.effects.unit, rows.effects.time),
    )  # fmt: skip


def influence_of(fit: LinearFit, n: int) -> Array:
    """Return the influence of the contrasts, (n, m): n times each unit's score times the bread."""
    sums = np.column_stack([np.bincount(fit.unit_codes, column, n) for column in fit.scores.T])
    return np.asarray(n * sums @ (fit.contrast @ fit.bread).T)


def linear_estimate(rows: Rows, fit: LinearFit, table: pd.DataFrame, notes: tuple[str, ...] = ()) -> Estimate:
    """Turn a fitted regression into an estimate: a cell per row of its contrast, one of zeros without an error."""
    counted = table.assign(n_obs=fit.n_obs, n_units=rows.n_units)
    influence = influence_of(fit, rows.panel.n_influence)
    influence[:, ~(fit.contrast != 0).any(1)] = np.nan
    if rows.n_treated_units == 1:
        influence[:] = np.nan
        counted["reason"] = SINGLE
    return Estimate(counted, fit.contrast @ fit.coef, influence, rows.panel, linear=fit, notes=(*rows.notes, *notes))
