"""Both links of a mechanism, the effect split by them, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import sos_eval as se
from sos_eval.errors import DesignFault, NotIdentified
from sos_eval.estimators import TWFE
from sos_eval.theory.first_link import first_links, on_column
from sos_eval.theory.mediation import joint_test, parts_of_effect, too_late
from sos_eval.theory.programme import MediationPath, ProgrammeTheory, TheoryNode
from tests.fakes import cross_sections_of, fit, panel_of
from tests.jobs.test_theory import load

THEORY = ProgrammeTheory(
    edges=(("practice", "trust"), ("trust", "outcome"), ("practice", "outcome")), columns={"trust": "trust"},
    nodes={"trust": TheoryNode(needs="a survey of parents")},
    mediation=(MediationPath("trust", "simulated: nothing hidden"),),
)  # fmt: skip


def panel(seed, first=1.0, second=1.0, direct=0.5, product=0.0, n=40, treated=12):
    """Practice moves trust by `first`, trust the outcome by `second` (and `product` more under practice)."""
    rng = np.random.default_rng(seed)
    starts = np.where(np.arange(n) < treated, 2004.0, np.inf)
    late = (np.arange(2001, 2007) >= 2004) * np.isfinite(starts)[:, None]
    shift = rng.standard_normal((n, 1)) * (np.arange(2001, 2007) >= 2004)  # units' own change of trust
    trust = 5 + rng.standard_normal((n, 1)) + shift + first * late
    change = shift + first * late
    y = 20 + rng.standard_normal((n, 1)) + direct * late + (second + product * late) * change
    y += 0.5 * rng.standard_normal((n, 6))
    return panel_of(y, starts).with_columns(trust=trust.ravel())


def joint(data, draws=199, theory=THEORY):
    fitted, rng = fit(TWFE(), data), np.random.default_rng(0)
    return joint_test(theory, fitted, first_links(theory, fitted, draws, rng), draws, rng).iloc[0]


def test_the_joint_p_is_the_larger_one():
    row = joint(panel(1))
    assert row["joint_p"] == max(row["first_p"], row["link_p"])
    assert row["link"] == pytest.approx(1, abs=0.3)
    assert row["n_units"] == 40
    assert row["reason"] == ""


def test_a_second_link_that_holds_another_path_of_the_theory_says_so():
    joined = replace(THEORY, edges=(*THEORY.edges, ("hope", "trust"), ("hope", "outcome"), ("practice", "hope")))
    assert joint(panel(1), draws=19, theory=joined)["reason"] == (
        "the theory joins both otherwise (trust <- hope -> outcome): the second link holds that too"
    )


@pytest.mark.parametrize(("first", "second"), [(0.0, 1.0), (2.0, 0.0)])
def test_one_missing_link_is_rarely_called_a_mechanism(first, second):
    called = [joint(panel(seed, first, second), draws=99)["joint_p"] <= 0.05 for seed in range(60)]
    assert sum(called) <= 8  # 3 expected, 3 errors of 1.7


def test_both_links_are_found():
    assert sum(joint(panel(seed, 2.0, 1.0), draws=99)["joint_p"] <= 0.05 for seed in range(10)) >= 9


def test_parts_with_interaction_recover_the_truth():
    """Indirect (1 + .5) x 2 = 3 under practice and 2 without, direct .5, in all 3.5."""
    found = [
        parts_of_effect(THEORY, fit(TWFE(), panel(seed, 2.0, 1.0, 0.5, 0.5, n=200, treated=100)))[0]
        .set_index("quantity")["estimate"]
        for seed in range(100, 120)
    ]  # fmt: skip
    truth = {"total_natural_indirect": 3, "pure_natural_indirect": 2, "pure_natural_direct": 0.5, "total_effect": 3.5}
    for name, value in truth.items():
        values = np.array([one[name] for one in found], float)
        assert values.mean() == pytest.approx(value, abs=3 * values.std() / np.sqrt(20)), name


def test_the_controlled_direct_effect_is_told_at_changes_that_were_observed():
    """It is b1 + b3 c at a change c of the mediator: a line in c, and nothing where nobody's mediator changed so."""
    fitted = fit(TWFE(), panel(1, 2.0, 1.0, 0.5, 0.5, n=100, treated=50))

    def parts(reference):
        theory = replace(THEORY, mediation=(MediationPath("trust", "simulated", reference=reference),))
        return parts_of_effect(theory, fitted)[0].set_index("quantity")

    at = [parts(change).loc["controlled_direct", "estimate"] for change in (0.0, 1.0, 2.0)]
    assert at[2] - at[1] == pytest.approx(at[1] - at[0])
    far, near = parts(99.0), parts(1.0)
    told = far.index.isin(["controlled_direct", "interaction_reference"])
    assert far.loc[told, ["estimate", "std_error", "conf_low"]].isna().all(axis=None)
    assert far.loc[told, "reason"].str.contains(r"no change of the mediator of 99 \(reference\) was observed").all()
    assert far.loc[~told, "estimate"].tolist() == pytest.approx(near.loc[~told, "estimate"].tolist())


