"""Which units the headline's synthetic control is made of."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.content import Block, Table, Text
from sos_eval.report.reading import placed, unit_labels, unit_words, why_missing
from sos_eval.report.wording import alike, count

__all__ = ["donor_weights"]

#: Most donors of a start, and most lines, on the page.
_OF_A_START, _LINES = 10, 30


def donor_weights(bundle: ResultBundle) -> list[Block]:
    """Return the donors with most weight by start, or why they are not told; nothing where donors are not weighed."""
    key = bundle.facts.headline
    name = f"{key.estimator}.{key.outcome}.donors"
    if name not in bundle.table_names:
        why = why_missing(bundle, name, "")
        return [Text(f"Which of them carry the weight is not shown: {why}.")] if why else []
    table = placed(bundle, bundle.tables(name))
    several = len(table["cohort"].unique()) > 1
    rows = table.groupby("cohort").head(_OF_A_START).head(_LINES)
    names = unit_labels(bundle)
    frame = pd.DataFrame({
        "Start": [bundle.facts.panel.written(start) for start in rows["cohort"]],
        unit_words(bundle)[0].capitalize(): [names.get(str(unit), str(unit)) for unit in rows["unit"]],
        "Weight": alike(rows["weight"].tolist()),
    }, dtype=object)  # fmt: skip
    caption = f"Weights of donors, the largest first (tables/{name}.csv)"
    if len(rows) < len(table):
        caption = f"{caption[:-1]}: {count(len(table) - len(rows), 'further line')})"
    return [Table(frame if several else frame.drop(columns="Start"), caption)]
