"""A small result, made by hand: four pilots among twelve authorities, 2011 to 2019, the outcome a rate per 10,000."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import BundleContent
from sos_eval.bundle.tables import adoption, outcome_paths
from sos_eval.comparison.calibration import calibrated
from sos_eval.panel.panel import FlowRow, Outcome, Panel
from sos_eval.terms import EFFECT_COLUMNS
from sos_eval.theory.programme import ProgrammeTheory
from sos_eval.theory.tables import edges_table, nodes_table

YEARS = tuple(float(year) for year in range(2011, 2020))
UNITS = tuple(f"{code}" for code in range(301, 313))
STARTS = {"301": 2015.0, "302": 2015.0, "303": 2016.0, "304": 2016.0}


def panel() -> Panel:
    """Twelve authorities over nine years; 2013 omitted, 2018 flagged; a rate of 30 + unit + year, less 3 treated."""
    rows = []
    for i, unit in enumerate(UNITS):
        start = STARTS.get(unit, np.inf)
        for time in YEARS:
            if time == 2013:
                continue
            rate = 30.0 + i + 0.5 * (time - 2011) - 3.0 * (time >= start)
            exposure = 50_000.0 + 1_000.0 * i
            rows.append((unit, time, rate, rate * exposure / 1e4, exposure, start, unit, 1.0, float(time >= start)))
    names = ["unit", "time", "outcome", "count", "exposure", "first_treated", "cluster", "weight", "treated"]
    entry = Outcome("entry", "Children starting to be looked after", "rate_per", 10_000.0, True)
    return Panel(
        pd.DataFrame(rows, columns=names), labels={"unit": "la_code", "time": "year"}, outcomes=(entry,),
        active="entry", untreated_means="unknown",
        year_convention="ends_march", omitted_times={2013.0: "boundaries changed"},
        flagged_times={2018.0: "new recording rule"}, flow=(FlowRow("panel", "start", 12, 96),),
        adoption=pd.DataFrame({"unit": ["301", "303"], "embedded": [2016.0, np.nan], "stopped": [np.nan, 2019.0]}),
    )  # fmt: skip


def effect(**columns: object) -> dict[str, object]:
    """A row of `estimates.csv`."""
    row: dict[str, object] = dict.fromkeys(EFFECT_COLUMNS, np.nan)
    row |= {
        "estimator": "primary", "role": "primary", "estimand": "att", "aggregation": "overall", "subgroup": "",
        "scale": "rate_per", "conf_level": 0.95, "n_obs": 96, "n_units": 12, "n_treated_units": 4, "n_clusters": 12,
        "outcome": "entry", "inference": "randomization", "reason": "",
    }  # fmt: skip
    return row | columns


def estimates() -> pd.DataFrame:
    """The primary under two procedures, a secondary, an event study with a band, and one that is not identified."""
    rows = [
        effect(estimate=-1.9, std_error=2.6, conf_low=-8.3, conf_high=4.1, p_value=0.43),
        effect(estimate=-1.9, std_error=1.1, conf_low=-4.06, conf_high=0.26, p_value=0.08, inference="analytic"),
        effect(estimate=0.93, std_error=0.07, conf_low=0.81, conf_high=1.07, p_value=0.31, estimator="poisson",
               role="secondary", estimand="rate_ratio", scale="ratio", inference="analytic"),
        effect(estimator="twfe", role="sensitivity", inference="analytic", reason="one cluster is treated"),
    ]  # fmt: skip
    for e in range(-4, 5):
        value = 0.0 if e == -1 else 0.4 * (-1) ** e if e < 0 else -1.0 - 0.3 * e
        error = np.nan if e == -1 else 1.0 + 0.1 * abs(e)
        for name in ("randomization", "analytic"):
            rows.append(effect(
                aggregation="event_time", event_time=float(e), estimate=value, std_error=error, inference=name,
                conf_low=value - 1.96 * error, conf_high=value + 1.96 * error, band_low=value - 2.7 * error,
                band_high=value + 2.7 * error, reason="reference period" if e == -1 else "",
            ))  # fmt: skip
    return pd.DataFrame(rows)[list(EFFECT_COLUMNS)]


def by_dose() -> pd.DataFrame:
    """A line of a dose and its slope: permuted intervals of the effects alone, conventional ones and bands of both."""
    rows = []
    for dose in (0.3, 0.6, 0.9):
        for estimand, value, error in (("att", -4.0 * dose, 0.5 + abs(dose - 0.6)), ("acrt", -4.0, 1.5)):
            rows.append(effect(
                estimand=estimand, subgroup=f"dose {dose:g}", estimate=value, std_error=error, inference="analytic",
                conf_low=value - 1.96 * error, conf_high=value + 1.96 * error, band_low=value - 2.4 * error,
                band_high=value + 2.4 * error,
            ))  # fmt: skip
            told = {"conf_low": value - 2.2 * error, "conf_high": value + 2.2 * error} if estimand == "att" else {}
            rows.append(effect(estimand=estimand, subgroup=f"dose {dose:g}", estimate=value, p_value=0.04, **told))
    return pd.DataFrame(rows)[list(EFFECT_COLUMNS)]


def balance() -> pd.DataFrame:
    """Two covariates, before and after."""
    rows = [
        ("idaci", "before", 0.21, 0.17, 0.61, 1.4, 0.3, 4, 8, 8.0),
        ("idaci", "after", 0.21, 0.20, 0.12, 1.1, 0.2, 4, 6, 5.1),
        ("outcome_pre", "before", 33.0, 29.0, 0.41, 1.2, 0.3, 4, 8, 8.0),
        ("outcome_pre", "after", 33.0, 34.9, -0.19, 1.0, 0.1, 4, 6, 5.1),
    ]  # fmt: skip
    names = ["covariate", "stage", "mean_treated", "mean_comparison", "std_mean_diff", "variance_ratio", "ks"]
    return pd.DataFrame(rows, columns=[*names, "n_treated", "n_comparison", "ess_comparison"])


def flow() -> pd.DataFrame:
    """From fourteen authorities to ten."""
    rows = [
        ("panel", "start", 14, 126, "", ""),
        ("exclude", "dropped", 2, 18, "886, 306", "unaccompanied children dominate"),
        ("omit_times", "dropped", 0, 12, "2013", "boundaries changed"),
        ("comparison", "dropped", 2, 16, "311, 312", "no pilot within the caliper"),
        ("analysis", "kept", 10, 80, "", ""),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["step", "what", "units", "rows", "names", "reason"])


def diagnostics() -> pd.DataFrame:
    """One check that informs, one that passed and one that failed its declared threshold."""
    rows = [
        ("pretrends.joint", "entry", "primary", "p_value", 0.61, np.nan, None, "No joint difference before."),
        ("balance.std_mean_diff", "entry", "primary", "max", 0.19, 0.25, True, "The largest difference is 0.19."),
        ("leave_one_out", "entry", "primary", "max_change", 2.4, 1.0, False, "Without 303 it changes by 2.4."),
    ]  # fmt: skip
    names = ["name", "outcome", "estimator", "statistic", "value", "threshold", "passed", "text"]
    return pd.DataFrame(rows, columns=names)


def design() -> dict[str, object]:
    """The resolved design, as far as a report reads it."""
    return {
        "schema": "sos-eval/design/1", "name": "handmade", "title": "Signs of Safety and children entering care",
        "question": {
            "intervention": "Signs of Safety", "population": "Children aged 0-17 in English local authorities",
            "comparator": "Authorities not known to use Signs of Safety",
            "outcome": "Children starting to be looked after per 10,000 children", "expected_direction": "decrease",
            "caveats": ["Six of ten pilots used the approach <before> it started."],
        },
        "panel": {"unit": "la_code", "time": "year", "year_convention": "ends_march"},
        "estimators": [{"id": "primary", "method": "callaway_santanna", "role": "primary"}],
        "inference": [{"method": "randomization", "draws": 999}, {"method": "analytic"}],
    }  # fmt: skip


def content(**changes: object) -> BundleContent:
    """All of it as a bundle's content; `changes` replace fields."""
    parts: dict[str, object] = {
        "design": design(), "estimates": estimates(), "balance": balance(), "flow": flow(),
        "diagnostics": diagnostics(),
        "weights": pd.DataFrame({"unit": list(UNITS), "weight": 1.0}), "log": "done\n",
        "headline": {"verdict": "inconclusive"}, "provenance": {"seed": 1, "lock": {"state": "never_locked"}},
    }  # fmt: skip
    return BundleContent(**(parts | changes))  # type: ignore[arg-type]


