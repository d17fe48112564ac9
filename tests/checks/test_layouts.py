"""Every check on every kind of estimate and panel: a number or a reason, never an exception."""

import numpy as np
import pytest

from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from sos_eval.results.method import registered
from tests.fakes import FAKES, fit, noise_panel, panel_of, people

OPTIONS = {
    "robustness": {"starts": (2003.0, 2005.0), "windows": ({"from": 2002},)}, "placebo_units": {"draws": 19},
    "leave_one_out": {"draws": 19}, "placebo_time": {"draws": 99}, "contamination": {"draws": 99},
    "path": {"draws": 99}, "refuters": {"draws": 99},
    "honest_did": {"draws": 99}, "pretrend_power": {"draws": 99}, "equivalence": {"draws": 99},
    "functional_form": {"draws": 99}, "panel_tests": {"hausman": True},
}  # fmt: skip


def one_treated():
    y = np.random.default_rng(0).standard_normal((9, 6))
    return panel_of(y, [2004] + [np.inf] * 8)


def no_period_before():
    return panel_of(np.random.default_rng(0).standard_normal((9, 3)), [2002] * 3 + [np.inf] * 6)


def with_gaps():
    panel = noise_panel()
    outcome = panel.matrix().copy()
    outcome[3, 1] = outcome[15, 4] = np.nan
    return panel.with_outcome(outcome)


def counts():
    y = np.random.default_rng(1).poisson(30, (14, 6)) + 0.0
    return panel_of(y, [2004] * 5 + [np.inf] * 9, exposure=np.full((14, 6), 2.0))


CASES = {
    **{f"fake {name}": (method, make()) for name, (method, make) in FAKES.items()},
    "people, one coefficient": (TWFE(), people()),
    "one treated": (CallawaySantAnna(), one_treated()),
    "one treated, regression": (TWFE(), one_treated()),
    "no period before": (TWFE(), no_period_before()),
    "gaps": (TWFE(), with_gaps()),
    "counts": (PoissonDiD(), counts()),
    "nobody left to compare": (CallawaySantAnna(control="not_yet_treated"), noise_panel(n_units=8, n_treated=8)),
}


REASONS = ("Not done: ", "No effect is established even if ")


#: Their specifications and columns are read by a design; they have their own tests.
OF_A_DESIGN = ("specification_curve", "spillover", "suppression_bounds")


@pytest.mark.parametrize("check", [name for name in registered("check") if name not in OF_A_DESIGN])
@pytest.mark.parametrize("case", CASES)
def test_a_number_or_a_reason(check, case):
    method, panel = CASES[case]
    results = registered("check")[check](**OPTIONS.get(check, {})).check(fit(method, panel), np.random.default_rng(0))
    assert results
    for result in results:
        assert result.name.split(".")[0] == check
        assert result.passed is None
        assert result.text.endswith(".")
        assert np.isfinite(result.value) or (result.text.startswith(REASONS) and len(result.text) > 25)
