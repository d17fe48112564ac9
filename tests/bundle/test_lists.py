"""Of a complete list of adoptions an end of a range is one adoption: a contrast of the units that change places."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle.files import read_table
from sos_eval.bundle.lists import SINGLE
from sos_eval.jobs.run import run
from tests.conftest import without_pages

DESIGN = """\
schema: sos-eval/design/1
name: few
title: Few
question: {expected_direction: decrease}
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcome: {count: entries, exposure: children, per: 10000}
  treatment: {first_treated: start}
estimators: [{id: primary, method: twfe}]
inference: [{method: randomization, statistic: coefficient, level: 0.8}]
checks: [placebo_units, {robustness: {draws: 99, vary: [{with: {panel.window.from: 2011}, label: later}]}}]
seed: 1
"""


def test_ends_by_a_list_of_35_adoptions_are_withheld_and_its_p_is_told(tmp_path, unsized):
    """Three against four: with the estimate, the low end is the change of one treated unit less that of another."""
    rng = np.random.default_rng(3)
    rows = [
        (f"A{u}", year, rng.integers(200, 900), 10_000, 2012 if u < 3 else "")
        for u in range(7)
        for year in range(2010, 2014)
    ]
    pd.DataFrame(rows, columns=["la", "year", "entries", "children", "start"]).to_csv(tmp_path / "p.csv", index=False)
    for name, profile in (("open", ""), ("dfe", "disclosure: {profile: dfe}\n")):
        (tmp_path / f"{name}.yaml").write_text(DESIGN + profile, encoding="utf-8")
        with without_pages():
            run(tmp_path / f"{name}.yaml", out=tmp_path / name)
    effects, told = (read_table(tmp_path / name / "estimates.csv").iloc[0] for name in ("open", "dfe"))
    assert np.isfinite(effects[["conf_low", "conf_high"]].to_numpy(float)).all()
    assert told[["conf_low", "conf_high"]].isna().all()
    assert told["reason"] == SINGLE
    assert told["p_value"] == pytest.approx(effects["p_value"], rel=1e-3)
    tests = read_table(tmp_path / "dfe" / "tests.csv").iloc[0]
    assert tests[["low", "high"]].isna().all()
    varied = read_table(tmp_path / "dfe" / "tables" / "robustness.csv")
    assert varied[["conf_low", "conf_high"]].isna().all(axis=None)
    diagnostics = read_table(tmp_path / "dfe" / "diagnostics.csv").set_index("name")
    assert np.isnan(diagnostics.loc["placebo_units", "value"])
    assert "stands no range" in json.loads((tmp_path / "dfe" / "headline.json").read_text())["sentence"]
    assert SINGLE in set(read_table(tmp_path / "dfe" / "disclosure.csv")["rule"])


def test_periods_that_are_written_as_codes_pass_the_gate(tmp_path, unsized):
    """A run on months or quarters under a profile ended in a fault of ours, with nothing written."""
    rng = np.random.default_rng(3)
    rows = [
        (f"A{u:02d}", f"{year}-Q{k}", rng.integers(200, 900), 10_000, "2012-Q2" if u < 13 else "")
        for u in range(26) for year in (2011, 2012) for k in (1, 2, 3, 4)
    ]  # fmt: skip
    pd.DataFrame(rows, columns=["la", "year", "entries", "children", "start"]).to_csv(tmp_path / "p.csv", index=False)
    text = DESIGN[: DESIGN.index("checks:")].replace("statistic: coefficient, level: 0.8", "draws: 19")
    (tmp_path / "d.yaml").write_text(f"{text}seed: 1\ndisclosure: {{profile: dfe}}\n", encoding="utf-8")
    with without_pages():
        run(tmp_path / "d.yaml", out=tmp_path / "out")
    assert read_table(tmp_path / "out" / "tables" / "outcome_paths.csv")["mean"].notna().all()
