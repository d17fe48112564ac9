"""What a period is, on page one: years where numbers can be years, what is declared, else periods."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.jobs.run import run
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


def page(folder, first, more=""):
    rng = np.random.default_rng(4)
    rows = [
        (f"u{i:02d}", first + k, int(rng.poisson(60)), 20_000 + 100 * i, str(first + 5) if i < 8 else "")
        for i in range(20)
        for k in range(8)
    ]
    pd.DataFrame(rows, columns=["la", "half", "entries", "children", "start"]).to_csv(folder / "p.csv", index=False)
    (folder / "d.yaml").write_text(DESIGN.format(more=more), encoding="utf-8")
    with without_pages():
        return run(folder / "d.yaml", out=folder / "out", force=True).headline


@pytest.mark.parametrize(
    ("first", "more", "every", "span"),
    [
        (1, "", "a period", "periods 1 to 8"),
        (1, "\n  period: quarter", "a quarter", "quarters 1 to 8"),
        (2011, "", "a year", "years 2011 to 2018"),
    ],
)
def test_children_are_counted_by_what_a_period_is(tmp_path, first, more, every, span):
    text = str(page(tmp_path, first, more))
    assert span in text
    assert f" {every} in an authority" in text
    for other in {"a year", "a quarter", "a period"} - {every}:
        assert f" {other} in an authority" not in text
