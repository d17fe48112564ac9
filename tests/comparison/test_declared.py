"""Matched sets written by hand: on eight units, in files, and under permutation."""

import numpy as np
import pandas as pd
import pytest

from sos_eval.comparison import DeclaredSets, build
from sos_eval.comparison.people import People
from sos_eval.comparison.regroup import group_weights
from sos_eval.errors import DesignFault, Faults, NotIdentified
from sos_eval.numerics.matched_roles import joined_sets, role_weights
from sos_eval.panel.read.lists import read_lists
from sos_eval.results.assignments import assignment_space, stratified
from tests.comparison.panels import eight

# treated: a b (2013) c (2014). e serves a and b, so that their sets are one; h is in none
SETS = {"a": ("d", "e"), "b": ("e",), "c": ("f", "g")}


def built(sets=SETS, **options):
    method = DeclaredSets(sets=sets, **options)
    return build(method, method.restricted(eight(poor=[1.6, 5, 9, 1.5, 4, 2, 8.25, 20])))


def test_weights_of_declared_sets_by_hand():
    found = built(on=("poor",))
    # d 1/2, e 1/2 + 1, f g 1/2: sum 3, four in use
    np.testing.assert_allclose(found.weights, [1, 1, 1, 2 / 3, 2, 2 / 3, 2 / 3])
    assert list(found.panel.units) == list("abcdefg")
    row = next(row for row in found.panel.flow if row.names == "h")
    assert row.reason == "in no matched set"
    assert found.balance.set_index(["stage", "covariate"]).loc[("after", "poor"), "mean_treated"] == pytest.approx(5.2)
    assert any(note.startswith("e serve(s) several treated units") for note in found.notes)


def test_comparators_inherit_the_start_of_each_set_they_are_in():
    sets = built().sets
    assert sets.loc[sets["unit"] == "e", ["matched_set", "first_treated"]].values.tolist() == [["a", 2013], ["b", 2013]]
    assert sets.loc[sets["unit"] == "g", "first_treated"].tolist() == [2014]


def test_a_set_without_a_comparator_is_left_out_counted_and_named():
    found = built(SETS | {"c": ("x", "y")})
    assert found.panel.ever_treated.sum() == 2
    row = next(row for row in found.panel.flow if row.names == "c")
    assert row.reason == "no comparator of its set is in the panel"
    assert any("1 declared set(s)" in note and "about the 2 treated units" in note for note in found.notes)


def test_a_comparator_that_is_treated_is_refused_with_what_to_declare():
    with pytest.raises(NotIdentified, match="c is a comparator of a and is treated itself") as refused:
        built({"a": ("c", "d"), "b": ("e",)})
    assert "take it out of the set" in refused.value.faults[0].instead
    with pytest.raises(NotIdentified, match="d has comparators and is not treated"):
        built({"a": ("e",), "d": ("f",)})
    with pytest.raises(ValueError, match="declared needs its matched sets"):
        DeclaredSets()


def test_starts_are_swapped_within_sets_and_sets_that_share_a_comparator_are_one():
    source = DeclaredSets(sets=SETS).restricted(eight())
    space = assignment_space(source, ())
    # a b d e: two of four start (6 ways); c f g: one of three
    assert space.size == 18
    listed = space.draw(1000, np.random.default_rng(1)).first_treated
    assert (np.isfinite(listed[:, [0, 1, 3, 4]]).sum(1) == 2).all()
    assert (listed[:, [2, 5, 6]] == 2014).sum(1).tolist() == [1] * 18
    made = stratified(source, ())  # drawn within sets, analysed within them
    assert made.unit_values("stratum").tolist() == [
        f"matched_sets {k}" for k in ["001", "001", "002", "001", "001", "002", "002"]
    ]
    people = DeclaredSets(sets=SETS, people=People(on=("poor",))).restricted(eight())
    assert not stratified(people, ()).stratified  # rows of people are matched within each set: no lot swaps them


