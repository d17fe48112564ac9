"""Draws of a probabilistic sensitivity analysis (PSA), a row per draw, a column per strategy: read and checked once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import DataFault, Faults, listed, nearest
from sos_eval.panel.read.columns import parsed
from sos_eval.panel.read.files import read_file, source_of
from sos_eval.panel.read.reading import Reading

__all__ = ["Samples", "read_samples", "same_strategies", "samples"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Samples:
    """Draws of every strategy's effect and cost, and of the parameters behind them.

    Attributes
    ----------
    strategies
        K names, in the order of the columns.
    effects, costs : (n, K)
        Draws; row i of both comes from the same draw of the parameters, which keeps their covariance.
    params : (n, P)
        Draws of the parameters; no columns where none were given.
    param_names
        P names.
    """

    strategies: tuple[str, ...]
    effects: Array
    costs: Array
    params: Array
    param_names: tuple[str, ...]

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.effects)

    def position(self, strategy: str) -> int:
        """Return the column of a strategy."""
        return self.strategies.index(strategy)

    def param(self, names: tuple[str, ...]) -> Array:
        """Return the draws of some parameters, (n, len(names))."""
        return self.params[:, [self.param_names.index(name) for name in names]]

    def with_outcomes(self, effects: Array, costs: Array) -> Samples:
        """Return the same draws with other effects and costs."""
        return replace(self, effects=effects, costs=costs)


def samples(
    effects: pd.DataFrame, costs: pd.DataFrame, params: pd.DataFrame | None = None, where: str = "psa"
) -> Samples:
    """Check tables of draws and lay them out as arrays.

    Parameters
    ----------
    effects, costs
        A row per draw, a column per strategy; the same strategies, in any order.
    params
        A row per draw, a column per parameter.
    where
        What the faults name as the place.

    Raises
    ------
    DataFault
        Every fault at once: other strategies or lengths, draws that are empty or not numbers, identical strategies.
    """
    faults = Faults(DataFault)
    _same_columns(effects, costs, where, faults)
    _same_length({"effects": effects, "costs": costs, "params": params}, where, faults)
    numbers = {
        label: _numbers(table, label, where, faults)
        for label, table in (("effects", effects), ("costs", costs), ("params", params))
        if table is not None
    }
    faults.stop()
    names = tuple(str(name) for name in effects.columns)
    order = [list(map(str, costs.columns)).index(name) for name in names]
    checked = Samples(
        strategies=names,
        effects=numbers["effects"],
        costs=np.ascontiguousarray(numbers["costs"][:, order]),
        params=numbers.get("params", np.empty((len(effects), 0))),
        param_names=() if params is None else tuple(str(name) for name in params.columns),
    )
    same_strategies(checked, where, faults)
    faults.stop()
    return checked


def read_samples(effects: Path, costs: Path, params: Path | None = None) -> Samples:
    """Read PSA samples from CSV (plain or gzipped) or parquet files."""
    faults = Faults(DataFault)
    tables = [_read(path, faults) if path else None for path in (effects, costs, params)]
    faults.stop()
    first, second, third = tables
    if first is None or second is None:
        raise DataFault("psa: effects and costs are both needed; name a file for each")
    return samples(first, second, third, f"{effects.name}, {costs.name}")


def same_strategies(checked: Samples, where: str, faults: Faults) -> None:
    """Note strategies whose effects and costs are the same in every draw: one decision under two names."""
    both = np.concatenate([checked.effects, checked.costs]).T
    for j, name in enumerate(checked.strategies):
        twins = [checked.strategies[i] for i in range(j) if np.array_equal(both[i], both[j])]
        if twins:
            what = f'strategies "{twins[0]}" and "{name}" are identical in every draw'
            faults.add(where, what, "keep one of them, or mend the file that was copied")


def _read(path: Path, faults: Faults) -> pd.DataFrame | None:
    """Read one table; note why it cannot be read."""
    if not path.exists():
        near = nearest(path.name, [p.name for p in sorted(path.parent.glob("*"))]) if path.parent.is_dir() else ""
        faults.add(str(path), "no such file", near)
        return None
    source = source_of(path) or "csv"
    reading = faults.noted(lambda: read_file(path, source, Faults(DataFault)))
    if reading is None:
        return None
    return _columns(reading, faults) if _named(path, reading.header, faults) else None


def _columns(reading: Reading, faults: Faults) -> pd.DataFrame:
    """Return a table's columns as numbers; NaN where a draw is none."""
    table = pd.DataFrame({name: parsed(reading, name)[0] for name in reading.header})
    for row in reading.notes:
        faults.add(reading.name, f"{row.reason}: a draw is a plain number", "write draws without signs or separators")
    if (np.diff(reading.frame.index) != 1).any():
        faults.add(reading.name, "blank rows between the draws", "a row is one draw, in every table")
    return table


def _named(path: Path, header: tuple[str, ...], faults: Faults) -> bool:
    """Say whether every column has a name of its own; R gives its row names none."""
    before = len(faults.found)
    nameless = [str(i + 1) for i, name in enumerate(header) if not name or name.startswith("Unnamed:")]
    if nameless:
        what = f"column {listed(nameless)} has no name: row names are no strategy"
        faults.add(str(path), what, "leave it out (in R: write.csv(…, row.names = FALSE))")
    for name in dict.fromkeys(name for name in header if name and header.count(name) > 1):
        faults.add(str(path), f'{header.count(name)} columns are called "{name}"', "give each a name of its own")
    return len(faults.found) == before


def _same_columns(effects: pd.DataFrame, costs: pd.DataFrame, where: str, faults: Faults) -> None:
    """Note strategies that stand in only one of the two tables."""
    for label, table in (("effects", effects), ("costs", costs)):
        if table.columns.duplicated().any():
            faults.add(where, f"{label}: the strategy {table.columns[table.columns.duplicated()][0]!r} stands twice")
    mine, theirs = set(map(str, effects.columns)), set(map(str, costs.columns))
    if mine != theirs:
        only = [f"{name} (effects only)" for name in sorted(mine - theirs)]
        only += [f"{name} (costs only)" for name in sorted(theirs - mine)]
        faults.add(where, f"effects and costs name different strategies: {listed(only)}", "give both the same columns")
    if len(mine) < 2:
        faults.add(where, "one strategy is no comparison", "add the comparator as a column of effects and costs")


def _same_length(tables: dict[str, pd.DataFrame | None], where: str, faults: Faults) -> None:
    """Note tables with another number of draws."""
    sizes = {name: len(table) for name, table in tables.items() if table is not None}
    if len(set(sizes.values())) > 1:
        text = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        faults.add(where, f"the tables have different numbers of draws ({text})", "a row is one draw, in every table")
    if not min(sizes.values()):
        faults.add(where, "a table has no draws")


def _numbers(table: pd.DataFrame, label: str, where: str, faults: Faults) -> Array:
    """Return a table as floats; note the columns and rows that are not finite numbers."""
    columns = []
    for name in table.columns:
        column = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad):
            rows = listed([int(i) + 1 for i in bad], 5)
            what = f'{label}: "{name}" has {len(bad)} draws that are empty or not finite numbers (draw {rows})'
            faults.add(
                where, what, "a draw is never dropped silently: mend it or leave the whole draw out of every table"
            )
        columns.append(column)
    return np.column_stack(columns) if columns else np.empty((len(table), 0))
