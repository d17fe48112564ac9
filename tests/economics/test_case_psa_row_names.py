"""Draws as R writes them, with a first column of row numbers without a name: no third strategy, but a refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered

DESIGN = """\
schema: sos-eval/economics/1
name: plain
psa: {effects: effects.csv, costs: costs.csv, params: params.csv}
reference: Usual
thresholds: [0, 10000, 20000, 30000]
voi: {evpi: true, evppi: [[p]]}
gate: {override: E3, why: method check on made-up data}
"""


def case(folder: Path, named: tuple[str, ...]) -> int:
    """Write the case's draws, some of them with row names, and evaluate them."""
    rng = np.random.default_rng(1)
    p = rng.normal(0.3, 0.05, 2000)
    effects = pd.DataFrame({"Usual": np.full(2000, 10.0) + rng.normal(0, 0.01, 2000), "New": 10 + p})
    costs = pd.DataFrame({"Usual": rng.normal(5000, 200, 2000), "New": rng.normal(9000, 400, 2000)})
    for name, table in (("effects", effects), ("costs", costs), ("params", pd.DataFrame({"p": p}))):
        table.to_csv(folder / f"{name}.csv", index=name in named)
    (folder / "plain.yaml").write_text(DESIGN)
    return answered(cli, ["economics", str(folder / "plain.yaml"), "--out", str(folder / "out"), "--quiet"], Screen())


def test_two_strategies_have_their_ratio(tmp_path):
    assert case(tmp_path, ()) == 0
    table = pd.read_csv(tmp_path / "out" / "incremental.csv")
    assert table["strategy"].tolist() == ["Usual", "New"]
    assert table["icer"].iloc[1] == pytest.approx(13_336, abs=0.5)


@pytest.mark.parametrize("named", ["effects", "costs", "params"])
def test_row_names_are_refused_in_each_file(named, tmp_path, capfd):
    assert case(tmp_path, (named,)) == 2
    said = capfd.readouterr().err
    assert f"{named}.csv" in said
    assert "row.names = FALSE" in said
    assert not (tmp_path / "out").exists()
