"""Who stands in a line of the flow of units, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.reading import unit_labels, unit_words
from sos_eval.report.wording import count, in_units

__all__ = ["in_names", "left_out", "who"]

#: Steps whose names are periods, whatever they cost in units.
_PERIODS = ("window", "omit_times", "periods")


def who(row: pd.Series, labels: Mapping[str, str]) -> str:
    """Return whom or which periods a line names, units by their names."""
    names = str(row["names"])
    return in_names(names, labels) if row["units"] and row["step"] not in _PERIODS else names


def in_names(text: str, labels: Mapping[str, str]) -> str:
    """Return units by their names, what is in brackets after one (periods) as it is.

    Examples
    --------
    >>> in_names("825 (2011, 2012), 886 and 3 more", {"825": "Buckinghamshire", "886": "Kent", "2011": "no unit"})
    'Buckinghamshire (2011, 2012), Kent and 3 more'
    """
    parts = re.split(r"( \([^()]*\)|, | and \d+ more$)", text)
    return "".join(labels.get(part, part) for part in parts)


def left_out(bundle: ResultBundle) -> pd.DataFrame:
    """Return the units that take no part: who, how many, why; those that go with a period are named by it."""
    flow, labels, (one, many) = bundle.flow, unit_labels(bundle), unit_words(bundle)
    gone = flow[(flow["what"] == "dropped") & (flow["units"] > 0) & flow["names"].notna()]
    rows = [
        {
            "Who": f"those of {who(row, labels)} only" if row["step"] in _PERIODS else who(row, labels),
            "How many": count(row["units"], one, many),
            "Why": in_units(str(row["reason"]), (one, many)),
        }
        for _, row in gone.iterrows()
    ]
    return pd.DataFrame(rows, columns=["Who", "How many", "Why"], dtype=object)
