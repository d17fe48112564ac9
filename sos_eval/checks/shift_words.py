"""What is said of alternatives beside the primary estimate: range, shifts, other bases, which could not be done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sos_eval.checks.quantity import Quantity
from sos_eval.checks.shifts import OTHER_BASE, Shifts
from sos_eval.errors import numeral
from sos_eval.results.check import of_hundred

__all__ = ["shift_words"]

#: Estimates on two scales that lie nearer than this share of the error between them do not part.
_VISIBLE = 0.25


def shift_words(found: Shifts, whole: Quantity, why_scales_part: str, *, repeated: Sequence[str] = ()) -> str:
    """Return the sentences on a table of alternatives.

    Parameters
    ----------
    found
        The table, the primary estimate first.
    whole
        The primary estimate.
    why_scales_part
        Said where some alternatives are on another scale.
    repeated
        Labels of those that declare what another does: they count with it.
    """
    tried = found.table.iloc[1:]
    again = tried["variant"].isin(repeated)
    copies, tried = tried[again], tried[~again]
    known = tried[tried["shift"].notna()]
    alike = known["scale"] == whole.scale
    said = [f"{len(known)} of {_alternatives(len(tried))} could be estimated."] if len(tried) > 1 else []
    said += [_span(known[alike & (known["against"] == "")], whole), *_other_base(known[alike], whole)]
    said += _moved(found, known)
    said += [why_scales_part] if _parts(known[~alike]) else []
    lost = _named("Could not be estimated", tried[tried["shift"].isna()])
    return " ".join(filter(None, [*said, lost, _named("Not counted again", copies)]))


def _alternatives(n: int) -> str:
    return f"{n} alternative{'' if n == 1 else 's'}"


def _parts(other_scale: pd.DataFrame) -> bool:
    """Whether an estimate on another scale lies a quarter of its error from the primary one or further, or has none."""
    return bool((~(other_scale["shift"].abs() < _VISIBLE * other_scale["shift_error"])).any())


def _span(alike: pd.DataFrame, whole: Quantity) -> str:
    """Say from where to where estimates of the design's own scale and base go."""
    own = f"the design's own is {whole.shown(whole.estimate)}"
    if alike.empty:
        return f"None is on the design's own scale and data; {own}."
    low, high = (whole.shown(float(value)) for value in (alike["estimate"].min(), alike["estimate"].max()))
    if len(alike) == 1:
        return f"“{alike['variant'].iloc[0]}” gives {low}{_across(alike, whole)}; {own}."
    return (
        f"On the design's own scale and data {len(alike)} are between {low} and {high}{_across(alike, whole)}; {own}."
    )


def _across(alike: pd.DataFrame, whole: Quantity) -> str:
    """Say how many lie on the other side of no difference than the design's own."""
    side = np.sign(whole.estimate - whole.neutral)
    n = int((np.sign(alike["estimate"].to_numpy(float) - whole.neutral) == -side).sum()) if side else 0
    if not n:
        return ""
    return f", {'' if len(alike) == 1 else f'{n} of them '}on the other side of no difference"


def _other_base(alike: pd.DataFrame, whole: Quantity) -> list[str]:
    """Say what an alternative on fewer unit-periods is, against the design's own on the same ones."""
    own = alike[alike["against"] != ""]
    rows = zip(own["variant"], own["estimate"], own["against_estimate"], own["against"], strict=True)
    return [
        f"On {against.removeprefix(OTHER_BASE)}, “{name}” is {whole.shown(value)} against {whole.shown(base)}."
        for name, value, base, against in rows
    ]


def _moved(found: Shifts, known: pd.DataFrame) -> list[str]:
    """Say which shift is largest, and which is largest for its error, with how often random adoptions make it."""
    own, said = known[known["shift_scale"] == found.scale], []
    if len(own) and not (len(known) == 1 and found.largest):
        most = own.iloc[int(np.argmax(own["shift"].abs().to_numpy(float)))]
        said.append(f"The largest shift is that of “{most['variant']}”, {_shifted(most)}.")
    if found.largest:
        row = known[known["variant"] == found.largest].iloc[0]
        several = f"The largest for its error is that of “{found.largest}”, {_shifted(row)}"
        how = several if len(known) > 1 else f"“{found.largest}” shifts it by {_shifted(row)}"
        all_tried = (
            f", and the largest of the {found.tried} as large in {of_hundred(found.p)}" if found.tried > 1 else ""
        )
        said.append(
            f"{how} (error {numeral(row['shift_error'], 2)}): random adoptions make "
            f"{'that one' if len(known) > 1 else 'one'} "
            f"as large in {of_hundred(float(row['shift_p']))} draws{all_tried}."
        )
    return said


def _shifted(row: pd.Series) -> str:
    return f"{numeral(row['shift'])}{' in logs' if row['shift_scale'] == 'log' else ''}"


def _named(opening: str, rows: pd.DataFrame) -> str:
    """Name alternatives without numbers of their own, each with its reason; empty where there are none."""
    each = [f"“{name}” ({reason})" for name, reason in zip(rows["variant"], rows["reason"], strict=True)]
    return f"{opening}: {'; '.join(each)}." if each else ""
