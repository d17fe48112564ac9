"""The efficient estimator by hand on eight units, against the formula, and at its edges."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import RothSantAnna
from sos_eval.estimators.roth_santanna import BASE, CHANGES, EFFICIENT, MEANS
from sos_eval.results.method import lookup
from tests.estimators.panels import INF, panel, row
from tests.fakes import fit

Y = np.array([[1, 4], [2, 7], [0, 2], [3, 6], [1, 1], [2, 3], [4, 4], [5, 8]], float)
G = [2, 2, 2, 2, INF, INF, INF, INF]


def test_by_hand():
    one = RothSantAnna(beta=1.0).complete(panel(Y, G))
    # changes: treated 3, 5, 2, 3 (mean 3.25); untreated 0, 1, 0, 3 (mean 1)
    assert row(one, aggregation="overall")["value"] == pytest.approx(2.25)
    # variances of the changes: 4.75 / 3 and 6 / 3, each over four units
    assert row(one, aggregation="overall")["error"] == pytest.approx(np.sqrt(4.75 / 3 / 4 + 6 / 3 / 4))
    assert row(RothSantAnna(beta=0.0).complete(panel(Y, G)), aggregation="overall")["value"] == pytest.approx(0.75)
    best = RothSantAnna().complete(panel(Y, G))
    early = [np.cov(Y[:4].T), np.cov(Y[4:].T)]
    beta = sum(each[0, 1] for each in early) / sum(each[0, 0] for each in early)
    found = row(best, aggregation="overall")
    assert found["value"] == pytest.approx(0.75 - beta * (1.5 - 3))
    assert found["error"] ** 2 == pytest.approx(
        sum(c[1, 1] - 2 * beta * c[0, 1] + beta**2 * c[0, 0] for c in early) / 4
    )
    assert found["error"] < row(one, aggregation="overall")["error"]
    assert EFFICIENT in best.notes


def test_one_period_is_a_base_where_changes_since_it_are_compared_and_nowhere_else():
    """The difference before is 1.5 - 3: all, half or nothing of it is taken off; efficient rows each take their own."""
    found = {
        beta: row(RothSantAnna(beta=beta).complete(panel(Y, G)), aggregation="event_time", event_time=-1)
        for beta in (1.0, 0.5, 0.0)
    }
    assert (found[1.0]["value"], found[1.0]["reason"]) == (0.0, BASE)
    assert found[0.0]["value"] == pytest.approx(-1.5)
    assert found[0.5]["value"] == pytest.approx(-0.75)
    assert found[0.0]["error"] == pytest.approx(2 * found[0.5]["error"])
    assert (found[0.0]["reason"], found[0.5]["reason"]) == ("", "")
    best = RothSantAnna().complete(panel(Y, G))
    assert best.cells["event_time"].dropna().unique().tolist() == [0]
    assert "the last period before the start, by which they are adjusted, has no row" in best.notes[0]


def test_the_note_says_what_is_taken_off():
    notes = {beta: RothSantAnna(beta=beta).complete(panel(Y, G)).notes for beta in (1.0, 0.0, 37.0)}
    assert notes[1.0] == (CHANGES,)
    assert notes[0.0] == (MEANS,)
    assert "37 of the difference in the last period before the start is taken off" in notes[37.0][0]


@pytest.mark.parametrize("name", ["honest_did", "equivalence", "pretrend_power", "pretrends"])
@pytest.mark.parametrize("beta", ["efficient", 0.0, 0.5, 1.0])
def test_a_path_from_one_period_is_read_where_there_is_one(name, beta):
    rng = np.random.default_rng(7)
    made = panel(rng.normal(size=(40, 6)).cumsum(1), [4] * 20 + [INF] * 20)
    options = {} if name == "pretrends" else {"draws": 99}
    rows = lookup("check", name)(**options).check(fit(RothSantAnna(beta=beta), made), np.random.default_rng(0))
    of_a_path = [one for one in rows if one.name != "pretrends.joint"]  # which tests differences, whatever their base
    why = ("not all compared with one period", "do not share a base period")
    refused = [any(words in one.text for words in why) and np.isnan(one.value) for one in of_a_path]
    assert all(refused) if beta != 1.0 else not any(refused)


def test_later_starters_are_compared_with_until_they_start():
    rng = np.random.default_rng(3)
    y, starts = rng.normal(size=(9, 4)), np.array([2, 2, 2, 3, 3, 3, INF, INF, INF])
    estimate = RothSantAnna(beta=1.0).complete(panel(y, starts))
    change = y - y[:, :1]
    value = change[:3, 1].mean() - change[3:, 1].mean()
    assert row(estimate, aggregation="group_time", cohort=2, time=2)["value"] == pytest.approx(value)
    value = change[:3, 2].mean() - change[6:, 2].mean()
    assert row(estimate, aggregation="group_time", cohort=2, time=3)["value"] == pytest.approx(value)
    without = RothSantAnna(beta=1.0).complete(panel(y[:6], starts[:6]))
    assert without.cells["time"].max() == 2


def test_what_it_does_not_take_is_refused_by_name():
    with pytest.raises(NotIdentified, match="one unit alone starts in 2, and the method needs the variance within"):
        RothSantAnna().complete(panel(Y[3:], G[3:]))
    with pytest.raises(NotIdentified, match="one unit alone never starts, and the method needs"):
        RothSantAnna().complete(panel(Y[:5], G[:5]))
    with pytest.raises(NotIdentified, match="no unit is untreated while another is treated; widen"):
        RothSantAnna().complete(panel(Y, [2] * 8))
    with pytest.raises(NotIdentified, match="units weigh differently"):
        RothSantAnna().complete(panel(Y, G, weights=np.arange(1.0, 9)))
