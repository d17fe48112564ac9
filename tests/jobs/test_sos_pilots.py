"""The reference design on the real panel, against an independent computation with a dummy for every unit and year."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from shutil import copy

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.declare import read_yaml
from sos_eval.panel.england.published import panel_file
from tests.conftest import ROOT, drawn_once

#: One worker runs the design, once for all tests here.
pytestmark = pytest.mark.xdist_group("pilots")

DESIGN = ROOT / "designs" / "sos_pilots_care_entry.yaml"
PILOTS = ["384", "926", "872", "801", "935", "925", "304", "938", "855", "211"]
LEFT_OUT = ["886", "306", "919", "867", "869", "821", "874", "212", "866", "873"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> se.ResultBundle:
    """The design as it is with few draws, which no number here depends on; `make run` takes all."""
    folder, text = tmp_path_factory.mktemp("pilots"), DESIGN.read_text(encoding="utf-8")
    assert text.count("draws: 4999") == 1
    (folder / DESIGN.name).write_text(text.replace("draws: 4999", "draws: 199"), encoding="utf-8")
    for name in ("register", "programmes"):
        copy(DESIGN.with_name(f"sos_pilots_{name}.csv"), folder)
    with drawn_once():
        return se.run(folder / DESIGN.name, out=folder / "bundle")


def by_hand(*, same_regions: bool) -> tuple[float, float, int]:
    """Return log rate ratio, clustered error with fixest's factor, and number of units, from statsmodels' GLM."""
    import statsmodels.api as sm

    data = pd.read_csv(panel_file("constant"), dtype={"la_code": str})
    data["region"] = data["region"].replace({"Inner London": "London", "Outer London": "London"})
    data = data[(data["year"] <= 2019) & (data["year"] != 2015) & data["children_0_17"].notna()]
    if same_regions:
        data = data[data["region"].isin(set(data.loc[data["la_code"].isin(PILOTS), "region"]))]
    data = data[~data["la_code"].isin(LEFT_OUT)]
    treated = (data["la_code"].isin(PILOTS) & (data["year"] > 2015)).astype(float)
    before = data[data["year"] < 2015].groupby("la_code")["children_0_17"].mean()
    large = data["la_code"].map(before > before.median()).astype(str)  # starts are drawn within halves by population
    years = pd.get_dummies(data["year"].astype(str) + large, dtype=float)
    years = years.drop(columns=[name for name in years if name.startswith("2011")])
    x = np.column_stack([treated, pd.get_dummies(data["la_code"], dtype=float), years])
    fit = sm.GLM(data["care_entries"], x, family=sm.families.Poisson(), offset=np.log(data["children_0_17"])).fit(
        tol=1e-12
    )
    mu = np.asarray(fit.mu)
    bread = np.linalg.inv((x * mu[:, None]).T @ x)
    scores = pd.DataFrame((data["care_entries"].to_numpy() - mu)[:, None] * x)
    sums = scores.groupby(data["la_code"].to_numpy()).sum().to_numpy()
    g, n, k = len(sums), len(data), 1 + 1 + years.shape[1]
    variance = (bread @ sums.T @ sums @ bread)[0, 0] * g / (g - 1) * (n - 1) / (n - k)
    return float(np.asarray(fit.params)[0]), float(np.sqrt(variance)), g


def row(bundle: se.ResultBundle, estimator: str, estimand: str, inference: str) -> pd.Series:
    table = bundle.estimates
    mask = (table["estimator"] == estimator) & (table["estimand"] == estimand) & (table["inference"] == inference)
    return table[mask & (table["aggregation"] == "overall")].iloc[0]


@pytest.mark.parametrize(("estimator", "same_regions"), [("primary", True), ("all_england", False)])
def test_rate_ratio_and_error_agree_with_a_dummy_for_every_unit_and_year(bundle, estimator, same_regions):
    log_ratio, error, units = by_hand(same_regions=same_regions)
    ours = row(bundle, estimator, "rate_ratio", "analytic")
    assert np.log(ours["estimate"]) == pytest.approx(log_ratio, abs=1e-8)
    assert ours["std_error"] == pytest.approx(error, rel=1e-6)  # statsmodels stops its own iterations at about 1e-7
    assert ours["n_units"] == units


def test_the_headline_rests_on_the_randomization_test(bundle):
    headline = bundle.headline
    assert headline["verdict"] == "inconclusive"
    assert headline["inference"] == "randomization"


def test_a_cluster_robust_result_does_not_stand_alone(bundle):
    for estimator in bundle.estimates["estimator"].unique():
        methods = set(bundle.estimates.loc[bundle.estimates["estimator"] == estimator, "inference"])
        assert methods == {"randomization", "analytic"}


def test_the_flow_names_who_left_and_why(bundle):
    flow = bundle.flow
    kent = flow[flow["names"].astype(str) == "886"].iloc[0]
    assert "unaccompanied" in kent["reason"]
    assert flow.iloc[-1]["units"] == 89


def test_page_one_says_what_it_does_not_show(bundle):
    report = (bundle.path / "report.html").read_text(encoding="utf-8")
    assert "usual practice" in report
    assert "never locked" in report
    assert "http" not in report.replace("http://www.w3.org", "")


def test_provenance_holds_the_hash_of_the_panel_that_ships(bundle):
    files = {one["file"]: one["sha256"] for one in bundle.provenance["data"]}
    assert files["sos_eval/panel/england/constant.csv.gz"] == sha256(panel_file("constant").read_bytes()).hexdigest()


def test_json_files_hold_no_nan(bundle):
    for file in Path(bundle.path).glob("*.json"):
        json.loads(file.read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_the_theory_is_held_against_the_reference_design_itself():
    """Every declaration is the reference's but for name, title, theory and a date that the theory's column needs."""
    theory, own = read_yaml(DESIGN.with_name("sos_pilots_theory.yaml")).data, read_yaml(DESIGN).data
    assert theory["panel"].pop("measured") == {"idaci_2015": 2013}
    assert {key for key in theory if theory[key] != own.get(key)} == {"name", "title", "theory"}
    assert set(own) <= set(theory)


@pytest.mark.slow
def test_estimates_beside_the_theory_are_the_reference_s_to_the_byte(tmp_path, undrawn):
    made = []
    for name in (DESIGN.name, "sos_pilots_theory.yaml"):  # the headline alone, with few lots
        text = (
            (DESIGN.parent / name).read_text(encoding="utf-8").replace("draws: 4999, interval: inversion", "draws: 19")
        )
        text = re.sub(r"\b(theory_signs|sos_pilots_(?=reg|pro))", rf"{DESIGN.parent}/\1", text)
        text = re.sub(r"  - {id: additive.*?(?=inference:)|checks:.*?(?=theory:|seed:)", "", text, flags=re.S)
        (tmp_path / name).write_text(text, encoding="utf-8")
        made.append(se.run(tmp_path / name, out=tmp_path / f"{name}.out").path)
    for file in ("estimates.csv", "tests.csv", "weights.csv", "headline.json"):
        assert (made[0] / file).read_bytes() == (made[1] / file).read_bytes()
