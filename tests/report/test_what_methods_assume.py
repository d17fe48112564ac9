"""A page says of its own method what would have been without the intervention, and who stands for the treated."""

import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle.bundle import read_bundle
from sos_eval.design.design import load_design
from sos_eval.design.evidence import maryland, robins_i
from sos_eval.design.target_trial import target_trial
from sos_eval.jobs.run import run
from sos_eval.report.donor_blocks import donor_weights
from sos_eval.report.group_blocks import group_words
from tests.conftest import without_pages

DESIGN = """\
schema: sos-eval/design/1
name: own
title: Own
question: {{expected_direction: decrease}}
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcome: {{value: entries}}
  treatment: {{first_treated: start}}
estimators: [{{id: primary, method: {method}}}]
inference: [{{method: randomization, draws: 19}}]
seed: 1
"""


def ran(folder, method, units=12, before=4, after=2):
    """Run a method on level paths with noise: one unit starts."""
    values = 50 + np.random.default_rng(3).normal(size=(units, before + after))
    values[0, :before] = values[:, :before].mean(0)  # among the others, so that many weights fit
    rows = [
        (f"E{u:02d}", 2000 + t, values[u, t], 2000 + before if u == 0 else "")
        for u in range(units) for t in range(before + after)
    ]  # fmt: skip
    pd.DataFrame(rows, columns=["la", "year", "entries", "start"]).to_csv(folder / "p.csv", index=False)
    (folder / "d.yaml").write_text(DESIGN.format(method=method), encoding="utf-8")
    with without_pages():
        run(folder / "d.yaml", out=folder / "out")
    return read_bundle(folder / "out"), load_design(folder / "d.yaml")


def test_a_synthetic_control_says_how_it_weighs_and_over_what_range_its_answer_is_open(tmp_path):
    bundle, design = ran(tmp_path, "synthetic_control")
    ends = bundle.tables("primary.outcome.equally_good").iloc[0]
    assert ends["highest"] - ends["lowest"] > 0.1  # four years before the start leave eleven donors' weights open
    first = next(one for one in bundle.headline["caveats"] if "do not decide the answer" in one)
    assert f"lies between {ends['lowest']:.3g} and {ends['highest']:.3g}".replace("-", "−") in first
    assert bundle.headline["caveats"].index(first) == 0
    (told,), donors = donor_weights(bundle), bundle.tables("primary.outcome.donors")
    assert list(told.frame) == ["Authority", "Weight"]
    assert told.frame["Authority"].tolist() == donors["unit"].tolist()[:10]
    assert "1 further line" in told.caption
    assert "gaps " in bundle.figure("synthetic_path").get_label()
    (said,) = group_words(bundle)
    assert said.text.startswith("11 untreated authorities stand in for the treated")
    assert said.text.endswith(
        "each treated unit is set against a weighted mean of them that runs closest to it before the start."
    )
    trial = target_trial(design).set_index("element")["as_declared"]
    assert "as the weighted mean of comparison units" in trial["assumptions"]
    assert "parallel trends" not in str(maryland(design, bundle.facts).to_dict()) + str(
        robins_i(design, bundle.facts).to_dict()
    )


def test_a_series_alone_has_nobody_to_stand_in_and_no_parallel_trends(tmp_path):
    bundle, design = ran(tmp_path, "interrupted_time_series", units=1, before=9, after=9)
    assert donor_weights(bundle) == []
    (said,) = group_words(bundle)
    assert said.text.startswith("Nobody stands in for the treated")
    domains = robins_i(design, bundle.facts).set_index("domain")["evidence"]
    assert domains["Selection of participants"].startswith("Comparison group: nobody")
    assert domains["Classification of interventions"].startswith("Nobody is compared")
    trial = target_trial(design).set_index("element")["as_declared"]
    assert "the line of the periods before the start" in trial["assumptions"]
    assert "comparison group" not in trial["assignment"]
    assert "parallel trends" not in " ".join(trial)


@pytest.mark.parametrize("method", ["twfe", "callaway_santanna", "imputation"])
def test_others_assume_parallel_trends(tmp_path, method):
    (tmp_path / "d.yaml").write_text(DESIGN.format(method=method), encoding="utf-8")
    assert "(parallel trends)" in load_design(tmp_path / "d.yaml").primary.method.assumes
