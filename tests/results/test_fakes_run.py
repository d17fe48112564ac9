"""The four fakes through the main job: from a design file to a bundle that can be read back."""

from __future__ import annotations

import numpy as np
import pytest

import sos_eval as se
from sos_eval.results.method import _REGISTRY
from sos_eval.terms import EFFECT_COLUMNS
from tests.fakes import FAKES

DESIGN = """\
schema: sos-eval/design/1
name: fake
panel:
  source: csv
  path: panel.csv
  unit: unit
  time: time
  outcome: {value: outcome}
  treatment: {first_treated: first_treated}
  layout: LAYOUT
estimators: [{id: primary, method: METHOD}]
inference: [{method: analytic}, {method: randomization, statistic: STATISTIC, draws: 39, interval: none}, {method: cr2}]
report: {formats: [md]}
seed: 4
"""


@pytest.mark.parametrize(
    "fake", [fake if fake == "refit" else pytest.param(fake, marks=pytest.mark.slow) for fake in FAKES]
)
def test_fakes_reach_a_bundle(fake, tmp_path, monkeypatch):
    estimator, make = FAKES[fake]
    monkeypatch.setitem(_REGISTRY["estimator"], estimator.name, type(estimator))
    panel = make()
    panel.frame[["unit", "time", "outcome", "first_treated"]].to_csv(tmp_path / "panel.csv", index=False)
    statistic = "coefficient" if fake == "refit" else "studentised"
    text = DESIGN.replace("LAYOUT", panel.layout).replace("METHOD", estimator.name).replace("STATISTIC", statistic)
    (tmp_path / "fake.yaml").write_text(text)
    bundle = se.run(se.load_design(tmp_path / "fake.yaml"), out=tmp_path / "out")
    back = se.read_bundle(tmp_path / "out").estimates
    assert tuple(back.columns) == EFFECT_COLUMNS
    overall = back[back["aggregation"] == "overall"]
    expected = estimator.complete(panel)
    row = int(np.flatnonzero(expected.cells["aggregation"] == "overall")[0])
    np.testing.assert_allclose(overall["estimate"], expected.values[row], rtol=1e-9)
    # few are treated: the declared test comes before the plain cluster-robust result declared first
    assert bundle.headline["inference"] == "randomization"
    assert list(overall["inference"]) == ["randomization", "analytic", "cr2"]
    told = bundle.provenance["inference"]
    assert "design only" in told["rule"]
    assert (tmp_path / "out" / "report.md").exists()
