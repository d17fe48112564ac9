"""`flow.csv`: what was kept, what was dropped, and why."""

from __future__ import annotations

from dataclasses import astuple, replace

import pandas as pd

from sos_eval.panel.own_names import MATCHED_ROWS
from sos_eval.panel.panel import FlowRow, Panel
from sos_eval.terms import FLOW_COLUMNS

__all__ = [
    "COUNTS_AS_WRITTEN", "EXCLUDED_EPISODES", "LACKING", "NOT_READ", "NOT_WHOLE", "flow_table", "without_told_counts",
]  # fmt: skip

#: Steps of a panel that was read from returns or published tables: what their rules exclude (`rows` counts episodes of
#: children, so that a profile masks it), what was left unread, measures that a file lacks, areas that lack a part.
EXCLUDED_EPISODES, NOT_READ, LACKING, NOT_WHOLE = "excluded episodes", "not read", "lacking", "areas not whole"
#: The step that tells of counts above their denominators, or of parts of people.
COUNTS_AS_WRITTEN = "count as written"


def flow_table(panel: Panel) -> pd.DataFrame:
    """Lay out the flow of units and rows: the start, every drop and note in order, and what is left.

    Returns
    -------
    DataFrame
        Columns `FLOW_COLUMNS`. ``dropped`` rows are gone; ``noted`` rows are still there. The end counts rows as they
        were read, so that start, drops and end add up; matched rows that serve several sets are told apart.
    """
    n_rows = int(panel.frame[MATCHED_ROWS].nunique()) if MATCHED_ROWS in panel.frame else panel.n_rows
    reason = f"{int(panel.ever_treated.sum())} treated and {int((~panel.ever_treated).sum())} untreated units"
    if n_rows < panel.n_rows:
        reason += f"; {panel.n_rows} rows with those that serve several sets counted in each"
    end = FlowRow("end", "kept", panel.n_units, n_rows, "", reason)
    return pd.DataFrame([astuple(row) for row in (*panel.flow, end)], columns=list(FLOW_COLUMNS))


def without_told_counts(panel: Panel) -> Panel:
    """Return the panel, its flow without how many counts are odd and where: of a small one that may be all there is."""
    flow = [replace(row, units=0, rows=0, names="") if row.step == COUNTS_AS_WRITTEN else row for row in panel.flow]
    return panel.changed(flow=tuple(flow))
