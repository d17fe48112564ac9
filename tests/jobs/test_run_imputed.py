"""A run on rows with gaps: estimates are those of completed data sets, pooled; what was filled is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.jobs.imputed import AVERAGED
from sos_eval.jobs.run import run
from sos_eval.numerics.random import stream
from sos_eval.panel.imputation import GapFilling, completed
from sos_eval.panel.panel import Panel
from tests.conftest import without_pages

NUMBER, SEED = 3, 7
DESIGN = f"""
schema: sos-eval/design/1
name: gaps
title: Rows with gaps
question: {{intervention: Visits, population: people, comparator: others, outcome: Days, expected_direction: none}}
panel:
  source: csv
  path: people.csv
  layout: cross_sections
  unit: area
  time: year
  treatment: {{first_treated: start}}
  untreated_means: never
  outcome: {{value: days}}
  covariates: [need, kind]
  imputation: {{number: {NUMBER}, iterations: 2}}
estimators: [{{id: primary, method: twfe}}]
inference: [{{method: randomization, draws: 99}}, {{method: analytic}}]
report: {{formats: []}}
seed: {SEED}
""".replace("  untreated_means: never\n", "")


def people() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 2400
    area, year = rng.integers(0, 24, n), rng.integers(2001, 2009, n)
    start = np.where(area < 10, 2005, 0)
    need, kind = rng.normal(size=n), rng.choice(["north", "south"], n)
    days = 30 + 2 * need + (kind == "south") - 2.0 * ((start > 0) & (year >= start)) + rng.normal(size=n)
    frame = pd.DataFrame({"area": area, "year": year, "start": start, "need": need, "kind": kind, "days": days})
    frame.loc[rng.random(n) < 0.2, "need"] = np.nan
    frame.loc[rng.random(n) < 0.1, "kind"] = None
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("gaps")
    people().to_csv(base / "people.csv", index=False)
    (base / "gaps.yaml").write_text(DESIGN)
    with without_pages():
        run(base / "gaps.yaml", out=base / "out")
    return base


def least_squares(frame: pd.DataFrame) -> tuple[float, float]:
    """Regress on areas, years, treatment and covariates; errors by area, whose effects are not counted."""
    areas, years = pd.get_dummies(frame["unit"], dtype=float), pd.get_dummies(frame["time"], dtype=float).iloc[:, 1:]
    own = np.column_stack([frame["treated"], frame["need"], frame["kind"] == "south", years]).astype(float)
    x, y = np.column_stack([own, areas]), frame["outcome"].to_numpy(float)
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ y
    scores = pd.DataFrame(x * (y - x @ beta)[:, None]).groupby(frame["unit"].to_numpy()).sum().to_numpy()
    g, n, k = len(scores), len(y), own.shape[1] + 1
    variance = inverse @ scores.T @ scores @ inverse * g / (g - 1) * (n - 1) / (n - k)
    return float(beta[0]), float(np.sqrt(variance[0, 0]))


def by_hand(folder) -> pd.Series:
    """Complete, estimate and pool one by one."""
    from sos_eval.design.design import load_design
    from sos_eval.panel.load import load_panel

    design = load_design(folder / "gaps.yaml")
    panel: Panel = load_panel(design.panel, design.document, base=folder)
    rows = []
    for k in range(NUMBER):
        lots = stream(SEED, "imputation", k)
        filled = completed(panel, panel.covariates, GapFilling(number=NUMBER, iterations=2), lots)
        rows.append(least_squares(filled.frame))
    several = np.array(rows)
    within, between = (several[:, 1] ** 2).mean(), several[:, 0].var(ddof=1)
    total = within + (1 + 1 / NUMBER) * between
    mean = several[:, 0].mean()
    return pd.Series({"estimate": mean, "std_error": np.sqrt(total), "within": within, "between": between})


def test_estimates_are_pooled_over_the_completed_data_sets(folder):
    row = pd.read_csv(folder / "out" / "estimates.csv").query("inference == 'analytic'").iloc[0]
    lost = pd.read_csv(folder / "out" / "tables" / "primary.imputations.csv").iloc[0]
    wanted = by_hand(folder)
    for name in ("estimate", "std_error"):
        assert row[name] == pytest.approx(wanted[name], rel=1e-9), name
    for name in ("within", "between"):
        assert lost[name] == pytest.approx(wanted[name], rel=1e-9), name
    assert lost["between"] > 0
    assert row["df"] < 23  # fewer than the complete data's clusters less one


def test_a_randomization_test_is_averaged_over_them(folder):
    """Under an effect of many errors no draw of the 99 is as extreme on average; there is no interval."""
    row = pd.read_csv(folder / "out" / "estimates.csv").query("inference == 'randomization'").iloc[0]
    assert row["p_value"] == pytest.approx(1 / 100)
    assert row["reason"] == AVERAGED
    assert np.isnan(row["conf_low"])
    assert row["estimate"] == pytest.approx(by_hand(folder)["estimate"], rel=1e-9)
    drawn = pd.read_csv(folder / "out" / "tables" / "primary.randomization.csv")
    assert len(drawn) == 99
    assert np.abs(drawn["statistic"]).max() < abs(row["statistic"])


def test_what_was_filled_is_told(folder):
    flow = pd.read_csv(folder / "out" / "flow.csv").query("step == 'imputation'")
    gaps = people()[["need", "kind"]].isna().any(axis=1)
    assert flow["rows"].tolist() == [gaps.sum()]
    told = f"Gaps in need, kind were filled 3 times by chained equations; {np.ceil(100 * gaps.mean()):.0f} of 100 rows"
    assert flow["reason"].iloc[0].startswith(told)


def test_the_sheet_does_not_say_that_nothing_is_imputed(folder):
    said = (folder / "out" / "tables" / "evidence.target_trial.csv").read_text()
    assert f"gaps of covariates are imputed {NUMBER} times" in said
    assert "nothing is imputed" not in said


def test_the_reviewers_sheet_counts_rows_with_a_gap(folder):
    table = people()
    gaps = int(table[["need", "kind"]].isna().any(axis=1).sum())
    rows = pd.read_csv(folder / "out" / "tables" / "evidence.robins_i.csv").set_index("domain")["evidence"]
    assert f"{gaps:,} rows, before any are matched, have no value of need, kind." in rows["Missing data"]
    assert "were filled 3 times by chained equations" in rows["Missing data"]
