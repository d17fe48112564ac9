"""A design with a declared dose, as a whole: every row by dose has its permutation test, and says what it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.errors import NotIdentified
from tests.conftest import ROOT

DESIGN = """schema: sos-eval/design/1
name: dose
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcome: {value: y}
  treatment: {first_treated: start, dose: fidelity, untreated_means: never}
estimators: [{id: primary, method: continuous_did, at: [0.25, 0.5]}]
inference: [{method: randomization, draws: 99}]
seed: 1
"""


@pytest.fixture
def design(tmp_path):
    rng = np.random.default_rng(2)
    data = pd.DataFrame([(f"A{u:02d}", t) for u in range(16) for t in range(2010, 2014)], columns=["la", "year"])
    number = data["la"].str[1:].astype(int)
    data["start"] = np.where(number < 5, 2012, 0)
    data["fidelity"] = np.where(number < 5, 0.2 + 0.1 * number, np.nan)
    data["y"] = rng.normal(size=len(data)) - 5 * data["fidelity"].fillna(0) * (data["year"] >= 2012)
    data.to_csv(tmp_path / "p.csv", index=False)
    (tmp_path / "d.yaml").write_text(DESIGN, encoding="utf-8")
    return tmp_path / "d.yaml"


def test_average_effect_response_and_doses_have_their_permutation_test(design, tmp_path):
    bundle = se.run(se.load_design(design), out=tmp_path / "out")
    rows = bundle.estimates[bundle.estimates["aggregation"] == "overall"]
    told = list(zip(rows["estimand"], rows["subgroup"], strict=True))
    doses = ["dose 0.25", "dose 0.5"]
    assert told == [("att", ""), ("acrt", "average causal response"), *[("att", d) for d in doses],
                    *[("acrt", d) for d in doses]]  # fmt: skip
    assert rows["p_value"].between(0.01, 1).all()
    assert "strong parallel trends" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_placebos_and_moved_starts_have_doses(design, tmp_path):
    """Doses are those of later periods and of the treated: a placebo without them has a dose of zero."""
    checks = "checks: [{placebo_time: {shift: [1], draws: 49}}, {placebo_units: {draws: 19}}, "
    checks += "{robustness: {draws: 19, vary: [{start: -1}, {start: 1}]}}]\n"
    design.write_text(f"{DESIGN}{checks}", encoding="utf-8")
    bundle = se.run(se.load_design(design), out=tmp_path / "out")
    said = bundle.diagnostics.set_index("name")
    names = ["placebo_time.1", "placebo_time.largest", "placebo_units", "placebo_units.error_ratio"]
    assert said.loc[names, "value"].notna().all()
    assert bundle.tables("robustness")["estimate"].notna().all()


def test_auto_says_what_it_counts_and_the_curve_is_drawn(design, tmp_path):
    """A permutation test comes first, counted by the curve; its intervals of effects are beside conventional bands."""
    text = DESIGN.replace("method: randomization", "method: auto")
    design.write_text(text, encoding="utf-8")
    bundle = se.run(se.load_design(design), out=tmp_path / "out")
    said = bundle.facts.inference.choice
    assert said.startswith("5 treated and 11 comparison clusters, by share in the variance of the curve of the dose")
    assert said.endswith(": randomization (studentised statistic)")
    rows = bundle.estimates[bundle.estimates["subgroup"].str.startswith("dose ")]
    conventional = rows[rows["inference"] == "analytic"]
    assert conventional["band_low"].lt(conventional["conf_low"] + 1e-12).all()
    drawn = pd.read_csv(tmp_path / "out" / "figures" / "dose_response.csv")
    assert drawn["dose"].tolist() == [0.25, 0.5] * 2
    assert drawn["inference"].tolist() == ["randomization"] * 2 + ["analytic"] * 2
    assert drawn["conf_low"].notna().all()
    assert drawn["band_low"].notna().all()
    assert "Effect by dose" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_without_a_declared_dose_it_is_refused(design, tmp_path):
    design.write_text(DESIGN.replace(", dose: fidelity", ""), encoding="utf-8")
    with pytest.raises(NotIdentified, match=r"continuous_did: the panel has no dose; write panel\.treatment\.dose"):
        se.run(se.load_design(design), out=tmp_path / "out")


POWER = """\
schema: sos-eval/design/1
name: dose
panel:
  source: csv
  path: none.csv
  unit: la_code
  time: year
  outcome: {count: care_entries, exposure: children_0_17, per: 10000}
  treatment: {first_treated: first_treated, untreated_means: never, dose: fidelity}
estimators:
  - {id: primary, method: continuous_did}
  - {id: cells, method: callaway_santanna, base_period: universal}
inference: {method: analytic}
seed: 1
"""


def test_a_power_study_has_the_worlds_doses(tmp_path):
    """The average effect is that of the group-time estimator, draw by draw; a study had no dose before."""
    (tmp_path / "d.yaml").write_text(POWER, encoding="utf-8")
    world = (ROOT / "synthetic" / "england.yaml").read_text(encoding="utf-8")
    (tmp_path / "w.yaml").write_text(world.replace("effect: {", "effect: {fidelity: {mean: 0.7}, "), encoding="utf-8")
    table = se.power(se.load_design(tmp_path / "d.yaml"), se.load_world(tmp_path / "w.yaml"), reps=20, frames=4).summary
    rows = table[table["aggregation"] == "overall"].set_index("estimator")
    assert rows["failures"].tolist() == [0, 0]
    for name in ("true_effect", "mean_estimate", "sd_estimate", "power"):
        assert rows.loc["primary", name] == pytest.approx(rows.loc["cells", name], abs=1e-9)
