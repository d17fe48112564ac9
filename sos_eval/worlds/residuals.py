"""Residuals of a real panel as a world's noise: whole histories of authorities, so that serial correlation stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import MinLen
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.errors import DataFault, Fault
from sos_eval.worlds.real_panel import RealPanel, real_authorities

__all__ = ["Residuals", "read_residuals", "resample"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Residuals(Declared):
    """A CSV file with a row per authority and period. Authorities with a gap in the world's times are left out."""

    path: Annotated[str, MinLen(1)]
    """The file, relative to the world's."""
    unit: str
    """Column of authorities."""
    time: str
    """Column of periods."""
    count: str
    """Column of the counted outcome."""
    exposure: str
    """Column of children at risk."""
    exclude: tuple[str, ...] = ()
    """Authorities left out, e.g. those whose shocks the world declares itself."""


def read_residuals(spec: Residuals, times: Array, per: float) -> Array:
    """Return log rates less authority and period effects, (real authorities, n_times).

    Raises
    ------
    DataFault
        The file is at fault, or a count is zero.
    """
    panel = RealPanel(spec.path, spec.unit, spec.time, spec.count, spec.exposure, exclude=spec.exclude)
    (rates,) = real_authorities(panel, times, per, "outcome.residuals")[2]
    if (rates <= 0).any():
        what = "outcome.residuals: a count of zero has no logarithm"
        raise DataFault(Fault(spec.path, what, "write that authority in outcome.residuals.exclude"))
    logs = np.log(rates)
    return np.asarray(logs - logs.mean(1, keepdims=True) - logs.mean(0) + logs.mean())


def resample(residuals: Array, expected: Array, exposure: Array, rng: np.random.Generator) -> Array:
    """Draw counts, (reps, n, n_times): expected ones times a real authority's history of residuals, rounded.

    ``y_it = round(mu_it exp(e_jt) / mean over j of exp(e_jt))``, j drawn for every authority with replacement, the same
    in all periods. Real residuals hold the noise of counting already, so that none is added.

    Parameters
    ----------
    residuals : (real authorities, n_times)
        From `read_residuals`.
    expected : (reps, n, n_times)
        Rates.
    exposure : (n, n_times)
        Children over the scale of the rate.
    """
    factors = np.exp(residuals)
    factors /= factors.mean(0)
    whose = rng.integers(len(factors), size=expected.shape[:2])
    return np.asarray(np.round(expected * exposure * factors[whose]))
