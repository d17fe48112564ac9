"""Declared families of outcomes: Holm, Benjamini-Hochberg, Romano and Wolf's step-down, by hand on eight units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.design.design import load_design
from sos_eval.design.protocol import protocol
from sos_eval.errors import InputFault
from sos_eval.jobs.run import run
from sos_eval.numerics.multiplicity import benjamini_hochberg, holm
from tests.jobs.eight_units import ADOPTIONS, written
from tests.jobs.test_families import CHANGES

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

DESIGN = """\
schema: sos-eval/design/1
name: eight
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcomes: {entry: {value: entry}, hurt: {value: hurt}, again: {value: again}, kin: {value: kin}}
  treatment: {first_treated: start}
estimators: [{id: primary, method: twfe}, {id: one_only, method: twfe, outcome: hurt}]
inference: [{method: randomization, draws: 99}, {method: analytic}]
families: [FAMILY]
seed: 1
"""
NAMES = ("hurt", "again", "entry")


def made(folder, family):
    """Write eight units over two years, of which the first two start, and the design."""
    return written(folder, CHANGES, DESIGN.replace("FAMILY", family))


def studentised(name, treated):
    """Return the difference in mean changes over its error without a small-sample factor."""
    change, own = np.array(CHANGES[name], float), np.isin(np.arange(8), treated)
    sums = sum(((change[side] - change[side].mean()) ** 2).sum() / side.sum() ** 2 for side in (own, ~own))
    return abs(change[own].mean() - change[~own].mean()) / np.sqrt(sums) if sums else np.inf


def brute_force():
    """Return p, and Romano and Wolf's step-down p, over all 28 adoptions: every step goes through all of them."""
    drawn = {name: [studentised(name, pair) for pair in ADOPTIONS] for name in NAMES}
    own = {name: studentised(name, (0, 1)) for name in NAMES}
    p = {name: np.mean([t >= own[name] * (1 - 1e-9) for t in drawn[name]]) for name in NAMES}
    left, stepped, largest = sorted(NAMES, key=lambda name: -own[name]), {}, 0.0
    while left:
        reached = [max(drawn[name][k] for name in left) >= own[left[0]] * (1 - 1e-9) for k in range(len(ADOPTIONS))]
        largest = max(largest, float(np.mean(reached)))
        stepped[left.pop(0)] = largest
    return p, stepped


def table(folder, adjust):
    family = f"{{name: harms, outcomes: [{', '.join(NAMES)}], adjust: {adjust}}}"
    bundle = run(made(folder, family), out=folder / "out")
    return bundle.tables("families").set_index(["estimator", "inference", "outcome"]), bundle


def test_romano_wolf_is_the_brute_force_step_down(tmp_path):
    got, bundle = table(tmp_path, "romano_wolf")
    p, stepped = brute_force()
    for name in NAMES:
        row = got.loc[("primary", "randomization", name)]
        assert row["p_value"] == pytest.approx(p[name], abs=1e-12)
        assert row["p_adjusted"] == pytest.approx(stepped[name], abs=1e-12)
        assert row["tests"] == 3
        assert "share" in got.loc[("primary", "analytic", name), "reason"]
        assert np.isnan(got.loc[("primary", "analytic", name), "p_adjusted"])
    alone = got.loc[("one_only", "randomization", "hurt")]
    assert (alone["tests"], alone["p_adjusted"]) == (1, pytest.approx(p["hurt"], abs=1e-12))
    assert got.loc[("one_only", "randomization", "again"), "reason"] == "not tested by this inference"
    tests = pd.read_csv(bundle.path / "tests.csv")
    assert tests["p_adjusted"].isna().all()  # the family of safety outcomes is another


def test_holm_and_benjamini_hochberg_by_hand(tmp_path):
    got, _ = table(tmp_path, "holm")
    p, _ = brute_force()
    ordered = sorted(NAMES, key=p.get)
    stepped = np.minimum(np.maximum.accumulate([(3 - k) * p[name] for k, name in enumerate(ordered)]), 1)
    for name, expected in zip(ordered, stepped, strict=True):
        assert got.loc[("primary", "randomization", name), "p_adjusted"] == pytest.approx(expected, abs=1e-12)
    analytic = got.sort_index().loc[("primary", "analytic")]
    assert (analytic["p_adjusted"] >= analytic["p_value"]).all()
    (tmp_path / "b").mkdir()
    got, _ = table(tmp_path / "b", "benjamini_hochberg")
    for k, name in enumerate(ordered):
        expected = min(3 * p[other] / (j + 1) for j, other in enumerate(ordered) if j >= k)
        assert got.loc[("primary", "randomization", name), "p_adjusted"] == pytest.approx(expected, abs=1e-12)


def test_the_published_example_of_benjamini_and_hochberg():
    """Their section 4: fifteen p values of a trial; Bonferroni finds three at .05, their procedure four."""
    p = np.array(
        [
            0.0001,
            0.0004,
            0.0019,
            0.0095,
            0.0201,
            0.0278,
            0.0298,
            0.0344,
            0.0459,
            0.3240,
            0.4262,
            0.5719,
            0.6528,
            0.7590,
            1.0,
        ]
    )
    assert (benjamini_hochberg(p[:, None]) <= 0.05).sum() == 4
    assert (holm(p[:, None]) <= 0.05).sum() == 3
    assert benjamini_hochberg(p[::-1, None])[::-1].tolist() == benjamini_hochberg(p[:, None]).tolist()


def test_the_protocol_names_the_family(tmp_path):
    text = protocol(load_design(made(tmp_path, "{name: harms, outcomes: [hurt, again]}")))
    assert "Family harms: hurt, again are tested together" in text
    assert "(romano wolf)" in text


@pytest.mark.parametrize(
    ("family", "words"),
    [
        ("{name: harms, outcomes: [hurt]}", "write two or more"),
        ("{name: harms, outcomes: [hurt, hurt]}", "write two or more"),
        ("{name: harms, outcomes: [hurt, agan]}", 'did you mean "again"?'),
        ("{name: harms, outcomes: [hurt, again]}, {name: more, outcomes: [hurt, kin]}", "another family as well"),
        ("{name: harms, outcomes: [hurt, again], adjust: bonferroni}", "bonferroni"),
    ],
)
def test_faults(tmp_path, family, words):
    with pytest.raises(InputFault) as fault:
        load_design(made(tmp_path, family))
    assert words in str(fault.value)
    assert "d.yaml:1" in str(fault.value)
