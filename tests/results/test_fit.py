"""The DataFrame front checks options as a design's are checked."""

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import DesignFault
from sos_eval.estimators import CallawaySantAnna
from sos_eval.inference.analytic import Analytic


def frame():
    """Eight units, four years, four starting in year 3; poverty differs between units."""
    unit, time = np.repeat(np.arange(8), 4), np.tile(np.arange(1, 5), 8)
    start = np.where(unit < 4, 3, 0)
    return pd.DataFrame({
        "la": unit, "year": time, "start": start, "rate": (7 * unit + 3 * time) % 11 + 0.5 * unit,
        "poverty": (5 * unit % 8) / 10,
    })  # fmt: skip


KEYS = {"unit": "la", "time": "year", "outcome": "rate", "first_treated": "start"}


def test_every_wrong_option_of_the_method_is_named():
    with pytest.raises(DesignFault) as caught:
        CallawaySantAnna(adjust="drr", anticipation=-1).fit(frame(), **KEYS)
    said = [str(fault) for fault in caught.value.faults]
    assert said[0] == "callaway_santanna: adjust: 'drr' is not one of the options; did you mean \"dr\"?"
    assert said[1].startswith("callaway_santanna: anticipation: -1: must be")


def test_options_of_inference_are_checked_too():
    with pytest.raises(DesignFault, match='inference: levl: no such key; did you mean "level"'):
        CallawaySantAnna().fit(frame(), **KEYS, inference={"method": "analytic", "levl": 0.9})


@pytest.mark.parametrize("given", [None, 5, ["analytic"], Analytic])
def test_what_is_no_inference_is_named(given):
    with pytest.raises(DesignFault, match="is no method"):
        CallawaySantAnna().fit(frame(), **KEYS, inference=given)


@pytest.mark.parametrize("seed", [-1, "a", 1.5])
def test_a_seed_is_a_whole_number_from_zero(seed):
    with pytest.raises(DesignFault, match=f"seed: {seed!r}"):
        CallawaySantAnna().fit(frame(), **KEYS, seed=seed)
    with pytest.raises(DesignFault, match="inference: seed"):
        CallawaySantAnna().fit(frame(), **KEYS, inference={"method": "randomization", "seed": seed})


def test_one_covariate_may_be_a_plain_name():
    one = CallawaySantAnna(adjust="reg").fit(frame(), **KEYS, covariates="poverty")
    listed = CallawaySantAnna(adjust="reg").fit(frame(), **KEYS, covariates=["poverty"])
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(listed))
