"""Effects by dose: by hand on eight units, against an independent regression, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.checks import PlaceboTime, PlaceboUnits
from sos_eval.errors import NotIdentified
from sos_eval.estimators import CallawaySantAnna, ContinuousDiD
from sos_eval.estimators.continuous_did import ALONE, POOLED, STRONG
from sos_eval.results.estimate import clustered_error
from tests.estimators.panels import INF, panel, row
from tests.fakes import fit

#: Two periods; four start in the second with doses 1, 1, 3, 3, and four never do.
Y = np.array([[1, 4], [2, 7], [0, 8], [3, 13], [1, 1], [2, 3], [4, 4], [5, 8]], float)
G = [2, 2, 2, 2, INF, INF, INF, INF]
D = [1, 1, 3, 3, 0, 0, 0, 0]


def dosed(outcomes=Y, starts=G, doses=D, **more):
    """Lay out a panel whose treated periods have a dose (n,), or (n, t)."""
    base = panel(outcomes, starts, **more)
    doses = np.asarray(doses, float)
    doses = doses if doses.ndim == 2 else np.repeat(doses[:, None], np.shape(outcomes)[1], 1)
    return base.with_columns(dose=doses.ravel() * base.frame["treated"].to_numpy())


def staggered(seed=1, n=24, t=7):
    """Lay out three cohorts of four, twelve never treated, and doses that are all different."""
    rng = np.random.default_rng(seed)
    starts = np.repeat([3.0, 4.0, 6.0, INF], [4, 4, 4, 12])[rng.permutation(n)]
    return dosed(rng.normal(size=(n, t)).cumsum(1), starts, rng.uniform(0.2, 1.0, n))


def test_by_hand():
    # changes of the treated: 3 and 5 at dose 1, 8 and 10 at dose 3; the untreated moved by 0, 1, 0, 3: a mean of 1
    estimate = ContinuousDiD(at=(1, 3)).complete(dosed())
    assert row(estimate, aggregation="overall", subgroup="")["value"] == pytest.approx(5.5)  # 6.5 - 1
    assert row(estimate, estimand="att", subgroup="dose 1")["value"] == pytest.approx(3.0)  # 4 - 1, a bin of two
    assert row(estimate, estimand="att", subgroup="dose 3")["value"] == pytest.approx(8.0)
    for place in ("average causal response", "dose 1", "dose 3"):  # (9 - 4) / (3 - 1)
        assert row(estimate, estimand="acrt", subgroup=place)["value"] == pytest.approx(2.5)
    # errors: squares over squared numbers. Within a bin two deviate by 1, and the untreated by -1, 0, -1, 2
    assert row(estimate, estimand="att", subgroup="dose 1")["error"] == pytest.approx(np.sqrt(2 / 4 + 6 / 16))
    assert row(estimate, estimand="acrt", subgroup="dose 1")["error"] == pytest.approx(np.sqrt(4 / 4) / 2)
    deviations = np.array([-3.5, -1.5, 1.5, 3.5])
    assert row(estimate, aggregation="overall", subgroup="")["error"] == pytest.approx(
        np.sqrt((deviations**2).sum() / 16 + 6 / 16)
    )
    assert estimate.notes == (STRONG,)


@pytest.mark.parametrize("control", ["never_treated", "not_yet_treated"])
def test_the_average_effect_is_callaway_and_santannas(control):
    one = ContinuousDiD(control=control).complete(staggered())
    other = CallawaySantAnna(control=control, base_period="universal").complete(staggered())
    for keys in ({"aggregation": "overall"}, *({"aggregation": "event_time", "event_time": e} for e in (-3, 0, 2, 4))):
        ours, theirs = row(one, subgroup="", **keys), row(other, **keys)
        assert ours["value"] == pytest.approx(theirs["value"], abs=1e-12)
        assert ours["error"] == pytest.approx(theirs["error"], rel=1e-10)
    assert POOLED in one.notes


def unit_effects(data):
    """Return doses and mean changes since the start less those of the never treated, by loops over units."""
    y, g, times = data.matrix(), data.first_treated, data.times
    never = np.isinf(g)
    dose, effect = [], []
    for i in np.flatnonzero(~never):
        base, since = np.flatnonzero(times < g[i])[-1], np.flatnonzero(times >= g[i])
        change = [y[i, t] - y[i, base] - np.mean(y[never, t] - y[never, base]) for t in since]
        dose.append(data.matrix("dose")[i, -1])
        effect.append(np.mean(change))
    return np.array(dose), np.array(effect)


@pytest.mark.parametrize(("degree", "knots"), [(1, ()), (3, ()), (1, (0.5,)), (2, (0.4, 0.7))])
def test_curve_is_the_regression_of_units_effects(degree, knots):
    data, at, step = staggered(), np.array([0.35, 0.62, 0.8]), 1e-6
    dose, effect = unit_effects(data)
    terms = lambda d: np.column_stack(  # noqa: E731
        [np.asarray(d) ** k for k in range(degree + 1)] + [np.clip(np.asarray(d) - k, 0, None) ** degree for k in knots]
    )
    beta = np.linalg.lstsq(terms(dose), effect, rcond=None)[0]
    slopes = lambda d: (terms(d + step) - terms(d - step)) @ beta / (2 * step)  # noqa: E731
    estimate = ContinuousDiD(degree=degree, knots=knots, at=tuple(at)).complete(data)
    by_dose = estimate.cells["subgroup"].str.startswith("dose").to_numpy()
    for estimand, told, tolerance in (("att", terms(at) @ beta, 1e-9), ("acrt", slopes(at), 1e-6)):
        ours = estimate.values[by_dose & (estimate.cells["estimand"] == estimand)]
        np.testing.assert_allclose(ours, told, rtol=tolerance, atol=tolerance)
    response = row(estimate, subgroup="average causal response")["value"]
    assert response == pytest.approx(slopes(dose).mean(), rel=1e-6)


@pytest.mark.slow
def test_errors_are_those_of_many_samples():
    """Cubic responses of units drawn anew: the spread of the estimates is the mean of the stated errors."""
    rng, n, made = np.random.default_rng(3), 600, []
    for _ in range(400):
        starts = np.where(np.arange(n) < 300, 2.0, INF)
        dose = rng.uniform(0, 1, n)
        change = rng.normal(size=n) * (0.5 + dose) + np.where(starts == 2, 2 * dose**2, 0.0)
        estimate = ContinuousDiD(degree=2, at=(0.5,)).complete(
            dosed(np.column_stack([0 * change, change]), starts, dose)
        )
        made.append(np.column_stack([estimate.values, clustered_error(estimate)])[2:])
    values, errors = np.moveaxis(np.array(made), 2, 0)
    # overall, average response, at .5 and its response; an sd of 400 has an error of 3.5%
    np.testing.assert_allclose(values.std(0), errors.mean(0), rtol=0.14)
    np.testing.assert_allclose(values.mean(0), [2 / 3, 2.0, 0.5, 2.0], atol=4 * errors.mean() / np.sqrt(400) + 0.02)


def test_the_dose_travels_with_the_start():
    data = dosed(doses=[1, 2, 3, 4, 0, 0, 0, 0])
    moved = data.with_first_treated(np.array([INF, 2, INF, 2, 2, INF, INF, 2]))
    assert moved.matrix("dose")[:, 1].tolist() == [0, 1, 0, 2, 3, 0, 0, 4]
    assert data.with_first_treated(np.array([INF, *G[1:]])).matrix("dose")[:, 1].tolist() == [1, 2, 3, 4, 0, 0, 0, 0]


def test_doses_move_with_a_start_that_moves():
    """What a unit had at its start it has at the new one; the last dose goes on, and nothing comes before."""
    data = dosed(np.zeros((8, 5)), [3, 3, 4, INF, INF, INF, INF, INF], np.arange(1.0, 41).reshape(8, 5))
    assert data.matrix("dose")[:4].tolist() == [[0, 0, 3, 4, 5], [0, 0, 8, 9, 10], [0, 0, 0, 14, 15], [0] * 5]
    earlier, later = (data.with_first_treated(data.first_treated + by) for by in (-1, 1))
    assert earlier.matrix("dose")[:4].tolist() == [[0, 3, 4, 5, 5], [0, 8, 9, 10, 10], [0, 0, 14, 15, 15], [0] * 5]
    assert later.matrix("dose")[:4].tolist() == [[0, 0, 0, 3, 4], [0, 0, 0, 8, 9], [0, 0, 0, 0, 14], [0] * 5]


@pytest.mark.parametrize(("check", "tables"), [
    (PlaceboTime(shift=(1, 2), draws=99), ["placebo_time.1", "placebo_time.2"]),
    (PlaceboUnits(draws=49), ["placebo_units"]),
])  # fmt: skip
def test_placebos_have_the_doses_of_the_treated(check, tables):
    """The average effect needs no dose: every placebo is that of Callaway and Sant'Anna, and none lacks a dose."""
    data = staggered(t=9)
    data = data.keep(np.r_[data.units[data.ever_treated][:7], data.units[~data.ever_treated]])
    data = data.with_first_treated(data.first_treated + 2)
    fitted = [fit(one, data) for one in (ContinuousDiD(), CallawaySantAnna(base_period="universal"))]
    ours, theirs = ({one.name: one for one in check.check(f, np.random.default_rng(0))} for f in fitted)
    for name in tables:
        expected = theirs[name].table["estimate"].to_numpy(float)
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(ours[name].table["estimate"].to_numpy(float), expected, atol=1e-10)
    assert not any(one.text.startswith("Not done") for one in ours.values())


