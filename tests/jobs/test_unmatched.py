"""A group matched on earlier outcomes: its path is made alike, and the estimate without the match stands beside it."""

import numpy as np
import pandas as pd
import pytest

from sos_eval.design.design import load_design
from sos_eval.jobs.run import run

DESIGN = """\
schema: sos-eval/design/1
name: x
panel:
  {source: csv, path: panel.csv, unit: la, time: year, outcome: {value: y}, treatment: {first_treated: start}}
comparison: {method: nearest, on: [outcome_pre], distance: outcome_pre}
estimators: [{id: one, method: twfe}]
inference: {method: analytic}
checks: [pretrends]
"""


def test_the_path_is_made_alike_and_the_unmatched_estimate_is_beside(tmp_path):
    level = [10.0, 20, 30, 11, 19, 28, 40, 50]
    drift = [-2.0, -2, -2, 0, 0, 0, 1, 1]  # after the start: treated -2, their matches d e f 0, the others +1
    rows = [
        {"la": unit, "year": year, "start": start, "y": level[k] + 0.01 * k * year % 1 + drift[k] * (year >= 2013)}
        for k, (unit, start) in enumerate(zip("abcdefgh", [2013] * 3 + [0] * 5, strict=True))
        for year in range(2010, 2016)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "panel.csv", index=False)
    (tmp_path / "x.yaml").write_text(DESIGN, encoding="utf-8")
    bundle = run(load_design(tmp_path / "x.yaml"), out=tmp_path / "out")
    lines = bundle.diagnostics.set_index("name")
    for name in ("pretrends.joint", "pretrends.slope", "pretrends.detectable_slope"):
        assert np.isnan(lines.loc[name, "value"])
        assert "made alike on earlier outcomes" in lines.loc[name, "text"]
    matched = bundle.estimates["estimate"].iloc[0]
    noise = 0.6
    assert matched == pytest.approx(-2, abs=noise)
    assert lines.loc["unmatched", "value"] == pytest.approx(-2 - 2 / 5, abs=noise)
    assert lines.loc["unmatched", "value"] < matched - 0.2
    assert "on all 8 units" in lines.loc["unmatched", "text"]
    assert f"{matched:.3g}" in lines.loc["unmatched", "text"]
