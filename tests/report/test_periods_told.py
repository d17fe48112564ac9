"""What a period is, on page one: years where numbers can be years, what is declared, else periods."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.jobs.run import run
from sos_eval.report.alt_words import alt_words
from sos_eval.report.figures.adoption import plot as adoption
from sos_eval.report.figures.outcome_paths import plot as outcome_paths
from tests.conftest import without_pages

DESIGN = """\
schema: sos-eval/design/1
name: halves
question: {{intervention: the practice, outcome: children entering care}}
panel:
  source: csv
  path: p.csv
  unit: la
  time: half
  outcome: {{count: entries, exposure: children, per: 10000, label: Children entering care}}
  treatment: {{first_treated: start, untreated_means: never}}{more}
estimators: [{{id: primary, method: twfe}}]
inference: [{{method: randomization, draws: 99}}]
seed: 1
"""


def ran(folder, periods, more=""):
    rng = np.random.default_rng(4)
    rows = [
        (f"u{i:02d}", period, int(rng.poisson(60)), 20_000 + 100 * i, str(periods[5]) if i < 8 else "")
        for i in range(20)
        for period in periods
    ]
    pd.DataFrame(rows, columns=["la", "half", "entries", "children", "start"]).to_csv(folder / "p.csv", index=False)
    (folder / "d.yaml").write_text(DESIGN.format(more=more), encoding="utf-8")
    with without_pages():
        return run(folder / "d.yaml", out=folder / "out", force=True)


@pytest.mark.parametrize(
    ("first", "more", "every", "span"),
    [
        (1, "", "a period", "periods 1 to 8"),
        (1, "\n  period: quarter", "a quarter", "quarters 1 to 8"),
        (2011, "", "a year", "years 2011 to 2018"),
    ],
)
def test_children_are_counted_by_what_a_period_is(tmp_path, first, more, every, span):
    text = str(ran(tmp_path, range(first, first + 8), more).headline)
    assert span in text
    assert f" {every} in an authority" in text
    for other in {"a year", "a quarter", "a period"} - {every}:
        assert f" {other} in an authority" not in text


@pytest.mark.parametrize(
    "periods",
    [
        [f"2012-{month:02d}" for month in range(1, 9)],
        [f"{2012 + k // 4}Q{k % 4 + 1}" for k in range(8)],
        [f"{2012 + k}/{13 + k}" for k in range(8)],
    ],
)  # fmt: skip
def test_a_figure_over_time_says_its_periods_as_they_are_written(tmp_path, periods, unsized):
    bundle = ran(tmp_path, periods)
    for figure in (outcome_paths, adoption):
        assert figure(bundle).axes
    said = alt_words("outcome_paths", bundle.tables("outcome_paths"), bundle)
    assert said.count(f"({periods[0]})") == said.count(f"({periods[-1]})") == 2
