"""Tables of the report, one function each."""

from sos_eval.report.tables import (
    balance,
    converted,
    diagnostics,
    effects,
    event_study,
    flow,
    headline,
    models,
    procedures,
)

__all__ = ["balance", "converted", "diagnostics", "effects", "event_study", "flow", "headline", "models", "procedures"]