def test_the_total_effect_of_staggered_starts_says_of_which_periods_it_is():
    data = panel(1, n=100, treated=50)
    starts = np.where(np.arange(100) < 20, 2005.0, np.where(np.arange(100) < 50, 2004.0, np.inf))
    table, _ = parts_of_effect(THEORY, fit(TWFE(), data.with_first_treated(starts)))
    reasons = table.set_index("quantity")["reason"]
    assert reasons["total_effect"] == "mean from 2005 on less mean before 2004"
    assert reasons.drop("total_effect").eq("").all()


def test_few_clusters_are_not_split_and_what_would_test_the_path_is_said():
    table, hidden = parts_of_effect(THEORY, fit(TWFE(), panel(1)))
    assert table["estimate"].isna().all()
    assert hidden.empty
    reason = table["reason"].iloc[0]
    assert reason.startswith("12 treated and 28 comparison clusters: splitting an effect needs 40 of each.")
    assert "a survey of parents in a larger roll-out" in reason


def people(seed, treated=8, others=12, each=15):
    """People of two years a unit; practice moves trust by 2, trust the outcome by 1, and by 1.5 under practice."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(treated + others), 2 * each)
    late = np.tile(np.repeat([0, 1], each), treated + others)
    began = unit < treated
    now = late * began
    x, own = rng.standard_normal(len(unit)), rng.standard_normal((2, treated + others))
    trust = 2.0 * now + 0.3 * x + own[0][unit] + rng.standard_normal(len(unit))
    # trust is told from a unit's own earlier level, so that its own level does nothing more under practice
    y = 0.5 * now + trust + 0.5 * now * (trust - own[0][unit]) + own[1][unit] + rng.standard_normal(len(unit))
    data = cross_sections_of(y, np.char.add("u", unit.astype(str)), 2003.0 + late, np.where(began, 2004.0, np.inf))
    order = np.lexsort((2003.0 + late, np.char.add("u", unit.astype(str))))
    assert (data.frame["outcome"].to_numpy() == y[order]).all()
    return data.with_columns(trust=trust[order], x=x[order]).changed(covariates=("x",))


def test_people_in_few_units_are_split_with_errors_by_leaving_units_out():
    """Indirect 3 under practice and 2 without, direct .5, in all 3.5, as in the units' world."""
    worlds = [parts_of_effect(THEORY, fit(TWFE(), people(seed)))[0].set_index("quantity") for seed in range(20)]
    truth = {"total_natural_indirect": 3, "pure_natural_indirect": 2, "pure_natural_direct": 0.5, "total_effect": 3.5}
    for name, value in truth.items():
        values = np.array([one.loc[name, "estimate"] for one in worlds], float)
        assert values.mean() == pytest.approx(value, abs=3 * values.std() / np.sqrt(20)), name
        inside = [one.loc[name, "conf_low"] <= value <= one.loc[name, "conf_high"] for one in worlds]
        assert sum(inside) >= 16, name  # 19 expected, 3 errors of 1
    assert worlds[0]["reason"].unique().tolist() == [
        "8 treated and 12 comparison clusters: errors by leaving out one at a time, t with 7 degrees of freedom"
    ]
    _, hidden = parts_of_effect(THEORY, fit(TWFE(), people(0)))
    assert len(hidden) == 19


