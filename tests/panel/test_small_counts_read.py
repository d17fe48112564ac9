"""Small counts that are replaced before anything reads them: notes, refusals, denominators and weights hang on none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import DataFault, Faults
from sos_eval.panel.flow import flow_table, without_told_counts
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.small_counts import read_at_middle
from tests.panel.small import SmallDesign, table

CELLS = [3, 11, 20, 27]


def loaded(folder, counts, **changes):
    """Load the small panel at the middle with some counts in its cells, and columns that are changed."""
    small = SmallDesign(folder)
    own = table().assign(children=400)
    for name, values in changes.pop("columns", {}).items():
        own[name] = own[name].astype(float) if name in own else 10.0
        own.loc[CELLS, name] = values
    own["entries"] = own["entries"].astype(float)
    own.loc[CELLS, "entries"] = counts
    small.block = {key: value for key, value in (small.block | changes).items() if value is not None}
    small.data = own
    return small.load(middle_below=6)


def same(one, other):
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert flow_table(one).equals(flow_table(other))
    assert one.caveats == other.caveats


@pytest.mark.parametrize(
    ("counts", "others", "changes"),
    [
        ([2, 3, 4, 1], [5, 5, 5, 5], {"columns": {"children": 4}}),  # more than there are, or not: no note tells
        ([2.5, 4, 1, 1], [2, 4, 1, 5], {}),  # parts of people
        ([1, 2, 1, 1], [2, 1, 2, 2], {"columns": {"children": 2}}),  # never more than the denominator
        ([6, 6, 6, 6], [1, 2, 3, 5], {"columns": {"children": 7}}),  # of seven six leaves one
        ([1, 2, 3, 4], [5, 4, 3, 1], {"weight": "entries", "covariates": ["entries"]}),
        ([1, 2, 3, 4], [5, 4, 3, 2],
         {"outcomes": {"again": {"count": "again", "exposure": "entries", "per": 100},
                       "entry": {"count": "entries", "exposure": "children", "per": 100}},
          "outcome": None, "columns": {"again": 0}}),
    ],
)  # fmt: skip
def test_panels_that_differ_in_protected_counts_alone_are_one(counts, others, changes, tmp_path):
    made = [loaded(tmp_path, one, **dict(changes)) for one in (counts, others)]
    same(*made)


def test_nought_and_denominators_stay(tmp_path):
    frame = loaded(tmp_path, [0, 0, 1, 5], columns={"children": [1, 2, 1, 2]}).frame
    small = frame[frame["exposure"] < 10]
    assert small["exposure"].tolist() == [1, 2, 1, 2]
    assert small["count"].tolist() == [0, 0, 1, 2]


def test_cells_keep_their_form():
    """Text stays text, symbols and other numbers stay as they are written; a denominator is read before its counts."""
    frame = pd.DataFrame({"a": ["1,204", "4", "c", ""], "b": [1, 9, 8, np.nan]})
    quiet = Faults(DataFault)
    made = read_at_middle(Reading(frame, "x", quiet), [("b", "a"), ("a", "c")], 6).frame
    assert made["a"].tolist() == ["1,204", "3", "c", ""]
    assert made["b"].tolist()[:3] == [3, 9, 8]
    assert not quiet.found


def test_a_note_on_odd_counts_tells_neither_how_many_nor_where(tmp_path):
    """Judged too: of four cells of one denominator the number of rows said that each counted five."""
    small = SmallDesign(tmp_path)
    own = small.data
    own["entries"] = own["entries"].astype(float)
    own.loc[CELLS, "entries"] = 2.5
    panel = small.load()
    every = (panel, without_told_counts(panel))
    noted = [flow_table(one).set_index("step").loc["count as written"] for one in every]
    assert noted[0]["rows"] == 4
    assert noted[0]["names"]
    assert (noted[1]["units"], noted[1]["rows"], noted[1]["names"]) == (0, 0, "")
    assert noted[1]["reason"] == noted[0]["reason"]
