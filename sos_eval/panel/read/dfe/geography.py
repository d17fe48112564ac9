"""`at_constant_geography`: authorities that were split or merged since 2011, added up to areas that stay."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from sos_eval.panel.read.dfe.layout import Area, added_up, areas_of_parts, code_at, measure_names

__all__ = ["MIXED", "at_constant_geography", "in_geography"]

#: What stands where the parts of an area say different things.
MIXED = "mixed"
_KEYS = ["la_code", "year"]


def in_geography(panel: pd.DataFrame, geography: str | None) -> tuple[pd.DataFrame, list[str]]:
    """Return an assembled panel in a geography, and the areas and years of a constant one that lack a part."""
    return at_constant_geography(panel, measure_names()) if geography == "constant" else (panel, [])


def at_constant_geography(panel: pd.DataFrame, measures: Collection[str]) -> tuple[pd.DataFrame, list[str]]:
    """Add up the authorities of each area, year by year.

    Parameters
    ----------
    panel
        A row per authority and year, `la_code` and `year` first.
    measures
        Names of measures. Numbers of people, children and staff, and what is spent in all, are added up where every
        part of the year has one. Of another kind (rates, shares, costs a week, judgements, scores) an area of several
        parts has none: it is no sum.

    Returns
    -------
    panel, lacking
        Rows of parts replaced by those of their area, with a last column `parts`, how many authorities a row adds up;
        and the areas and years in which a part has no row, so that nothing is added up.
    """
    rows, taken, lacking = [], pd.Series(False, index=panel.index), list[str]()
    for area in areas_of_parts():
        own = panel["la_code"].isin(area.parts)
        taken |= own
        for year in sorted(panel.loc[own, "year"].unique()):
            parts = panel[own & (panel["year"] == year)]
            expected = [code for code in area.parts if code_at(code, int(year))]
            rows.append(_added(area, parts, measures, whole=set(parts["la_code"]) == set(expected)))
            lacking += [] if len(parts) == len(expected) else [f"{area.code} {int(year)}"]
    merged = pd.DataFrame(rows, columns=[*panel.columns, "parts"])
    out = (
        pd.concat([panel[~taken].assign(parts=1), merged], ignore_index=True) if len(merged) else panel.assign(parts=1)
    )
    return out.astype({"parts": int}).sort_values(_KEYS, ignore_index=True), lacking


def _added(area: Area, parts: pd.DataFrame, measures: Collection[str], *, whole: bool) -> dict[str, Any]:
    """Return the row of an area in a year."""
    made: dict[str, Any] = {
        "la_code": area.code,
        "year": parts["year"].iloc[0],
        "la_name": area.name,
        "parts": len(parts),
    }
    for name in parts.columns:
        if name in made:
            continue
        measure, ending = _measure(str(name), measures)
        if not measure:
            made[name] = _said(parts[name])
        elif whole and len(parts) == 1:  # one authority that year
            made[name] = parts[name].iloc[0]
        elif ending == "words":
            made[name] = _said(parts[name])
        elif ending == "flag":
            made[name] = _said(parts[name][parts[name] != ""]) if added_up(measure) else ""
        else:
            made[name] = _sum(parts, measure, ending) if whole and added_up(measure) else None
    return made


def _measure(column: str, measures: Collection[str]) -> tuple[str, str]:
    """Return the measure that a column belongs to, and what of it; empty where it is of none."""
    if column in measures:
        return column, ""
    name, _, ending = column.rpartition("_")
    return (name, ending) if name in measures and ending in ("low", "high", "flag", "words") else ("", "")


def _sum(parts: pd.DataFrame, measure: str, ending: str) -> float | None:
    """Return the sum of a measure, or of an end of its range; a number that is told counts as both its ends."""
    values = parts[measure].astype(float)
    if ending:
        if values.notna().all():
            return None
        values = values.fillna(parts[f"{measure}_{ending}"].astype(float))
    return float(values.sum()) if values.notna().all() else None


def _said(words: Sequence[Any] | pd.Series) -> Any:
    """Return what parts say alike, else `mixed`; nothing where none says anything."""
    different = pd.unique(pd.Series(words))
    return "" if not len(different) else different[0] if len(different) == 1 else MIXED
