"""What page one says of methods that answer less, or something else, than the average over all that started."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from sos_eval.jobs.run import run
from tests.conftest import without_pages

DESIGN = """\
schema: sos-eval/design/1
name: words
question: {{intervention: the practice, outcome: children entering care}}
panel:
  source: csv
  path: p.csv
  unit: la
  time: year{more}
  outcome: {{value: rate}}
  treatment: {{{treatment}, untreated_means: never}}
estimators: [{{id: primary, method: {method}}}]
inference: [{inference}]
checks: [{checks}]
seed: 1
"""
LOTS = "{method: randomization, draws: 19, interval: none}"
START = "first_treated: start"


def table(periods=10, others=12):
    """Six units start in 2015 and 2017 (half are eligible), the rest never; all move by noise alone."""
    rng, rows = np.random.default_rng(3), []
    for i in range(6 + others):
        start = (2015 if i % 2 else 2017) if i < 6 else 0
        level = rng.normal(50, 3)
        for year in range(2010, 2010 + periods):
            on = int(0 < start <= year)
            rows.append((f"u{i:02d}", year, level + rng.normal(), start or "", i % 3 == 0, on * (0.3 + 0.1 * i), on, 1))
    names = ["la", "year", "rate", "start", "eligible", "dose", "on", "w"]
    return pd.DataFrame(rows, columns=names).astype({"eligible": int})


def said(folder, made, method, *, treatment=START, more="", inference=LOTS, checks=""):
    made.to_csv(folder / "p.csv", index=False)
    text = DESIGN.format(method=method, treatment=treatment, more=more, inference=inference, checks=checks)
    (folder / "d.yaml").write_text(text, encoding="utf-8")
    with without_pages():
        return run(folder / "d.yaml", out=folder / "out", force=True).headline


def test_a_triple_difference_says_that_it_is_one_and_counts_all_that_started(tmp_path):
    made = table(periods=7, others=4).assign(start=lambda made: made["start"].replace(2017, 2015))
    made.loc[made["la"] == "u01", "start"] = 2010  # one of the six has no period before
    head = said(tmp_path, made, "triple_difference", checks="{path: {draws: 99}}", inference="analytic")
    assert (
        "it is a triple difference: from the change of these, who are eligible, that of 3 others with a recorded "
        "start, who are not, is taken off, each against comparison authorities of their kind (2 eligible, 2 not)"
    ) in head["basis"]
    assert head["basis"].startswith("The answer rests on 2 authorities with a recorded start of the practice, ")
    assert "1 of 6 with a recorded start is left out, because they had begun in the first period" in head["basis"]
    assert "had it gone on, as eligible and other authorities each moved, it alone would" in head["earlier_path"]


def test_what_a_dose_adds_stands_on_page_one_with_what_it_rests_on(tmp_path):
    head = said(tmp_path, table(), "continuous_did", treatment=f"{START}, dose: dose")
    rows = pd.read_csv(tmp_path / "out" / "estimates.csv")
    slope = rows[rows["subgroup"] == "average causal response"].iloc[0]
    doses = [float(name[5:]) for name in rows["subgroup"].dropna() if name.startswith("dose ")]
    assert head["basis"].endswith(
        f"; the answer averages over the doses that they had; 1 more of the dose would make it "
        f"{abs(slope['estimate']):.2f} {'higher' if slope['estimate'] > 0 else 'lower'} (p = {slope['p_value']:.2f})"
        f", where its curve goes from a dose of {min(doses):.3f} to {max(doses):.3f}, "
        "if at the same dose all would have had the same effect, which cannot be tested (strong parallel trends)."
    )


def test_a_first_switch_that_was_taken_back_is_told(tmp_path):
    made = table()
    made.loc[(made["la"] == "u01") & (made["year"] >= 2018), "on"] = 0
    method = "dechaisemartin_dhaultfoeuille"
    head = said(tmp_path, made, method, treatment="status: on, absorbing: false")
    assert "; in 1 of the 6 treatment stopped again: the effect is of the first start, whatever" in head["basis"]
    assert "stopped again" not in said(tmp_path, table(), method, treatment="status: on")["basis"]


def test_a_window_that_cuts_the_answer_short_is_told(tmp_path):
    head = said(tmp_path, table(), "stacked")
    assert "averages only the first 3 periods from each start on (window: event times −5 to 2)" in head["basis"]
    notes = "".join(path.read_text() for path in (tmp_path / "out").glob("results.json"))
    assert "window: event times -5 to 2" in notes
    together = table().assign(start=lambda made: made["start"].replace(2017, 2015))
    assert "averages only" not in said(tmp_path, together, "stacked")["basis"]


def test_who_started_and_has_no_weight_is_counted_as_left_out(tmp_path):
    made = table().assign(w=lambda made: 1 - made["la"].isin(["u03", "u09"]))
    head = said(tmp_path, made, "callaway_santanna", more="\n  weight: w")
    assert "1 of 6 with a recorded start is left out, because they had no weight in any period" in head["basis"]


@pytest.mark.filterwarnings("error")
def test_a_series_alone_is_compared_with_nobody_and_says_so(tmp_path):
    made = table(periods=18, others=0).assign(start=2019)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        head = said(tmp_path, made, "interrupted_time_series", inference="{method: newey_west}")
    assert (
        "compared with nobody, so that whatever else changed at the start is in the answer, years 2010 to 2027"
        in head["basis"]
    )
    assert "those they are compared with" not in "".join(head["caveats"])


def test_a_path_that_weights_are_fitted_to_is_told_without_what_it_would_do(tmp_path):
    head = said(tmp_path, table(), "synthetic_did", checks="{path: {draws: 99}}")
    assert head["earlier_path"].startswith("Before the start the outcome moved ")
    assert "gone on" not in head["earlier_path"]
    assert "returned" not in head["earlier_path"]
    assert not any("gone on" in row["what"] for row in head["converted"])
    rows = pd.read_csv(tmp_path / "out" / "diagnostics.csv").set_index("name")
    assert rows.loc["path.gone_on", "text"].startswith("Not done: its weights are fitted to the earlier periods")


def test_what_page_one_says_of_the_path_goes_by_the_methods_window(tmp_path):
    """A line that all treated are on: the period of the start alone is one step off, the mean of it and two more two.

    With the short window those that start in 2015 are compared with three of fifteen that start in 2017 and move alike.
    """
    made = table()
    made["rate"] += 2.0 * (made["year"] - 2010) * (made["start"] != "")
    heads = [
        said(tmp_path, made, f"stacked, window: [-3, {last}]", checks="{path: {draws: 99}}")["earlier_path"]
        for last in (0, 2)
    ]
    steps = [
        float(re.search(r"had it gone on, it alone would make the answer ([\d.]+) higher", one)[1]) for one in heads
    ]
    assert steps[0] / (0.5 * (1 - 3 / 15) + 0.5) == pytest.approx(steps[1] / 2, rel=0.04)  # told to two digits
