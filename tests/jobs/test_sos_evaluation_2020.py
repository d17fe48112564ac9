"""The published evaluation as one design: short, true to its world, and nothing of a child in what it writes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.design.design import load_design
from sos_eval.jobs import steps
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
    declared = {unit: list(others) for unit, others in load_design(DESIGN).comparison.sets.items()}
    pairs = children_tables(children_from(WORLD))["sets"]
    assert declared == pairs.groupby("treated")["comparison"].agg(list).to_dict()


@pytest.fixture(scope="module")
def sets():
    """The authorities within their sets: every outcome fitted as a run does."""
    design = load_design(DESIGN)
    design = replace(design, estimators=tuple(one for one in design.estimators if one.id == "sets"))
    groups = steps.compare(design, steps.load_panels(design))
    return {outcome: one for (_, outcome), one in steps.estimate(design, groups).items()}


def _by_dummies(panel):
    """Return treatment's coefficient beside unit and joined-set-by-year dummies, by least squares on the rows."""
    frame = panel.frame[panel.frame["outcome"].notna()]
    joined = {"P01": 0, "P03": 0, "C01": 0, "C02": 0, "C05": 0, "P02": 1, "P07": 1, "C03": 1, "C04": 1, "C11": 1,
              "P04": 2, "C06": 2, "P05": 3, "C07": 3, "C08": 3, "P06": 4, "C09": 4, "C10": 4, "P08": 5, "C12": 5,
              "C13": 5, "P09": 6, "C14": 6}  # fmt: skip
    cell = frame["unit"].map(joined).astype(str) + " " + frame["time"].astype(str)
    x = pd.get_dummies(pd.DataFrame({"unit": frame["unit"], "cell": cell}), dtype=float)
    root = np.sqrt(frame["weight"].to_numpy(float))
    x = np.column_stack([frame["treated"], x]) * root[:, None]
    return float(np.linalg.lstsq(x, frame["outcome"].to_numpy(float) * root, rcond=None)[0][0])


def test_authorities_are_compared_within_their_joined_sets(sets):
    expected = {
        "assessment_days": -3.550, "conference": -0.0122, "re_referral": -0.0321, "escalation": 0.0264,
        "kinship": 0.0916,
    }  # fmt: skip
    for outcome, told in expected.items():
        own = sets[outcome].estimate
        value = own.values[(own.cells["aggregation"] == "overall").to_numpy()][0]
        assert value == pytest.approx(_by_dummies(own.panel), abs=1e-8)
        assert value == pytest.approx(told, abs=6e-5 if abs(told) < 1 else 6e-4)


def test_every_adoption_within_the_sets_is_listed(sets):
    """Of conferences 524 of all 10,800 adoptions have a statistic as large; each is least squares of its own."""
    fitted = sets["conference"]
    space = fitted.space(())
    assert space.size == 10_800
    drawn = space.draw(space.size, np.random.default_rng(1))
    assert drawn.complete
    batch = fitted.refit_assignments(drawn.first_treated)
    statistic = np.abs(batch.values[:, 0] / batch.std_error[:, 0])
    observed = statistic[(drawn.first_treated == fitted.source.first_treated).all(1)]
    assert len(observed) == 1
    assert (statistic >= observed[0] * (1 - 1e-9)).sum() == 524
    for k in (17, 4_321, 10_799):
        made = fitted.rebuild(fitted.source.with_first_treated(drawn.first_treated[k]))
        assert batch.values[k, 0] == pytest.approx(_by_dummies(made), abs=1e-9)


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