def test_a_unit_seen_alone_has_no_error():
    starts = [2, 2, 2, 4, INF, INF, INF, INF]
    y = np.random.default_rng(0).normal(size=(8, 5))
    estimate = ContinuousDiD().complete(dosed(y, starts, [1, 2, 4, 3, 0, 0, 0, 0]))
    early = row(estimate, event_time=-3)
    assert early["reason"] == ALONE
    assert np.isfinite(early["value"])
    assert np.isnan(early["error"])
    assert np.isfinite(row(estimate, event_time=0)["error"])


VARYING = [[0, 1, 2], [0, 1, 2], [0, 2, 4], [0, 3, 3], *([[0, 0, 0]] * 4)]


def test_a_dose_that_varies_is_declared():
    data = dosed(np.column_stack([Y, Y[:, 1] + 1]), G, VARYING)
    with pytest.raises(NotIdentified, match=r"varies since the start for u00, u01, u02; write over_time: mean"):
        ContinuousDiD().complete(data)
    first, mean = (ContinuousDiD(over_time=way).complete(data) for way in ("first", "mean"))
    dose, change = np.array([[1, 1, 2, 3], [1.5, 1.5, 3, 3]]), np.array([3, 5, 8, 10]) - 1 + 0.5 - 0.5
    for estimate, own in ((first, dose[0]), (mean, dose[1])):
        slope = row(estimate, subgroup="average causal response")["value"]
        assert slope == pytest.approx(np.polyfit(own, change, 1)[0])


