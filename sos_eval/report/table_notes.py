"""What stands under a table of effects: what an interval is, and which inference made it."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.reading import method_label

__all__ = ["notes_on"]

#: Tables of event times on one base, which are there where an estimator's own earlier bases vary.
_ONE_BASE = ".universal_base"
_VARYING = (
    "Before the start an estimator whose base varies compares each period with the one before it; the figure compares "
    "all with the last one before the start."
)


def notes_on(bundle: ResultBundle, table: pd.DataFrame) -> tuple[str, ...]:
    """Return the notes of a table; none where it holds no estimates with intervals.

    Parameters
    ----------
    table
        As it is pulled, before columns are chosen.
    """
    if not {"estimate", "inference", "conf_low", "conf_level"} <= set(table.columns):
        return ()
    notes = []
    levels = " or ".join(f"{100 * level:g}%" for level in sorted(set(table["conf_level"].dropna())))
    if levels:
        notes.append(f"Intervals: {levels}, of each estimate by itself.")
    if "band_low" in table.columns and table["band_low"].notna().any():
        notes.append("Bands cover all estimates of an estimator at once.")
    names = [name for name in dict.fromkeys(table["inference"].astype(str)) if name]
    if names:
        notes.append(f"Inference: {'; '.join(_said(bundle, name) for name in names)}.")
    if "event_time" in table and any(name.endswith(_ONE_BASE) for name in bundle.table_names):
        notes.append(_VARYING)
    return tuple(notes)


def _said(bundle: ResultBundle, name: str) -> str:
    label = method_label(bundle, name)
    return name if label in (name, name.replace("_", " ")) else f"{name}, {label}"
