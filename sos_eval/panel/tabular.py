"""A DataFrame as a panel, without any design."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from sos_eval.errors import DataFault, Faults
from sos_eval.panel.assemble import assemble
from sos_eval.panel.own_names import carried
from sos_eval.panel.panel import Panel
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.spec import OutcomeSpec, PanelSpec, Treatment

__all__ = ["from_frame", "reading_of"]


def from_frame(
    df: pd.DataFrame,
    *,
    unit: str,
    time: str,
    outcome: str,
    first_treated: str,
    exposure: str | None = None,
    per: float = 1,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
    dose: str | None = None,
    also: Sequence[str] = (),
    layout: Literal["panel", "cross_sections"] = "panel",
    require_untreated: bool = True,
    require_treated: bool = True,
) -> Panel:
    """Build a panel from a DataFrame, which is left as it is.

    Parameters
    ----------
    df
        A row per unit and time (``layout="cross_sections"``: per person or event).
    unit, time, outcome, first_treated
        Columns. `outcome` is a count where `exposure` is given, else a value. `first_treated` is a unit's first
        treated period; 0, inf, "never" or empty mean never treated, "unknown" that nobody knows.
    exposure, per
        Column of the population at risk, and the scale of the rate.
    covariates, weight, cluster
        Further columns; the cluster is the unit unless given.
    dose
        Column of an intensity of treatment, zero or more.
    also
        Columns that are carried beside, without being covariates.
    require_untreated
        Whether somebody must be untreated when somebody else is treated.
    require_treated
        Whether somebody must be treated at all.

    Returns
    -------
    Panel
        Units that are treated in the first period, or never observed, are kept out; ``flow`` names them.

    Raises
    ------
    DataFault, NotIdentified
        With every fault, in the frame's own column names.

    Examples
    --------
    >>> df = pd.DataFrame({"la": [7, 7, 8, 8], "year": [1, 2, 1, 2], "y": [1.0, 3, 2, 2], "g": [2, 2, 0, 0]})
    >>> panel = from_frame(df, unit="la", time="year", outcome="y", first_treated="g")
    >>> panel.units.tolist(), panel.first_treated.tolist()
    (['7', '8'], [2.0, inf])
    """
    counted = exposure is not None
    _check_arguments({"unit": unit, "time": time, "outcome": outcome, "first_treated": first_treated}, per)
    spec = PanelSpec(
        source="csv",
        unit=unit,
        time=time,
        treatment=Treatment(first_treated=first_treated, untreated_means="never", dose=dose),
        outcome=OutcomeSpec(
            count=outcome if counted else None, exposure=exposure, value=None if counted else outcome, per=float(per)
        ),
        covariates=tuple(map(carried, covariates or ())),
        weight=weight,
        cluster=cluster,
        layout=layout,
    )
    return assemble(
        reading_of(df), spec, also=also, require_untreated=require_untreated, require_treated=require_treated
    )


def _check_arguments(names: dict[str, Any], per: Any) -> None:
    """Refuse what names no column, and a scale that is none."""
    faults = Faults(DataFault)
    for argument, name in names.items():
        if name is None:
            faults.add("data", f"{argument}: None names no column", f'write {argument}="NAME"')
    if isinstance(per, bool) or not isinstance(per, int | float | np.number) or not float(per) > 0:
        faults.add("data", f"per: {per!r} is no number above zero", "per=10000 means per 10,000")
    faults.stop()


def reading_of(df: Any, name: str = "data") -> Reading:
    """Take a DataFrame as it is: rows are counted from 0."""
    faults = Faults(DataFault)
    if not isinstance(df, pd.DataFrame):
        faults.add(name, f"a {type(df).__name__}, not a DataFrame", "give a pandas DataFrame")
        faults.stop()
    if not len(df):
        faults.add(name, "there are no rows", "give a row per unit and time")
        faults.stop()
    return Reading(df.reset_index(drop=True), name, faults)
