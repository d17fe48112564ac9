"""Pieces of several authorities joined are what one call over all writes; a piece that holds too much is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sos_eval.errors import InputFault
from sos_eval.jobs.pieces import join_pieces, write_piece
from sos_eval.jobs.returns import ReturnsAsked, write_returns
from sos_eval.panel.care.pieces import ACROSS
from sos_eval.panel.disclosure import Disclosure
from sos_eval.worlds.children import children_from
from sos_eval.worlds.children_source import children_tables
from tests.conftest import ROOT
from tests.panel.held import write_return, write_world


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """Four authorities of a world of children, as returns."""
    events = children_tables(children_from(ROOT / "synthetic" / "cin_cla_children.yaml"), 5)["events"]
    some = events[events["la_code"].isin(sorted(events["la_code"].unique())[:4])]
    return write_world(tmp_path_factory.mktemp("held"), some, 2019)


def pieces_of(folder: Path, to: Path, profile: str, **asked) -> list[Path]:
    """Write each authority's piece alone."""
    return [
        write_piece(ReturnsAsked([own], **asked), to / f"{own.name}.json", Disclosure(profile=profile))[0]
        for own in sorted(folder.iterdir(), reverse=True)
    ]


@pytest.mark.parametrize("profile", ["open", "dfe", "ons_srs"])
def test_joined_pieces_are_the_panel_of_the_pooled_records(world, tmp_path, profile):
    """To the byte: the panel, and the report but for the rule that looks across authorities."""
    asked = {"since": 2009, "windows": (6, 12)}
    write_returns(ReturnsAsked([world], **asked), tmp_path / "pooled.csv", Disclosure(profile=profile))
    panel, report, n = join_pieces(pieces_of(world, tmp_path, profile, **asked), tmp_path / "P.csv")
    assert n == 4
    assert panel.read_bytes() == (tmp_path / "pooled.csv").read_bytes()
    pooled = pd.read_csv(tmp_path / "pooled.validation.csv")
    pd.testing.assert_frame_equal(
        pd.read_csv(report), pooled[pooled["rule"] != ACROSS].reset_index(drop=True), check_dtype=False
    )
    counts = pd.read_csv(panel)
    assert len(counts) == 4 * 11
    assert counts["care_entries"].sum() > 100


def test_true_counts_lie_within_what_a_masked_cell_leaves_open(world, tmp_path):
    """The interval of a cell under dfe: 1 to 5 where it is empty, two either side of what is printed."""
    tables = {}
    for profile in ("open", "dfe"):
        (tmp_path / profile).mkdir()
        join_pieces(pieces_of(world, tmp_path / profile, profile, since=2009), tmp_path / f"{profile}.csv")
        tables[profile] = pd.read_csv(tmp_path / f"{profile}.csv")
    ranges = tables["dfe"]
    names = [name.removesuffix("_low") for name in ranges if name.endswith("_low")]
    assert len(names) > 20
    assert not [name for name in tables["open"] if name.endswith(("_low", "_high"))]
    for name in names:
        low, high = ranges[f"{name}_low"], ranges[f"{name}_high"]
        told = low.notna()
        assert tables["open"][name][told].between(low[told], high[told]).all()
        assert (tables["open"][name][~told].fillna(-1) == ranges[name][~told].fillna(-1)).all()  # exact, or not known
    true, shown = tables["open"]["care_entries"], ranges["care_entries"]
    assert true[shown.isna()].between(1, 5).all()
    assert ((true - shown).abs()[shown.notna()] <= 2).all()


def one(tmp_path: Path, name: str = "A", **asked) -> Path:
    folder = write_return(tmp_path / f"held {name}", [f"{name}/{n} 01/05/2017 S C2 N1 U1 - -" for n in range(12)])
    return write_piece(ReturnsAsked([folder], **asked), tmp_path / f"{name}.json", Disclosure(profile="dfe"))[0]


def changed(path: Path, change) -> Path:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def put(column: str, value):
    return lambda piece: piece["rows"][0].__setitem__(piece["columns"].index(column), value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("care_entries", 3), "care_entries: no count that the profile dfe lets out"),
        (put("care_entries", 12), "no count that the profile dfe lets out"),
        (put("care_entries", -5), "no count that the profile dfe lets out"),
        (put("care_entries", "ten"), "no count that the profile dfe lets out"),
        (put("care_entries_low", 9), "care_entries_low: no count that the profile dfe lets out"),
        (put("care_exits_high", 4), "care_exits_high: no count that the profile dfe lets out"),
        (put("la_code", "B"), "holds rows of others than A"),
        (lambda piece: piece["rows"].append(piece["rows"][0]), "holds a period twice"),
        (lambda piece: piece["rows"][0].pop(), "rows of another length than its columns"),
        (lambda piece: piece["columns"].reverse(), "its columns do not begin with la_code, year"),
        (lambda piece: piece.update(more=1), "more: no such key"),
        (lambda piece: piece["settings"].pop("rules"), "settings.rules: is missing"),
    ],
)
def test_a_piece_that_holds_what_it_may_not_is_refused(tmp_path, change, words):
    with pytest.raises(InputFault, match=words):
        join_pieces([changed(one(tmp_path), change)], tmp_path / "P.csv")
    assert not (tmp_path / "P.csv").exists()


def test_pieces_that_were_made_in_different_ways_are_not_joined(tmp_path):
    pieces = [one(tmp_path, "A"), one(tmp_path, "B", policies={"gap": "exclude"}), one(tmp_path, "C", period="quarter")]
    pieces[0] = changed(pieces[0], lambda piece: piece["settings"].update(rules="older"))
    with pytest.raises(InputFault) as error:
        join_pieces([*pieces, pieces[0]], tmp_path / "P.csv")
    said = [fault.what for fault in error.value.faults]
    assert sorted({word.split()[0] for word in said}) == ["A", "its", "period", "policies", "rules"]


def test_a_piece_is_one_authority_s_and_judged_within_it(tmp_path):
    folder = write_return(tmp_path / "held", ["A/1 01/05/2017 S C2 N1 U1 - -", "B/1 01/05/2017 S C2 N1 U1 - -"])
    with pytest.raises(InputFault, match="returns of A, B; a piece is one authority's"):
        write_piece(ReturnsAsked([folder]), tmp_path / "p.json", Disclosure())
    with pytest.raises(InputFault, match="cannot exclude in one"):
        write_piece(ReturnsAsked([folder / "A"], policies={ACROSS: "exclude"}), tmp_path / "p.json", Disclosure())


def test_no_child_is_in_a_piece(tmp_path):
    folder = write_return(
        tmp_path / "held", ["CANARY4711 01/05/2017 S C9 N1 U1 31/02/2018 E4A", "2 01/05/2017 S C2 N1 U1 - -"]
    )
    path, hidden, _ = write_piece(ReturnsAsked([folder]), tmp_path / "p.json", Disclosure(profile="dfe"))
    assert hidden > 0
    assert "CANARY4711" not in path.read_text()
    assert "2017" not in json.dumps(json.loads(path.read_text())["rows"])


def test_an_unknown_key_of_a_piece_is_named(world, tmp_path):
    """In capitals it looked like the name of a type, and ended in a fault of ours."""
    piece = pieces_of(next(world.iterdir()).parent, tmp_path, "dfe", since=2009)[0]
    piece.write_text(json.dumps({**json.loads(piece.read_text()), "CHILD": "x"}))
    with pytest.raises(InputFault, match="CHILD: no such key; write one of: schema, authority"):
        join_pieces([piece], tmp_path / "P.csv")
