"""Covariates made of small counts: who lists whole numbers against `balance.csv` finds none of them."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.bundle.covariates import CoarseCovariates
from sos_eval.bundle.files import read_table
from sos_eval.errors import InputFault
from sos_eval.results.comparison import are_earlier_outcomes
from sos_eval.terms import BALANCE_COLUMNS

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

DESIGN = """\
schema: sos-eval/design/1
name: covariates
panel:
  source: csv
  path: panel.csv
  unit: la
  time: year
  outcome: {count: entries, exposure: children, per: 10000}
  treatment: {first_treated: start}
  covariates: [deaths, region]
comparison: {method: nearest, on: [deaths, region], distance: mahalanobis}
estimators: [{id: primary, method: callaway_santanna, control: never_treated}]
inference: [{method: analytic}]
checks: []
seed: 4
report: {formats: []}
disclosure: {profile: dfe}
"""
MOST = 5
THEORY = """\
theory:
  {treatment: use, outcome: care, nodes: {use: {}, care: {}, fam: {}},
   edges: [[use, fam], [fam, care]], columns: {fam: deaths}}
"""


def world(folder, n, name="deaths"):
    """Run n treated and n others, deaths of one to five per 10,000; return these, exposures and bundle."""
    rng = np.random.default_rng(n)
    data = pd.DataFrame([(f"A{u:02d}", 2012 if u < n else 0, 2010 + t) for u in range(2 * n) for t in range(4)])
    data.columns = ["la", "start", "year"]
    unit = data.index // 4
    children, deaths = rng.integers(9_000, 60_000, 2 * n), rng.integers(1, MOST + 1, 2 * n)
    data["children"], data["entries"] = children[unit], rng.integers(100, 300, len(data))
    data[name] = (10_000 * deaths / children)[unit]
    data["region"] = np.where(unit % 2, "N", "S")
    data.to_csv(folder / "panel.csv", index=False)
    (folder / "design.yaml").write_text(DESIGN)
    return deaths, children, se.run(folder / "design.yaml", out=folder / "out").path


def fitting(n, children, row):
    """Return all counts of treated and of others, and which pairs of them go with what a row tells."""
    combos = np.array(list(product(range(1, MOST + 1), repeat=n)))
    treated, others = (10_000 * combos / of for of in (children[:n], children[n:]))
    mean, other, sd = treated.mean(1), others.mean(1), treated.std(1, ddof=1)
    fits = np.ones((len(combos), len(combos)), bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        smd = (mean[:, None] - other[None]) / sd[:, None]
        ratio = sd[:, None] ** 2 / others.var(1, ddof=1)[None]
    numbers = {
        "mean_treated": mean[:, None],
        "mean_comparison": other[None],
        "std_mean_diff": smd,
        "variance_ratio": ratio,
    }
    for name, (value, half) in row.items():
        fits &= np.abs(numbers[name] - value) <= half
    return combos, fits


def left(combos, fits):
    """Return how many values each count has left."""
    return [len(np.unique(side[rows])) for rows, side in ((fits.any(1), k) for k in combos.T)]


@pytest.mark.parametrize("n", [4, 5])
def test_no_count_behind_a_covariate_is_left_with_one_value(n, tmp_path):
    """With means and ratio to four digits each has one; with what is told each has more."""
    deaths, children, bundle = world(tmp_path, n)
    row = read_table(bundle / "balance.csv").set_index(["covariate", "stage"]).loc[("deaths", "before")]
    assert row[["mean_treated", "mean_comparison", "variance_ratio", "ks"]].isna().all()
    places = 3  # nobody is left out, so that before and after are one number
    assert row["std_mean_diff"] == round(row["std_mean_diff"], places)
    told = {"std_mean_diff": (row["std_mean_diff"], 0.5 * 10.0**-places + 1e-9)}
    combos, fits = fitting(n, children, told)
    assert min(left(combos, fits) + left(combos, fits.T)) > 1
    rates = 10_000 * deaths / children
    full = {"mean_treated": rates[:n].mean(), "mean_comparison": rates[n:].mean(),
            "variance_ratio": rates[:n].var() / rates[n:].var()}  # fmt: skip
    combos, fits = fitting(n, children, {name: (value, 5e-5 * value) for name, value in full.items()})
    assert max(left(combos, fits) + left(combos, fits.T)) == 1


def test_categories_and_what_is_judged_elsewhere_stay(tmp_path):
    bundle = world(tmp_path, 5)[2]
    table = read_table(bundle / "balance.csv")
    assert table[table["covariate"].str.startswith("region")]["mean_treated"].notna().all()
    assert not (bundle / "tables" / "balance_measures.csv").exists()
    checks = read_table(bundle / "diagnostics.csv")
    assert checks.loc[checks["name"].str.startswith("balance."), "value"].isna().all()
    listed = read_table(bundle / "disclosure.csv")
    assert listed.loc[listed["what"] == "deaths: std_mean_diff", "rule"].str.startswith("3 decimal places").all()


def test_from_twelve_units_a_side_balance_is_told_in_full(tmp_path):
    assert read_table(world(tmp_path, 12)[2] / "balance.csv").drop(columns="variance_ratio").notna().all(axis=None)


def test_places_by_hand():
    """Seven values a count: 5 + 5 units hold 8.5 digits, three stay, and two numbers may have two each."""
    row = dict.fromkeys(BALANCE_COLUMNS, 0.1234) | {"covariate": "deaths", "n_treated": 5, "n_comparison": 5}
    table = pd.DataFrame([row | {"stage": "before"}, row | {"stage": "after", "std_mean_diff": 0.0321},
                          row | {"covariate": "distance"}, row | {"covariate": "region=N"}])  # fmt: skip
    coarse = CoarseCovariates(table, 3, 6)
    assert coarse.places == {"deaths": 1, "distance": 0}
    assert coarse.coarser(table)["std_mean_diff"].tolist() == [0.1, 0.0, 0.0, 0.1234]
    assert coarse.rows(table).tolist() == [True, True, True, False]


@pytest.mark.parametrize("name", ["outcome_previous", "deaths=rate"])
def test_what_a_covariate_is_called_hides_nothing(name, tmp_path, monkeypatch):
    """Names that look like an earlier outcome's or a category's, but were declared."""
    monkeypatch.setattr("tests.bundle.test_covariates.DESIGN", DESIGN.replace("deaths", f'"{name}"'))
    _, _, bundle = world(tmp_path, 5, name)
    row = read_table(bundle / "balance.csv").set_index("covariate").loc[name]
    assert row[["mean_treated", "mean_comparison", "variance_ratio", "ks"]].isna().all(axis=None)
    assert row["std_mean_diff"].notna().all()


def test_cut_points_that_were_taken_from_the_data_are_not_told(tmp_path, monkeypatch):
    """Of bins of equal width the ends are the smallest and the largest rate, each of one authority."""
    cem = DESIGN.replace(
        "nearest, on: [deaths, region], distance: mahalanobis", "cem, on: [outcome_pre], cutpoints: {outcome_pre: 3}"
    )
    monkeypatch.setattr("tests.bundle.test_covariates.DESIGN", cem)
    bundle = world(tmp_path, 12)[2]
    facts = (bundle / "results.json").read_text()
    assert "cut-points taken from the data: …" in facts
    assert not re.search(
        r"cut-points[^\"]*\d", facts + (bundle / "flow.csv").read_text() + (bundle / "log.txt").read_text()
    )


def test_sensitivity_and_calibration_tell_no_covariate(tmp_path, monkeypatch):
    """The benchmark is r² of covariate and who is treated: at three a side it left one combination."""
    design = DESIGN.replace("checks: []", "checks: [sensitivity]").replace(
        "distance: mahalanobis", "distance: probability"
    )
    monkeypatch.setattr("tests.bundle.test_covariates.DESIGN", design)
    bundle = world(tmp_path, 5)[2]
    assert not [
        one.name for one in (bundle / "tables").iterdir() if one.name.startswith(("sensitivity", "calibration"))
    ]
    checks = read_table(bundle / "diagnostics.csv")
    assert checks.loc[checks["name"].str.startswith("sensitivity"), "value"].isna().all()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (THEORY, "theory.columns: not in this version under a disclosure profile"),
        ("", "continuous_did tells doses of single units"),
    ],
)  # fmt: skip
def test_mediators_and_doses_are_refused_under_a_profile(more, said, tmp_path):
    text = DESIGN + more
    if not more:
        text = text.replace("control: never_treated}]", "control: never_treated}, {id: dose, method: continuous_did}]")
    (tmp_path / "design.yaml").write_text(text)
    with pytest.raises(InputFault, match=said):
        se.load_design(tmp_path / "design.yaml")


def test_earlier_outcomes_are_known_in_balance_of_rows_and_of_units():
    """Where people are matched in pairs of units, the units' covariates are called so."""
    names = ["outcome_pre", "outcome_pre_slope of units", "outcome_previous", "deaths of units"]
    assert are_earlier_outcomes(names).tolist() == [True, True, False, False]


