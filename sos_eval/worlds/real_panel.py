"""A real panel as a world: its own noise, placebo adoption, and a declared effect on top."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import MinLen
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.errors import DataFault, Faults, listed, nearest
from sos_eval.worlds.adoption import Adoption
from sos_eval.worlds.effects import Effect
from sos_eval.worlds.problems import Problem

__all__ = ["RealPanel", "real_authorities"]

Array = NDArray[np.float64]


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
    """Column of a deprivation score, constant within an authority; without it, zero for all."""
    exclude: tuple[str, ...] = ()
    """Authorities left out."""
    never: tuple[str, ...] = ()
    """Authorities that stay in and never start, e.g. because the design names them as no donors."""

    def problems(self, adoption: Adoption, effect: Effect) -> Iterator[Problem]:
        """Say what a real panel cannot take."""
        why = "the levels and trends of a real panel are what they are"
        for name in ("level", "trend", "inspection"):
            if getattr(adoption.selection, name):
                yield Problem(("adoption", "selection", name), f"has no meaning with panel: {why}", "remove it")
        if adoption.selection.covariates:
            yield Problem(("adoption", "selection", "covariates"), "is not in this version with panel", "remove it")
        for name in ("moderator", "spillover", "contamination"):
            if getattr(effect, name):
                yield Problem(("effect", name), "is not in this version with panel", "remove it")
        if adoption.regions and self.region is None:
            yield Problem(("adoption", "regions"), "needs panel.region", "name the column of regions")


def real_authorities(
    spec: RealPanel, times: Array, per: float, key: str = "panel"
) -> tuple[pd.DataFrame, Array, Array]:
    """Read a real panel.

    Parameters
    ----------
    key
        Where it is declared, for faults.

    Returns
    -------
    table
        A row per authority: ``unit``, ``region``, ``deprivation``, ``deprivation_z``.
    exposure, rates : (n, n_times)
        Children, and the outcome as a rate per `per`.

    Raises
    ------
    DataFault
        With every fault: no such file or column, no number, a row twice, no authority without a gap.
    """
    data = _read(spec, key)
    count, exposure = (
        data.pivot_table(index=spec.unit, columns=spec.time, values=name, aggfunc="first").reindex(columns=times)
        for name in (spec.count, spec.exposure)
    )
    exposure = exposure.reindex(count.index)
    complete = count.notna().all(axis=1) & (exposure > 0).all(axis=1)
    if complete.sum() < 2:
        faults = Faults(DataFault)
        span = f"{times[0]:g} to {times[-1]:g}"
        faults.add(spec.path, f"fewer than two authorities have every period from {span}", "narrow the world's times")
        faults.stop()
    units = count.index[complete]
    first = data.drop_duplicates(spec.unit).set_index(spec.unit).reindex(units)
    table = pd.DataFrame({"unit": [str(unit) for unit in units]})
    table["eligible"] = ~table["unit"].isin(spec.never)
    table["region"] = first[spec.region].astype(str).to_numpy() if spec.region else "all"
    score = first[spec.deprivation].to_numpy(float) if spec.deprivation else np.zeros(len(units))
    table["deprivation"] = score
    spread = score.std()
    table["deprivation_z"] = (score - score.mean()) / spread if spread > 0 else 0.0
    children = exposure.loc[units].to_numpy(float)
    return table, children, count.loc[units].to_numpy(float) / children * per


def _read(spec: RealPanel, key: str) -> pd.DataFrame:
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
    numbers = [spec.time, spec.count, spec.exposure, *([spec.deprivation] if spec.deprivation else [])]
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
    twice = data.duplicated([spec.unit, spec.time])
    if twice.any():
        faults.add(spec.path, f"{key}: {int(twice.sum())} rows stand twice, e.g. {data.loc[twice, spec.unit].iloc[0]}")
    known = set(data[spec.unit])
    for list_, units in (("exclude", spec.exclude), ("never", spec.never)):
        for unit in units:
            if unit not in known:
                faults.add(spec.path, f"{key}.{list_}: no authority {unit!r}", nearest(unit, known))
    faults.stop()
    return data[~data[spec.unit].isin(spec.exclude)]
