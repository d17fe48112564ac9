"""The matrix says what the methods do, for every registered estimator and the fakes."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.inference.matrix import standing
from sos_eval.results.method import registered
from tests.fakes import FAKES, fit
from tests.inference.page import CHOOSERS, fits

METHODS = [name for name in registered("inference") if name not in CHOOSERS]
FITS = {name: one for name, one in fits().items() if not isinstance(one, str)}
FITS |= {name: fit(estimator, make()) for name, (estimator, make) in FAKES.items()}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("estimator", FITS)
def test_matrix_is_what_happens(estimator, method):
    fitted = FITS[estimator]
    expected = standing(method, fitted)
    kind = registered("inference")[method]
    options = {"draws": 19, "interval": "none"} if method == "randomization" else {}
    options |= {"statistic": "coefficient"} if "coefficient" in expected.note else {}
    table = kind(**options).infer(fitted, np.random.default_rng(0)).table
    row = table[table["aggregation"] == "overall"].iloc[0]
    if expected.status == "refused":
        assert np.isnan(row["p_value"])
        assert row["reason"] == expected.note
    else:
        assert np.isfinite(row["p_value"])
