"""Whom each row of an estimate rests on: who serves as control in it, and how many it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from sos_eval.results.estimate import overall_place
from sos_eval.results.fitted import Fitted

__all__ = ["Resting"]

Names = frozenset[str]
Sizes = tuple[int, int]

#: What an estimate hangs on less than this, beside the unit that it hangs on most, is arithmetic.
_CLOSE = 1e-9
_KEYS = ("aggregation", "cohort", "time", "event_time", "subgroup")


@dataclass(frozen=True, slots=True)
class Resting:
    """The units that rows of an estimate rest on, as the estimate itself says.

    Attributes
    ----------
    controls
        By row, the units that move it (that have an influence on it) and are not treated in it: of a start's rows all
        that do not begin with it, of others those that never start. Not of rows without an influence.
    overall
        Treated and other units of the overall row, as it counts them; None where there is none.
    """

    controls: Mapping[tuple[str, ...], Names] = field(default_factory=dict)
    overall: Sizes | None = None

    @classmethod
    def of(cls, fitted: Fitted) -> Self:
        """Return those of an estimate of units; of rows of people nothing is kept."""
        estimate, panel = fitted.estimate, fitted.panel
        if panel.layout != "panel":
            return cls()
        at = overall_place(estimate.cells, np.isfinite(estimate.values))
        treated, every = (0, 0) if at is None else estimate.cells[["n_treated_units", "n_units"]].iloc[at].astype(int)
        overall = None if at is None else (int(treated), int(every - treated))
        if estimate.influence is None:
            return cls(overall=overall)
        size, names = np.abs(estimate.influence), panel.units.astype(str)
        known = np.isfinite(size).all(axis=0) & (size.max(axis=0) > _CLOSE * np.nanmax(np.abs(panel.matrix())))
        keys = estimate.cells[list(_KEYS)].astype(str).itertuples(index=False, name=None)
        starts = estimate.cells["cohort"].to_numpy(float)
        found: dict[tuple[str, ...], Names] = {}
        for k, key in enumerate(keys):
            if known[k]:
                begins = panel.ever_treated if np.isnan(starts[k]) else panel.first_treated == starts[k]
                moves = ~begins & (size[:, k] > _CLOSE * size[:, k].max())
                found[key] = found.get(key, frozenset()) | frozenset(names[moves])
        return cls(found, overall)

    def near(self, other: Resting, fewest: int) -> bool:
        """Whether a row of both has other controls, or the overall row counts others, by fewer than may be told."""
        shared = self.controls.keys() & other.controls.keys()
        if any(0 < len(self.controls[key] ^ other.controls[key]) < fewest for key in shared):
            return True
        sizes = zip(self.overall or (), other.overall or (), strict=False)
        return any(0 < abs(mine - theirs) < fewest for mine, theirs in sizes)
