"""Tests of unit effects and errors: by hand on eight units, on rows of people, and where they are not done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import sos_eval as se
from sos_eval.checks import PanelTests
from sos_eval.estimators import TWFE
from sos_eval.numerics.panel_models import UnitRows, correlated, hausman, mundlak, serial_null
from tests.estimators.panels import INF, panel
from tests.fakes import cross_sections_of, fit

LEVEL = np.array([0.0, 2, 4, 6, 1, 3, 5, 7])
STARTS = [2.0] * 4 + [INF] * 4
CHANGE = np.array([3.0, 1, 2, 2, 1, 0, 1, 2])


def told(made, method=None, **options):
    results = PanelTests(**options).check(fit(method or TWFE(), made), np.random.default_rng(0))
    return {one.name.removeprefix("panel_tests."): one for one in results}


def eight():
    return panel(np.column_stack([LEVEL, LEVEL + CHANGE]), STARTS)


def test_by_hand_on_eight_units():
    """Two periods: fixed effects are the difference of mean changes, 2 and 1; random ones lie between it and levels.

    Residuals of the changes: 1, -1, 0, 0 and 0, -1, 0, 1; each row has half of one, so s_e^2 = (2 + 2) / 2 /
    (16 - 8 - 2) = 1/3. Unit means less those of their group (3 + 1 and 4 + 1/2) leave -2.5, -1.5, 1, 3 and
    -3, -1.5, 1, 3.5.
    """
    found = told(eight())
    assert found["fixed_effects"].value == pytest.approx(1.0)
    between = 2 * (np.square([-2.5, -1.5, 1, 3]).sum() + np.square([-3, -1.5, 1, 3.5]).sum())
    # balanced: s_u^2 = (RSS_between / (8 - 2) - s_e^2) / 2
    of_unit = (between / 6 - 1 / 3) / 2
    line = found["random_effects"].table.iloc[0]
    assert line["variance"] == pytest.approx(1 / 3)
    assert line["unit_variance"] == pytest.approx(of_unit)
    theta = 1 - np.sqrt((1 / 3) / (1 / 3 + 2 * of_unit))
    assert line["theta"] == pytest.approx(theta)
    # Quasi-demeaned, group by period: the coefficient mixes the change and the gap in levels by information.
    x = np.array([[0.0, 0, 1], [1, 1, 1], [0, 0, 1], [0, 1, 1]]).repeat([4, 4, 4, 4], 0)
    unit = np.concatenate([np.arange(4), np.arange(4), np.arange(4, 8), np.arange(4, 8)])
    y = np.concatenate([LEVEL[:4], (LEVEL + CHANGE)[:4], LEVEL[4:], (LEVEL + CHANGE)[4:]])
    v = np.eye(16) / 3 + of_unit * (unit[:, None] == unit)
    gls = np.linalg.solve(x.T @ np.linalg.solve(v, x), x.T @ np.linalg.solve(v, y))
    assert found["random_effects"].value == pytest.approx(gls[0])
    assert 0 < found["random_effects"].value < 1


def projected(rows, time):
    """Return the expected slope by the whole projection: what is left of independent errors, pair by pair."""
    n = len(rows.y)
    units = (rows.unit[:, None] == np.arange(rows.unit.max() + 1)).astype(float)
    x = np.column_stack([units, rows.x, rows.further])
    left = np.eye(n) - x @ np.linalg.pinv(x)
    pairs = [(a, b) for a in range(n) for b in range(n) if rows.unit[a] == rows.unit[b] and time[a] == time[b] + 1]
    later, before = (list(part) for part in zip(*pairs, strict=True))
    centre = np.eye(len(pairs)) - 1 / len(pairs)
    return np.trace(centre @ left[np.ix_(later, before)]) / np.trace(centre @ left[np.ix_(before, before)])


@pytest.mark.parametrize("gaps", [False, True])
def test_the_slope_expected_of_independent_errors(gaps):
    rng = np.random.default_rng(1)
    unit, time = np.repeat(np.arange(8), 5), np.tile(np.arange(5), 8)
    kept = rng.permutation(40)[:33] if gaps else np.arange(40)
    unit, time = unit[kept], time[kept]
    periods = (time[:, None] == np.arange(1, 5)).astype(float)
    treated = ((unit < 3) & (time > 2)).astype(float)
    rows = UnitRows(rng.normal(size=len(unit)), treated[:, None], periods, unit)
    assert serial_null(rows.fixed(), time) == pytest.approx(projected(rows, time), rel=1e-10)


def test_the_slope_of_many_units_is_that_of_the_books():
    unit, time = np.repeat(np.arange(4000), 6), np.tile(np.arange(6), 4000)
    x = np.random.default_rng(0).normal(size=(24000, 1))
    rows = UnitRows(x[:, 0], x, np.zeros((24000, 0)), unit)
    assert serial_null(rows.fixed(), time) == pytest.approx(-1 / 5, abs=1e-3)
    alone = UnitRows(x[:3, 0], x[:3], np.zeros((3, 0)), np.array([0, 0, 1]))
    assert np.isnan(serial_null(alone.fixed(), np.array([0, 2, 0])))


def test_a_gap_makes_no_pair():
    e = np.random.default_rng(1).normal(size=(6, 5))
    unit, time = np.repeat(np.arange(6), 5), np.tile(np.arange(5), 6)
    kept = ~((unit == 2) & (time == 2))
    found = correlated(e.ravel()[kept], unit[kept], time[kept], unit[kept], -0.25)
    assert found.pairs == 6 * 4 - 2
    later, before = (np.delete(e[:, part].ravel(), [9, 10]) for part in (slice(1, None), slice(None, -1)))
    assert found.slope == pytest.approx(np.polyfit(before, later, 1)[0])


def test_order_of_rows_does_not_count():
    rng = np.random.default_rng(3)
    e, unit, time = rng.normal(size=30), np.repeat(np.arange(6), 5), np.tile(np.arange(5), 6)
    mixed = rng.permutation(30)
    one = correlated(e, unit, time, unit, -0.25)
    other = correlated(e[mixed], unit[mixed], time[mixed], unit[mixed], -0.25)
    assert other.slope == pytest.approx(one.slope)
    assert other.std_error == pytest.approx(one.std_error)


def walk(seed=0, n=30, t=8):
    y = np.random.default_rng(seed).normal(size=(n, t)).cumsum(1)
    return panel(y, [5.0] * 10 + [INF] * (n - 10))


def test_walks_are_found():
    found = told(walk())["serial_correlation"]
    assert found.value < 1e-3
    assert found.passed is None
    line = found.table.iloc[0]
    assert line["expected"] == pytest.approx(-1 / 7, abs=0.01)
    assert line["slope"] > 0.4


def test_levels_that_select_are_found():
    """Treated units lie three higher: Mundlak's test sees it, and random effects move towards the gap in levels."""
    rng = np.random.default_rng(5)
    y = rng.normal(size=(40, 6)) + 3.0 * (np.arange(40) < 15)[:, None]
    found = told(panel(y, [4.0] * 15 + [INF] * 25))
    assert found["mundlak"].value < 0.01
    assert found["random_effects"].value > found["fixed_effects"].value + 0.1


