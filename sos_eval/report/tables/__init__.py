"""Tables of the report, one function each."""

from sos_eval.report.tables import balance, diagnostics, effects, flow, headline

__all__ = ["balance", "diagnostics", "effects", "flow", "headline"]
