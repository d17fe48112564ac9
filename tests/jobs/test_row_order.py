"""Rows of people are matched, dealt and imputed alike whatever the order of their file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.comparison.people import People
from sos_eval.comparison.people_chance import nearest_factors
from sos_eval.estimators import MatchedDiD
from sos_eval.jobs.run import run
from tests.comparison.people_panel import many
from tests.comparison.test_people import built
from tests.conftest import without_pages
from tests.jobs.children import children, laid_down

EVENTS = {
    "date": "day", "until": "2017-03-31",
    "derive": {"before": {"previous": "y", "by": ["sex"]}, "later": {"next": "day", "by": ["sex"]},
               "again": {"within": 2, "after": "day", "event": "later"}, "stay": {"years": ["day", "end"]}},
}  # fmt: skip
MEANS = {"layout": "panel", "covariates": [], "events": {**EVENTS, "means": ["again", "stay"]}}


def files_of(folder, *arguments, frame, **more):
    """Run on a table, and return what it says of estimates and of its rows, as bytes."""
    with without_pages():
        run(laid_down(folder, *arguments, frame, **more), out=folder / "out")
    return {name: (folder / "out" / name).read_bytes() for name in ("estimates.csv", "flow.csv", "balance.csv")}


@pytest.mark.parametrize(
    ("people", "panel"),
    [
        ({"method": "nearest", "on": ["sex", "group"], "ratio": 2}, {}),
        ({"method": "nearest", "on": ["age", "sex"], "model": "forest", "folds": 2, "person": "child_id"}, {}),
        ({"method": "ipw", "on": ["age", "sex"], "model": "boosting", "folds": 2, "trim_chance": [0.01, 0.99]}, {}),
        ({"method": "cem", "on": ["age", "group"], "cutpoints": {"age": [5]}}, {"imputation": {"number": 2}}),
        (
            {"method": "exact", "on": ["sex"]},
            {"events": EVENTS, "covariates": ["before"], "outcome": {"value": "again"}},
        ),
    ],
    ids=["nearest", "forest", "boosting", "imputation", "events of a day"],
)  # fmt: skip
def test_a_shuffled_file_gives_the_same_bytes(people, panel, tmp_path):
    frame = children(n=700, gaps=0.1 if "imputation" in panel else 0.0)
    frame["y"] = frame["y"].round(0)  # ties of the outcome too
    shuffled = frame.sample(frac=1, random_state=5)
    one, other = (
        files_of(tmp_path / name, people, frame=table, panel=panel)
        for name, table in (("filed", frame), ("shuffled", shuffled))
    )
    assert one == other


def test_what_one_entry_reads_moves_no_other_entry(tmp_path):
    """A column that a second entry matches on, and a second's own clusters, leave the first as it is imputed alone."""
    frame = children(n=700, gaps=0.1)
    frame["extra"] = np.arange(len(frame)) % 3
    people = {"method": "cem", "on": ["age", "group"], "cutpoints": {"age": [5]}}
    first = {"id": "primary", "method": "matched_did"}
    again = {**first, "id": "again", "role": "sensitivity"}
    told = []
    for more in ([], [{**again, "with": {"comparison.people.on": ["age", "extra"]}}],
                 [{**again, "with": {"panel.cluster": "child_id"}}]):  # fmt: skip
        folder = tmp_path / f"{len(told)}"
        with without_pages():
            file = laid_down(
                folder, people, frame=frame, panel={"imputation": {"number": 2}}, estimators=[first, *more]
            )
            run(file, out=folder / "out")
        told.append(pd.read_csv(folder / "out" / "estimates.csv").set_index("estimator")[["estimate", "std_error"]])
    for other in told[1:]:
        pd.testing.assert_frame_equal(other.loc[["primary"]], told[0])
    # its own clusters change errors alone
    assert told[2].loc["again", "estimate"].tolist() == told[0]["estimate"].tolist()
    assert told[2].loc["again", "std_error"].tolist() != told[0]["std_error"].tolist()


def test_means_of_events_are_the_same_bytes(tmp_path):
    """Sums of floating numbers follow the order of their terms, and what came before is settled within a day."""
    from sos_eval.design.design import load_design
    from sos_eval.jobs.steps import load_panels

    frames, notes = [], []
    for seed in (None, 4):
        table = children() if seed is None else children().sample(frac=1, random_state=seed)
        file = laid_down(tmp_path / f"{seed}", {}, table, panel={**MEANS, "outcome": {"value": "stay"}},
                         comparison="none", estimators=[{"id": "primary", "method": "twfe"}])  # fmt: skip
        panel = load_panels(load_design(file))["primary"]
        frames.append(panel.frame["outcome"].to_numpy().tobytes())
        notes.append([row for row in panel.flow if row.step == "events of a day"])
    assert frames[0] == frames[1]
    assert notes[0] == notes[1]
    table = children()
    apart = table.sort_values(["sex", "day"]).groupby(["sex", "day"])["y"].nunique()
    assert notes[0][0].rows >= (apart > 1).sum() > 0
    assert notes[0][0].reason == "before: rows of a person and day differ in y; which comes first is settled by lot"


def test_rows_of_a_chance_are_taken_by_lot_and_of_every_place():
    """One treated row and nine alike: each is taken in its turn, as often as the others give or take chance."""
    arm, chance = np.arange(10) == 0, np.full(10, 0.5)
    taken = np.array([
        nearest_factors(chance, np.zeros(10, np.intp), arm, ratio=1, caliper=None, deal=deal) for deal in range(900)
    ])  # fmt: skip
    assert (taken[:, 0] == 1).all()
    assert (taken.sum(1) == 2).all()
    counts = taken[:, 1:].sum(0)
    assert np.sum((counts - 100) ** 2 / 100) < 26.1  # chi-square of 8 degrees, one in a thousand


def test_ties_by_lot_lie_about_what_all_tied_rows_say():
    """On categories alone exact matching takes every tied row; pairs by lot scatter about its estimate."""
    panel = many(n=1600)
    every = MatchedDiD().complete(built(panel=panel, on=("kind",)).panel).values[0]
    lots = [
        MatchedDiD().complete(built(panel=panel, method="nearest", on=("kind",), deal=deal).panel).values[0]
        for deal in range(30)
    ]
    error = np.std(lots, ddof=1) / np.sqrt(len(lots))
    assert abs(np.mean(lots) - every) < 3.5 * error + 0.02
    assert error > 0


def test_the_order_follows_no_column_and_no_outcome():
    """Neither the outcome nor a covariate rises with the place among rows of an authority and period."""
    from sos_eval.panel.one_order import in_one_order

    panel = in_one_order(many(n=4000))
    frame = panel.frame
    within = frame.groupby(["unit", "time"], sort=False)
    place = within.cumcount() / within["x"].transform("size")
    for name in ("outcome", "x", "event_day"):
        far = frame[name] - within[name].transform("mean")
        assert abs(np.corrcoef(place, far)[0, 1]) < 3.3 / np.sqrt(len(frame))
    again = in_one_order(panel.changed().with_columns(outcome=frame["outcome"] * -3))
    pd.testing.assert_frame_equal(again.frame.drop(columns="outcome"), frame.drop(columns="outcome"))


def test_lots_are_of_the_methods_that_draw():
    with pytest.raises(ValueError, match="go with method: nearest or ipw"):
        People(on=("x",), deal=2)
