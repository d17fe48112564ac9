"""A table as a publication has it: chosen columns, significant digits, models side by side, and notes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from sos_eval.errors import Fault, Faults, InputFault, nearest
from sos_eval.report.wording import interval_words, number

__all__ = ["chosen", "digits_text", "notes_on", "side_by_side", "to_digits"]

_ENDS = ("estimate", "conf_low", "conf_high")
#: What a line of a table with models side by side is about, beside its estimator and inference.
_ABOUT = ("outcome", "estimand", "scale", "aggregation", "subgroup", "cohort", "time", "event_time")
_COUNTS = {"n_units": "Units", "n_treated_units": "Treated units", "n_clusters": "Clusters"}


def chosen(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the named columns in the order that they are named.

    Raises
    ------
    InputFault
        With every name that the table has not, and the nearest that it has; or one that is named twice.
    """
    faults = Faults(InputFault)
    for at, name in enumerate(columns):
        if name not in table.columns:
            faults.add("--columns", f"the table has no column {name!r}", nearest(name, map(str, table.columns)))
        elif name in columns[:at]:
            faults.add("--columns", f"{name!r} is named twice", "name it once")
    faults.stop()
    return table[list(columns)]


def to_digits(table: pd.DataFrame, digits: int) -> pd.DataFrame:
    """Round the floats of a table to significant digits; whole numbers stay."""
    out = table.copy()
    for name in out.columns:
        if out[name].dtype.kind == "f":
            out[name] = [float(f"{v:.{digits - 1}e}") if math.isfinite(v) else v for v in out[name]]
    return out


def digits_text(value: float, digits: int | None) -> str:
    """Return a number for the eye: `number` unless digits are asked for, which then are written in full.

    Examples
    --------
    >>> digits_text(-0.123456, 5), digits_text(1234.5, 2), digits_text(0.5, 3)
    ('−0.12346', '1,200', '0.500')
    """
    if digits is None or not math.isfinite(value) or value == 0:
        return number(value)
    value = float(f"{value:.{digits - 1}e}")
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{decimals}f}".replace("-", "−")


def side_by_side(table: pd.DataFrame, digits: int | None = None) -> pd.DataFrame:
    """Return models as columns: the estimate of each, its interval below, then what it rests on; no stars.

    Parameters
    ----------
    table
        Rows of effects: ``estimator, inference, estimate, conf_low, conf_high`` at least.
    digits
        Significant digits; three unless given.

    Raises
    ------
    InputFault
        It has no estimates with intervals.
    """
    missing = [name for name in ("estimator", "inference", *_ENDS) if name not in table.columns]
    if missing:
        what = f"models stand side by side only in a table of effects; this one has no {', '.join(missing)}"
        raise InputFault(Fault("--layout", what, "leave --layout out, or take effects or event_study"))
    about = [name for name in _ABOUT if name in table.columns and len(set(table[name].astype(str))) > 1]
    models = list(dict.fromkeys(zip(table["estimator"], table["inference"], strict=True)))
    several = len({estimator for estimator, _ in models}) < len(models)
    heads = [f"{estimator} ({inference})" if several else str(estimator) for estimator, inference in models]
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in table.to_dict("records"):
        head = heads[models.index((row["estimator"], row["inference"]))]
        key = tuple(_key(row[name]) for name in about)
        for what, text in _cells(row, digits):
            cell = lines.setdefault((*key, what), dict.fromkeys(heads, ""))
            if cell[head]:
                raise InputFault(Fault("--layout", f"two rows are of {head!r} at {key}", "take another table"))
            cell[head] = text
    rows = [[*key, *cell.values()] for key, cell in lines.items()]
    return pd.DataFrame(rows, columns=[*about, "what", *heads], dtype=object)


def _key(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:g}"
    return str(value)


def _cells(row: dict[str, object] | dict[object, object], digits: int | None) -> list[tuple[str, str]]:
    """Return the lines of one model: estimate, interval, counts."""
    values = {name: float(str(row[name])) for name in _ENDS}
    low, high = values["conf_low"], values["conf_high"]
    ends = interval_words(low, high, digits or 3)
    lines = [("Estimate", digits_text(values["estimate"], digits)), ("Interval", f"[{ends}]" if ends else "")]
    given = [(word, row[name]) for name, word in _COUNTS.items() if name in row]
    return lines + [(word, f"{float(str(n)):,.0f}") for word, n in given if n == n]


def notes_on(table: pd.DataFrame, inferences: dict[str, str]) -> list[str]:
    """Return what stands under a table: what an interval is, and which inference made it.

    Parameters
    ----------
    table
        As it is pulled, before columns are chosen.
    inferences
        Name of an inference to its words.
    """
    notes = []
    if {"conf_low", "conf_high"} <= set(table.columns) and table["conf_low"].notna().any():
        levels = sorted(set(table["conf_level"].dropna())) if "conf_level" in table.columns else []
        share = " or ".join(f"{100 * level:g}%" for level in levels)
        notes.append(f"Intervals: {share} of each estimate by itself." if share else "Intervals of each estimate.")
    if "band_low" in table.columns and table["band_low"].notna().any():
        notes.append("Bands cover all estimates of an estimator at once.")
    if "inference" in table.columns and "estimate" in table.columns:
        names = [name for name in dict.fromkeys(table["inference"].astype(str)) if name]
        said = [f"{n}, {inferences[n]}" if inferences.get(n, n) != n else n for n in names]
        notes += [f"Inference: {'; '.join(said)}."] if said else []
    if "reason" in table.columns and "estimate" in table.columns and table["estimate"].isna().any():
        notes.append("An empty estimate has its reason in the column reason.")
    return notes
