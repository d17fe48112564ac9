"""A check that is declared several times keeps every table, under a name that says what differs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.checks import HonestDiD, LeaveOneOut, Robustness, SuppressionBounds
from sos_eval.checks.alternatives import Alternative, LeaveOut
from sos_eval.jobs.apart_names import told_apart
from sos_eval.jobs.run import run
from sos_eval.report.figures.honest_did import data
from sos_eval.results.check import CheckResult
from tests.conftest import without_pages

DESIGN = """\
schema: sos-eval/design/1
name: lots
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcome: {value: y}
  treatment: {first_treated: start, untreated_means: never}
comparison: {method: none}
estimators: [{id: primary, method: twfe}]
inference: [{method: randomization, draws: 99}]
checks:
  - honest_did: {draws: 99, values: [1], grid_points: 200}
  - leave_one_out
  - honest_did: {draws: 99, values: [1], grid_points: 200, target: 1}
  - honest_did: {draws: 99, values: [1], grid_points: 200, sign: negative}
  - honest_did: {draws: 99, values: [1], restriction: smoothness}
seed: 1
"""


def results(*names):
    return [CheckResult(name, "x", 1.0, "") for name in names]


def names(checks, place, made, known):
    return [one.name for one in told_apart(checks, place, results(*made), set(known))]


def test_by_what_differs_from_the_first_of_that_name():
    bounds = [SuppressionBounds(low="a", high="b", complete=one) for one in (False, True, True)]
    assert names(bounds, 0, ["suppression_bounds"], ()) == ["suppression_bounds"]
    known = ["suppression_bounds"]
    assert names(bounds, 1, ["suppression_bounds"], known) == ["suppression_bounds@complete_true"]
    known.append("suppression_bounds@complete_true")
    assert names(bounds, 2, ["suppression_bounds"], known) == ["suppression_bounds@complete_true_3"]
    # the same again: its place; another check's results, and those of another restriction, keep their names
    assert names([bounds[0], bounds[0]], 1, ["suppression_bounds"], known[:1]) == ["suppression_bounds@2"]
    varied = [
        Robustness(vary=(Alternative(start=-1),)),
        Robustness(
            vary=(Alternative(label="less A33", leave_out=LeaveOut(highest="idaci", units=2)), Alternative(start=1))
        ),
        Robustness(starts=(2013.0, 2014.0), windows=({"from": 2011.0, "to": 2016.0},)),
    ]
    said = [names(varied, k, ["robustness"], ["robustness"]) for k in (1, 2)]
    assert said[0] == ["robustness@vary_less_A33_start_1_period_later"]  # by their labels, not as Python writes them
    assert said[1] == ["robustness@starts_2013_2014_windows_from_2011_to_20"]
    paths = [HonestDiD(), LeaveOneOut(), HonestDiD(restriction="smoothness"), HonestDiD(values=(0.5, 1.0), target=2)]
    known = ["honest_did.relative_magnitudes", "honest_did.relative_magnitudes.size"]
    assert names(paths, 1, ["leave_one_out"], known) == ["leave_one_out"]
    assert names(paths, 2, ["honest_did.smoothness"], known) == ["honest_did.smoothness"]
    assert names(paths, 3, known, known) == [f"{one}@values_0_5_1_target_2" for one in known]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Twelve units, four treated from the fifth of seven periods on."""
    folder = tmp_path_factory.mktemp("apart")
    y = np.random.default_rng(4).normal(10, 1, (12, 7))
    y[:4, 4:] += 3
    pd.DataFrame({
        "la": np.repeat([f"u{i:02d}" for i in range(12)], 7), "year": np.tile(np.arange(2001, 2008), 12),
        "y": y.ravel(), "start": np.repeat([2005] * 4 + [0] * 8, 7),
    }).to_csv(folder / "p.csv", index=False)  # fmt: skip
    (folder / "d.yaml").write_text(DESIGN, encoding="utf-8")
    with without_pages():
        return run(folder / "d.yaml", out=folder / "out")


def test_every_entry_has_its_lines_its_table_and_its_panel_of_the_figure(bundle):
    own = "honest_did.relative_magnitudes"
    entries = [own, f"{own}@target_1", f"{own}@sign_negative"]
    lines = bundle.diagnostics["name"].tolist()
    assert [lines.count(one) for one in entries] == [1, 1, 1]
    tables = [bundle.tables(one) for one in [*entries, "honest_did.smoothness"]]
    assert [table["target"].iloc[0] for table in tables] == ["average", "event time 1", "average", "average"]
    assert [str(table["sign"].iloc[0]) for table in tables] == ["nan", "nan", "negative", "nan"]
    assert len({tuple(table["low"]) for table in tables}) == 4
    text = bundle.diagnostics.set_index("name")["text"]
    assert "This takes as sure that a divergence is negative after the start." in text[entries[2]]
    assert "takes as sure" not in text[own]
    shown = data(bundle).drop_duplicates("entry").set_index("entry")
    assert list(shown.index) == [*entries, "honest_did.smoothness"]
    assert list(shown["taken"]) == ["", "event time 1", "negative for sure", ""]
    for one, table in zip(entries, tables, strict=False):
        assert shown["text"][one] == text[one]
        assert data(bundle).query("entry == @one")["low"].tolist() == table["low"].tolist()