def test_the_fixed_coefficient_is_that_of_twfe():
    made = walk(2).with_columns(z=np.random.default_rng(4).normal(size=240))
    made = replace(made, covariates=("z",))
    holes = replace(made, frame=made.frame.drop(index=[3, 50, 51]).reset_index(drop=True))
    for one in (made, holes):
        assert told(one)["fixed_effects"].value == pytest.approx(TWFE().complete(one).values[0], rel=1e-9)


def test_rows_of_people_are_averaged():
    rng = np.random.default_rng(8)
    place, time = np.repeat(np.arange(12), 6), np.tile(np.arange(2001.0, 2007), 12)
    start = np.where(place < 5, 2004.0, INF)
    names = [f"p{k:02d}" for k in place]
    y = rng.normal(size=72)
    plain = told(cross_sections_of(y, names, time, start))
    twice = told(cross_sections_of(np.r_[y + 1, y - 1], names * 2, np.r_[time, time], np.r_[start, start]))
    for name, one in plain.items():
        assert twice[name].value == pytest.approx(one.value, rel=1e-8), name


def test_hausman_only_where_asked():
    assert "hausman" not in told(walk())
    found = told(walk(), hausman=True)["hausman"]
    assert "to replicate" in found.text
    bare = told(walk(), hausman=True, period_effects=False)
    assert bare["fixed_effects"].value != pytest.approx(told(walk())["fixed_effects"].value)


