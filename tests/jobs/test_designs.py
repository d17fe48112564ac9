"""Every design that comes with the project runs from its file to its report."""

from __future__ import annotations

import re
import shutil

import pandas as pd
import pytest

from sos_eval.bundle.bundle import read_bundle
from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.declare import read_yaml
from sos_eval.report.compose import compose
from sos_eval.report.content import Bullets, Picture, Text
from sos_eval.report.draw import draw_all
from sos_eval.report.first_page import MOST_SENTENCES, weighed
from sos_eval.report.wording import sentence_count
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
    assert_page_one_keeps_its_budget(read_bundle(out))


def assert_page_one_keeps_its_budget(bundle):
    """A verdict, one figure, at most seven sentences in the order of weight, and three numbers in that of the path."""
    first = compose(bundle, draw_all(bundle, ("svg",), only="answer")).first_page
    assert sum(isinstance(one, Text) and one.tone == "answer" for one in first) == 1
    assert sum(isinstance(one, Picture) for one in first) <= 1
    said = [text for one in first if isinstance(one, Bullets) for text in one.items]
    assert 0 < sum(map(sentence_count, said)) <= MOST_SENTENCES
    assert said == weighed(bundle)[: len(said)]
    path = str(bundle.headline["earlier_path"]).replace("of 100 draws", "draws").replace("per 10,000", "")
    assert len(re.findall(r"\d[\d.,]*\d|\d", path)) <= 3


@pytest.mark.parametrize("profile", ["dfe", "ons_srs"])
@pytest.mark.parametrize("path", EVALUATIONS, ids=lambda path: path.stem)
@pytest.mark.slow
def test_evaluation_ends_with_a_page_under_every_profile(path, profile, tmp_path):
    for folder in ("designs", "synthetic"):
        shutil.copytree(path.parents[1] / folder, tmp_path / folder)
    design = tmp_path / "designs" / path.name
    design.write_text(f"{path.read_text()}\ndisclosure: {{profile: {profile}}}\n")
    out = tmp_path / "bundle"
    ended = answered(cli, ["run", str(design), "--out", str(out), "--quiet"], Screen(log_folder=tmp_path))
    data = read_yaml(design).data
    if {"moderators", "implementation"} & set(data) or data.get("theory", {}).get("columns"):  # they tell of few units
        assert (ended, out.exists()) == (2, False)
        return
    assert ended in (0, 3)
    assert (out / "report.html").stat().st_size > 10_000
    assert (out / "disclosure.csv").is_file()


@pytest.mark.parametrize("path", ECONOMICS, ids=lambda path: path.stem)
@pytest.mark.slow
def test_economics_runs(path, tmp_path):
    out = tmp_path / "economics"
    assert answered(cli, ["economics", str(path), "--out", str(out), "--quiet"], Screen(log_folder=tmp_path)) == 0
    assert (out / "gate.json").is_file()