ADJUSTED = re.sub(r"comparison: .*\n", "", DESIGN).replace(
    "never_treated}", "never_treated, adjust: reg, covariates: [deaths]}"
)
ENTROPY = DESIGN.replace("nearest, on: [deaths, region], distance: mahalanobis", "entropy, on: [deaths]")


def cells(folder, bundle):
    """Return changes of outcomes since 2011, (units, 3), and what is told of the effects in 2010, 2012 and 2013."""
    data = pd.read_csv(folder / "panel.csv")
    rates = (10_000 * data["entries"] / data["children"]).to_numpy().reshape(-1, 4)
    table = read_table(bundle / "estimates.csv").query("aggregation == 'group_time'")
    table = table[table["inference"] == "analytic"].set_index("event_time")
    change = np.column_stack([rates[:, 1] - rates[:, 0], rates[:, 2] - rates[:, 1], rates[:, 3] - rates[:, 1]])
    return change, table["estimate"].reindex([-1.0, 0.0, 1.0])


def test_an_adjusted_effect_tells_of_no_covariate(tmp_path, monkeypatch):
    """Outcomes are known: the cells adjusted by regression leave one combination of deaths; with the rule none stand.

    An effect is the treated's mean change, less what the others' line gives at the treated's mean covariate.
    """
    monkeypatch.setattr("tests.bundle.test_covariates.DESIGN", ADJUSTED)
    for name in ("off", "on"):
        (tmp_path / name).mkdir()
    with monkeypatch.context() as off:
        off.setattr("sos_eval.results.members.Members.searched", lambda *told: False)
        deaths, children, bundle = world(tmp_path / "off", 4)
    change, effects = cells(tmp_path / "off", bundle)
    combos = np.array(list(product(range(1, MOST + 1), repeat=4)))
    treated, others = (10_000 * combos / of for of in (children[:4], children[4:]))
    centred = others - others.mean(1, keepdims=True)
    fits = np.ones((len(combos), len(combos)), bool)
    for changed, effect in zip(change.T, effects, strict=True):
        slope = centred @ changed[4:] / (centred**2).sum(1)
        at = changed[4:].mean() + slope * (treated.mean(1)[:, None] - others.mean(1))
        fits &= np.abs(changed[:4].mean() - at - effect) <= 0.5 * 10.0 ** (np.floor(np.log10(abs(effect))) - 3)
    found = left(combos, fits) + left(combos, fits.T)
    assert max(found) == 1
    assert [int(combos[k, u]) for side in (1, 0) for k in np.flatnonzero(fits.any(side)) for u in range(4)] == [*deaths]
    bundle = world(tmp_path / "on", 4)[2]
    assert cells(tmp_path / "on", bundle)[1].isna().all()
    assert read_table(bundle / "estimates.csv")["estimate"].isna().all()


@pytest.mark.parametrize("design", [ADJUSTED, ENTROPY], ids=["adjusted", "weighted"])
@pytest.mark.parametrize(("n", "full"), [(5, False), (12, True)])
def test_what_covariates_decide_is_told_in_full_from_twelve_units_a_side(design, n, full, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.bundle.test_covariates.DESIGN", design)
    bundle = world(tmp_path, n)[2]
    assert read_table(bundle / "estimates.csv")["estimate"].notna().all() == full
    assert read_table(bundle / "tables" / "outcome_paths.csv")["mean"].notna().any() == full


def test_units_that_are_chosen_but_not_weighed_are_told_as_others(tmp_path):
    """Nearest one to one: who is in tells of no number, and effects of outcomes alone."""
    table = read_table(world(tmp_path, 5)[2] / "estimates.csv")
    assert table["estimate"].notna().all()