def test_roles_are_handed_on_with_the_starts():
    joined = joined_sets([(0, 3), (0, 4), (1, 4), (2, 5), (2, 6)], 8)
    assert joined.tolist() == [0, 0, 1, 0, 0, 1, 1, -1]
    declared = np.array([1, 1, 1, 2 / 3, 2, 2 / 3, 2 / 3, 0])
    heads = np.arange(8) < 3
    np.testing.assert_array_equal(role_weights(declared, heads, joined, heads), declared)
    other = np.array([True, False, False, True, False, True, False, False])
    weights = role_weights(declared, heads, joined, other)
    assert sorted(weights[[1, 4]]) == pytest.approx([2 / 3, 2])
    np.testing.assert_allclose(weights[[0, 3, 5, 2, 6, 7]], [1, 1, 1, 2 / 3, 2 / 3, 0])
    np.testing.assert_array_equal(role_weights(declared, heads, joined, other), weights)  # the adoption alone decides
    fewer = np.array([True, False, False, False, False, True, True, False])
    np.testing.assert_allclose(role_weights(declared, heads, joined, fewer), [1, 1 / 3, 2, 1 / 3, 1 / 3, 1, 1, 0])
    empty = np.array([False, False, True, False, False, False, False, False])
    np.testing.assert_allclose(role_weights(declared, heads, joined, empty), [0, 0, 1, 0, 0, 2 / 3, 2 / 3, 0])


def test_many_adoptions_are_those_of_each():
    method = DeclaredSets(sets=SETS)
    source = method.restricted(eight())
    starts = assignment_space(source, ()).draw(100, np.random.default_rng(1)).first_treated
    groups = group_weights(method, source, starts)
    assert (groups.failures == "").all()
    for adoption, weights in zip(starts, groups.weights, strict=True):
        np.testing.assert_array_equal(weights, method.select(source.with_first_treated(adoption).blinded()).weights)
    observed = (starts == source.first_treated).all(1)
    np.testing.assert_array_equal(groups.weights[observed][0], build(method, source).weights)


def write(folder, text, name="sets.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_files_of_pairs_and_of_numbered_columns(tmp_path):
    columns = ("treated", "comparison")
    pairs = write(tmp_path, "treated,comparison,note\n304,305,near\n304,306,\n310,306,\n")
    expected = {"304": ("305", "306"), "310": ("306",)}
    assert read_lists(pairs, columns, Faults(), where="d.yaml:3", key="comparison.file") == expected
    wide = write(tmp_path, "treated,comparison_1,comparison_2\n304,305,306\n310,306,\n", "wide.csv")
    assert read_lists(wide, columns, Faults(), where="d.yaml:3", key="comparison.file") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("unit,comparison\n1,2\n", 'no column "treated"'),
        ("treated,other\n1,2\n", 'no column "comparison"'),
        ("treated,comparison,outcome\n1,2,entry\n", "a file holds the sets of every outcome"),
        ("treated,comparison\n1,1\n", "1 lists itself (line 2)"),
        ("treated,comparison\n1,2\n1,2\n", "1 lists 2 twice (line 3)"),
        ("treated,comparison\n,2\n", "treated: empty in line 2"),
    ],
)
def test_files_that_do_not_say_who_stands_for_whom_are_refused(tmp_path, text, words):
    faults = Faults()
    assert read_lists(write(tmp_path, text), ("treated", "comparison"), faults, where="x", key="comparison.file") == {}
    assert words in " ".join(fault.what for fault in faults.found)


