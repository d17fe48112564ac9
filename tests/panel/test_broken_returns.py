"""Returns that a spreadsheet or an export has damaged as a whole: refused, never counted as zero, no child told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from tests.panel.held import EPISODES, write_return
from tests.panel.test_census import assessed, child, details, enquiry, message, plan
from tests.panel.test_returns import XML

CANARY = "CANARY0917"
TABLE = "LAchildID,CINreferralDate,ReferralNFA\n"


def refused(command: str, folder: Path, capsys) -> str:
    """Run the command on a folder; return what it says, in which no child is named, and neither in a file."""
    out = folder.parent / "P.csv"
    assert answered(cli, ["panel", command, str(folder), "--out", str(out)], Screen()) == 2
    shown = capsys.readouterr()
    assert CANARY not in shown.out + shown.err
    assert not out.exists()
    assert list(out.parent.glob("P.*")) == list(out.parent.glob("*.log")) == []
    return shown.err


@pytest.mark.parametrize("day", ["01/06/17", "42887", "2017-06-01", "06/25/2017", "01/06/2017 00:00:00"])
def test_a_return_of_which_no_day_can_be_read_is_refused(tmp_path, capsys, day):
    """Two-digit years, numbers of days, another order: all of its episodes would be left out, and nobody counted."""
    folder = write_return(tmp_path / "held", [f"{CANARY} 01/06/2017 S C2 N1 U4 - -"])
    episodes = folder / "A" / "2018" / "episodes.csv"
    episodes.write_text(episodes.read_text().replace("01/06/2017", day))
    said = refused("ssda903", folder, capsys)
    assert "episodes.csv: no first day of an episode can be read; days are written 01/05/2018, as text" in said


def test_a_return_of_column_names_alone_is_refused(tmp_path, capsys):
    """It ended in a fault of ours; without an end of line it "cannot be read as CSV", as every table without rows."""
    folder = write_return(tmp_path / "held", [f"{CANARY} 01/06/2017 S C2 N1 U4 - -"])
    (folder / "A" / "2018" / "uasc.csv").write_text("CHILD,SEX,DOB,DUC")
    for end in ("", "\n"):
        (folder / "A" / "2018" / "episodes.csv").write_text(EPISODES + end)
        said = refused("ssda903", folder, capsys)
        assert said.startswith("A, 2018: the return holds no episode: there are no rows below the names of columns")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_quotation_mark_that_does_not_close_loses_no_row(tmp_path, capsys, end, encoding):
    """In a last column it took all rows below into one cell, and they were counted nowhere, without a word."""
    folder = write_return(tmp_path / "held", [f"{i} 01/06/2017 S C2 N1 U4 - -" for i in range(4)])
    episodes = folder / "A" / "2018" / "episodes.csv"
    lines = episodes.read_text().splitlines()
    text = end.join([*lines[:3], f'{lines[3]}"{CANARY}', *lines[4:]])
    episodes.write_bytes(text.encode(encoding))
    said = refused("ssda903", folder, capsys)
    assert "episodes.csv:4: a cell opens with a quotation mark that does not close on its line" in said


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("r.csv", TABLE + f'1,2018-05-01,0\n{CANARY},2018-05-01,"0\n3,2018-05-02,0\n', "r.csv:3: a cell opens with a"),
        ("r.csv", TABLE + "1,2018-05-01\n", "r.csv:2: 2 cells, where the first line has 3"),
        ("r.csv", TABLE + f"{CANARY},01/05/18,0\n", "no day of any event can be read"),
        ("r.csv", TABLE + f"{CANARY},43221,0\n", "no day of any event can be read"),
        ("r.csv", TABLE, "the return holds no event of a child"),
        ("r.csv", TABLE.encode() + f"{CANARY}\x81,2018-05-01,0\n".encode("latin-1"), "neither UTF-8 nor Windows-1252"),
        ("r.xml", message(), "the return holds no event of a child"),
        ("r.xml", f'<?xml version="1.0" encoding="{CANARY}"?>' + message(), "names an encoding that cannot be read"),
        ("r.xml", '<?xml version="1.0" encoding="UTF-7"?>' + message(child(CANARY, details("2018-05-01"))),
         "names an encoding that cannot be read"),
    ],
)  # fmt: skip
def test_a_census_that_is_damaged_as_a_whole_is_refused(tmp_path, capsys, name, content, words):
    """A day with two digits of its year counted in no year, and no rule said so; others ended in a fault of ours."""
    place = tmp_path / "held" / "301" / "2019"
    place.mkdir(parents=True)
    (place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert words in refused("cin", tmp_path / "held", capsys)


def test_a_child_s_number_that_a_spreadsheet_changed_is_counted_with_no_other(tmp_path):
    """Two children under 1.23E+11 would be one; the rule says how many events name nobody."""
    place = tmp_path / "held" / "301" / "2019"
    place.mkdir(parents=True)
    (place / "r.csv").write_text(TABLE + "1.23E+11,2018-05-01,0\n1.23E+11,2018-05-02,0\n7,2018-05-03,0\n")
    out = tmp_path / "P.csv"
    words = ["panel", "cin", str(tmp_path / "held"), "--out", str(out), "--profile", "open"]
    assert answered(cli, words, Screen()) == 0
    assert out.read_text().splitlines()[1].startswith("301,2019,1.0,")
    assert "no_child,301,2019,2.0,1.0," in (tmp_path / "P.validation.csv").read_text()


KEPT = [f"7{n} 01/06/2017 S C2 N1 U4 - -" for n in range(3)]


@pytest.mark.parametrize(
    ("episodes", "words"),
    [
        ([f"{CANARY}E+05 01/06/2017 S C2 N1 U4 - -".replace(CANARY, "1.23")] * 12,
         "A, 2018: every one of its episodes (about 10) is excluded: damaged_child_id (about 10)"),
        ([f"{CANARY}{n} 01/06/2027 S C2 N1 U4 - -" for n in range(3)],
         "A, 2018: every one of its episodes (fewer than 10) is excluded: impossible_date (fewer than 10)"),
        ([*KEPT, f"{CANARY} 01/06/2015 S C2 N1 U4 01/05/2015 E4A"],
         "A: every one of its episodes that begin in the year to March 2016 (fewer than 10) is excluded: "
         "end_before_start (fewer than 10)"),
    ],
)  # fmt: skip
def test_a_return_or_a_year_of_which_every_episode_is_excluded_is_no_row_of_zeros(tmp_path, capsys, episodes, words):
    held = write_return(tmp_path / "held", episodes)
    out = str(tmp_path / "P.csv")
    asked = ["panel", "ssda903", str(held), "--since", "2016", "--out", out]
    assert answered(cli, asked, Screen()) == 2
    assert words in (said := capsys.readouterr().err)
    assert CANARY not in said
    rule = words.partition("excluded: ")[2].split(" ")[0]
    assert answered(cli, [*asked, "--policy", f"{rule}=keep"], Screen()) == 0  # the way out, by who says so


def test_an_episode_that_a_later_return_holds_again_is_not_excluded(tmp_path):
    """Of the first return one episode is left, and that is broken; the others count by the second."""
    write_return(tmp_path / "held", [*KEPT, "8 soon S C2 N1 U4 - -"], year=2018)
    write_return(tmp_path / "held", KEPT, year=2019)
    assert answered(cli, ["panel", "ssda903", str(tmp_path / "held"), "--out", str(tmp_path / "P.csv")], Screen()) == 0


@pytest.mark.parametrize(("broken", "words", "number"), [
    (12, "impossible_date 10", {"episodes": 10.0, "masked": 0}),
    (3, "impossible_date 1 small count", {"episodes": 0.0, "masked": 1}),
])  # fmt: skip
def test_what_rules_excluded_is_said_on_the_terminal_and_masked(tmp_path, capsys, broken, words, number):
    rows = [*KEPT, *(f"{CANARY}{n} {31 + n}/13/2017 S C2 N1 U4 - -" for n in range(broken))]
    held = write_return(tmp_path / "held", rows)
    for to in (["--out", str(tmp_path / "P.csv")], ["--piece", str(tmp_path / "A.json")]):
        assert answered(cli, ["panel", "ssda903", str(held), *to], Screen()) == 0
        assert f"excluded episodes, by rule: {words}\n" in capsys.readouterr().out
        assert answered(cli, ["panel", "ssda903", str(held), *to, "--force", "--json"], Screen()) == 0
        assert json.loads(capsys.readouterr().out)["excluded"] == {"impossible_date": number}


def test_what_is_kept_though_it_breaks_a_rule_is_said_too(tmp_path, capsys):
    """Reasons that no list has took children out of the counts without a word on the terminal."""
    rows = [f"{n} 01/05/2017 S C2 N1 U4 01/06/2017 E99" for n in range(7)]
    held = write_return(tmp_path / "held", [*rows, "9 01/05/2017 S C2 N1 U4 01/06/2017 E4A"])
    assert answered(cli, ["panel", "ssda903", str(held), "--out", str(tmp_path / "P.csv")], Screen()) == 0
    assert "kept episodes that break a rule: unknown_code 5\n" in capsys.readouterr().out
    assert (
        answered(cli, ["panel", "ssda903", str(held), "--out", str(tmp_path / "P.csv"), "--force", "--json"], Screen())
        == 0
    )
    assert json.loads(capsys.readouterr().out)["kept"] == {"unknown_code": {"episodes": 5.0, "masked": 0}}


def test_a_census_of_which_all_events_of_a_kind_are_excluded_is_refused(tmp_path, capsys):
    """Referral days spoiled, assessments whole: referrals were 0, and nothing said so."""
    inner = "<Assessments><AssessmentActualStartDate>2018-05-02</AssessmentActualStartDate></Assessments>"
    place = tmp_path / "held" / "301" / "2019"
    place.mkdir(parents=True)
    text = message(*(child(f"{CANARY}{n}", details("2018-13-01", inner)) for n in range(12)))
    (place / "r.xml").write_text(text)
    said = refused("cin", tmp_path / "held", capsys)
    assert (
        "301, 2019: every one of its events of the kind referral (about 10) is excluded: impossible_date (about 10)"
        in said
    )
    whole = text.replace("</Children>", child("1", details("2018-05-01")) + "</Children>")
    (place / "r.xml").write_text(whole)
    words = ["panel", "cin", str(tmp_path / "held"), "--out", str(tmp_path / "P.csv")]
    assert answered(cli, words, Screen()) == 0
    assert "excluded events, by rule: impossible_date 10\n" in capsys.readouterr().out


CENSUS = message(
    child(
        CANARY, details("2018-05-01", assessed("2018-05-02", "2018-06-01") + enquiry("2018-05-03") + plan("2018-06-01"))
    )
).replace("><", ">\n<")


@pytest.mark.parametrize(
    ("command", "old", "new", "words"),
    [
        ("ssda903", "DEC>", f"{CANARY}>",
         "r.xml:15: EPISODE holds what no SSDA903 return has, in line 15; its elements are DECOM, RNE, LS, CIN, PL,"),
        ("ssda903", "<DEC></DEC>", "", "r.xml:1: no EPISODE of the file holds DEC; give the elements the names"),
        ("ssda903", "<RNE>S</RNE>", "", "no EPISODE of the file holds RNE"),
        ("ssda903", "EPISODE>", "EPISODES>", "CHILD holds what no SSDA903 return has"),
        ("ssda903", "DOB>", "BIRTH>", "no HEADER of the file holds DOB"),
        ("cin", "AssessmentAuthorisationDate", CANARY, "Assessments holds what no CIN census return has, in line"),
        ("cin", "CINclosureDate", "ClosureDate", "CINdetails holds what no CIN census return has, in line"),
        ("cin", "Section47>", "Section_47>", "CINdetails holds what no CIN census return has, in line"),
        ("cin", "LAchildID>", "ChildID>", "no ChildIdentifiers of the file holds LAchildID"),
    ],
)  # fmt: skip
def test_a_renamed_element_is_refused_as_a_renamed_column_is(tmp_path, capsys, command, old, new, words):
    """It was ignored: nobody left care, no assessment ended, and nothing said so."""
    place = tmp_path / "held" / "301" / "2019"
    place.mkdir(parents=True)
    whole = XML.replace("><", ">\n<").replace("<DEC/>", "<DEC></DEC>") if command == "ssda903" else CENSUS
    whole = whole.replace("</CINreferralDate>", "</CINreferralDate><CINclosureDate>2018-06-01</CINclosureDate>")
    assert old in whole
    (place / "r.xml").write_text(whole.replace(old, new))
    assert words in refused(command, tmp_path / "held", capsys)
    (place / "r.xml").write_text(whole)
    words = ["panel", command, str(tmp_path / "held"), "--out", str(tmp_path / "P.csv")]
    assert answered(cli, words, Screen()) == 0


def test_a_return_that_is_given_to_the_command_for_published_tables_tells_no_child(tmp_path, capsys):
    """Without a line of names the first row holds a child's number, which stood in the fault."""
    (tmp_path / "held").mkdir()
    file = tmp_path / "held" / "episodes.csv"
    file.write_text(f"{CANARY},01/06/2017,S,C2,N1,U4\n")
    assert "is no published table that is known: S" in refused("dfe", file, capsys)
    (tmp_path / "held" / "all.zip").write_bytes(b"PK")
    assert "all.zip: ends in .zip; unpack it" in refused("dfe", tmp_path / "held" / "all.zip", capsys)


def test_bytes_that_are_no_text_are_refused_in_a_return(tmp_path, capsys):
    folder = write_return(tmp_path / "held", [f"{CANARY} 01/06/2017 S C2 N1 U4 - -"])
    episodes = folder / "A" / "2018" / "episodes.csv"
    episodes.write_bytes(episodes.read_bytes() + f"{CANARY}\x81,01/06/2017,S,C2,N1,U4,,,,,,,\n".encode("latin-1"))
    assert "neither UTF-8 nor Windows-1252" in refused("ssda903", folder, capsys)
