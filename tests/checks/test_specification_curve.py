"""The specification curve: every combination under the same adoptions, and one test of all of them, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.checks.alternatives import Alternative
from sos_eval.checks.combined import combinations_of
from sos_eval.design.design import load_design
from sos_eval.errors import InputFault
from sos_eval.jobs.run import run
from sos_eval.numerics.curve import curve_test
from tests.jobs.test_alternatives import ADOPTIONS, DESIGN, RATES, UNITS, effect

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

CURVE = """\
  - specification_curve:
      declared: {window: all years}
      vary:
        window: [{label: from 2002, with: {panel.window.from: 2002}}]
        start: [{start: 1}, {start: -1, label: sooner}]
"""


def made(folder, curve=CURVE, direction="decrease"):
    """Write a design of eight units, three of them treated, with a curve."""
    unit, year = np.repeat(np.arange(8), 4), np.tile([2001, 2002, 2003, 2004], 8)
    table = pd.DataFrame({"la": np.array(UNITS)[unit], "year": year, "n": RATES.ravel() * 2, "children": 200.0})
    table.to_csv(folder / "p.csv", index=False)
    pd.DataFrame({"unit": UNITS[:3], "first_treated": 2003}).to_csv(folder / "r.csv", index=False)
    plan = DESIGN.partition("checks:")[0].replace("{{", "{").replace("}}", "}")
    question = f"question: {{expected_direction: {direction}}}\n"
    (folder / "d.yaml").write_text(f"{plan}{question}checks:\n{curve}seed: 1\n", encoding="utf-8")
    return folder / "d.yaml"


def studentised(treated, first, periods):
    """Return the estimate over its cluster-robust error, without a small-sample factor."""
    after, before = [t for t in periods if t >= first], [t for t in periods if t < first]
    change = RATES[:, after].mean(1) - RATES[:, before].mean(1)
    own = np.isin(np.arange(8), list(treated))
    sums = sum(((change[side] - change[side].mean()) ** 2).sum() / side.sum() ** 2 for side in (own, ~own))
    return effect(treated, first=first, periods=periods) / np.sqrt(sums)


SPECIFICATIONS = {
    "as declared": (2, range(4)), "from 2002": (2, (1, 2, 3)), "start 1 period later": (3, range(4)),
    "sooner": (1, range(4)), "from 2002; start 1 period later": (3, (1, 2, 3)),
}  # fmt: skip


def test_every_combination_under_the_same_adoptions_by_hand(tmp_path):
    bundle = run(made(tmp_path), out=tmp_path / "out")
    table = bundle.tables("specification_curve").set_index("variant")
    assert list(table.index) == [*list(SPECIFICATIONS), "from 2002; sooner"]
    assert table["reason"]["from 2002; sooner"] != ""  # no year is left before the start
    assert list(table["choice.window"]) == [
        "all years",
        "from 2002",
        "all years",
        "all years",
        "from 2002",
        "from 2002",
    ]
    assert table["choice.start"]["from 2002; start 1 period later"] == "start 1 period later"
    t = np.array([[studentised(one, *spec) for spec in SPECIFICATIONS.values()] for one in [{0, 1, 2}, *ADOPTIONS]])
    known = table.iloc[:5]
    assert known["statistic"].to_numpy() == pytest.approx(t[0], abs=1e-8)
    assert known["estimate"].to_numpy() == pytest.approx(
        [effect({0, 1, 2}, first=first, periods=periods) for first, periods in SPECIFICATIONS.values()], abs=1e-8
    )
    assert known["p_value"].to_numpy() == pytest.approx((np.abs(t[1:]) >= np.abs(t[0]) - 1e-9).mean(0), abs=1e-12)
    medians = np.median(t, axis=1)
    expected = (medians[1:] <= medians[0] + 1e-9).mean()
    checks = bundle.diagnostics.set_index("name")
    assert checks["value"]["specification_curve"] == pytest.approx(expected, abs=1e-12)
    each = np.array([[(np.abs(t[1:, j]) >= abs(t[i, j]) - 1e-9).mean() for j in range(5)] for i in range(57)])
    found = ((each <= 0.05) & (t < 0)).sum(1)
    assert checks["value"]["specification_curve.found"] == pytest.approx((found[1:] >= found[0]).mean(), abs=1e-12)
    before = RATES[:3, :2].mean()
    assert known["percent"].iloc[0] == pytest.approx(100 * effect({0, 1, 2}) / before, abs=1e-8)
    assert "5 specifications" in checks["text"]["specification_curve"]
    assert ": the design and combinations of " in checks["text"]["specification_curve"]
    assert "random adoptions give a median as low or lower in " in checks["text"]["specification_curve"]
    assert "multiplies one assumption" in checks["text"]["specification_curve"]


def test_it_never_moves_the_verdict(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plain = run(made(tmp_path / "a", "  - leave_one_out\n"), out=tmp_path / "a" / "out")
    curved = run(made(tmp_path / "b", "  - leave_one_out\n" + CURVE), out=tmp_path / "b" / "out")
    assert curved.headline["verdict"] == plain.headline["verdict"]
    (said,) = set(curved.headline["caveats"]) - set(plain.headline["caveats"])
    assert said.startswith("5 specifications")
    assert said.endswith(" draws.")
    assert curved.headline | {"caveats": []} == plain.headline | {"caveats": []}


def test_the_direction_none_looks_both_ways():
    t = np.array([[-3.0, -1.0], [1.0, 2.0], [2.5, 2.5], [0.1, -3.5]])
    assert curve_test(t, 0).p_median == 0.5  # medians -2, 1.5, 2.5, -1.7
    assert curve_test(t, -1).p_median == 0.25
    assert curve_test(t, 1).p_median == 1.0


def test_what_a_draw_does_not_have_counts_as_extreme():
    t = np.array([[-3.0, -1.0, -2.0], [np.nan, np.nan, 5.0], [-0.5, -0.5, -0.5], [0.1, -3.5, 0.2]])
    assert curve_test(t, -1).p_median == 0.5
    assert curve_test(t, 1).p_median == 1.0


def test_options_that_change_the_same_thing_are_not_combined():
    window, later = Alternative(changes={"panel.window.from": 2002}), Alternative(changes={"panel.window": {"to": 3}})
    both, left = combinations_of({"a": [window], "b": [later], "c": [Alternative(start=1)]}, cross=True)
    assert [dict(one.options) for one in both] == [
        {"a": 0}, {"b": 0}, {"c": 0}, {"a": 0, "c": 0}, {"b": 0, "c": 0}
    ]  # fmt: skip
    assert left == 2
    assert both[3].alternative.changes == {"panel.window.from": 2002}
    assert both[3].alternative.start == 1
    alone, left = combinations_of({"a": [window], "c": [Alternative(start=1)]}, cross=False)
    assert (len(alone), left) == (2, 0)


def test_two_options_that_come_to_the_same_are_counted_once(tmp_path):
    curve = "  - specification_curve: {vary: {a: [{start: 1}], b: [{label: like a, start: 1}]}}\n"
    bundle = run(made(tmp_path, curve), out=tmp_path / "out")
    table = bundle.tables("specification_curve").set_index("variant")
    assert table["same_as"]["like a"] == "start 1 period later"
    assert table["estimate"]["like a"] == table["estimate"]["start 1 period later"]
    text = bundle.diagnostics.set_index("name")["text"]["specification_curve"]
    assert text.startswith("2 specifications: ")
    assert "give the numbers of one of these and count with it: start 1 period later (also like a" in text
    assert "could not be estimated" not in text


def test_options_that_are_all_the_design_itself_count_with_it(tmp_path):
    alike = "{label: a, with: {panel.outcome.per: 100}}, {label: b, with: {panel.outcome.per: 100}}, {start: 1}"
    bundle = run(made(tmp_path, f"  - specification_curve: {{vary: {{w: [{alike}]}}}}\n"), out=tmp_path / "out")
    table = bundle.tables("specification_curve").set_index("variant")
    assert table["same_as"].fillna("").tolist() == ["", "as declared", "as declared", ""]


def test_options_of_one_choice_that_come_to_the_same_are_counted_once(tmp_path):
    window = "{panel.window.from: 2002}"
    curve = f"  - specification_curve: {{vary: {{w: [{{label: a, with: {window}}}, {{label: b, with: {window}}}]}}}}\n"
    bundle = run(made(tmp_path, curve), out=tmp_path / "out")
    table = bundle.tables("specification_curve").set_index("variant")
    assert table["same_as"].fillna("").tolist() == ["", "", "a"]
    text = bundle.diagnostics.set_index("name")["text"]["specification_curve"]
    assert "1 more give the numbers of one of these and count with it: a (also b)" in text
    assert "could not be estimated" not in text


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        ("  - specification_curve\n", "write vary:"),
        ("  - specification_curve: {vary: {a: []}}\n", "write vary:"),
        ("  - specification_curve: {vary: {a: [{start: 1}]}, declared: {b: x}}\n", "'b' is no choice of vary"),
        ("  - specification_curve: {vary: {a: [{start: 1}, {start: 1}]}}\n", "two options have the same words"),
        ("  - specification_curve: {vary: {a: [{with: {panel.window.fro: 1}}], b: [{start: 1}]}}\n", "'fro'"),
    ],
)
def test_faults(tmp_path, curve, words):
    with pytest.raises(InputFault) as fault:
        load_design(made(tmp_path, curve))
    assert str(fault.value).count(words) == 1
    assert "d.yaml:1" in str(fault.value)


def test_too_many_combinations_are_refused():
    from sos_eval.checks import SpecificationCurve

    many = {name: tuple(Alternative(start=k) for k in range(1, 11)) for name in "abc"}
    with pytest.raises(ValueError, match="1,331 combinations"):
        SpecificationCurve(vary=many)
    assert len(SpecificationCurve(vary=many, combine=False).alternatives) == 30


OPTIONS = """\
  - specification_curve:
      vary:
        method: [{label: cells, estimator: {method: callaway_santanna}}]
        base: [{label: one base, estimator: {base_period: universal}}]