def test_a_file_becomes_part_of_the_declaration(tmp_path):
    write(tmp_path, "treated,comparison\na,d\nb,e\n")
    faults = Faults()
    method = DeclaredSets(file="sets.csv").with_files(tmp_path, "d.yaml:3", faults)
    assert method.sets == {"a": ("d",), "b": ("e",)}
    assert method.with_files(tmp_path, "d.yaml:3", faults) == method
    DeclaredSets(file="sets.csv", sets={"a": ("f",)}).with_files(tmp_path, "d.yaml:3", faults)
    assert [fault.what for fault in faults.found] == ["comparison.sets: differ from sets.csv"]
    assert method.with_files(tmp_path / "elsewhere", "d.yaml:3", Faults()) == method


def test_a_design_reads_its_sets_and_says_where_a_file_is_missing(tmp_path):
    from sos_eval.design.design import load_design

    panel = pd.DataFrame([
        {"la": unit, "year": year, "y": 1.0, "start": start}
        for unit, start in zip("abcdefgh", [2013, 2013, 2014, 0, 0, 0, 0, 0], strict=True) for year in range(2010, 2016)
    ])  # fmt: skip
    panel.to_csv(tmp_path / "p.csv", index=False)
    design = (
        "schema: sos-eval/design/1\nname: x\npanel: {source: csv, path: p.csv, unit: la, time: year,"
        " outcome: {value: y}, treatment: {first_treated: start}}\ncomparison:\n  method: declared\n  file: sets.csv\n"
        "estimators: [{method: twfe}]\ninference: {method: randomization, draws: 99}\n"
    )
    path = write(tmp_path, design, "d.yaml")
    with pytest.raises(DesignFault, match=r"sets\.csv") as refused:
        load_design(path)
    assert refused.value.faults[0].where.endswith("d.yaml:6")
    write(tmp_path, "treated,comparison\na,d\nb,e\nc,f\n")
    assert load_design(path).resolved["comparison"]["sets"] == {"a": ["d"], "b": ["e"], "c": ["f"]}


def test_a_set_that_names_a_unit_twice_or_itself_is_refused():
    with pytest.raises(ValueError, match="sets: a lists d twice"):
        DeclaredSets(sets={"a": ("d", "e", "d")})
    with pytest.raises(ValueError, match="sets: a lists itself"):
        DeclaredSets(sets={"a": ("d", "a")})


def test_units_that_the_data_never_held_are_faults_at_the_design_and_counted_of_a_file(tmp_path):
    from sos_eval.jobs.check import check_design
    from sos_eval.jobs.run import run

    panel = pd.DataFrame([
        {"la": unit, "year": year, "y": year % 3 + 0.1 * ord(unit) * (year % 2), "start": start}
        for unit, start in zip("abcdefgh", [2013, 2013, 2014, 0, 0, 0, 0, 0], strict=True) for year in range(2010, 2016)
    ])  # fmt: skip
    panel.to_csv(tmp_path / "p.csv", index=False)
    design = (
        "schema: sos-eval/design/1\nname: x\npanel: {source: csv, path: p.csv, unit: la, time: year,"
        " outcome: {value: y}, treatment: {first_treated: start}, exclude: [h]}\ncomparison:\n  method: declared\n"
        "  SETS\nestimators: [{method: twfe}]\ninference: {method: randomization, draws: 19}\n"
    )
    inline = write(tmp_path, design.replace("SETS", "sets: {a: [d, h], b: [e, x], y: [f], c: [g]}"), "inline.yaml")
    with pytest.raises(NotIdentified) as refused:
        check_design(inline)
    assert [fault.what for fault in refused.value.faults] == [
        'comparison.sets: no unit "x" in the data', 'comparison.sets: no unit "y" in the data',
    ]  # fmt: skip
    assert refused.value.faults[0].where.endswith("inline.yaml:6")
    write(tmp_path, "treated,comparison\na,d\na,h\nb,e\nb,x\ny,f\nc,g\n")
    bundle = run(write(tmp_path, design.replace("SETS", "file: sets.csv"), "d.yaml"), out=tmp_path / "out")
    assert "2 unit(s) that sets.csv lists are not in the data" in str(bundle.results["notes"])
