"""What a check returns: data first, a sentence second."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import pandas as pd

from sos_eval.errors import Faults, numeral
from sos_eval.results.members import Members
from sos_eval.results.method import Method

if TYPE_CHECKING:
    from sos_eval.results.comparison import Comparison
    from sos_eval.results.fitted import Fitted

__all__ = ["EACH", "ENTRY", "Check", "CheckResult", "at_most", "of_hundred"]

#: Stands in a result's name between the check's own and what tells a further declaration of it apart.
ENTRY = "@"
#: How a path went on where an estimate sets eligible units against others.
EACH = "as eligible and other units each moved"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of `diagnostics.csv`, and what stands behind it.

    Attributes
    ----------
    name
        The check, e.g. ``pretrends.joint``.
    statistic
        What `value` is: ``p_value``, ``slope`` …
    value
        NaN where it does not exist; `text` says why.
    threshold
        Declared by the user; NaN where the check only informs.
    passed
        True, False, or None: informs, or cannot be judged.
    table
        The numbers behind it; written to ``tables/<name>.csv`` by the run, a figure may read it from there.
    text
        One sentence in plain English.
    behind
        Per row of `table`, the units of every estimate that went into it; empty where they are not known. The gate
        reads them and nobody writes them.
    """

    name: str
    statistic: str
    value: float
    text: str
    threshold: float = np.nan
    passed: bool | None = None
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    behind: tuple[tuple[Members, ...], ...] = ()


class Check(Method):
    """A check of a fitted estimator. Options are its fields; without a declared threshold it informs."""

    kind: ClassVar[str] = "check"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the user's table that the panel has to carry for this check."""
        return ()

    def with_files(self, base: Path, where: str, faults: Faults) -> Self:
        """Return the check with what its files hold, beside the design file."""
        return self

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Check; re-estimate only through ``fitted.refit``."""
        raise NotImplementedError

    def foreseen(self, comparison: Comparison) -> str:
        """Say why the comparison group leaves nothing to check, before anything is estimated; empty where it may."""
        return ""

    def unfit(self, fitted: Fitted) -> str:
        """Say why an estimate leaves nothing to check, before anything else is made of it; empty where it may."""
        return ""


def at_most(value: float, digits: int = 2) -> str:
    """Return a number above zero to so many digits, rounded down: up to there something held.

    Examples
    --------
    >>> at_most(0.4988), at_most(0.5), at_most(1.279), at_most(0.0)
    ('0.49', '0.5', '1.2', '0')
    """
    if not (np.isfinite(value) and value > 0):
        return numeral(value, digits)
    step = 10.0 ** (int(np.floor(np.log10(value))) - digits + 1)
    return numeral(float(np.floor(value / step * (1 + 1e-12)) * step), digits)


def of_hundred(share: float) -> str:
    """Return a share as so many of 100, in whole ones.

    Examples
    --------
    >>> of_hundred(0.29), of_hundred(0.105), of_hundred(0.0012), of_hundred(0.997)
    ('29 of 100', '11 of 100', 'fewer than 1 of 100', 'more than 99 of 100')
    """
    if np.isnan(share):
        return "an unknown number of 100"
    if share < 0.01:
        return "fewer than 1 of 100"
    return "more than 99 of 100" if share > 0.99 else f"{int(100 * share + 0.5 + 1e-9)} of 100"