"""


def test_options_of_whatever_method_is_in_use_and_where_it_has_none_the_reason(tmp_path):
    table = run(made(tmp_path, OPTIONS), out=tmp_path / "out").tables("specification_curve").set_index("variant")
    assert list(table.index) == ["as declared", "cells", "one base", "cells; one base"]
    assert "base_period: no such key" in table["reason"]["one base"]
    assert table["estimate"]["cells; one base"] == pytest.approx(table["estimate"]["cells"], abs=1e-9)


def test_an_option_that_no_method_takes_is_a_fault_at_its_line(tmp_path):
    with pytest.raises(InputFault) as fault:
        load_design(made(tmp_path, OPTIONS.replace("base_period", "bass_period")))
    assert str(fault.value).count("bass_period: no such key") == 1
    assert "d.yaml:17" in str(fault.value)


SAME = """\
  - specification_curve:
      declared: {estimator: two-way}
      vary:
        estimator:
          - {label: extended, estimator: {method: etwfe}}
          - {label: imputed, estimator: {method: imputation}}
          - {label: cells, estimator: {method: callaway_santanna}}
        window: [{label: from 2002, with: {panel.window.from: 2002}}]
"""


def test_what_gives_the_same_under_every_adoption_counts_once_by_hand(tmp_path):
    """With one start three estimators are one; from the last year before it they are the cells: 8 rows, 2 count."""
    bundle = run(made(tmp_path, SAME), out=tmp_path / "out")
    table = bundle.tables("specification_curve").fillna({"same_as": "", "also": ""}).set_index("variant")
    assert table["estimate"].notna().sum() == 8
    counts = list(table.index[table["same_as"] == ""])
    assert counts == ["as declared", "cells"]
    assert table["also"]["as declared"] == "extended | imputed"
    assert list(table["same_as"]) == ["", "as declared", "as declared", "", *["cells"] * 4]
    own = (2, range(4))

    def last(treated):
        change = RATES[:, 2:].mean(1) - RATES[:, 1]
        side = np.isin(np.arange(8), list(treated))
        sums = sum(((change[one] - change[one].mean()) ** 2).sum() / one.sum() ** 2 for one in (side, ~side))
        return (change[side].mean() - change[~side].mean()) / np.sqrt(sums)

    t = np.array([[studentised(one, *own), last(one)] for one in [{0, 1, 2}, *ADOPTIONS]])
    assert table["statistic"][counts].to_numpy() == pytest.approx(t[0], abs=1e-8)
    medians = np.median(t, axis=1)
    checks = bundle.diagnostics.set_index("name")
    assert checks["value"]["specification_curve"] == pytest.approx((medians[1:] <= medians[0] + 1e-9).mean(), abs=1e-12)
    assert checks["text"]["specification_curve"].startswith("2 specifications")
    assert "6 more give the numbers of one of these" in checks["text"]["specification_curve"]
    assert " of 2 specifications have p" in checks["text"]["specification_curve.found"]
