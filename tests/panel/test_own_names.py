"""Columns of the user's that are called like one of ours: the same numbers as under any other name, or a refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.design.design import Design
from sos_eval.errors import InputFault
from sos_eval.estimators import TWFE, CallawaySantAnna, Imputation
from sos_eval.jobs.steps import compare, load_panels
from sos_eval.panel.own_names import OUR_NAMES
from sos_eval.results.estimator import Estimator

DESIGN = """schema: sos-eval/design/1
name: names
panel:
  source: csv
  path: panel.csv
  unit: la
  time: year
  outcome: {{count: entries, exposure: children, per: 10000}}
  treatment: {{first_treated: start}}
  covariates: [{0}, {1}]
  weight: {3}
estimators:
  - {{id: cells, method: callaway_santanna, adjust: reg}}
  - {{id: drawn, method: twfe, covariates: [{1}],
     inference: {{method: randomization, draws: 19, interval: none, strata: [{2}]}}}}
  - {{id: twice, method: twfe, inference: {{method: two_way, also: {2}}}}}
inference: {{method: analytic}}
report: {{formats: []}}
seed: 1
"""


MATCHED = """comparison: {{method: nearest, on: [{0}, outcome_pre], exact: [{2}], restrict: {{same: [{2}]}}}}
"""


def frame() -> pd.DataFrame:
    rng, units, years = np.random.default_rng(5), np.arange(100, 124), np.arange(2010, 2016)
    df = pd.DataFrame([(unit, year) for unit in units for year in years], columns=["la", "year"])
    df["start"] = np.where(df["la"] < 108, 2014, 0)
    df["children"] = 20_000 + 10 * (df["la"] - 100)
    df["a"] = np.repeat(rng.normal(size=len(units)), len(years))
    df["b"] = rng.normal(size=len(df))
    df["c"] = np.where(df["la"] % 2, "odd", "even")
    df["w"] = 1.0 + df["la"] % 3
    df["entries"] = rng.poisson(60 + 3 * df["b"] + 4 * df["a"] - 8 * ((df["start"] > 0) & (df["year"] >= 2014)))
    return df


def written(folder: Path, names: tuple[str, str, str, str], text: str = DESIGN) -> Design:
    folder.mkdir()
    frame().rename(columns=dict(zip("abcw", names, strict=True))).to_csv(folder / "panel.csv", index=False)
    (folder / "d.yaml").write_text(text.format(*(f'"{name}"' for name in names)))
    return se.load_design(folder / "d.yaml")


def run(folder: Path, names: tuple[str, str, str, str]) -> pd.DataFrame:
    return se.run(written(folder, names), out=folder / "out").estimates


def weights(folder: Path, names: tuple[str, str, str, str]) -> list[float]:
    design = written(folder, names, DESIGN + MATCHED)
    (group, *_) = compare(design, load_panels(design)).values()
    return group.comparison.weights.tolist()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return run(tmp_path_factory.mktemp("names") / "plain", ("a", "b", "c", "w"))


@pytest.mark.parametrize(
    "names",
    [
        ("unit", "time", "stratum", "weight"),
        ("outcome", "count", "arm", "exposure"),
        pytest.param(("cluster", "first_treated", "matched_set", "count"), marks=pytest.mark.slow),
        pytest.param(("count:entries", "treated", "unit_name", "dose"), marks=pytest.mark.slow),
    ],
)
def test_a_design_whose_columns_bear_our_names_has_the_same_numbers(
    tmp_path: Path, plain: pd.DataFrame, names: tuple[str, str, str, str]
) -> None:
    assert plain["estimate"].notna().sum() > 10
    pd.testing.assert_frame_equal(run(tmp_path / "named", names), plain)


def test_matched_on_such_columns_the_same_units_serve(tmp_path: Path) -> None:
    expected = weights(tmp_path / "plain", ("a", "b", "c", "w"))
    assert 0 in expected
    assert weights(tmp_path / "named", ("unit", "time", "stratum", "weight")) == expected


@pytest.mark.parametrize("name", sorted(OUR_NAMES))
@pytest.mark.parametrize("method", [CallawaySantAnna(adjust="reg"), Imputation(), TWFE()])
def test_a_covariate_may_bear_any_name_of_ours(name: str, method: Estimator) -> None:
    roles = {"unit": "la", "time": "year", "outcome": "entries", "first_treated": "start", "exposure": "children"}
    plain = method.fit(frame(), **roles, covariates=["b"])  # type: ignore[arg-type]
    named = method.fit(frame().rename(columns={"b": name}), **roles, covariates=[name])  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(named, plain)


def test_a_methods_own_covariates_follow() -> None:
    roles = {"unit": "la", "time": "year", "outcome": "entries", "first_treated": "start"}
    df = frame().rename(columns={"b": "time", "a": "unit"})
    named = TWFE(covariates=("time",)).fit(df, **roles, covariates=["time", "unit"])  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(named, TWFE().fit(frame(), **roles, covariates=["b"]))  # type: ignore[arg-type]


@pytest.mark.parametrize(("word", "stratum"), [("exposure", "exposure_half"), ("cluster", "cluster"), ("unit", "unit")])
def test_a_stratum_that_may_be_ours_or_the_files_is_refused(tmp_path: Path, word: str, stratum: str) -> None:
    frame().rename(columns={"w": word}).to_csv(tmp_path / "panel.csv", index=False)
    text = DESIGN.format("a", "b", "c", word).replace("strata: [c]", f"strata: [{stratum}]")
    (tmp_path / "d.yaml").write_text(text)
    with pytest.raises(InputFault, match=rf"{word}: as a stratum it is the panel's .*; give the column another name"):
        se.run(se.load_design(tmp_path / "d.yaml"), out=tmp_path / "out")


def test_what_is_made_of_the_outcome_and_a_column_of_that_name_are_not_guessed_between(tmp_path: Path) -> None:
    with pytest.raises(InputFault, match="outcome_pre may be the column of the file or what is made from the outcome"):
        weights(tmp_path / "built_in", ("outcome_pre", "b", "c", "w"))
