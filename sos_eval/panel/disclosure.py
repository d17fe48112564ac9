"""What may leave under a disclosure profile: small counts of people are masked, results on few units withheld."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge

from sos_eval.declare import Declared
from sos_eval.panel.panel import Array, Panel

__all__ = [
    "FEWEST_UNITS",
    "PROFILES",
    "RANGE_ENDS",
    "Disclosure",
    "masked",
    "range_behind",
    "with_ranges",
    "withholds_weights",
    "without_empty_ranges",
]

#: Profile -> (smallest count that is shown, what counts are rounded to). dfe: the DfE's statistical releases show
#: no count of 1 to 5 and round to 5 where they round; ons_srs: outputs of the ONS Secure Research Service show no
#: count under 10, and none from which one follows by subtraction: they are rounded to 10.
PROFILES: dict[str, tuple[int, int]] = {"open": (0, 1), "dfe": (6, 5), "ons_srs": (10, 10)}

#: Ends of the names of columns between which a masked or rounded count lies.
RANGE_ENDS = ("_low", "_high")

#: Fewest units that a result may rest on where a profile holds.
FEWEST_UNITS = 3


@dataclass(frozen=True)
class Disclosure(Declared):
    """What may leave: the `disclosure:` block."""

    profile: Literal["open", "dfe", "ons_srs"] = "open"
    """open: nothing is masked; dfe: counts of 1 to 5 masked, others rounded to 5; ons_srs: under 10, to 10."""
    minimum_count: Annotated[int, Ge(0)] | None = None
    """Smallest count of people that is shown; the profile's own without it. Zero is always shown."""
    round_to: Annotated[int, Ge(1)] | None = None
    """What counts of people are rounded to; the profile's own without it, or `minimum_count` where that is more."""
    minimum_units: Annotated[int, Ge(1)] | None = None
    """Fewest units that a result may rest on: 3 unless given; 1 where nothing else is declared."""
    small_counts: Literal["judged", "middle"] = "judged"
    """judged: what could tell of them is withheld number by number; middle: before anything is computed each count of
    1 to `minimum_count` - 1 of a panel is read as the middle of these, so that nothing that is told depends on it."""

    @property
    def middle_below(self) -> int:
        """Below which counts are read as the middle of those that are protected; 0: none is."""
        return self.smallest if self.small_counts == "middle" else 0

    def __post_init__(self) -> None:
        if self.small_counts == "middle" and self.smallest < 2:
            raise ValueError("small_counts: middle goes with a profile, or a minimum_count of 2 or more")

    @property
    def guards(self) -> bool:
        """Whether anything is held back: a profile other than open, or a number of its own."""
        return self.profile != "open" or self.smallest > 1 or self.step > 1 or (self.minimum_units or 1) > 1

    @property
    def fewest(self) -> int:
        """Fewest units that a result may rest on."""
        return (FEWEST_UNITS if self.guards else 1) if self.minimum_units is None else self.minimum_units

    @property
    def smallest(self) -> int:
        """Smallest count that is shown."""
        return PROFILES[self.profile][0] if self.minimum_count is None else self.minimum_count

    @property
    def step(self) -> int:
        """What counts are rounded to."""
        own = max(PROFILES[self.profile][1], self.minimum_count or 1)
        return own if self.round_to is None else self.round_to


def masked(table: pd.DataFrame, columns: Sequence[str], disclosure: Disclosure) -> tuple[pd.DataFrame, int]:
    """Mask and round columns that count people.

    Parameters
    ----------
    table
        Left as it is.
    columns
        Columns that count people; never counts of units, estimates or errors.
    disclosure
        What may leave.

    Returns
    -------
    table, n_masked
        The table with small counts empty (NaN) and others rounded, and how many cells were emptied. A true zero
        stays: it discloses nobody under these profiles.

    Examples
    --------
    >>> table = pd.DataFrame({"unit": ["A", "B", "C"], "children": [0, 4, 13]})
    >>> masked(table, ["children"], Disclosure(profile="dfe"))[0]["children"].tolist()
    [0.0, nan, 15.0]
    """
    changed: dict[str, Array] = {}
    hidden = 0
    for name in columns:
        values = table[name].to_numpy(float)
        small = (values > 0) & (values < disclosure.smallest)
        rounded = np.floor(values / disclosure.step + 0.5) * disclosure.step if disclosure.step > 1 else values
        changed[name] = np.where(small, np.nan, rounded)
        hidden += int(small.sum())
    return table.assign(**changed), hidden


def range_behind(shown: float | None, disclosure: Disclosure) -> tuple[float, float] | None:
    """Return the least and largest whole count that is shown so; None of one that is shown exactly.

    Examples
    --------
    >>> dfe = Disclosure(profile="dfe")
    >>> [range_behind(shown, dfe) for shown in (None, 0, 5, 10)]
    [(1, 5), None, (6, 7), (8, 12)]
    """
    if shown is None:
        return 1, disclosure.smallest - 1
    half = disclosure.step / 2
    low, high = max(math.ceil(shown - half), 0), math.ceil(shown + half) - 1
    if shown == 0:
        return (0, high) if high >= max(disclosure.smallest, 1) else None
    low = max(low, disclosure.smallest)
    return (low, high) if low < high else None


def with_ranges(
    shown: pd.DataFrame, counts: pd.DataFrame, columns: Sequence[str], disclosure: Disclosure
) -> pd.DataFrame:
    """Put ``…_low`` and ``…_high`` beside columns that `masked` made: between what each masked or rounded count lies.

    They are empty where a count is shown exactly, and where there was none; `counts` are those before.
    """
    if not disclosure.guards:
        return shown
    made: dict[str, pd.Series] = {}
    for name in map(str, shown.columns):
        made[name] = shown[name]
        if name in columns:
            there, values = counts[name].notna().to_numpy(), shown[name].to_numpy(float)
            behind = [range_behind(None if math.isnan(value) else value, disclosure) for value in values]
            ends = [pair if pair and told else (math.nan, math.nan) for pair, told in zip(behind, there, strict=True)]
            for end, word in enumerate(RANGE_ENDS):
                made[f"{name}{word}"] = pd.Series([pair[end] for pair in ends], index=shown.index, dtype=float)
    return pd.DataFrame(made)


def without_empty_ranges(panel: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns of ranges that no row has, so that joined pieces and one call over all write the same."""
    return panel[[name for name in panel.columns if not name.endswith(RANGE_ENDS) or panel[name].notna().any()]]


def withholds_weights(panel: Panel) -> bool:
    """Say whether `weights.csv` stays inside: rows of people are never written out."""
    return panel.layout == "cross_sections"
