"""What a method reads beside the outcome reaches every alternative of a design, whichever registered method it is."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

import sos_eval as se
from sos_eval.jobs.run import run
from sos_eval.montecarlo.line.of_design import design_lines
from sos_eval.results.method import registered
from sos_eval.results.strata import NO_STRATA
from tests.conformance.test_estimators import frame

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

#: They read rows of people, matched or not: no column of a panel of authorities is theirs.
OF_PEOPLE = ("aipw", "matched_did", "multilevel")
#: Eight periods a side.
LONG = ("interrupted_time_series",)
PANEL = {
    "source": "csv", "path": "p.csv", "unit": "la", "time": "year", "outcome": {"value": "y"},
    "treatment": {"first_treated": "start", "untreated_means": "never"},
}  # fmt: skip
#: Strata by period are no part of them.
WITHOUT_STRATA = (
    "continuous_did",
    "dechaisemartin_dhaultfoeuille",
    "roth_santanna",
    "stacked",
    "synthetic_control",
    "synthetic_did",
)
OPTIONS = {"triple_difference": {"eligible": "kind"}, "synthetic_control": {"augment": "none"}}


def data():
    """Counts over seven years, who is eligible, and a dose."""
    df = frame()
    df["start"] = np.where(df["start"] > 0, 2005, 0)  # four periods before
    df["y"], df["kind"] = 1000 * df["entries"] / df["children"], df["la"].str[2:].astype(int) // 2 % 2
    return df


def made(folder, name, checks, change=None):
    """Write a design of one registered method."""
    df = data()
    df.to_csv(folder / "p.csv", index=False)
    panel = yaml.safe_load(yaml.safe_dump(PANEL))
    if name == "continuous_did":
        panel["treatment"]["dose"] = "dose"
    if name == "poisson_did":
        panel["outcome"] = {"count": "entries", "exposure": "children", "per": 1000}
    plan = {
        "schema": "sos-eval/design/1", "name": "columns", "panel": panel, "seed": 1,
        "estimators": [{"id": "primary", "method": name, **OPTIONS.get(name, {})}],
        "inference": [{"method": "randomization", "statistic": "coefficient", "draws": 19, "interval": "none"}],
        "checks": checks,
    }  # fmt: skip
    (folder / "d.yaml").write_text(yaml.safe_dump(plan | (change or {})), encoding="utf-8")
    return folder / "d.yaml"


@pytest.mark.parametrize("name", [one for one in registered("estimator") if one not in (*OF_PEOPLE, *LONG)])
def test_alternatives_are_estimated_and_within_is_a_reason_where_strata_are_no_part(tmp_path, name):
    """Every registered method: what it reads is there, and its strata stand in the estimate or it has none."""
    check = {"robustness": {"draws": 19, "vary": [{"with": {"panel.window.to": 2006}}, {"within": ["half"]}]}}
    bundle = run(made(tmp_path, name, [check]), out=tmp_path / "out")
    got = bundle.tables("robustness").set_index("variant")
    later, within = got.loc["window.to: 2006"], got.loc["within half"]
    assert np.isfinite(later["estimate"]), later["reason"]
    text = bundle.diagnostics.set_index("name")["text"]["robustness"]
    assert np.isnan(within["estimate"]) == (name in WITHOUT_STRATA)
    if name in WITHOUT_STRATA:
        assert within["reason"] == f"{name}: {NO_STRATA}"
        assert text.startswith("1 of 2 alternatives could be estimated.")
        assert f"Could not be estimated: “within half” ({name}: {NO_STRATA})." in text
    else:
        assert within["shift"] != 0
        assert text.startswith("2 of 2 alternatives could be estimated.")


def test_a_column_that_an_alternative_method_reads_is_read(tmp_path):
    """A method with a column of its own in place of the primary one; one that is not there is a fault at its line."""
    vary = [{"estimator": {"method": "triple_difference", "eligible": "kind"}}]
    bundle = run(made(tmp_path, "twfe", [{"robustness": {"draws": 19, "vary": vary}}]), out=tmp_path / "out")
    assert bundle.tables("robustness")["estimate"].notna().all()
    vary[0]["estimator"]["eligible"] = "kin"
    with pytest.raises(se.errors.InputFault, match=r'd\.yaml:\d+: .*no column "kin"'):
        run(made(tmp_path, "twfe", [{"robustness": {"draws": 19, "vary": vary}}]), out=tmp_path / "other")


def test_a_power_study_reads_what_the_method_reads(tmp_path):
    design = se.load_design(made(tmp_path, "triple_difference", []))
    assert [line.load.also for line in design_lines(design, {})] == [("kind",)]
