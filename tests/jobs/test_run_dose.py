"""A design with a declared dose, as a whole: every row by dose has its permutation test, and says what it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.errors import NotIdentified

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


def test_without_a_declared_dose_it_is_refused(design, tmp_path):
    design.write_text(DESIGN.replace(", dose: fidelity", ""), encoding="utf-8")
    with pytest.raises(NotIdentified, match=r"continuous_did: the panel has no dose; write panel\.treatment\.dose"):
        se.run(se.load_design(design), out=tmp_path / "out")
