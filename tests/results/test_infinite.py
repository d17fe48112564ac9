"""Where arithmetic runs out of numbers: a run writes nothing infinite but open ends of intervals, and says why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.bundle.bundle import read_bundle, write_bundle
from sos_eval.errors import InputFault
from sos_eval.estimators import Imputation, PoissonDiD
from sos_eval.inference.analytic import Analytic
from sos_eval.results.estimate import INFINITE, finite
from tests.bundle.handmade import content, estimates
from tests.fakes import fit, noise_panel, panel_of


@pytest.mark.parametrize(("size", "held"), [(1e308, False), (1e200, True)])
def test_what_no_number_can_hold_is_empty_and_says_so(size, held):
    """An estimate beyond all numbers, or only its error: no `inf`, no p of 1, no endless interval."""
    made = panel_of(size * np.random.default_rng(0).uniform(0.5, 1, (12, 8)), [2005.0] * 4 + [np.inf] * 8)
    with np.errstate(over="ignore", invalid="ignore"):
        table = Analytic().infer(fit(Imputation(), made), np.random.default_rng(0)).table
    row = table[table["aggregation"] == "overall"].iloc[0]
    assert row[["std_error", "conf_low", "conf_high", "statistic", "p_value"]].isna().all()
    assert np.isfinite(row["estimate"]) == held
    assert row["reason"].endswith(INFINITE)


def test_a_ratio_that_no_number_can_hold_is_empty():
    """Its logarithm is held, it is not: exp(750)."""
    made = replace(fit(PoissonDiD(), noise_panel(seed=3)).estimate, values=np.array([750.0, 1.0]))
    assert np.isnan(finite(made).values).tolist() == [True, False]
    assert finite(made).cells["reason"].tolist() == [INFINITE, ""]


@pytest.mark.parametrize("name", ["estimate", "std_error", "p_value"])
def test_a_bundle_with_an_infinite_number_is_refused(name, tmp_path):
    """Ends of intervals alone may be open; a list of hashes made anew does not let it through."""
    write_bundle(tmp_path / "out", content(estimates=estimates().assign(conf_high=np.inf)))
    assert np.isinf(read_bundle(tmp_path / "out").estimates["conf_high"]).all()
    write_bundle(tmp_path / "bad", content(estimates=estimates().assign(**{name: -np.inf})))
    with pytest.raises(InputFault, match=rf"estimates\.csv.*infinite {name}, rows 1, 2"):
        _ = read_bundle(tmp_path / "bad").estimates
