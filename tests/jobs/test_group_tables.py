"""Every comparison group of a run keeps its weights, balance, calibration and flow, not the headline's alone."""

import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle.bundle import read_bundle
from sos_eval.bundle.content import BundleContent, Confidential
from sos_eval.bundle.files import read_table
from sos_eval.bundle.gate import gated
from sos_eval.design.design import load_design
from sos_eval.inference.analytic import Analytic
from sos_eval.jobs import steps
from sos_eval.jobs.group_tables import own_groups
from sos_eval.jobs.match import match_design
from sos_eval.jobs.run import run
from sos_eval.panel.disclosure import Disclosure
from sos_eval.results.facts import HeadlineKey, RunFacts
from sos_eval.results.members import Members
from sos_eval.results.table import stack
from tests.jobs.two_towns import weighed, written

ENTRIES = [
    {"id": "one", "method": "twfe", "covariates": []},
    {"id": "other", "method": "callaway_santanna", "covariates": []},
    {"id": "cells", "method": "twfe", "covariates": [], "with": {"comparison": weighed("exact", "att")}},
    {"id": "odds", "method": "twfe", "covariates": [], "with": {"comparison": weighed("ipw", "ate")}},
]


def test_an_entry_with_its_own_group_has_its_tables(tmp_path):
    """Town 0: one treated stands for one of three, town 1: two for two of two, scaled as many as there are."""
    design = written(tmp_path, "none", estimators=ENTRIES)
    tables = own_groups(steps.compare(design, steps.load_panels(design)), ("one", "outcome"))
    assert set(tables) == {
        *(f"cells.outcome.{what}" for what in ("balance", "balance_measures", "weights", "sets", "flow")),
        *(f"odds.outcome.{what}" for what in ("balance", "balance_measures", "weights", "overlap", "flow")),
        *(f"odds.outcome.{what}" for what in ("calibration", "calibration_line")),
    }
    weights = tables["cells.outcome.weights"].set_index("unit")["weight"]
    share = np.array([1 / 3] * 3 + [1.0] * 2)
    assert weights[["u1", "u2", "u3", "u6", "u7"]].to_numpy() == pytest.approx(share * 5 / share.sum())
    assert weights[["u0", "u4", "u5"]].to_numpy() == pytest.approx(1)
    chances = tables["odds.outcome.weights"].set_index("unit")["weight"]
    assert chances[["u0", "u1", "u4", "u6"]].to_numpy() == pytest.approx([4, 4 / 3, 2, 2], abs=1e-6)
    balance = tables["odds.outcome.balance"]
    after = balance[(balance["stage"] == "after") & (balance["covariate"] == "town")].iloc[0]
    assert after["mean_treated"] == pytest.approx(0.5, abs=1e-6)
    assert after["mean_comparison"] == pytest.approx(0.5, abs=1e-6)


def test_they_are_those_that_match_shows(tmp_path):
    design = written(tmp_path, "none", estimators=ENTRIES)
    shown = {group.name: group.tables for group in match_design(tmp_path / "x.yaml")}
    tables = own_groups(steps.compare(design, steps.load_panels(design)), ("one", "outcome"))
    for name, what in (("cells", "weights"), ("odds", "balance"), ("odds", "calibration_line"), ("cells", "sets")):
        pd.testing.assert_frame_equal(shown[name][what], tables[f"{name}.outcome.{what}"])


def test_a_group_that_two_outcomes_have_is_told_once(tmp_path):
    outcomes = {name: {"value": "y", "label": name} for name in ("first", "second")}
    written(tmp_path, weighed("exact", "att"), estimators=ENTRIES[:2] + ENTRIES[3:])
    text = (tmp_path / "x.yaml").read_text(encoding="utf-8")
    text = text.replace("  outcome:\n    value: y\n", f"  outcomes: {outcomes}\n")
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    design = load_design(tmp_path / "x.yaml")
    tables = own_groups(steps.compare(design, steps.load_panels(design)), ("one", "first"))
    assert {name.rpartition(".")[0] for name in tables} == {"odds.first"}


