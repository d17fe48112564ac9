"""The figure of effects by dose: whose intervals and bands are drawn, and what it says that it rests on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle.bundle import write_bundle
from sos_eval.errors import InputFault
from sos_eval.results.method import registered
from tests.bundle.handmade import by_dose, estimates, full


def drawing():
    return registered("figure")["dose_response"]


def written(folder, rows):
    """Return the handmade bundle with other estimates."""
    return write_bundle(folder / "b", full(estimates=pd.concat([estimates(), rows], ignore_index=True)))


def test_each_curve_has_the_headlines_intervals_where_there_are_any_and_the_band(bundle):
    """Permutation has intervals of effects and none of slopes; bands are conventional; every dose stands once."""
    table = drawing().data(bundle)
    assert table["dose"].tolist() == [0.3, 0.6, 0.9] * 2
    assert table["estimand"].tolist() == ["att"] * 3 + ["acrt"] * 3
    assert table["inference"].tolist() == ["randomization"] * 3 + ["analytic"] * 3
    assert set(table["band_inference"]) == {"analytic"}
    np.testing.assert_allclose(table["conf_low"][:3], [-1.2 - 2.2 * 0.8, -2.4 - 2.2 * 0.5, -3.6 - 2.2 * 0.8])
    np.testing.assert_allclose(table["band_high"][:3], [-1.2 + 2.4 * 0.8, -2.4 + 2.4 * 0.5, -3.6 + 2.4 * 0.8])
    np.testing.assert_allclose(table["band_low"][3:], -4 - 2.4 * 1.5)


def test_what_is_drawn_is_the_data(bundle):
    table = drawing().data(bundle)
    for axes, (_, rows) in zip(bundle.figure("dose_response").axes, table.groupby("estimand", sort=False), strict=True):
        marks = next(line for line in axes.lines if line.get_marker() == "s")
        np.testing.assert_allclose(marks.get_xydata(), rows[["dose", "estimate"]])
        ribbon, bars = axes.collections
        ends = ribbon.get_datalim(axes.transData)
        assert (ends.y0, ends.y1) == (pytest.approx(rows["band_low"].min()), pytest.approx(rows["band_high"].max()))
        np.testing.assert_allclose(
            [bar[:, 1] for bar in bars.get_segments()], rows[["conf_low", "conf_high"]], rtol=1e-12
        )


def test_strong_parallel_trends_are_stated_and_not_tested_and_the_procedures_are_named(bundle):
    note = bundle.figure("dose_response").get_label()
    assert "only under strong parallel trends, which are assumed and cannot be tested" in note
    assert "the slope mixes what a dose does with who had it" in note
    assert "(left: permutation of who was treated; right: conventional cluster-robust)" in note
    assert "Shaded: band that covers all doses of a curve at once (conventional cluster-robust)." in note
    assert "All rests on 4 treated authorities." in note
    assert "With fewer than 60 treated conventional intervals and bands of such a curve are too narrow" in note


@pytest.mark.parametrize(("treated", "said"), [(59, True), (60, False)])
def test_conventional_errors_are_called_too_narrow_up_to_where_they_were_measured(tmp_path, treated, said):
    bundle = written(tmp_path, by_dose().assign(n_treated_units=treated))
    assert ("too narrow" in bundle.figure("dose_response").get_label()) == said


def test_without_a_band_none_is_drawn_or_named(tmp_path):
    rows = by_dose()
    bundle = written(tmp_path, rows[rows["inference"] == "randomization"])
    table = drawing().data(bundle)
    assert set(table["band_inference"]) == {""}
    assert table["band_low"].isna().all()
    note = bundle.figure("dose_response").get_label()
    assert "Shaded" not in note
    assert "too narrow" not in note
    assert "Bars: 95% interval of each estimate by itself (permutation of who was treated)." in note


def test_a_run_without_doses_and_one_withheld_say_why(tmp_path, bare):
    with pytest.raises(InputFault, match="no estimator in this bundle gives effects by dose"):
        bare.figure("dose_response")
    held = written(tmp_path, by_dose().assign(estimate=np.nan, reason="withheld"))
    with pytest.raises(InputFault, match=r"its numbers are withheld \(disclosure\.csv\)"):
        held.figure("dose_response")