REFUSALS = {
    "no dose": (lambda: panel(Y, G), {}, r"the panel has no dose; write panel.treatment.dose: COLUMN"),
    "one dose": (lambda: dosed(doses=[2] * 8), {}, r"treated units have the same dose, 2; choose callaway_santanna"),
    "zero": (lambda: dosed(doses=[0, 1, 2, 3, 0, 0, 0, 0]), {}, r"treated with a dose of zero: u00; write never"),
    "two bins": (dosed, {"degree": 2}, r"4 treated units with 2 doses do not tell 3 coefficients; lower degree"),
    "beyond": (dosed, {"at": (0.5, 4)}, r"so little or so much as 0.5, 4; write doses from 1 to 3"),
    "embedding": (
        lambda: dosed().with_columns(treated=0.5 * dosed().frame["treated"].to_numpy()), {},
        r"it takes no embedding windows",
    ),
    "stops": (lambda: dosed().changed(absorbing=False), {}, r"treatment stops for some units"),
    "weights": (lambda: dosed(weights=np.arange(1.0, 9)), {}, r"continuous_did: units weigh differently"),
    "gaps": (lambda: dosed(np.where(Y == 13, np.nan, Y)), {}, r"continuous_did: units lack periods"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_it_cannot_answer_is_refused_by_name(name):
    make, options, said = REFUSALS[name]
    with pytest.raises(NotIdentified, match=said):
        ContinuousDiD(**options).complete(make())
