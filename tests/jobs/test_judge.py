"""Page one's second looks, from runs: what could be found, tests told apart, estimates side by side, strata."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.jobs.run import run
from sos_eval.report.wording import number
from sos_eval.terms import TEST_COLUMNS
from tests.conftest import without_pages

DESIGN = """\
schema: sos-eval/design/1
name: lots
title: Lots by stratum
question: {intervention: a programme, population: children, comparator: others, outcome: entries,
           expected_direction: decrease}
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcome: {value: y}
  treatment: {first_treated: start, untreated_means: never}
  covariates: [side]
comparison: {method: none}
estimators:
  - {id: primary, method: twfe}
  - {id: cells, method: callaway_santanna, covariates: []}
inference:
  - {method: randomization, statistic: both, strata: [side], draws: 399}
  - {method: randomization, statistic: coefficient, strata: [side], draws: 399}
  - {method: randomization, statistic: coefficient, strata: [side], draws: 399, id: again}
  - {method: analytic}
checks: [path]
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A side of large units grows, and more of them start: the estimate without its effects is off centre."""
    folder = tmp_path_factory.mktemp("judge")
    rng = np.random.default_rng(4)
    side = np.where(np.arange(48) < 16, "large", "small")
    y = rng.normal(10, 1, (48, 8)) + np.outer(side == "large", 2.0 * (np.arange(8) >= 4))
    start = np.zeros(48, int)
    start[[*range(8), *range(16, 20)]] = 2005
    pd.DataFrame({
        "la": np.repeat([f"u{i:02d}" for i in range(48)], 8), "year": np.tile(np.arange(2001, 2009), 48),
        "y": y.ravel(), "start": np.repeat(start, 8), "side": np.repeat(side, 8),
    }).to_csv(folder / "p.csv", index=False)  # fmt: skip
    (folder / "lots.yaml").write_text(DESIGN, encoding="utf-8")
    with without_pages():
        return run(folder / "lots.yaml", out=folder / "out")


def test_entries_are_told_apart_and_every_test_is_kept(bundle):
    assert list(dict.fromkeys(bundle.estimates["inference"])) == [
        "randomization", "randomization:coefficient", "again", "analytic",
    ]  # fmt: skip
    tests = pd.read_csv(bundle.path / "tests.csv")
    assert tuple(tests.columns) == TEST_COLUMNS
    own = tests[tests["estimator"] == "primary"]
    assert own["statistic"].tolist() == ["both", "studentised", "coefficient", "coefficient", "coefficient"]
    assert (own["strata"] == "side").all()


def test_p_can_be_made_again_from_the_draws_that_are_kept(bundle):
    tests = pd.read_csv(bundle.path / "tests.csv").set_index(["estimator", "inference", "statistic"])["p"]
    for estimator in ("primary", "cells"):
        draws = bundle.tables(f"draws.{estimator}.outcome.randomization")
        estimate = draws["estimate"].to_numpy(float)
        each = {"studentised": estimate / draws["std_error"].to_numpy(float), "coefficient": estimate}
        ranks = {
            name: np.array([(np.abs(one) >= abs(value) - 1e-12).mean() for value in one]) for name, one in each.items()
        }
        for name, rank in ranks.items():
            assert tests[estimator, "randomization", name] == pytest.approx(rank[0])
        smallest = np.minimum(*ranks.values())
        assert tests[estimator, "randomization", "both"] == pytest.approx((smallest <= smallest[0] + 1e-12).mean())


def test_the_joint_interval_never_contradicts_its_p(bundle):
    rows = bundle.estimates[(bundle.estimates["inference"] == "randomization") & bundle.estimates["conf_low"].notna()]
    assert len(rows) > 3
    outside = (rows["conf_low"] > 0) | (rows["conf_high"] < 0)
    assert (outside == (rows["p_value"] <= 0.05)).all()
    own = pd.read_csv(bundle.path / "tests.csv").iloc[0]
    assert 0 < own["low_mcse"] < own["high"] - own["low"]


def test_the_estimate_carries_stratum_effects_and_the_other_stands_beside(bundle):
    check = bundle.diagnostics.set_index("name").loc["without_strata_effects"]
    table = bundle.tables("without_strata_effects").iloc[0]
    assert check["value"] == pytest.approx(table["estimate"])
    assert table["mean_of_draws"] > 5 * table["sd_of_draws"] / np.sqrt(399)
    own = pd.read_csv(bundle.path / "tests.csv").iloc[0]
    assert abs(own["mean_estimate"]) < 4 * table["sd_of_draws"] / np.sqrt(399)


def test_the_path_is_tested_within_the_strata_of_the_headline_s_lots(bundle):
    assert set(bundle.tables("path.slope")["strata"]) == {"side"}


def test_the_figure_says_that_two_statistics_are_taken_together(bundle):
    from sos_eval.report.figures.randomization import _note, data

    table = data(bundle)
    note = _note(bundle, table["statistic"].to_numpy(float), float(table["observed"].iloc[0]))
    p = pd.read_csv(bundle.path / "tests.csv")["p"].iloc[0]
    assert note.startswith(f"p = {p:.3f} ")
    assert "taken together" in note


def test_page_one_s_data_hold_the_size_that_could_be_found_and_whether_estimates_part(bundle):
    headline = json.loads((bundle.path / "headline.json").read_text())
    seen = headline["detectable"]
    assert seen["test"] == "randomization"
    assert 0 < seen["fall"] < 3
    assert 0 < seen["rise"] < 3
    curve = bundle.tables("detectable")
    fall = curve[curve["direction"] == "fall"]
    assert np.interp(seen["fall"], fall["size"], fall["power"]) == pytest.approx(0.8, abs=0.03)
    parts = headline["disagreement"]
    assert parts["kind"] == "none"
    assert [test["id"] for test in parts["tests"]] == ["randomization", "randomization:coefficient", "again"]
    rows = bundle.estimates[(bundle.estimates["aggregation"] == "overall") & (bundle.estimates["inference"] == "again")]
    other, own = (rows.set_index("estimator")["estimate"][name] for name in ("cells", "primary"))
    assert parts["difference"] == pytest.approx(other - own, abs=1e-12)
    assert f"for its error: {number(other, 2)} against {number(own, 2)}, no further than chance" in parts["text"]


def test_two_entries_of_one_name_are_refused(tmp_path, bundle):
    from sos_eval.errors import DesignFault

    text = DESIGN.replace("{method: analytic}", "{method: analytic, id: Again}")
    (tmp_path / "p.csv").write_bytes((bundle.path.parent / "p.csv").read_bytes())
    (tmp_path / "lots.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DesignFault, match=r"inference: two entries are called 'Again'.*give each an id"):
        run(tmp_path / "lots.yaml", out=tmp_path / "out")


@pytest.mark.parametrize("name", ["randomization", "randomization-coefficient", "a:b", "..", "x" * 61, "a/b"])
def test_ids_that_are_no_names_or_a_method_s_own_are_refused(tmp_path, bundle, name):
    from sos_eval.design.design import load_design
    from sos_eval.errors import DesignFault

    (tmp_path / "lots.yaml").write_text(DESIGN.replace("id: again", f'id: "{name}"'), encoding="utf-8")
    with pytest.raises(DesignFault, match=r"inference: id"):
        load_design(tmp_path / "lots.yaml")


def test_one_treated_unit_keeps_its_estimates(tmp_path, bundle):
    table = pd.read_csv(bundle.path.parent / "p.csv")
    table.loc[table["la"] != "u00", "start"] = 0
    table.to_csv(tmp_path / "p.csv", index=False)
    text = DESIGN.replace("statistic: both", "statistic: studentised").replace("id: again", "id: again, interval: none")
    (tmp_path / "lots.yaml").write_text(text, encoding="utf-8")
    alone = run(tmp_path / "lots.yaml", out=tmp_path / "out")
    assert alone.estimates["estimate"].notna().any()


@pytest.mark.parametrize("fault", [NotIdentified("no adoption can be estimated"), np.linalg.LinAlgError("no weights")])
def test_a_size_that_cannot_be_computed_leaves_the_estimates(tmp_path, monkeypatch, fault):
    rng = np.random.default_rng(4)
    pd.DataFrame({
        "la": np.repeat([f"u{i:02d}" for i in range(24)], 8), "year": np.tile(np.arange(2001, 2009), 24),
        "y": rng.normal(10, 1, 24 * 8), "start": np.repeat([2005] * 8 + [0] * 16, 8),
    }).to_csv(tmp_path / "p.csv", index=False)  # fmt: skip
    text = DESIGN[: DESIGN.index("  covariates")] + (
        "comparison: {method: none}\nestimators: [{id: primary, method: twfe}]\n"
        "inference: [{method: randomization, draws: 199}]\n"
    )
    (tmp_path / "lots.yaml").write_text(text, encoding="utf-8")

    def fails(*_, **__):
        raise fault

    monkeypatch.setattr("sos_eval.jobs.judge.detectable_size", fails)
    with without_pages():
        bundle = run(tmp_path / "lots.yaml", out=tmp_path / "out")
    assert np.isfinite(bundle.estimates["estimate"]).any()
    seen = json.loads((bundle.path / "headline.json").read_text(encoding="utf-8"))["detectable"]
    assert seen["fall"] is None
    assert seen["reason"].startswith("it could not be computed: no ")
