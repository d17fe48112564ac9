"""When covariates were measured: one that the intervention may have changed is refused unless declared.

The rule (docs/decisions/0020-covariate-timing.md): a covariate is dated by `measured:`, else by a year in its
column's name, else, where it changes over time, by its own rows. Dated at or after the first start of anyone it is
refused, unless `measured:` says so: then it is kept and carried into the caveats. A covariate that is constant and
undated is kept, and noted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import DataFault, Faults, listed
from sos_eval.panel.axis import numbered
from sos_eval.panel.caveats import Caveat
from sos_eval.panel.panel import FlowRow, Panel
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.spec import PanelSpec

__all__ = ["dated", "year_in"]


def dated(panel: Panel, spec: PanelSpec, reading: Reading, also: Sequence[str] = ()) -> Panel:
    """Check when each covariate was measured.

    Parameters
    ----------
    panel
        With its covariates and first treated periods.
    spec
        `covariates` and `measured`.
    reading
        Where the design and the data are, for the faults.
    also
        Columns beside `covariates` that the design uses (matching, strata).

    Raises
    ------
    DataFault
        A covariate is dated at or after the first start and not declared, or `measured` names no covariate.
    """
    spec = numbered(reading, spec, panel.periods, panel.times)
    used = [name for name in dict.fromkeys((*spec.covariates, *also)) if name in panel.frame]
    faults = Faults(DataFault)
    own = replace(reading, faults=faults)
    for name in spec.measured:
        if name not in used:
            own.fault_of(("measured", name), "is none of the covariates", f"covariates are {listed(used) or 'none'}")
    first = float(panel.cohorts.min()) if len(panel.cohorts) else np.inf
    late: list[str] = []
    undated: list[str] = []
    for name in used:
        if name in spec.measured:
            taken = float(spec.measured[name])
            late += [f"{name} ({panel.periods.name(taken)})"] if taken >= first else []
        elif (year := _date(panel, name)) is not None and year >= first:
            when = panel.periods.name
            what = f"{name} is measured in {when(year)}, at or after the first start ({when(first)})"
            own.fault_of(
                ("covariates",), f"{what}: the intervention may have changed it",
                f"use an earlier one, or declare the period that it describes: measured: {{{name}: …}}",
            )  # fmt: skip
        elif year is None and panel.layout == "panel" and pd.api.types.is_numeric_dtype(panel.frame[name]):
            undated.append(name)
    faults.stop()
    return _with_caveats(panel, first, late, undated)


def _with_caveats(panel: Panel, first: float, late: list[str], undated: list[str]) -> Panel:
    flow: list[FlowRow] = []
    when = panel.periods.name(first)
    caveats: list[Caveat] = []
    if late:
        reason = f"measured at or after the first start ({when}), as declared"
        flow.append(FlowRow("covariate timing", "noted", 0, 0, ", ".join(late), reason))
        text = (
            f"Measured at or after the first start ({when}), so the intervention may have changed it: "
            f"{', '.join(late)}. Adjusting for it can hide part of the effect."
        )
        caveats.append(Caveat(text.replace("{", "{{").replace("}", "}}")))
    if undated:
        reason = "does not change over time, and measured: does not say when it was taken"
        flow.append(FlowRow("covariate timing", "noted", 0, 0, ", ".join(undated), reason))
    return replace(panel, flow=(*panel.flow, *flow), noted_caveats=(*panel.noted_caveats, *caveats))


def year_in(name: str) -> float | None:
    """Return the year in a column's name, the last if several.

    Examples
    --------
    >>> year_in("idaci_2019_avg_score"), year_in("pop_0_17"), year_in("e20000")
    (2019.0, None, None)
    """
    years = re.findall(r"(?<!\d)(?:19|20)\d\d(?!\d)", name)
    return float(years[-1]) if years else None


def _date(panel: Panel, name: str) -> float | None:
    """Return when a covariate was first measured; None where nothing tells."""
    year = year_in(name)
    if year is not None and (not panel.periods.plain or panel.times[0] >= 1000):  # periods say years
        return panel.periods.last_of_year(year)
    column: pd.Series[Any] = panel.frame[name]
    seen = column.notna().to_numpy()
    if not seen.any():
        return None
    times = panel.frame["time"].to_numpy(float)
    varies = panel.layout == "panel" and _changes(pd.factorize(column[seen])[0], panel.unit_codes[seen], panel.n_units)
    partly = bool(len(np.unique(times[seen])) < panel.n_times)
    return float(times[seen].min()) if varies or partly else None


def _changes(values: NDArray[np.intp], codes: NDArray[np.intp], n_units: int) -> bool:
    """Say whether a coded column takes two values within any unit."""
    low, high = np.full(n_units, len(values)), np.full(n_units, -1)
    np.minimum.at(low, codes, values)
    np.maximum.at(high, codes, values)
    return bool((high > low).any())
