"""A real panel as a world: its own noise, placebo adoption, and a declared effect on top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import MinLen
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.errors import DataFault, Faults, listed, nearest
from sos_eval.worlds.adoption import WorldAdoption
from sos_eval.worlds.authorities import standard
from sos_eval.worlds.effects import Effect
from sos_eval.worlds.problems import Problem, under

__all__ = ["RealPanel", "real_authorities"]

Array = NDArray[np.float64]
_NONE: Mapping[str, float] = {}


@dataclass(frozen=True)
class RealPanel(Declared):
    """A CSV file with a row per authority and period. Authorities with a gap in the world's times are left out."""

    path: Annotated[str, MinLen(1)]
    """The file, relative to the world's."""
    unit: str
    """Column of authorities."""
    time: str
    """Column of periods."""
    count: str
    """Column of the counted outcome."""
    exposure: str
    """Column of children at risk."""
    region: str | None = None
    """Column of regions; without it, one region."""
    deprivation: str | None = None
    """Column of a deprivation score, that of an authority's first row; without it, zero for all."""
    covariates: tuple[str, ...] = ()
    """Columns of further numbers, constant within an authority, that select adopters or moderate effects."""
    exclude: tuple[str, ...] = ()
    """Authorities left out."""
    never: tuple[str, ...] = ()
    """Authorities that stay in and never start, e.g. because the design names them as no donors."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that moderate effects."""
        return (*(["deprivation"] if self.deprivation else []), *self.covariates)

    def problems(self, adoption: WorldAdoption, effect: Effect) -> Iterator[Problem]:
        """Say what a real panel cannot take."""
        why = "the levels and trends of a real panel are what they are"
        for name in ("level", "trend", "inspection"):
            if getattr(adoption.selection, name):
                yield Problem(("adoption", "selection", name), f"has no meaning with panel: {why}", "remove it")
        if adoption.regions and self.region is None:
            yield Problem(("adoption", "regions"), "needs panel.region", "name the column of regions")
        if effect.spillover is not None:
            regions = "panel.region" if self.region is None else ""
            yield from under("effect", under("spillover", effect.spillover.problems(lacking=regions)))


def real_authorities(
    spec: RealPanel, times: Array, per: float, key: str = "panel", further: Mapping[str, float] = _NONE
) -> tuple[pd.DataFrame, Array, tuple[Array, ...]]:
    """Read a real panel.

    Parameters
    ----------
    key
        Where it is declared, for faults.
    further
        Columns of more counts, with the scale of their rates.

    Returns
    -------
    table
        A row per authority: ``unit``, ``region``, ``deprivation``, ``deprivation_z``, covariates, and their standard
        scores in ``z:<name>``.
    exposure : (n, n_times)
        Children.
    rates : (n, n_times) each
        The outcome as a rate per `per`, and further ones.

    Raises
    ------
    DataFault
        With every fault: no such file or column, no number, a row twice, no authority without a gap.
    """
    data = _read(spec, key, further)
    rows = np.sort(data[spec.unit].dropna().unique())
    exposure, *counts = (
        data.pivot_table(index=spec.unit, columns=spec.time, values=name, aggfunc="first").reindex(rows, columns=times)
        for name in (spec.exposure, spec.count, *further)
    )
    complete = (exposure > 0).all(axis=1)
    for count in counts:
        complete &= count.notna().all(axis=1)
    if complete.sum() < 2:
        faults = Faults(DataFault)
        span = f"{times[0]:g} to {times[-1]:g}"
        faults.add(spec.path, f"fewer than two authorities have every period from {span}", "narrow the world's times")
        faults.stop()
    units = exposure.index[complete]
    first = data.drop_duplicates(spec.unit).set_index(spec.unit).reindex(units)
    table = pd.DataFrame({"unit": [str(unit) for unit in units]})
    table["eligible"] = ~table["unit"].isin(spec.never)
    table["region"] = first[spec.region].astype(str).to_numpy() if spec.region else "all"
    score = first[spec.deprivation].to_numpy(float) if spec.deprivation else np.zeros(len(units))
    table["deprivation"] = score
    table["deprivation_z"] = standard(score)
    for name in spec.covariates:
        table[name] = first[name].to_numpy(float)
        table[f"z:{name}"] = standard(table[name].to_numpy(float))
    children = exposure.loc[units].to_numpy(float)
    scales = (per, *further.values())
    rates = [one.loc[units].to_numpy(float) / children * scale for one, scale in zip(counts, scales, strict=True)]
    return table, children, tuple(rates)


def _read(spec: RealPanel, key: str, further: Iterable[str]) -> pd.DataFrame:
    """Read the file's columns as text units and numbers."""
    faults = Faults(DataFault)
    path = Path(spec.path)
    if not path.is_file():
        faults.add(spec.path, f"{key}.path: no such file", "paths are relative to the world's file")
        faults.stop()
    try:
        data = pd.read_csv(path, dtype={spec.unit: str}, encoding="utf-8-sig")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        faults.add(spec.path, f"{key}.path: cannot be read as CSV ({str(error).splitlines()[0]})")
        faults.stop()
    numbers = [spec.time, spec.count, *further, spec.exposure, *([spec.deprivation] if spec.deprivation else [])]
    numbers += spec.covariates
    wanted = [spec.unit, *numbers, *([spec.region] if spec.region else [])]
    for name in wanted:
        if name not in data:
            faults.add(spec.path, f"{key}: no column {name!r}", nearest(name, map(str, data.columns)))
    faults.stop()
    for name in numbers:
        read = pd.to_numeric(data[name], errors="coerce")
        words = data.loc[read.isna() & data[name].notna(), name]
        if len(words):
            faults.add(spec.path, f"{key}: column {name!r} has text ({listed(list(words.unique()))})", "leave it empty")
        data[name] = read
    for name in (spec.count, *further, spec.exposure):
        if (data[name] < 0).any():
            faults.add(spec.path, f"{key}: column {name!r} has numbers below zero", "leave them empty")
    twice = data.duplicated([spec.unit, spec.time])
    if twice.any():
        faults.add(spec.path, f"{key}: {int(twice.sum())} rows stand twice, e.g. {data.loc[twice, spec.unit].iloc[0]}")
    for name in spec.covariates:
        whose = data.groupby(spec.unit)[name].agg(["nunique", "count"]).query("nunique != 1").index
        if len(whose):
            what = f"{key}.covariates: {name!r} is not one number throughout for {listed(list(whose))}"
            faults.add(spec.path, what, "write each authority's number in all its rows")
    known = set(data[spec.unit])
    for list_, units in (("exclude", spec.exclude), ("never", spec.never)):
        for unit in units:
            if unit not in known:
                faults.add(spec.path, f"{key}.{list_}: no authority {unit!r}", nearest(unit, known))
    faults.stop()
    return data[~data[spec.unit].isin(spec.exclude)]
