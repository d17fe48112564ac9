"""Returns that were written otherwise than they are read: refused, where rules of rows would leave a part of them."""

from __future__ import annotations

import gzip

import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from tests.panel.held import write_return

#: 12 children who come one a month and leave after 40 days, but for the last two.
ROWS = [
    f"0{k + 1:02d} {10 + k:02d}/{(k + 3) % 12 + 1:02d}/{2017 + (k > 8)} S C2 N1 U4 "
    + ("- -" if k > 9 else f"{k + 16:02d}/{(k + 5) % 12 + 1:02d}/{2017 + (k > 6)} E4A")
    for k in range(12)
]


@pytest.fixture
def said(tmp_path, capsys):
    """Return a function that counts a return whose tables were changed, and gives its code and what it said."""

    def counted(change=lambda text: text, header=lambda text: text, year=2018):
        held = write_return(tmp_path / "held", ROWS, year=year) / "A" / str(year)
        for name, changed in (("episodes", change), ("header", header)):
            file = held / f"{name}.csv"
            file.write_text(changed(file.read_text()), encoding="utf-8")
        out = tmp_path / "P.csv"
        code = answered(
            cli,
            ["panel", "ssda903", str(tmp_path / "held"), "--out", str(out), "--profile", "open", "--force"],
            Screen(),
        )
        return code, capsys.readouterr().err, out.read_text() if out.exists() else ""

    return counted


def cells(column, to):
    """Return a change of every cell of a column."""

    def change(text):
        head, *rows = text.splitlines()
        at = head.split(",").index(column)
        made = [row.split(",") for row in rows]
        for row in made:
            row[at] = to(row[at])
        return "\n".join([head, *map(",".join, made)]) + "\n"

    return change


def days(written):
    """Return how every filled day is written: from day, month, year."""
    return lambda cell: written(*cell.split("/")) if cell else ""


FORMS = {
    "month before the day": lambda d, m, y: f"{m}/{d}/{y}", "without zeros": lambda d, m, y: f"{int(d)}/{int(m)}/{y}",
    "two figures for the year": lambda d, m, y: f"{d}/{m}/{y[2:]}", "the year first": lambda d, m, y: f"{y}-{m}-{d}",
    "with a time": lambda d, m, y: f"{d}/{m}/{y} 00:00", "dots or dashes": lambda d, m, y: f"{d}.{m}.{y}",
    "the month as a word": lambda d, m, y: f"{d}-May-{y}", "numbers of a spreadsheet": lambda d, m, y: f"42{d}{m[1]}",
}  # fmt: skip


def test_the_return_itself_is_counted(said):
    code, err, panel = said()
    assert (code, err) == (0, "")
    assert panel.splitlines()[1].startswith("A,2018,12.0,")


@pytest.mark.parametrize("column", ["DECOM", "DEC"])
@pytest.mark.parametrize("form", FORMS)
def test_days_in_another_form_are_refused_and_not_read_in_part(said, form, column):
    code, err, panel = said(cells(column, days(FORMS[form])))
    assert (code, panel) == (2, "")
    assert f"{column}: " in err
    assert f"days are written with {form}" in err or f"days are written {form}" in err or form in err


@pytest.mark.parametrize("form", ["the year first", "without zeros"])
def test_days_of_birth_in_another_form_are_refused(said, form):
    code, err, _ = said(header=cells("DOB", lambda cell: FORMS[form](*cell.split("/"))))
    assert code == 2
    assert f"{form}" in err


def test_slips_of_single_rows_are_for_the_rules(said):
    code, err, panel = said(lambda text: text.replace("010,19/01/2018", "010,9/1/2018"))
    assert (code, err) == (0, "")
    assert panel.splitlines()[1].startswith("A,2018,11.0,")


@pytest.mark.parametrize("word", ["NULL", "31/12/9999", "01/01/1900", "n/k"])
def test_what_stands_for_no_end_is_refused_and_takes_nobody_out_of_care(said, word):
    """Two go on, whose ends are left to the rules; three cells with the same words are no slips."""
    filled = cells("DEC", lambda cell: cell or word)
    code, err, _ = said(filled)
    assert (code, err) == (0, "")
    code, err, _ = said(lambda text: filled(text.replace("25/12/2018,E4A", ",").replace("25/03/2018,E4A", ",")))
    assert code == 2
    assert "DEC: one and the same text or day stands for none in fewer than 10 cells; leave them empty" in err


@pytest.mark.parametrize(
    ("column", "to", "words"),
    [
        ("RNE", lambda cell: "", "RNE: none of about 10 cells holds a code of the return; write codes: B, L, P, S"),
        ("LS", lambda cell: cell + " - full order", "LS: none of about 10 cells holds a code"),
        ("CIN", lambda cell: "abuse", "CIN: none of about 10 cells holds a code of the return; write codes: N1"),
        ("REC", lambda cell: "", "REC: none of about 10 cells holds a code of the return; write codes: E11"),
        ("REC", lambda cell: cell and "home", "REC: none of about 10 cells"),
    ],
)
def test_columns_without_a_code_are_refused(said, column, to, words):
    code, err, _ = said(cells(column, to))
    assert code == 2
    assert words in err


