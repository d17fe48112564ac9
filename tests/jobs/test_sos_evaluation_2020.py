"""The published evaluation as one design: short, true to its world, and nothing of a child in what it writes."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from sos_eval.jobs.run import run
from sos_eval.worlds.children import children_from
from sos_eval.worlds.children_source import children_tables
from tests.conftest import ROOT

DESIGN, WORLD = ROOT / "designs" / "sos_evaluation_2020.yaml", ROOT / "synthetic" / "cin_cla_children.yaml"


def test_it_is_shorter_than_150_lines():
    assert len(DESIGN.read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.parametrize("name", ["authorities", "register"])
def test_its_files_are_those_of_the_world(name):
    table = children_tables(children_from(WORLD))[name]
    path = DESIGN.with_name(f"sos_evaluation_2020_{name}.csv")
    pd.testing.assert_frame_equal(pd.read_csv(path), table, check_dtype=False, atol=1e-9)


def test_its_sets_are_those_of_the_world():
    from sos_eval.design.design import load_design

    declared = {unit: list(others) for unit, others in load_design(DESIGN).comparison.sets.items()}
    pairs = children_tables(children_from(WORLD))["sets"]
    assert declared == pairs.groupby("treated")["comparison"].agg(list).to_dict()


@pytest.mark.slow
def test_it_runs_whole_and_no_child_is_in_what_it_writes(tmp_path):
    for folder in ("designs", "synthetic"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    design = tmp_path / "designs" / DESIGN.name
    design.write_text(DESIGN.read_text() + "disclosure: {profile: ons_srs}\n")
    bundle = run(design, out=tmp_path / "bundle")
    estimates = bundle.estimates
    overall = estimates[estimates["aggregation"] == "overall"]
    outcomes = {"assessment_days", "conference", "re_referral", "escalation", "kinship"}
    assert set(overall.loc[overall["estimator"] == "sets", "outcome"]) == outcomes
    headline = json.loads((tmp_path / "bundle" / "headline.json").read_text())
    assert headline["verdict"] == "decrease"
    lonely = overall[(overall["estimator"] == "published") & (overall["inference"] == "analytic")]
    assert lonely["std_error"].notna().all()
    withheld = overall[(overall["estimator"] == "published") & (overall["inference"] == "withheld")]
    assert withheld["p_value"].isna().all()  # nine treated: clustered errors alone are not relied on
    balance = pd.read_csv(tmp_path / "bundle" / "tables" / "published.assessment_days.balance.csv")
    assert (balance["n_treated"].dropna() % 10 == 0).all()
    assert not (tmp_path / "bundle" / "weights.csv").exists()
    written = "\n".join(file.read_text(errors="ignore") for file in (tmp_path / "bundle").rglob("*.csv"))
    assert "child_id" not in written
    assert "source_row" not in written
