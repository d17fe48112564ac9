"""Every registered estimator x every property that no estimator may break."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import InputFault
from sos_eval.panel.tabular import from_frame
from sos_eval.results.assignments import stratified
from sos_eval.results.estimate import clustered_error, loop_batch
from sos_eval.results.method import registered
from sos_eval.results.overall_average import averaged_rows
from sos_eval.results.strata import NO_STRATA

SAME = 1e-10  # rounding of sums taken in another order; batch = loop is asked for at this tolerance
N, T = 24, 7
STARTS = np.array([0] * 14 + [2004] * 4 + [2005] * 3 + [2006] * 3)
#: Options that change what is computed; an estimator that is not here runs with its defaults.
OPTIONS = {
    "callaway_santanna": [
        {}, {"control": "not_yet_treated", "base_period": "universal"}, {"anticipation": 1},
        {"adjust": "reg"}, {"adjust": "ipw"}, {"adjust": "dr"}, {"adjust": "dr", "control": "not_yet_treated"},
        {"adjust": "dr_improved"}, {"adjust": "dr_improved", "base_period": "universal"},
        {"balance_e": 1}, {"window": (-1, 2), "adjust": "reg"},
    ],
    "continuous_did": [{}, {"control": "not_yet_treated", "degree": 2}, {"knots": (0.8,), "at": (0.6, 1.0)}],
    "dechaisemartin_dhaultfoeuille": [
        {}, {"effects": 2, "placebos": 1}, {"control": "never_treated", "normalized": True},
    ],
    "etwfe": [
        {}, {"covariates": ()}, {"covariates": (), "control": "never_treated"}, {"covariates": (), "family": "poisson"},
    ],
    "event_study_twfe": [{}, {"window": (-3, 1)}],
    "imputation": [{}, {"covariates": ()}, {"covariates": (), "leave_out": True, "leads_tested": 1}],
    "poisson_did": [{}, {"covariates": ()}],
    "roth_santanna": [{}, {"beta": 1.0}],
    "synthetic_control": [{"level": "unit_means_out"}, {"augment": "none"}],
    "stacked": [{}, {"window": (-2, 1)}],
    "sun_abraham": [{}, {"covariates": (), "reference_time": -2}],
    "twfe": [{}, {"covariates": ()}],
    "two_stage": [{}, {"covariates": ()}],
}  # fmt: skip

#: They need panels of their own (eight periods a side; who is eligible; rows of people, matched or not), and have
#: these properties in their own tests.
OWN_PANELS = ("aipw", "interrupted_time_series", "matched_did", "multilevel", "triple_difference")

CASES = [
    pytest.param(name, method(**options), id=f"{name}-{'-'.join(map(str, options.values())) or 'default'}")
    for name, method in registered("estimator").items()
    for options in OPTIONS.get(name, [{}])
    if name not in OWN_PANELS
]
#: Weights and clusters above the unit, for properties that must hold with them too.
VARIANTS = {
    "plain": {},
    "weighted": {"weight": "weight"},
    "weighted, clustered": {"weight": "weight", "cluster": "region"},
    "stratified": {"weight": "weight", "strata": ("half",)},
}
every_variant = pytest.mark.parametrize("more", [pytest.param(more, id=one) for one, more in VARIANTS.items()])
every_estimator = pytest.mark.parametrize(("name", "estimator"), CASES)


#: Its penalty is the spread of changes, common ones included (the paper's zeta).
MOVED_BY_COMMON_CHANGES = {"synthetic_did"}
#: Its error has a factor n / (n - 1) in units, not clusters, as the paper's package has.
COUNTS_UNITS = {"dechaisemartin_dhaultfoeuille"}
#: They weigh or adjust for levels, which units' constants move.
MOVED_BY_LEVELS = {"synthetic_control", "roth_santanna"}


def skip_where_refused(estimator, more, *, gaps=False) -> None:
    """Leave out weights and gaps for estimators that refuse both by name (a test of their own holds the refusal)."""
    if (more.get("weight") and not estimator.takes_weights) or (gaps and not estimator.takes_unbalanced):
        pytest.skip("refused by name")


def multiplicative(estimator) -> bool:
    """Whether the model is multiplicative: additive shifts and effects are not its own."""
    return estimator.name == "poisson_did" or getattr(estimator, "family", "") == "poisson"


def frame(seed: int = 1) -> pd.DataFrame:
    """Counts with exposure, a covariate that is constant in units and one that moves."""
    rng = np.random.default_rng(seed)
    exposure = rng.uniform(1e4, 1e5, N)[:, None] * rng.uniform(0.95, 1.05, (N, T))
    x, z = rng.normal(size=N), rng.normal(size=(N, T))
    rate = 2e-3 * np.exp(0.2 * x[:, None] + 0.05 * z + 0.2 * rng.normal(size=(N, 1)) + 0.05 * rng.normal(size=(N, T)))
    return pd.DataFrame({
        "la": np.repeat([f"LA{i:02d}" for i in range(N)], T), "year": np.tile(np.arange(2001, 2001 + T), N),
        "start": np.repeat(STARTS, T), "entries": rng.poisson(rate * exposure).ravel().astype(float),
        "children": exposure.ravel(), "x": np.repeat(x, T), "z": z.ravel(),
        "weight": np.repeat(rng.uniform(0.5, 2, N), T),
        "region": np.repeat([f"R{i % 8}" for i in range(N)], T),
        "half": np.repeat([f"H{i % 2}" for i in range(N)], T),
        "dose": np.repeat(0.4 + 0.1 * (7 * np.arange(N) % 11), T),
    })  # fmt: skip


def panel_of(df: pd.DataFrame, strata=(), **more):
    columns = {"unit": "la", "time": "year", "outcome": "entries", "first_treated": "start", "exposure": "children",
               "dose": "dose"}  # fmt: skip
    panel = from_frame(df, **(columns | {"per": 1000, "covariates": ("x", "z")} | more))
    return stratified(panel.with_columns(half=df["half"].to_numpy()), strata) if strata else panel


def numbers(estimate):
    """Return values and errors side by side, in the order of the cells."""
    error = clustered_error(estimate)
    return np.column_stack([estimate.values, np.full(len(estimate.values), np.nan) if error is None else error])


def same(one, two, scale=1.0):
    keys = ["estimand", "aggregation", "cohort", "event_time", "subgroup", "scale"]
    assert one.cells[keys].equals(two.cells[keys])
    assert np.isfinite(one.values).any()
    np.testing.assert_allclose(numbers(one), numbers(two) * np.reshape(scale, (-1, 1)), rtol=1e-9, atol=SAME)


@every_estimator
def test_row_order_does_not_matter(name, estimator):
    df = frame()
    same(estimator.complete(panel_of(df)), estimator.complete(panel_of(df.sample(frac=1, random_state=3))))


@every_estimator
def test_strata_stand_in_the_estimate_or_it_says_that_they_do_not(name, estimator):
    within, pooled = (estimator.complete(panel_of(frame(), strata=some)) for some in (("half",), ()))
    alike = within.values.shape == pooled.values.shape
    alike = alike and np.allclose(within.values, pooled.values, rtol=0, atol=SAME, equal_nan=True)
    assert alike == (NO_STRATA in within.notes)


@every_estimator
def test_names_do_not_matter(name, estimator):
    """Other unit names in another order, and years counted from elsewhere."""
    df = frame()
    codes = df["la"].str[2:].astype(int)
    renamed = df.assign(la="u" + (97 * (codes + 1) % 101).astype(str), year=df["year"] + 50)
    renamed["start"] = df["start"].where(df["start"] == 0, df["start"] + 50)
    one, two = estimator.complete(panel_of(df)), estimator.complete(panel_of(renamed))
    shifted = replace(two, cells=two.cells.assign(cohort=two.cells["cohort"] - 50, time=two.cells["time"] - 50))
    same(one, shifted)


@every_estimator
def test_shift_and_scale(name, estimator):
    """Unit and time constants cancel, factors come out; multiplicatively for a multiplicative model."""
    df = frame()
    base = panel_of(df)
    one = estimator.complete(base)
    ratio = (one.cells["scale"] == "ratio").to_numpy()
    if multiplicative(estimator):
        moved = estimator.complete(panel_of(df.assign(entries=df["entries"] * 3, children=df["children"] * 2)))
        same(moved, one, np.where(ratio, 1.0, 1.5))
        absorbed = 1.5 ** (df["la"].str[2:].astype(int) % 3) * 1.1 ** (df["year"] - 2001)
        other = estimator.complete(panel_of(df.assign(children=df["children"] * absorbed)))
        np.testing.assert_allclose(numbers(other)[ratio], numbers(one)[ratio], rtol=1e-9)
        return
    rng = np.random.default_rng(5)
    constants = rng.normal(0, 10, (N, 1)) * (name not in MOVED_BY_LEVELS)
    constants = constants + rng.normal(0, 10, (1, T)) * (name not in MOVED_BY_COMMON_CHANGES)
    same(estimator.complete(base.with_outcome(base.matrix() + constants)), one)
    same(estimator.complete(base.with_outcome(base.matrix() * 4.0)), one, 4.0)
    mirrored = estimator.complete(base.with_outcome(-base.matrix()))
    np.testing.assert_allclose(numbers(mirrored), numbers(one) * [-1, 1], rtol=1e-9, atol=SAME)


@every_estimator
@pytest.mark.parametrize("factor", [2.0**-30, 2.0**30], ids=["1e-9", "1e9"])
def test_a_covariates_unit_and_origin_do_not_matter(name, estimator, factor):
    """Pounds or millions, counted from anywhere; powers of two, so that neither costs the data themselves a digit."""
    df = frame()
    df[["x", "z"]] = (df[["x", "z"]] * 1024).round() / 1024
    one = panel_of(df)
    starts = np.array([np.random.default_rng(4).permutation(one.first_treated) for _ in range(2)])
    outcomes = one.matrix() * np.random.default_rng(5).uniform(0.8, 1.2, (2, N, T))
    batch, drawn = estimator.estimate_assignments(one, starts), estimator.estimate_many(one, outcomes)
    for moved in (df[["x", "z"]] * factor, df[["x", "z"]] + 2.0**30, (df[["x", "z"]] - 2.0**30) * factor):
        other = panel_of(df.assign(x=moved["x"], z=moved["z"]))
        same(estimator.complete(other), estimator.complete(one))
        pairs = (
            (estimator.estimate_assignments(other, starts), batch),
            (estimator.estimate_many(other, outcomes), drawn),
        )
        for again, before in pairs:
            np.testing.assert_allclose(again.values, before.values, rtol=1e-9, atol=SAME)
            assert (again.std_error is None) == (before.std_error is None)
            if before.std_error is not None:
                np.testing.assert_allclose(again.std_error, before.std_error, rtol=1e-9, atol=SAME)


@every_estimator
@pytest.mark.parametrize("factor", [2.0**-600, 2.0**-43, 2.0**600], ids=["1e-180", "1e-13", "1e180"])
def test_the_unit_of_weights_and_covariates_does_not_matter(name, estimator, factor):
    """Weights below 1e-12 are weights, and what squares to zero or infinity is a number like any other."""
    skip_where_refused(estimator, {"weight": "weight"})
    df = frame()
    one = panel_of(df, weight="weight")
    other = panel_of(df.assign(weight=df["weight"] * factor, x=df["x"] * factor, z=df["z"] * factor), weight="weight")
    starts = np.array([np.random.default_rng(4).permutation(one.first_treated) for _ in range(2)])
    same(estimator.complete(other), estimator.complete(one))
    again, batch = (estimator.estimate_assignments(panel, starts) for panel in (other, one))
    np.testing.assert_allclose(again.values, batch.values, rtol=1e-9, atol=SAME)
    np.testing.assert_allclose(again.std_error, batch.std_error, rtol=1e-9, atol=SAME)


@every_estimator
def test_two_copies_of_a_unit_are_one_of_double_weight(name, estimator):
    """Copies share a cluster, so errors agree as well."""
    skip_where_refused(estimator, {"weight": "double"})
    df = frame()
    twice = df["la"].isin(["LA02", "LA05", "LA15", "LA20"])
    copies = df[twice].assign(la=df["la"][twice] + "b")
    copied = pd.concat([df, copies]).assign(home=lambda one: one["la"].str[:4])
    weighted = df.assign(double=np.where(twice, 2.0, 1.0), home=df["la"])
    one = estimator.complete(panel_of(copied, cluster="home"))
    two = estimator.complete(panel_of(weighted, weight="double", cluster="home"))
    if name in COUNTS_UNITS:
        np.testing.assert_allclose(one.values, two.values, rtol=1e-9, atol=SAME)
    else:
        same(one, two)


@every_estimator
def test_the_data_frame_is_left_as_it_is(name, estimator):
    df = frame().sample(frac=1, random_state=1)
    before = df.copy(deep=True)
    more = {"weight": "weight"} if estimator.takes_weights else {}
    estimator.fit(
        df, unit="la", time="year", outcome="entries", first_treated="start", exposure="children",
        covariates=("x", "z"), cluster="region", dose="dose", **more,
    )  # fmt: skip
    pd.testing.assert_frame_equal(df, before)


@every_estimator
def test_the_same_data_give_the_same_bytes(name, estimator):
    one, two = (estimator.complete(panel_of(frame())) for _ in range(2))
    assert numbers(one).tobytes() == numbers(two).tobytes()
    table = [
        estimator.fit(
            frame(),
            unit="la",
            time="year",
            outcome="entries",
            first_treated="start",
            exposure="children",
            dose="dose",
            seed=7,
        ).to_csv()
        for _ in range(2)
    ]
    assert table[0] == table[1]


def batch_is(batch, loop):
    keys = ["estimand", "aggregation", "cohort", "time", "event_time", "subgroup", "scale"]
    assert batch.cells[keys].equals(loop.cells[keys])
    assert np.isfinite(loop.values).any()
    np.testing.assert_allclose(batch.values, loop.values, rtol=SAME, atol=SAME)
    assert (batch.std_error is None) == (loop.std_error is None)
    assert batch.failures == loop.failures
    counted = np.array([bool(why) for why in batch.failures])
    assert (counted | ~np.isnan(batch.values).any(1)).all(), "an empty value has a reason that is counted"
    if loop.std_error is not None:
        np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=SAME, atol=SAME)


def every_other(cells: pd.DataFrame) -> np.ndarray:
    return np.arange(0, len(cells), 2)


@every_estimator
@every_variant
def test_one_plan_serves_any_batch(name, estimator, more):
    """A plan holds nothing of the outcomes: two batches and one with holes give what the loop gives, row for row."""
    skip_where_refused(estimator, more)
    base = panel_of(frame(), **more)
    rng = np.random.default_rng(8)
    batches = [base.matrix() * rng.uniform(0.8, 1.2, (draws, N, T)) for draws in (2, 1, 2)]
    if estimator.takes_unbalanced:
        batches[2][0, 4, 2] = batches[2][1, 15, 5] = np.nan
    loops = [loop_batch([base.with_outcome(one) for one in batch], estimator.complete) for batch in batches]
    for choice in (None, every_other):
        plan = estimator.compile(base, choice)
        for place in (0, 2, 1):
            batch_is(plan.apply(batches[place]), loops[place].rows(choice))


@every_estimator
@every_variant
def test_batch_is_loop(name, estimator, more):
    skip_where_refused(estimator, more)
    base = panel_of(frame(), **more)
    rng = np.random.default_rng(2)
    outcomes = base.matrix() * rng.uniform(0.8, 1.2, (3, N, T))
    starts = np.array([rng.permutation(base.first_treated) for _ in range(3)])
    pairs = [
        (estimator.estimate_many(base, outcomes), [base.with_outcome(one) for one in outcomes]),
        (estimator.estimate_assignments(base, starts), [base.with_first_treated(one) for one in starts]),
    ]
    for batch, panels in pairs:
        batch_is(batch, loop_batch(panels, estimator.complete))


def found_or_said(make):
    """Return a batch, or what is said where every draw is refused."""
    try:
        return make()
    except InputFault as fault:
        return fault.faults[0].what


#: Adoptions that many estimators refuse or cannot estimate in full, and one that none does.
REFUSED = np.array([
    np.where(STARTS == 0, np.inf, STARTS),
    np.repeat([2004.0, 2005.0, 2006.0], [14, 6, 4]),
    np.full(N, 2004.0),
    np.full(N, np.inf),
    np.full(N, 2001.0),
    np.where(np.arange(N) == 15, 2004.0, np.inf),
])  # fmt: skip


@every_estimator
@every_variant
@pytest.mark.parametrize("gaps", [False, True], ids=["", "gaps"])
def test_what_cannot_be_estimated_has_the_loops_reason(name, estimator, more, gaps):
    """Nobody never treated, all at once, nobody, all from the first period, one unit: as the single fit says it."""
    skip_where_refused(estimator, more, gaps=gaps)
    df = frame()
    if gaps:
        df = df.drop(index=[3 * T + 2, 15 * T + 5])
    base = panel_of(df, **more)
    batch = estimator.estimate_assignments(base, REFUSED)
    panels = [base.with_first_treated(one) for one in REFUSED]
    batch_is(batch, loop_batch(panels, estimator.complete, batch.cells))
    for starts in REFUSED:
        own = base.with_first_treated(starts)
        outcomes = np.stack([own.matrix(), own.matrix() * 1.5])
        panels = [own.with_outcome(one) for one in outcomes]
        loop = found_or_said(lambda panels=panels: loop_batch(panels, estimator.complete))
        batch = found_or_said(lambda own=own, outcomes=outcomes: estimator.compile(own).apply(outcomes))
        if isinstance(loop, str):
            assert batch == loop
            continue
        np.testing.assert_allclose(batch.values, loop.values, rtol=SAME, atol=SAME)
        assert batch.failures == loop.failures


@every_estimator
def test_no_effect_is_no_effect(name, estimator):
    """Unit and time effects alone, exactly: every effect and every error is zero."""
    rng = np.random.default_rng(3)
    unit, time = rng.normal(0, 0.3, (N, 1)), rng.normal(0, 0.1, (1, T))
    df = frame()
    rate = 0.01 * np.exp(unit + time) if multiplicative(estimator) else 0.01 * (3 + unit + time)
    estimate = estimator.complete(panel_of(df.assign(entries=rate.ravel() * df["children"])))
    size = np.abs(numbers(estimate))
    assert np.nanmax(size) < 1e-8
    assert np.isfinite(estimate.values).all()


@every_estimator
def test_a_missing_outcome_is_said(name, estimator):
    """A hole is named in the flow or the notes, and the rest is as if the row were not there."""
    skip_where_refused(estimator, {}, gaps=True)
    df = frame()
    hole = (df["la"] == "LA03") & (df["year"] == 2003)
    panel = panel_of(df.assign(entries=df["entries"].mask(hole)))
    one, two = estimator.complete(panel), estimator.complete(panel_of(df[~hole]))
    said = " ".join([*one.notes, *(f"{line.names} {line.reason}" for line in one.panel.flow)])
    assert "LA03" in said
    same(one, two)


@pytest.mark.parametrize("never", [True, False], ids=["some-never", "all-start"])
@pytest.mark.parametrize("more", [{}, {"weight": "weight"}], ids=["plain", "weighted"])
@every_estimator
def test_an_overall_effect_is_the_average_that_it_says(name, estimator, more, never):
    """Without noise, effects that grow and differ by cohort: what is estimated is what `averaged_rows` weighs."""
    if estimator.mixes:
        pytest.skip("a mixture with weights of its own")
    skip_where_refused(estimator, more)
    df = frame()
    df = df if never else df[df["start"] > 0]
    df = df.assign(start=df["start"].where(df["start"] != 2006, 2005)) if name == "roth_santanna" else df
    event = (df["year"] - df["start"]).where(df["start"] > 0, -1.0)
    effect = np.where(event >= 0, -0.1 * (event + 1) * (df["start"] - 2002), 0.0)
    levels, years = df["la"].str[2:].astype(int) % 5, 0.1 * (df["year"] - 2001) ** 2
    if multiplicative(estimator):
        rate = 2e-3 * np.exp(0.1 * levels + 0.1 * years)
        without, df = rate * 1000, df.assign(entries=rate * np.exp(effect) * df["children"])
        effect = (without * np.expm1(effect)).to_numpy()
        panel = panel_of(df, covariates=(), **more)
    else:
        panel = panel_of(df, covariates=(), **more)
        panel = panel.with_outcome(np.asarray(levels + years + effect).reshape(panel.n_units, panel.n_times))
    try:
        found = estimator.complete(panel)
    except InputFault:
        assert not never, "refuses where nobody is never treated"
        pytest.skip("nobody is never treated: refused by name")
    known = pd.Series(effect, pd.MultiIndex.from_frame(df[["la", "year"]]))
    cells = found.cells[(found.cells["subgroup"].fillna("") == "") & (found.cells["scale"] != "ratio")]
    events = cells[(cells["aggregation"] == "event_time") & (cells["event_time"] >= 0)]
    for place, since in [(cells.index[cells["aggregation"] == "overall"][0], None), *events["event_time"].items()]:
        own = averaged_rows(estimator, found, since)
        told = known.reindex(pd.MultiIndex.from_frame(own[["unit", "time"]])).to_numpy()
        normalized = getattr(estimator, "normalized", False)  # by event time an effect a period of treatment
        if since is None or (np.isfinite(found.values[place]) and not normalized):
            assert found.values[place] == pytest.approx(float(told @ own["weight"].to_numpy()), rel=1e-8), since