def test_words_beside_codes_are_refused_where_starts_or_returns_home_would_be_lost(said):
    code, err, _ = said(lambda text: text.replace("E4A", "Returned home", 4))
    assert code == 2
    assert "REC: fewer than 10 cells hold a word in place of a code; write codes: E11" in err
    code, err, _ = said(lambda text: text.replace("E4A", "E99", 4))  # a code that the lists lack is for the rules
    assert (code, err) == (0, "")


@pytest.mark.parametrize("to", [lambda cell: cell.lstrip("0"), lambda cell: f"{cell}.0"])
def test_numbers_of_children_in_two_ways_are_refused(said, to):
    code, err, _ = said(cells("CHILD", to))
    assert code == 2
    assert "CHILD: the numbers of about 10 children are written in two ways, such as 00123, 123 and 123.0" in err


def test_a_header_that_contradicts_itself_is_refused(said):
    code, err, _ = said(header=lambda text: text + text.splitlines()[1].replace("2010", "2011") + "\n")
    assert code == 2
    assert "A, 2018: the header has fewer than 10 children more than once, with another day of birth or sex" in err


def test_a_return_of_another_year_is_refused(tmp_path, capsys):
    rows = [f"{k} {10 + k:02d}/05/2017 S C2 N1 U4 - -" for k in range(20)]
    held = write_return(tmp_path / "held", rows, year=2019)
    assert answered(cli, ["panel", "ssda903", str(held), "--out", str(tmp_path / "P.csv")], Screen()) == 2
    assert "A, 2019: no episode of about 20 begins or ends in the year to March 2019; zeros" in capsys.readouterr().err


def test_rows_of_commas_are_no_episodes(said, tmp_path):
    code, err, panel = said(lambda text: text + "," * 12 + "\n" + "," * 12 + "\n")
    assert (code, err) == (0, "")
    assert panel.splitlines()[1].startswith("A,2018,12.0,")
    assert len((tmp_path / "P.validation.csv").read_text().splitlines()) == 1


def test_what_is_packed_beside_the_return_is_named(tmp_path, capsys):
    held = write_return(tmp_path / "held", ROWS)
    file = held / "A" / "2018" / "episodes.csv"
    file.with_name("episodes.csv.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    assert answered(cli, ["panel", "ssda903", str(held), "--out", str(tmp_path / "P.csv")], Screen()) == 2
    assert "unpack episodes.csv.gz, or save it as CSV" in capsys.readouterr().err


#: A census as a table: 20 children, referred one a day from 1 July 2017 on, assessed from then on.
REFERRED = [(f"0{k + 10}", f"{k + 1:02d}/07/2017") for k in range(20)]


def census(folder, day=lambda d, m, y: f"{d}/{m}/{y}", number=lambda child, table: child, end="01/08/2017"):
    place = folder / "301" / "2018"
    place.mkdir(parents=True)
    rows = [(child, day(*when.split("/"))) for child, when in REFERRED]
    lines = [f"{number(child, 'referral')},01/05/2010,{when}" for child, when in rows]
    (place / "CINdetails.csv").write_text("\n".join(["LAchildID,PersonBirthDate,CINreferralDate", *lines]) + "\n")
    lines = [f"{number(child, 'assessment')},01/05/2010,01/07/2017,{end}" for child, _ in rows]
    head = "LAchildID,PersonBirthDate,AssessmentActualStartDate,AssessmentAuthorisationDate"
    (place / "Assessments.csv").write_text("\n".join([head, *lines]) + "\n")
    return answered(cli, ["panel", "cin", str(folder), "--out", str(folder / "P.csv"), "--profile", "open"], Screen())


def test_a_census_in_the_form_that_is_read_is_counted(tmp_path):
    assert census(tmp_path) == 0
    assert (tmp_path / "P.csv").read_text().splitlines()[1].startswith("301,2018,20.0,")


@pytest.mark.parametrize("form", [one for one in FORMS if one not in ("the year first", "with a time")])
def test_days_of_a_census_in_another_form_are_refused(tmp_path, capsys, form):
    assert census(tmp_path, day=FORMS[form]) == 2
    said = capsys.readouterr().err
    assert "CINdetails.csv: CINreferralDate: " in said
    assert form in said
    assert not (tmp_path / "P.csv").exists()


def test_a_word_for_no_end_of_an_assessment_is_refused(tmp_path, capsys):
    assert census(tmp_path, end="NULL") == 2
    assert "AssessmentAuthorisationDate: one and the same text or day stands for none in about 20 cells" in (
        capsys.readouterr().err
    )


def test_a_census_that_numbers_children_in_two_ways_is_refused(tmp_path, capsys):
    assert census(tmp_path, number=lambda child, table: child.lstrip("0") if table == "referral" else child) == 2
    assert "301: LAchildID: the numbers of about 20 children are written in two ways" in capsys.readouterr().err
