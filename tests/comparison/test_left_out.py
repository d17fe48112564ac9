"""Whoever takes no part has one reason: the flow's, in every table and sentence that counts them."""

import numpy as np
import pandas as pd
import pytest
import yaml

from sos_eval.comparison.build import build
from sos_eval.comparison.cem import CEM
from sos_eval.comparison.exact import Exact
from sos_eval.comparison.full import Full
from sos_eval.comparison.ipw import IPW
from sos_eval.comparison.mahalanobis import Mahalanobis
from sos_eval.comparison.nearest import Nearest
from sos_eval.comparison.stable import Stable
from sos_eval.comparison.subclass import Subclass
from sos_eval.design.design import load_design
from sos_eval.jobs import steps
from sos_eval.jobs.facts import _left_out
from sos_eval.jobs.group_tables import weights_table
from tests.comparison.panels import eight

X = [0.0, 1, 9, 1, 2, 3, 4, 0.5]
METHODS = [
    IPW(on=("x",), trim_chance=(0.3, 0.55), refit=False),
    IPW(on=("x",), estimand="ate", trim_chance=(0.2, 0.5), refit=False),
    IPW(on=("x",), estimand="ato", trim_chance=(0.3, 0.55), refit=False),
    Exact(on=("region",)),
    Exact(on=("region",), estimand="ate"),
    CEM(on=("x",), cutpoints={"x": (1.5, 5.0)}),
    Subclass(on=("x",), classes=2),
    Nearest(on=("x",), distance="x", caliper=0.3),
    Mahalanobis(on=("x",), caliper=0.2),
    Full(on=("x",), distance="x", caliper=0.3, estimand="ate"),
    Stable(on=("x",), tolerance=1.5),
    Nearest(on=("gap",), distance="gap", missing="exclude"),
    Exact(on=("region", "gap"), missing="exclude"),
]


def of_eight():
    """Return the eight units; a, b and c are treated, and b and f have no value of one covariate."""
    region = np.array(["n", "s", "w", "n", "n", "e", "e", "s"], object)
    return eight(x=X, gap=[1.0, np.nan, 2, 3, 1, np.nan, 2, 3], region=region)


def of_flow(panel, before):
    """Return the reason of each unit that a flow names as dropped since another."""
    new = panel.flow[len(before.flow) :]
    return {name: row.reason for row in new if row.what == "dropped" for name in row.names.split(", ")}


@pytest.mark.parametrize("method", METHODS, ids=lambda one: f"{one.name}-{one.estimand}")
def test_reasons_are_those_of_the_flow(method):
    panel = of_eight()
    made = build(method, panel)
    assert dict(made.left_out) == of_flow(made.panel, panel)
    assert set(made.left_out) == set(map(str, panel.units[made.weights == 0]))
    told = [note for note in made.notes if "are left out" in note]
    treated = set(map(str, panel.units[panel.ever_treated]))
    matched = {unit: why for unit, why in made.left_out.items() if not why.startswith("no value")}
    counted = matched if method.estimand != "att" else {u: why for u, why in matched.items() if u in treated}
    assert len(told) == (1 if counted else 0)
    for note in told:
        assert note.startswith(f"{len(counted)} ")
        assert all(why in note for why in counted.values())


@pytest.mark.parametrize(
    "method",
    [Nearest(on=("gap",), distance="gap", missing="exclude", cohorts="apart"), Exact(on=("region",), cohorts="apart")],
)
def test_cohorts_apart_give_the_same_reasons(method):
    """Region w of c, the only one of its cohort, holds nobody else: the exact match has a cohort without a group."""
    panel = of_eight()
    if method.name == "exact":
        panel = panel.with_columns(region=panel.frame["region"].replace({"w": "n"}).to_numpy())
    made = build(method, panel)
    assert dict(made.left_out) == of_flow(made.panel, panel)
    assert method.name == "exact" or made.left_out["b"] == "no value of gap before the first start"


def test_page_one_and_the_weights_give_them_too(tmp_path):
    """Of four treated units one has no value of the covariate: that is why, and not that the group gives no weight."""
    rows = [
        {
            "la": f"u{k}",
            "year": year,
            "first": 2012 * (k < 4),
            "x": [1.0, None, 2, 3, 1, 2, 3, 2][k],
            "y": 10.0 + k + year % 3,
        }
        for k in range(8)
        for year in range(2010, 2014)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "p.csv", index=False)
    design = {
        "schema": "sos-eval/design/1", "name": "x",
        "panel": {
            "source": "csv", "path": "p.csv", "unit": "la", "time": "year", "outcome": {"value": "y"},
            "treatment": {"first_treated": "first", "untreated_means": "never"}, "covariates": ["x"],
            "measured": {"x": 2010},
        },
        "comparison": {"method": "nearest", "on": ["x"], "distance": "x", "missing": "exclude"},
        "estimators": [{"id": "one", "method": "twfe", "covariates": []}], "inference": {"method": "analytic"},
    }  # fmt: skip
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(design), encoding="utf-8")
    loaded = load_design(tmp_path / "x.yaml")
    group = steps.compare(loaded, steps.load_panels(loaded))["one", "outcome"]
    why = "no value of x before the first start"
    assert _left_out(group, set(group.comparison.panel.units)) == {why: 1}
    reasons = weights_table(group).set_index("unit")["reason"]
    assert reasons["u1"] == why
    assert (reasons[group.comparison.weights == 0] != "").all()
