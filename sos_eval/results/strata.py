"""What methods say that cannot carry stratum-by-period effects."""

from __future__ import annotations

from sos_eval.panel.panel import Panel

__all__ = ["NO_STRATA", "without_strata"]

NO_STRATA = "effects of strata by period are no part of this method: the estimate is not made within strata"


def without_strata(panel: Panel) -> tuple[str, ...]:
    """Say that an estimate is not made within the panel's strata; nothing where it has none.

    Examples
    --------
    >>> NO_STRATA.partition(":")[0]
    'effects of strata by period are no part of this method'
    """
    return (NO_STRATA,) if panel.stratified else ()
