"""A run on units that stop: effects of the first start, tested and bounded as if they had stayed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.jobs.run import run
from tests.conftest import without_pages, without_sizes

DESIGN = """
schema: sos-eval/design/1
name: stops
title: Pilots that stopped
question: {intervention: Visits, population: children, comparator: others, outcome: Rate, expected_direction: decrease}
panel:
  source: csv
  path: NAME.csv
  unit: la
  time: year
  treatment: {status: "on", absorbing: false}
  outcome: {value: rate}
estimators: [{id: primary, method: dechaisemartin_dhaultfoeuille}, {id: twfe, method: twfe}]
inference: {method: randomization, statistic: both, draws: 39}
checks: []
report: {formats: []}
"""


def panels() -> dict[str, pd.DataFrame]:
    """Forty authorities, nine pilots, three of whom stop; and the same outcomes with nobody stopping."""
    rng, rows = np.random.default_rng(3), []
    for i in range(40):
        start = 2008 + i % 3 if i < 9 else 9999
        stop, level = start + 3 if i in (0, 4, 7) else 9999, rng.normal(30, 5)
        for year in range(2001, 2016):
            on = int(start <= year < stop)
            rate = level + 0.2 * (year - 2001) - 3 * on + rng.normal(0, 1.5)
            rows.append({"la": f"A{i:02d}", "year": year, "on": on, "stays": int(year >= start), "rate": rate})
    table = pd.DataFrame(rows)
    return {"stop": table.drop(columns="stays"), "stay": table.drop(columns="on").rename(columns={"stays": "on"})}


@pytest.fixture(scope="module")
def overall(tmp_path_factory):
    base, rows = tmp_path_factory.mktemp("stops"), {}
    for name, table in panels().items():
        table.to_csv(base / f"{name}.csv", index=False)
        (base / f"{name}.yaml").write_text(DESIGN.replace("NAME", name))
        with without_pages(), without_sizes():
            estimates = run(base / f"{name}.yaml", out=base / f"{name}-out", seed=5).estimates
        rows[name] = estimates[estimates["aggregation"] == "overall"].set_index("estimator")
    return rows


def test_the_effect_of_starting_has_its_test_and_interval(overall):
    numbers = ["estimate", "conf_low", "conf_high", "p_value"]
    stopped, stayed = (overall[name].loc["primary", numbers].to_numpy(float) for name in ("stop", "stay"))
    assert np.isfinite(stopped).all()
    np.testing.assert_allclose(stopped, stayed, rtol=1e-10)
    assert stopped[1] < stopped[0] < stopped[2]


def test_an_estimator_of_treatment_as_it_was_has_none_and_says_why(overall):
    rows = overall["stop"].loc[["twfe"]]
    assert rows["inference"].tolist() == ["withheld", "randomization"]
    assert rows["reason"].str.contains("permuted starts cannot describe").all()
    assert np.isfinite(overall["stay"].loc["twfe", "p_value"])
