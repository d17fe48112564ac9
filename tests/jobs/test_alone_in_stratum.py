"""Treated units whose stratum holds no comparison are in no effect: they are left out, by name, size and count."""

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.files import read_table
from sos_eval.errors import InputFault

pytestmark = pytest.mark.usefixtures("undrawn")

DESIGN = """\
schema: sos-eval/design/1
name: x
panel:
  source: csv
  path: panel.csv
  unit: la
  time: year
  outcome: {{count: entries, exposure: children, per: 10000}}
  treatment: {{first_treated: start}}
estimators: [{{id: primary, method: {method}}}]
inference: [{{method: randomization, draws: 99, strata: [{strata}]}}]
checks: [{check}]
seed: 1
report: {{formats: []}}
"""


def _written(folder, regions: list[str]) -> None:
    """Twenty-four authorities over eight years: the first two alone in `east`, the last four in `west`: none starts."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame([(f"A{u:02d}", year) for u in range(24) for year in range(2010, 2018)], columns=["la", "year"])
    unit = frame["la"].str[1:].astype(int)
    frame["region"] = np.where(unit < 2, "east", np.where(unit > 19, "west", np.where(unit % 2, "north", "south")))
    frame["start"] = np.where(unit < 7, "2015", "never")
    frame["children"] = (9000 + 500 * unit + 10 * (frame["year"] - 2010)).astype(int)
    frame["entries"] = rng.poisson(frame["children"] * 0.005)
    frame[frame["region"].isin(regions)].to_csv(folder / "panel.csv", index=False)


def _run(folder, method: str, regions: list[str], strata: str = "region", check: str = "pretrends") -> ResultBundle:
    folder.mkdir()
    _written(folder, regions)
    (folder / "x.yaml").write_text(DESIGN.format(method=method, strata=strata, check=check), encoding="utf-8")
    return se.run(folder / "x.yaml", out=folder / "out")


@pytest.mark.parametrize("method", ["twfe", "poisson_did", "callaway_santanna"])
def test_they_change_no_number_and_stand_in_no_count(tmp_path, method):
    whole = _run(tmp_path / "whole", method, ["east", "north", "south", "west"])
    without = _run(tmp_path / "without", method, ["north", "south"])
    numbers = ["estimate", "std_error", "n_obs", "n_units", "n_treated_units"]
    pd.testing.assert_frame_equal(whole.estimates[numbers], without.estimates[numbers], rtol=1e-9)
    assert whole.headline["natural_units"]["average_exposure"] == without.headline["natural_units"]["average_exposure"]
    assert whole.headline["basis"].startswith("The answer rests on 5 authorities with a recorded start")
    assert (
        "2 of 7 with a recorded start are left out, because nobody in their stratum can be compared with them (region "
        "east)" in whole.headline["basis"]
    )
    assert ", compared with 13 authorities, " in whole.headline["basis"]
    assert "same of 2 strata (region north, region south)" in whole.headline["basis"]
    gone = whole.flow[whole.flow["step"] == "strata"]
    assert gone[["what", "units", "names"]].to_numpy().tolist() == [
        ["dropped", 2, "A00, A01"], ["dropped", 4, "A20, A21, A22, A23"],
    ]  # fmt: skip


def test_strata_of_a_test_that_is_declared_second_stand_in_the_estimate(tmp_path):
    """The rule may give it the headline: then it is to test the estimate within its strata."""
    first = _run(tmp_path / "first", "twfe", ["north", "south"])
    design = DESIGN.replace("inference: [", "inference: [analytic, ")
    folder = tmp_path / "second"
    folder.mkdir()
    _written(folder, ["north", "south"])
    (folder / "x.yaml").write_text(design.format(method="twfe", strata="region", check="pretrends"), encoding="utf-8")
    second = se.run(folder / "x.yaml", out=folder / "out")
    assert second.headline["inference"] == "randomization"
    assert second.headline["estimate"] == pytest.approx(first.headline["estimate"], abs=1e-12)


def test_a_check_s_own_strata_are_read(tmp_path):
    """The headline's lots are drawn in halves by size; the path's in regions, whose column nothing else names."""
    own = "{path: {strata: [region]}}"
    bundle = _run(tmp_path / "own", "twfe", ["north", "south"], "exposure_half", own)
    assert set(read_table(bundle.path / "tables" / "path.slope.csv")["strata"]) == {"region"}
    assert np.isfinite(bundle.diagnostics.set_index("name").loc["path.joint", "value"])


@pytest.mark.parametrize(
    ("strata", "words"), [("la", "no stratum holds both treated"), ("entries", "entries is missing for some units, or")]
)
def test_strata_that_nothing_can_be_drawn_within_are_a_fault(tmp_path, strata, words):
    """The estimate without them under a test with them would be another design than the one declared."""
    with pytest.raises(InputFault, match=words):
        _run(tmp_path / "x", "twfe", ["north", "south"], strata)
