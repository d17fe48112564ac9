"""When a matched set's programme began and was embedded: the window that all its members inherit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.events.spec import EVENT_DAY
from sos_eval.panel.panel import Array, Panel

__all__ = ["Windows", "windows_of"]

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of treated units on an axis of days, or of periods where rows have no day.

    Attributes
    ----------
    at : (n_rows,)
        Where each row of the panel lies.
    opens, closes
        Unit -> first moment of the programme, and first moment of all of it.
    of_days
        Whether the axis has days, since 1970, and not years.
    """

    at: Array
    opens: dict[str, float]
    closes: dict[str, float]
    of_days: bool

    def place(self, rows: NDArray[np.intp], head: NDArray[np.object_]) -> tuple[Bools, Bools, Array]:
        """Say of rows (n,) of the sets of treated units whether they lie after the window, inside it, and how far off.

        Returns
        -------
        post, inside : (n,)
            From full embedding on; from the start up to it.
        event_time : (n,)
            Whole years, by the calendar: -1 is the year up to the start, 0 the year from full embedding on. Inside it
            is NaN.
        """
        at = self.at[rows]
        opens = np.array([self.opens[str(name)] for name in head], float)
        closes = np.array([self.closes[str(name)] for name in head], float)
        post, inside = at >= closes, (at >= opens) & (at < closes)
        if self.of_days:
            since, until = (_calendar_years(*ends) for ends in ((closes, at), (at, opens)))
        else:
            since, until = at - closes, opens - at
        event_time = np.where(post, np.floor(since), -np.ceil(until))
        return post, inside, np.where(inside, np.nan, event_time)


def windows_of(panel: Panel) -> Windows:
    """Return the windows that a panel's register gives, by day where rows and register have days."""
    units, starts = panel.units.astype(str), panel.first_treated
    table = panel.adoption.reindex(panel.units)
    first, full = (_column(table, name, panel.n_units) for name in ("start_day", "embedded_day"))
    treated = panel.ever_treated
    if EVENT_DAY in panel.frame and np.isfinite(first[treated]).all():
        at, of_days = panel.frame[EVENT_DAY].to_numpy(float), True
    else:
        at, of_days = panel.frame["time"].to_numpy(float), False
        first, full = starts, _column(table, "embedded", panel.n_units)
    full = np.where(np.isfinite(full), full, first)
    mine = [i for i in range(panel.n_units) if treated[i]]
    opens = {str(units[i]): float(first[i]) for i in mine}
    return Windows(at, opens, {str(units[i]): float(full[i]) for i in mine}, of_days)


def _calendar_years(early: Array, late: Array) -> Array:
    """Return years from one day to another, (n,): whole up to an anniversary, and a half more between two of them.

    Where the later day comes first the number means nothing. A year from 29 February is over on 1 March.
    """
    (year, month, day), (year_later, month_later, day_later) = (_parts(days) for days in (early, late))
    in_year = np.sign(month_later * 31 + day_later - month * 31 - day)  # before the anniversary, on it, after
    return np.asarray(year_later - year + in_year / 2, float)


def _parts(days: Array) -> tuple[Array, Array, Array]:
    """Return year, month and day of days since 1970, (n,) each."""
    day = days.astype("datetime64[D]")
    month, year = day.astype("datetime64[M]"), day.astype("datetime64[Y]")
    return year.astype(float), (month - year).astype(float), (day - month).astype(float)


def _column(table: pd.DataFrame, name: str, n: int) -> Array:
    """Return a column of the register by unit, (n,); NaN where it has none."""
    return table[name].to_numpy(float) if name in table else np.full(n, np.nan)