def test_what_is_not_done_has_its_reason():
    everybody = panel(np.random.default_rng(0).normal(size=(8, 4)), [3.0] * 8)
    made = panel(np.random.default_rng(0).normal(size=(8, 4)), [3.0] * 4 + [INF] * 4, clusters=["a"] * 8)
    for one, why in ((everybody, "leave nothing of the treatment"), (made, "one cluster")):
        for name, result in told_on(one).items():
            assert np.isnan(result.value), name
            assert why in result.text
    two = told(eight())["serial_correlation"]
    assert "no unit is seen in three periods" in two.text


def told_on(made):
    """Check a panel that TWFE itself may refuse."""
    fitted = replace(fit(TWFE(), eight()), source=made)
    fitted = replace(fitted, estimate=replace(fitted.estimate, panel=made))
    return {one.name: one for one in PanelTests().check(fitted, np.random.default_rng(0))}


def test_a_covariate_of_units_alone_is_a_control_of_the_others():
    """Fixed effects take it up; beside random effects and the means it stands as a regressor."""
    made = walk(6)
    own = np.repeat(np.random.default_rng(7).normal(size=30), 8) * 1e6 + 1 / 3
    z = np.random.default_rng(9).normal(size=240)
    both = replace(made.with_columns(level=own, z=z), covariates=("level", "z"))
    alone = replace(made.with_columns(z=z), covariates=("z",))
    assert told(both)["fixed_effects"].value == pytest.approx(told(alone)["fixed_effects"].value)
    assert told(both)["random_effects"].value != pytest.approx(told(alone)["random_effects"].value, rel=1e-6)
    assert told(both)["mundlak"].table["df"].iloc[0] == 2


def test_hausman_without_a_covariance():
    """Levels that follow the means of x exactly, with another slope: the pooled regression has the larger residuals."""
    rng = np.random.default_rng(11)
    unit = np.repeat(np.arange(12), 4)
    level, move = rng.normal(size=12)[unit], rng.normal(size=48)
    y = move - 5 * level + 0.01 * rng.normal(size=48)
    found = hausman(UnitRows(y, (level + move)[:, None], np.zeros((48, 0)), unit))
    assert found == "the difference of the two covariances is no covariance"


def test_too_few_clusters_for_the_means():
    """Ten units with gaps: eight means of periods and treatment beside a constant are too many."""
    made = panel(np.random.default_rng(2).normal(size=(10, 8)), [5.0] * 3 + [INF] * 7)
    holes = replace(made, frame=made.frame.drop(index=[1, 12, 23, 34, 45, 56, 67, 71]).reset_index(drop=True))
    assert "10 clusters are too few for 8 parameters between units" in told(holes)["mundlak"].text
    assert np.isfinite(told(made)["mundlak"].value)