def test_people_in_fewer_units_are_not_split():
    table, _ = parts_of_effect(THEORY, fit(TWFE(), people(0, treated=4)))
    assert table["estimate"].isna().all()
    said = "4 treated and 12 comparison clusters: splitting an effect on people needs 5 of each."
    assert table["reason"].iloc[0].startswith(said)


def test_hidden_causes_take_the_indirect_effect_away_at_the_stated_correlation():
    data = panel(3, 2.0, 1.0, n=200, treated=100)
    _, hidden = parts_of_effect(THEORY, fit(TWFE(), data))
    assert hidden["indirect"].is_monotonic_decreasing
    zero = hidden["rho_at_zero"].iloc[0]
    assert np.sign(hidden["indirect"]).tolist() == np.sign(zero - hidden["rho"]).tolist()


def test_measured_after_the_outcome():
    data = panel(1)
    late = data.with_columns(
        trust=data.frame["trust"].where(data.frame["time"] == 2006),
        outcome=data.frame["outcome"].where(data.frame["time"] < 2006),
    )
    assert too_late(data, "trust") == ""
    assert too_late(late, "trust").startswith(
        "trust is first measured in 2006 after the start, and the outcome last in"
    )


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("{through: hope, ignorability: a}", "hope: no such node"),
        ("{through: need, ignorability: a}", "need is no mediator but common cause"),
        ("{through: trust}", "theory.mediation.0.ignorability"),
        ("{through: trust, ignorability: ' '}", "ignorability: says nothing"),
        ("{through: trust, ignorability: n/a}", "ignorability: says nothing"),
        ("{through: trust, ignorability: a, interaction: false, reference: 1}", "reference: without an interaction"),
        (
            "{through: trust, ignorability: a}, {through: trust, ignorability: b}",
            "theory.mediation.1.through: trust st",
        ),
    ],
)
def test_faults(tmp_path, path, said):
    with pytest.raises(DesignFault) as caught:
        load(tmp_path, ("  statements:", f"  mediation: [{path}]\n  statements:"))
    assert any(said in str(fault) for fault in caught.value.faults)


def test_run_writes_both_and_says_why_not(tmp_path):
    path = "  mediation: [{through: trust, ignorability: by construction}]\n  statements:"
    bundle = se.run(load(tmp_path, ("  statements:", path)), out=tmp_path / "out")
    assert bundle.tables("mechanisms.joint")["joint_p"].iloc[0] > 0
    assert "needs 40 of each" in bundle.tables("mechanisms.mediation")["reason"].iloc[0]
    page = (bundle.path / "report.html").read_text()
    assert "the mechanism is possible, not shown" in page
    assert "trust: by construction" in page
    assert "controlled direct effect" not in page  # nothing was split


def test_run_refuses_a_mediator_after_the_outcome(tmp_path, monkeypatch):
    import sos_eval.jobs.theory as job

    monkeypatch.setattr(job, "too_late", lambda panel, column: f"{column} is first measured after the outcome")
    with pytest.raises(NotIdentified, match=r"d\.yaml:\d+: theory\.columns\.trust: trust is first measured"):
        se.run(load(tmp_path), out=tmp_path / "out")


def test_a_mediator_that_is_empty_or_measured_too_late_says_so():
    panel = panel_of(np.zeros((4, 4)), [2003, 2003, np.inf, np.inf])
    late = np.tile([np.nan, np.nan, 1.0, 2.0], 4)
    said = {"trust is empty in every row": np.full(16, np.nan), "trust is first measured in 2003": late}
    for words, values in said.items():
        with pytest.raises(NotIdentified, match=words):
            on_column(panel.with_columns(trust=values), "trust")


def test_a_split_of_a_treatment_that_no_arrow_names_is_told_as_that(tmp_path):
    path = "  treatment: training\n  mediation: [{through: trust, ignorability: a}]\n  statements:"
    with pytest.raises(DesignFault, match=r"theory\.treatment: no arrow names 'training'"):
        load(tmp_path, ("  statements:", path))