def figure_tables() -> dict[str, pd.DataFrame]:
    """The tables that figures read, made from the panel above or by rule."""
    weights = np.array([1.0] * 4 + [1.0, 0.5, 1.0, 1.0, 0.5, 1.0, 0.0, 0.0])
    k = np.arange(999)
    theory = ProgrammeTheory(edges=(
        ("practice", "trust"), ("trust", "outcome"), ("practice", "outcome"), ("need", "practice"), ("need", "outcome"),
    ))  # fmt: skip
    return {
        "theory.nodes": nodes_table(theory),
        "theory.edges": edges_table(theory),
        "outcome_paths": outcome_paths(panel(), weights),
        "adoption": adoption(panel()),
        "overlap": pd.DataFrame({
            "unit": list(UNITS), "treated": [1.0] * 4 + [0.0] * 8, "weight": weights,
            "distance": [0.62, 0.55, 0.48, 0.71, 0.5, 0.44, 0.61, 0.39, 0.52, 0.6, 0.08, 0.11],
        }),
        **calibrated(
            {"fitted": np.linspace(0.06, 0.74, 12), "held_out": np.linspace(0.02, 0.88, 12)[::-1] ** 1.5},
            np.arange(12) % 3 == 0,
        ),
        "balance_values": pd.DataFrame({
            "unit": list(UNITS) * 2, "treated": ([1] * 4 + [0] * 8) * 2, "covariate": ["poverty"] * 12 + ["size"] * 12,
            "value": np.r_[np.linspace(0.1, 0.4, 12), 100.0 * (1 + k[:12] ** 2 % 7)], "before": 1.0,
            "after": np.tile(weights, 2),
        }),
        "primary.randomization": pd.DataFrame({"statistic": 2.2 * np.sin(k) * np.sqrt(k % 17 / 17), "observed": -1.1}),
        "leave_one_out": pd.DataFrame({
            "unit": list(UNITS), "estimate": -1.9 + 0.3 * np.sin(np.arange(12.0)),
            "change": 0.3 * np.sin(np.arange(12.0)),
        }),
        "honest_did.relative_magnitudes": pd.DataFrame({
            "M": [0.0, 0.5, 1.0], "low": [-4.0, -6.0, np.nan], "high": [-0.5, 1.0, 6.0], "scale": "rate_per",
            "reason": ["", "", "the grid ends before the set does"],
        }),
        "robustness": pd.DataFrame({
            "variant": ["start a year later", "years to 2017 only", "without 2018"], "estimate": [-1.2, -2.5, -1.7],
            "conf_low": [-5.0, -8.0, -6.0], "conf_high": [2.6, 3.0, 2.6],
        }),
        "refuters.placebo_treatment": pd.DataFrame({"draw": k[:99] + 1.0, "estimate": np.sin(k[:99] * 1.0)}),
        "refuters.dummy_outcome": pd.DataFrame({"draw": k[:99] + 1.0, "estimate": np.cos(k[:99] * 1.0)}),
        "refuters.common_cause": pd.DataFrame(
            [(a, b, 1 - 3 * a * b) for a in (0.2, 0.4, 0.6) for b in (0.2, 0.4, 0.6)],
            columns=["with_treatment", "with_outcome", "share_left"],
        ),
        "mechanisms.first_link": pd.DataFrame({
            "mediator": ["trust"], "words": "Parents' trust", "column": "trust", "estimate": 0.9, "std_error": 0.2,
            "n_units": 12, "n_treated_units": 4, "p_value": 0.004, "detectable": 0.6, "reason": "", "scale": "value",
            "method": "callaway_santanna", "conf_low": 0.46, "conf_high": 1.34,
        }),
        "mechanisms.joint": pd.DataFrame({
            "mediator": ["trust"], "words": "Parents' trust", "first_p": 0.004, "first_detectable": 0.6, "link": -2.5,
            "link_error": 1.0, "link_p": 0.03, "link_detectable": 2.8, "joint_p": 0.03, "n_units": 12, "reason": "",
            "link_low": -4.8, "link_high": -0.2,
        }),
        "mechanisms.mediation": pd.DataFrame({
            "mediator": "trust", "words": "Parents' trust",
            "quantity": ["total_effect", "pure_natural_direct", "total_natural_indirect"],
            "estimate": [-3.0, -0.75, -2.25], "std_error": [0.5, 1.0, 1.1], "conf_low": [-4.1, -2.9, -4.6],
            "conf_high": [-1.9, 1.4, 0.1], "n_clusters": 12, "reason": "",
        }),
        "mechanisms.sensitivity": pd.DataFrame({
            "rho": [-0.5, 0.0, 0.5], "indirect": [1.0, -0.5, -2.0], "rho_at_zero": -0.2, "mediator": "trust",
            "words": "Parents' trust",
        }),
        "moderators.discovery.groups": pd.DataFrame({
            "learner": "double_ml", "group": [1, 2, 3, 4], "n_treated": 10.0, "estimate": [-4.0, -2.0, -1.0, 0.5],
            "conf_low": [-6.0, -4.0, -3.0, -1.5], "conf_high": [-2.0, 0.0, 1.0, 2.5], "p_value": 0.1,
            "status": "exploratory",
        }),
        "moderators.discovery": pd.DataFrame({
            "learner": ["double_ml"], "estimate": -1.6, "std_error": 0.8, "reason": "", "slope": 0.7,
            "slope_error": 0.3, "p_value": 0.02, "difference": 4.5, "difference_error": 1.5,
            "detectable": 4.2, "n": 80, "n_clusters": 80, "p_adjusted": 0.02, "status": "exploratory",
        }),
        "moderators.discovery.projection": pd.DataFrame({
            "learner": ["double_ml"], "column": "idaci", "estimate": 1.2, "std_error": 0.5, "conf_low": 0.2,
            "conf_high": 2.2, "p_value": 0.02, "p_adjusted": 0.02, "status": "exploratory",
        }),
        "moderators.discovery.members": pd.DataFrame({
            "learner": ["double_ml"], "column": "idaci", "lowest": 0.1, "highest": 0.3, "difference": 0.2,
            "std_error": 0.02, "conf_low": 0.16, "conf_high": 0.24, "status": "exploratory",
        }),
        "moderators.discovery.distribution": pd.DataFrame({
            "learner": "double_ml", "percentile": k[1:20] * 5.0, "predicted": -1.6 + (k[1:20] - 10) / 3,
            "calibrated": -1.6 + 0.7 * (k[1:20] - 10) / 3, "status": "exploratory",
        }),
        "primary.entry.fit": pd.DataFrame({
            "cohort": 2015.0, "time": np.arange(2010.0, 2019.0), "n_treated_units": 4, "gap": np.sin(k[:9]),
            "treated": 60.0 + k[:9], "synthetic": 60.0 + k[:9] - np.sin(k[:9]),
        }),
        "specification_curve": pd.DataFrame({
            "variant": ["as declared", "ratio", "to 2017", "ratio; to 2017"], "estimate": [-1.9, 0.93, -2.5, 0.91],
            "scale": ["rate_per", "ratio"] * 2, "p_value": [0.2, 0.3, 0.04, 0.2], "percent": [-6.0, -7.0, -8.0, -9.0],
            "percent_low": -15.0, "percent_high": 4.0, "conf_low": -5.0, "conf_high": 3.0,
            "choice.scale": ["difference", "ratio"] * 2, "choice.years": ["to 2019"] * 2 + ["to 2017"] * 2,
        }),
    }  # fmt: skip


def full(**changes: object) -> BundleContent:
    """The content with every table, and what the run of the same panel knows."""
    from tests.pilots import pilots_facts

    return content(**({"tables": figure_tables(), "facts": pilots_facts()} | changes))
