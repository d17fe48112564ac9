"""Every design that comes with the project runs from its file to its report."""

from __future__ import annotations

import pandas as pd
import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.terms import EFFECT_COLUMNS
from tests.house.test_designs import ECONOMICS, EVALUATIONS


@pytest.mark.parametrize("path", EVALUATIONS, ids=lambda path: path.stem)
@pytest.mark.slow
def test_evaluation_runs(path, tmp_path):
    out = tmp_path / "bundle"
    assert answered(cli, ["run", str(path), "--out", str(out), "--quiet"], Screen(log_folder=tmp_path)) in (0, 3)
    estimates = pd.read_csv(out / "estimates.csv")
    assert tuple(estimates.columns) == EFFECT_COLUMNS
    primary = estimates[(estimates["role"] == "primary") & (estimates["aggregation"] == "overall")]
    assert primary["estimate"].notna().all()
    assert (out / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("path", ECONOMICS, ids=lambda path: path.stem)
@pytest.mark.slow
def test_economics_runs(path, tmp_path):
    out = tmp_path / "economics"
    assert answered(cli, ["economics", str(path), "--out", str(out), "--quiet"], Screen(log_folder=tmp_path)) == 0
    assert (out / "gate.json").is_file()
