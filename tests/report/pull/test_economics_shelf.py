"""The tables of an economic evaluation by name."""

import pandas as pd

from sos_eval.jobs.economics import run_economics
from sos_eval.report.pull.shelf import open_shelf
from tests.hostile import cases


def test_an_economic_evaluation_has_its_tables(tmp_path):
    cases.write(tmp_path, {"economics.yaml": cases.ECONOMICS, **cases.DRAWS})
    run_economics(tmp_path / "economics.yaml", tmp_path / "o")
    shelf = open_shelf(tmp_path / "o")
    assert {"ceac", "evpi", "incremental", "net_benefit"} <= set(shelf.contents[0])
    assert len(shelf.table("incremental")) == len(pd.read_csv(tmp_path / "o" / "incremental.csv"))
