"""Triple differences: by hand on eight units, in batches, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import TripleDifference
from sos_eval.inference import Randomization
from sos_eval.inference.auto import Auto, resolve
from sos_eval.inference.design_facts import design_facts
from sos_eval.results.estimate import clustered_error, loop_batch
from tests.estimators.panels import INF, panel, row
from tests.fakes import fit

#: Changes from before to after: treated eligible 9, 7; treated ineligible 3, 2; untreated 4, 2 and 1, 2.
CHANGE, STARTS = np.array([9.0, 7, 3, 2, 4, 2, 1, 2]), [2] * 4 + [INF] * 4
ELIGIBLE = np.array([1, 1, 0, 0, 1, 1, 0, 0])


def eight(**more):
    made = panel(np.outer(CHANGE, [0, 1]) + np.arange(8.0)[:, None], STARTS, **more)
    return made.with_columns(eligible=np.repeat(ELIGIBLE, 2))


def staggered(seed=0, n=48, **more):
    rng = np.random.default_rng(seed)
    starts = np.repeat([4.0, 6.0, INF], n // 3)
    eligible, time = np.arange(n) % 2, np.arange(1, 9)
    y = rng.standard_normal((n, 8)) + np.outer(eligible, time) * 0.5 + np.outer(np.isfinite(starts), time) * 0.3
    y += 2.0 * (time >= starts[:, None]) * eligible[:, None]
    return panel(y, starts, **more).with_columns(eligible=np.repeat(eligible, 8))


def test_by_hand():
    # (8 - 2.5) - (3 - 1.5) = 4; variances of four means, divided by their numbers: 1, .25, 1, .25 over 2
    estimate = TripleDifference().complete(eight())
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(4.0)
    assert row(estimate, aggregation="overall")["error"] == pytest.approx(np.sqrt((1 + 0.25 + 1 + 0.25) / 2))
    assert row(estimate, aggregation="group_time")["n_treated_units"] == 2


def test_strata_of_one_kind_each_are_refused_with_what_to_write():
    made = eight().with_columns(stratum=np.repeat(np.where(ELIGIBLE == 1, "yes", "no").astype(object), 2))
    with pytest.raises(NotIdentified, match="no stratum holds units with and without eligible") as refused:
        TripleDifference().complete(made)
    assert refused.value.faults[0].instead == "write strata_effects: false beside strata"


def test_where_adoptions_leave_a_kind_empty_the_way_out_is_named():
    facts = replace(design_facts(fit(TripleDifference(), staggered(n=24))), lost=lambda _: (0.3, "no observation"))
    why = resolve([Auto()], facts).reason
    assert "up to which a test at 0.05 is relied on; starts swapped among units of one eligible" in why
    assert why.endswith("write {method: randomization, strata: [eligible], strata_effects: false}")


def test_weights_count():
    weights = np.array([1.0, 3, 1, 1, 1, 1, 2, 1])
    value = row(TripleDifference().complete(eight(weights=weights)), aggregation="overall")["value"]
    assert value == pytest.approx(((9 + 3 * 7) / 4 - 2.5) - (3 - (2 * 1 + 2) / 3))


def test_what_moves_all_eligible_alike_drops_out():
    first = TripleDifference(control="not_yet_treated").complete(staggered())
    made = staggered()
    shared = np.sin(made.frame["time"]) * made.frame["eligible"] + made.frame["time"] ** 2
    again = TripleDifference(control="not_yet_treated").complete(made.with_outcome(made.frame["outcome"] + shared))
    np.testing.assert_allclose(first.values, again.values, atol=1e-10)
    assert row(first, aggregation="overall")["value"] == pytest.approx(2.0, abs=1.0)


def test_several_comparison_cohorts_are_combined_with_the_least_error():
    made = staggered(weights=None)
    both, never = (TripleDifference(control=c).complete(made) for c in ("not_yet_treated", "never_treated"))
    keys = {"aggregation": "group_time", "cohort": 4.0, "time": 5.0}
    assert row(both, **keys)["error"] < row(never, **keys)["error"]
    late = {"aggregation": "group_time", "cohort": 4.0, "time": 7.0}  # nobody else is untreated by then
    assert row(both, **late)["value"] == pytest.approx(row(never, **late)["value"])


def test_many_adoptions_are_a_loop_and_can_be_permuted():
    made, rng = staggered(n=24), np.random.default_rng(1)
    adoptions = np.array([rng.permutation(made.first_treated) for _ in range(3)])
    method = TripleDifference()
    batch, loop = method.estimate_assignments(made, adoptions), loop_batch(
        [made.with_first_treated(one) for one in adoptions], method.complete
    )  # fmt: skip
    np.testing.assert_allclose(batch.values, loop.values)
    outcomes = np.array([made.matrix(), made.matrix() * 2])
    many = method.estimate_many(made, outcomes)
    np.testing.assert_allclose(many.values[1], 2 * many.values[0])
    test = Randomization(draws=19, interval="none", level=0.9, strata=("eligible",))
    table = test.infer(fit(method, made), np.random.default_rng(0)).table
    assert np.isfinite(table.loc[table["aggregation"] == "overall", "p_value"].iloc[0])


def test_one_base():
    method = TripleDifference()
    estimate = method.on_one_base().complete(staggered())
    assert row(estimate, aggregation="event_time", event_time=-1)["value"] == 0
    assert np.isnan(clustered_error(estimate)[np.flatnonzero(estimate.values == 0)]).all()


def test_a_group_that_is_not_there_is_named():
    made = eight().with_columns(eligible=np.repeat([1, 1, 1, 1, 1, 1, 0, 0], 2))
    estimate = TripleDifference().complete(made)
    assert np.isnan(estimate.values).all()
    assert "ineligible units of the cohort" in estimate.cells["reason"].iloc[0]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (panel(np.outer(CHANGE, [0, 1]), STARTS), "eligible: eligible is no column of the panel"),
        (eight().with_columns(eligible=np.arange(16) % 2), "not 0 or 1, the same in all periods"),
        (eight().with_columns(eligible=np.repeat([2.0, 0] * 4, 2)), "not 0 or 1"),
    ],
)
def test_what_is_refused(made, words):
    with pytest.raises(NotIdentified, match=words):
        TripleDifference().complete(made)