def test_clusters_of_several_units():
    made = walk(12)
    pairs = "c" + (made.frame["unit"].str[1:].astype(int) // 2).astype(str)
    wide = replace(made, frame=made.frame.assign(cluster=pairs))
    for name in ("mundlak", "serial_correlation", "random_effects"):
        assert told(wide)[name].table["n_clusters"].iloc[0] == 15
        assert told(made)[name].table["n_clusters"].iloc[0] == 30


def test_means_alike_everywhere_are_no_test():
    unit, x = np.repeat(np.arange(6), 4), np.tile([1.0, 2, 3, 4], 6)
    rows = UnitRows(np.random.default_rng(1).normal(size=24), x[:, None], np.zeros((24, 0)), unit)
    with pytest.raises(np.linalg.LinAlgError, match="means"):
        mundlak(rows, unit)


DESIGN = """\
schema: sos-eval/design/1
name: small
panel: {source: csv, path: panel.csv, unit: la, time: year, outcome: {value: rate}, treatment: {first_treated: start}}
estimators: [{id: main, method: twfe}]
inference: [{method: analytic}]
checks: [{panel_tests: {hausman: true}}]
report: {formats: []}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run a design open and under a profile."""
    folder = tmp_path_factory.mktemp("panel_tests")
    made = walk(3)
    frame = made.frame.rename(columns={"unit": "la", "outcome": "rate", "first_treated": "start"})
    frame = frame.assign(year=2000 + frame["time"].astype(int), start=(2000 + frame["start"]).replace(np.inf, 0.0))
    frame[["la", "year", "rate", "start"]].to_csv(folder / "panel.csv", index=False)
    (folder / "open.yaml").write_text(DESIGN)
    (folder / "guarded.yaml").write_text(f"{DESIGN}disclosure: {{profile: dfe}}\n")
    return {name: se.run(se.load_design(folder / f"{name}.yaml"), out=folder / name) for name in ("open", "guarded")}


@pytest.mark.slow
def test_a_run_writes_them(runs):
    lines, ours = runs["open"].diagnostics.set_index("name"), told(walk(3), hausman=True)
    for name, result in ours.items():
        assert lines.loc[f"panel_tests.{name}", "value"] == pytest.approx(result.value, rel=1e-9)
    assert lines["passed"].isna().all()
    assert float(runs["open"].tables("panel_tests.mundlak")["p_f"].iloc[0]) == pytest.approx(
        ours["mundlak"].table["p_f"].iloc[0]
    )


def test_a_profile_holds_them_back(runs):
    """Coefficients with random effects are one more equation on counts that nothing is held against."""
    lines = runs["guarded"].diagnostics.set_index("name")
    asked = [name for name in lines.index if name.startswith("panel_tests")]
    assert len(asked) == 5
    assert lines.loc[asked, "value"].isna().all()
    assert lines.loc[asked, "text"].str.startswith("withheld").all()
    assert not [name for name in runs["guarded"].table_names if "panel_tests" in name]


@pytest.mark.parametrize("how", ["omitted", "empty"])
def test_lags_do_not_cross_a_period_that_is_in_no_row(how):
    """Without its third of six periods a unit has three pairs, 0-1, 3-4 and 4-5, and not a fourth from 1 to 3."""
    rng = np.random.default_rng(3)
    y, starts = rng.normal(size=(8, 6)), [4.0] * 4 + [INF] * 4
    y[:, 2] = np.nan if how == "empty" else y[:, 2]
    made = panel(y, starts)
    made = made.keep_times([time for time in made.times if time != made.times[2]]) if how == "omitted" else made
    line = told(made)["serial_correlation"].table.iloc[0]
    assert line["pairs"] == 8 * 3
    seen = np.delete(y, 2, axis=1)
    treated = np.outer(np.isfinite(starts), np.array([0, 0, 1, 1, 1])).astype(float)
    left, on = (one - one.mean(0) - one.mean(1, keepdims=True) + one.mean() for one in (seen, treated))
    left = left - on * (left * on).sum() / (on * on).sum()
    later, before = left[:, [1, 3, 4]].ravel(), left[:, [0, 2, 3]].ravel()
    assert line["slope"] == pytest.approx(np.polyfit(before, later, 1)[0])
    time = np.tile([0, 1, 3, 4, 5], 8)
    periods = (time[:, None] == np.array([1, 3, 4, 5])).astype(float)
    rows = UnitRows(seen.ravel(), treated.reshape(-1, 1), periods, np.repeat(np.arange(8), 5))
    assert line["expected"] == pytest.approx(projected(rows, time))
