"""Where a column says that something else is counted from a period on: another release, source, code, or a jump."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.panel.inventory.keyed import KeyedTable, Series

__all__ = ["breaks_of"]

#: A column whose units change more often than this says something else in every period, and is no mark of a break.
_SELDOM = 0.1
#: A jump: most units move by more than this share from one period to the next, in the same direction.
_JUMP = 0.2


def breaks_of(table: KeyedTable, series: Series) -> list[dict[str, Any]]:
    """List where a column breaks: kind, period, before, after, units.

    `all`: from that period on no unit has a word of the period before (another release). `some`: a column that seldom
    changes within a unit does so (a new code, a merged area). `jump`: the median unit moves by more than a fifth.
    """
    if series.withheld:
        return []
    frame = pd.DataFrame({"unit": table.units, "period": table.periods, "word": series.words})
    written = frame[frame["word"] != ""]
    wide = written.pivot_table(index="unit", columns="period", values="word", aggfunc="first")
    wide = wide.reindex(columns=list(table.order))
    steps = [(now, wide[then], wide[now]) for then, now in pairwise(table.order)]
    if series.numeric:
        return [*_jumps(series.name, steps), *_some(series.name, steps)]
    whole = list(_whole(series.name, steps))
    periods = {change["period"] for change in whole}
    return [*whole, *_some(series.name, [step for step in steps if step[0] not in periods])]


def _whole(name: str, steps: list[Any]) -> Iterator[dict[str, Any]]:
    for now, before, after in steps:
        then, there = (set(side.dropna()) for side in (before, after))
        if then and there and not then & there and len(then) + len(there) < 2 * min(len(before), len(after)):
            yield _break("all", name, now, sorted(then), sorted(there), int((before.notna() & after.notna()).sum()))


def _some(name: str, steps: list[Any]) -> list[dict[str, Any]]:
    both = [(now, b[b.notna() & a.notna()], a[b.notna() & a.notna()]) for now, b, a in steps]
    changed = [(now, b[b != a], a[b != a]) for now, b, a in both]
    compared, moved = sum(len(b) for _, b, _ in both), sum(len(b) for _, b, _ in changed)
    if not moved or moved > _SELDOM * compared:
        return []
    return [
        {**_break("some", name, now, sorted(set(b)), sorted(set(a)), len(b)), "names": [str(unit) for unit in b.index]}
        for now, b, a in changed if len(b)
    ]  # fmt: skip


def _jumps(name: str, steps: list[Any]) -> Iterator[dict[str, Any]]:
    for now, before, after in steps:
        then, there = (pd.to_numeric(side, errors="coerce") for side in (before, after))
        moved = (there / then.where(then > 0) - 1).dropna().to_numpy(float)
        if len(moved) >= 8 and abs(float(np.median(moved))) > _JUMP:
            yield {
                **_break("jump", name, now, [], [], len(moved)),
                "median_change_percent": round(100 * float(np.median(moved)), 1),
            }


def _break(kind: str, name: str, period: str, before: list[str], after: list[str], units: int) -> dict[str, Any]:
    return {"kind": kind, "column": name, "period": period, "before": before, "after": after, "units": units}