def test_groups_on_earlier_outcomes_are_told_for_each(tmp_path):
    comparison = weighed("entropy", "att") | {"on": ["outcome_pre"]}
    written(tmp_path, comparison, estimators=ENTRIES[:1])
    table = pd.read_csv(tmp_path / "p.csv")
    table.assign(z=table["y"] * [1 + 0.1 * k % 0.7 for k in range(len(table))]).to_csv(tmp_path / "p.csv", index=False)
    text = (tmp_path / "x.yaml").read_text(encoding="utf-8")
    (tmp_path / "x.yaml").write_text(
        text.replace("  outcome:\n    value: y\n", "  outcomes: {y: {value: y}, z: {value: z}}\n"), encoding="utf-8"
    )
    design = load_design(tmp_path / "x.yaml")
    tables = own_groups(steps.compare(design, steps.load_panels(design)), ("one", "y"))
    assert {"one.z.weights", "one.z.balance", "one.z.flow"} <= set(tables)


def test_under_a_profile_they_are_held_to_what_holds_for_the_headlines(tmp_path):
    """Twenty-four treated: a second way to weigh is told, a third is not, nor is anything by unit."""
    design = written(
        tmp_path, "none", times=8, estimators=[*ENTRIES, ENTRIES[3] | {"id": "again", "with": {"comparison": weighed(
            "ipw", "ato"
        )}}], disclosure={"profile": "ons_srs"},
    )  # fmt: skip
    out = tmp_path / "out"
    run(design, out=out)
    told = {file.name.removesuffix(".csv") for file in (out / "tables").glob("*.outcome.*")}
    held = read_table(out / "disclosure.csv").set_index("file")["rule"].groupby(level=0).first()
    told_estimates = set(read_bundle(out).estimates.dropna(subset="estimate")["estimator"])
    for name in ("cells", "odds", "again"):
        assert f"{name}.outcome.flow" in told
        assert not {f"{name}.outcome.{what}" for what in ("weights", "sets", "overlap")} & told
        assert f"tables/{name}.outcome.weights.csv" in held.index
        assert (f"{name}.outcome.balance" in told) == (name in told_estimates)
    assert {"cells", "odds", "again"} - told_estimates
    assert read_bundle(out).facts.row_groups == ()
    assert "These estimates compare rows of people" not in (out / "report.html").read_text(encoding="utf-8")
    assert "cells" in told_estimates
    assert "one more way than may be told" in held["tables/again.outcome.balance.csv"]


def test_with_few_units_no_other_balance_is_told(tmp_path):
    design = written(tmp_path, "none", times=3, estimators=ENTRIES, disclosure={"profile": "ons_srs"})
    run(design, out=tmp_path / "out")
    told = {file.name for name in ("cells", "odds") for file in (tmp_path / "out" / "tables").glob(f"{name}.*")}
    assert told == {f"{name}.outcome.flow.csv" for name in ("cells", "odds")}


def test_a_covariate_that_could_be_searched_for_holds_the_whole_table(tmp_path):
    """With twenty-four a side it could not; the gate is asked with the numbers of fewer than twelve."""
    design = written(tmp_path, "none", times=8, estimators=ENTRIES[:3])
    groups = steps.compare(design, steps.load_panels(design))
    tables = own_groups(groups, ("one", "outcome"))
    fitted = steps.estimate(design, groups)
    rows = stack([Analytic().infer(one, np.random.default_rng(1)).table for one in fitted.values()])
    about = Confidential(Disclosure(profile="ons_srs"), members={key: Members.of(one) for key, one in fitted.items()})
    few = tables["cells.outcome.balance"].assign(n_treated=8.0, n_comparison=9.0)
    for balance, there in ((tables["cells.outcome.balance"], True), (few, False)):
        content = BundleContent(
            design={}, estimates=rows, facts=RunFacts(headline=HeadlineKey("one", "outcome", "analytic")),
            tables={"cells.outcome.balance": balance}, confidential=about,
        )  # fmt: skip
        assert ("cells.outcome.balance" in gated(content, about).tables) == there
