"""Fidelity: described within and between units, refused outside its scale."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.errors import DesignFault, NotIdentified
from sos_eval.theory.implementation import MeasuredFidelity, fidelity_by_time, fidelity_summary, outside_scale
from tests.fakes import panel_of
from tests.jobs.test_theory import load


def panel(scores=((0.5, 0.7), (0.9, 0.7))):
    """Two treated from the third of four periods on, scored in both; a third treated unit is not scored."""
    fidelity = np.full((5, 4), np.nan)
    fidelity[:2, 2:] = scores
    fidelity[:, 0] = 7.0  # before the start nothing is read
    data = panel_of(np.zeros((5, 4)), [2003, 2003, 2003, np.inf, np.inf])
    return data.with_columns(score=fidelity.ravel())


DECLARED = MeasuredFidelity("score", minimum=0.7)


def test_by_hand():
    row = fidelity_summary(panel(), DECLARED).iloc[0]
    assert (row["n_units"], row["n_unscored"], row["scores"]) == (2, 1, 4)
    assert row["mean"] == pytest.approx(0.7)
    assert row["sd_between"] == pytest.approx(np.std([0.6, 0.8], ddof=1))
    assert row["sd_within"] == pytest.approx(np.sqrt(4 * 0.01 / 2))
    assert row["share_reaching"] == 0.5
    table = fidelity_by_time(panel(), DECLARED)
    assert table["event_time"].tolist() == [0, 1]
    assert table["mean"].tolist() == pytest.approx([0.7, 0.7])
    assert table["share_reaching"].tolist() == [0.5, 1.0]


def test_scores_outside_the_scale_are_named():
    assert outside_scale(panel(), DECLARED) == ""
    said = outside_scale(panel(((0.5, 1.7), (0.9, 0.7))), DECLARED)
    assert said == "1 scores of score lie outside 0 to 1, the first u001 in 2004"
    assert outside_scale(panel(((np.nan,) * 2,) * 2), DECLARED) == "score has no score in any treated period"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{fidelity: f, minimum: 3}", "minimum: 3 lies outside the scale from 0 to 1"),
        ("{fidelity: f, scale: [1, 0]}", "scale: 1 is not below 0"),
        ("{fidelty: f}", 'implementation.fidelty: no such key; did you mean "fidelity"?'),
    ],
)
def test_faults(tmp_path, section, said):
    with pytest.raises(DesignFault) as caught:
        load(tmp_path, ("seed: 1\n", f"implementation: {section}\nseed: 1\n"))
    assert any(said in str(fault) for fault in caught.value.faults)


def test_under_a_disclosure_profile_it_is_refused(tmp_path):
    section = "implementation: {fidelity: f}\ndisclosure: {profile: dfe}\nseed: 1\n"
    with pytest.raises(DesignFault, match="not in this version under a disclosure profile"):
        load(tmp_path, ("seed: 1\n", section))


def test_run_describes_it_and_refuses_other_scales(tmp_path):
    import sos_eval as se

    scale = "implementation: {fidelity: trust, minimum: 10, scale: [0, 20]}\nseed: 1\n"
    bundle = se.run(load(tmp_path, ("seed: 1\n", scale)), out=tmp_path / "out")
    assert bundle.tables("implementation")["n_units"].item() == 8
    assert bundle.tables("implementation.by_time")["event_time"].tolist() == [0, 1, 2, 3]
    assert "no effect is read off it" in (bundle.path / "report.html").read_text()
    with pytest.raises(NotIdentified, match="scores of trust lie outside 0 to 1"):
        se.run(load(tmp_path, ("seed: 1\n", "implementation: {fidelity: trust}\nseed: 1\n")), out=tmp_path / "b")
