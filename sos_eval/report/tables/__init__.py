"""Tables of the report, one function each."""

from sos_eval.report.tables import balance, converted, diagnostics, effects, flow, headline, models

__all__ = ["balance", "converted", "diagnostics", "effects", "flow", "headline", "models"]
