"""CIN census returns to a panel: counts by hand, rules by their own examples, nothing of a child in any output."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.errors import DataFault, Faults
from sos_eval.panel.care.rules import with_policies
from sos_eval.panel.census.counts import COUNTED, census_counts
from sos_eval.panel.census.rules import census_rules
from sos_eval.panel.read.returns.census import EVENT, EVENTS, as_piece, census_events
from sos_eval.panel.read.returns.files import ReturnFile, return_files
from tests.conftest import shared

CANARY = "CANARY0451"
REFERENCE = "<ReferenceDate>2017-03-31</ReferenceDate>"


def main(words: list[str]) -> int:
    return answered(cli, words, Screen())


def details(referral: str, inner: str = "", closed: str = "", nfa: str = "0") -> str:
    end = f"<CINclosureDate>{closed}</CINclosureDate>" if closed else ""
    told = f"<CINreferralDate>{referral}</CINreferralDate>{end}{inner}<ReferralNFA>{nfa}</ReferralNFA>"
    return f"<CINdetails>{told}</CINdetails>"


def child(number: str, *referrals: str, born: str = "2010-05-01") -> str:
    who = f"<LAchildID>{number}</LAchildID><PersonBirthDate>{born}</PersonBirthDate>"
    return f"<Child><ChildIdentifiers>{who}</ChildIdentifiers>{''.join(referrals)}</Child>"


def message(*children: str, authority: str = "301") -> str:
    head = f"<Header><Source><LEA>{authority}</LEA></Source></Header>"
    return f"<Message>{head}<Children>{''.join(children)}</Children></Message>"


def assessed(began: str, ended: str = "") -> str:
    end = f"<AssessmentAuthorisationDate>{ended}</AssessmentAuthorisationDate>" if ended else ""
    return f"<Assessments><AssessmentActualStartDate>{began}</AssessmentActualStartDate>{end}</Assessments>"


def enquiry(began: str, conference: str = "") -> str:
    further = f"<DateOfInitialCPC>{conference}</DateOfInitialCPC>" if conference else ""
    return f"<Section47><S47ActualStartDate>{began}</S47ActualStartDate>{further}</Section47>"


def plan(began: str) -> str:
    return f"<ChildProtectionPlans><CPPstartDate>{began}</CPPstartDate></ChildProtectionPlans>"


#: 2018: child 1 is referred in May (assessed, an enquiry, a conference told in two places, a plan) and, without
#: further action, in March; child 2 in April 2017. 2019: the case of child 1 is returned again, with an assessment
#: that ended in May 2018; child 1 is referred again on 31 March 2019, a year after the last one; child 2 in May 2018,
#: a year and a month after.
FIRST = message(
    child(
        "1",
        details(
            "2017-05-01",
            f"<DateOfInitialCPC>2017-06-01</DateOfInitialCPC>{assessed('2017-05-02', '2017-06-20')}"
            f"{enquiry('2017-05-10', '2017-06-01')}{plan('2017-06-01')}",
        ),
        details("2018-03-31", assessed("2018-03-31"), nfa="true"),
    ),
    child("2", details("2017-04-01", nfa="1", closed="2017-04-02")),
)
SECOND = message(
    child("1", details("2018-03-31", assessed("2018-03-31", "2018-05-01")), details("2019-03-31")),
    child("2", details("2018-05-01")),
)


@pytest.fixture
def folder(tmp_path):
    for year, text in (("2018", FIRST), ("2019", SECOND)):
        (tmp_path / "301" / year).mkdir(parents=True)
        (tmp_path / "301" / year / "census.xml").write_text(text)
    return tmp_path / "301"


def counted(given: Path, **policies: str):
    faults = Faults(DataFault)
    rules = with_policies(census_rules(), policies, faults)
    counts = census_counts(return_files([given], faults), rules, faults)
    faults.stop()
    return counts.panel.set_index("year"), counts.validation


def test_two_years_by_hand(folder):
    panel, report = counted(folder)
    of_2018 = dict(zip(COUNTED, panel.loc[2018, list(COUNTED)], strict=True))
    assert pd.isna(of_2018.pop("rereferrals_12m"))  # referrals of the year before are not known
    assert of_2018 == {
        "referrals": 3, "referrals_no_further_action": 1, "assessments": 1, "section47_enquiries": 1,
        "initial_conferences": 1, "plans_started": 1,
    }  # fmt: skip
    assert panel.loc[2019, list(COUNTED)].tolist() == [2, 0, 1, 1, 0, 0, 0]
    assert report.empty


def test_the_later_return_says_whether_action_followed(folder):
    """The referral of 31 March 2018 had no further action in the first return, and has in the second."""
    panel, _ = counted(folder)
    assert panel.loc[2018, "referrals_no_further_action"] == 1
    (folder / "2019" / "census.xml").unlink()
    (folder / "2019").rmdir()
    assert counted(folder)[0].loc[2018, "referrals_no_further_action"] == 2


def test_tables_give_what_the_xml_gives(folder, tmp_path):
    tables = tmp_path / "csv" / "301"
    for year in ("2018", "2019"):
        faults = Faults(DataFault)
        made: dict[str, list[dict[str, str]]] = {}
        for piece in census_events(ReturnFile(folder / year / "census.xml", "301", int(year)), faults):
            for event in piece.to_pylist():
                _as_row(made, event)
        (tables / year).mkdir(parents=True)
        for holder, rows in made.items():
            text = io.StringIO()
            writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), restval="")
            writer.writeheader()
            writer.writerows(rows)
            (tables / year / f"{holder}.csv").write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
        (tables / year / "Disabilities.csv").write_text("LAchildID,Disability\n1,HAND\n")
    pd.testing.assert_frame_equal(counted(tables)[0], counted(folder)[0])


def _as_row(made: dict[str, list[dict[str, str]]], event: dict[str, str]) -> None:
    """Lay an event out as a row of its table, days as dd/mm/yyyy; a conference goes with the referral."""
    days = {name: "/".join(reversed(event[name].split("-"))) for name in EVENT[2:6]}
    common = {"LAchildID": event["child"], "PersonBirthDate": days["birth"], "CINreferralDate": days["referral"]}
    if event["kind"] == "conference":
        made["CINdetails"][-1]["DateOfInitialCPC"] = days["beginning"]
        return
    holder, begins, ends = EVENTS[event["kind"]]
    row = {**common, begins: days["beginning"], **({ends: days["ending"]} if ends else {})}
    made.setdefault(holder, []).append(row | ({"ReferralNFA": event["nfa"]} if holder == "CINdetails" else {}))


#: An event of each kind that breaks no rule: of a kind of which all are excluded a return is refused.
OTHERS = [
    f"{kind} 99 2010-01-01 2018-06-01 2018-06-01 2018-06-02" for kind in ("referral", "assessment", "section47", "plan")
]


@pytest.mark.parametrize("rule", census_rules(), ids=lambda rule: rule.name)
def test_a_rule_finds_what_breaks_it_and_nothing_else(rule, monkeypatch):
    """Each rule by its own examples; of a repeated event the second is found."""
    for events, expected in ((rule.breaks, len(rule.breaks)), (rule.holds, 0)):
        listing = [_event(text) for text in (*OTHERS, *events)]
        if rule.name == "repeated_event":
            listing = [*listing, listing[-1]] if expected else listing
        report = _report(monkeypatch, listing)
        assert report.loc[report["rule"] == rule.name, "events"].sum() == expected


@pytest.mark.parametrize("rule", [rule for rule in census_rules() if rule.name != "impossible_date"], ids=str)
def test_its_policy_changes_the_count(rule, monkeypatch):
    """What is kept counts, what is excluded does not; no day, no year, so `impossible_date` never counts."""
    events = [_event(text) for text in rule.breaks]
    events = [*(_event(text) for text in OTHERS), *events * (2 if rule.name == "repeated_event" else 1)]
    totals = [_totals(monkeypatch, events, **{rule.name: policy}) for policy in ("keep", "exclude")]
    assert totals[0] - totals[1] == len(rule.breaks)


def _event(text: str) -> tuple[str, ...]:
    words = ["" if word == "-" else word for word in text.split()]
    return (*words, "0")


def _run(monkeypatch, events, **policies):
    monkeypatch.setattr("sos_eval.panel.census.counts.census_events", lambda file, faults: iter([as_piece(events)]))
    faults = Faults(DataFault)
    every = [ReturnFile(Path("x.xml"), "301", year) for year in (2019,)]
    return census_counts(every, with_policies(census_rules(), policies, faults), faults)


def _report(monkeypatch, events):
    return _run(monkeypatch, events).validation


def _totals(monkeypatch, events, **policies) -> float:
    """Return how many events are left in, in whatever year they fall."""
    seen: list[int] = []
    monkeypatch.setattr("sos_eval.panel.census.counts._panel", lambda base, rules, _: seen.append(_left(base, rules)))
    _run(monkeypatch, events, **policies)
    return seen[0]


def _left(base, rules) -> int:
    excluding = [f"coalesce({rule.finds}, false)" for rule in rules if rule.policy == "exclude"]
    return base.execute(f"select count(*) from judged where not ({' or '.join(excluding)})").fetchone()[0]


@pytest.mark.skipif(shared("data/fake_cin/fake_CIN_data.xml") is None, reason="the shared data are not here")
def test_the_fake_return_counted_another_way():
    """Referrals and conferences of the public fake return, by regular expressions and without the rules' SQL."""
    path = shared("data/fake_cin/fake_CIN_data.xml")
    faults = Faults(DataFault)
    panel = census_counts([ReturnFile(path, "975", 2022)], with_policies(census_rules(), {}, faults), faults).panel
    wanted: Counter[str] = Counter()
    for one in re.findall(r"<Child>.*?</Child>", path.read_text(), re.S):
        for name in ("CINreferralDate", "DateOfInitialCPC"):
            days = {date.fromisoformat(day) for day in re.findall(rf"<{name}>(.*?)</{name}>", one)}
            wanted[name] += sum(date(2021, 4, 1) <= day <= date(2022, 3, 31) for day in days)
    assert panel.loc[0, ["referrals", "initial_conferences"]].tolist() == list(wanted.values())
    assert min(wanted.values()) > 0


@pytest.mark.parametrize("profile", ["open", "dfe", "ons_srs"])
def test_a_canary_child_is_in_no_output(folder, tmp_path, capsys, profile):
    place = folder / "2019" / "census.xml"
    place.write_text(message(child(CANARY, details("2018-05-01"), details("soon"), born=CANARY)))
    words = ["panel", "cin", str(folder), "--out", str(tmp_path / "P.csv"), "--profile", profile]
    assert main(words) == 0
    (folder / "2019" / "odd.csv").write_text(f'LAchildID,CINreferralDate\n{CANARY},"{CANARY}\n{CANARY}\n')
    assert main([*words, "--force"]) == 2
    (folder / "2019" / "odd.csv").unlink()
    place.write_text(f"<Message><{CANARY}></Message>")
    assert main([*words, "--force"]) == 2
    shown = capsys.readouterr()
    assert "odd.csv" in shown.err
    assert "census.xml:1: is not well-formed XML" in shown.err
    written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and file.parent == tmp_path]
    assert len(written) == 2
    assert all(CANARY.encode() not in one for one in [*written, shown.out.encode(), shown.err.encode()])


def test_small_counts_are_masked_by_profile(folder, tmp_path):
    assert main(["panel", "cin", str(folder), "--out", str(tmp_path / "P.csv")]) == 0
    panel = pd.read_csv(tmp_path / "P.csv").set_index("year")
    assert panel["referrals"].isna().all()
    assert panel.loc[2019, "plans_started"] == 0
    assert panel[["referrals_low", "referrals_high"]].to_numpy().tolist() == [[1, 5]] * 2
    assert np.isnan(panel.loc[2019, "plans_started_low"])  # shown exactly


def test_between_what_a_rounded_count_lies_is_written_and_the_count_lies_there(folder, tmp_path):
    (folder / "2018" / "census.xml").write_text(
        message(*(child(f"{i}", details("2017-06-01")) for i in range(100, 112)))
    )
    for profile in ("dfe", "open"):
        assert main(["panel", "cin", str(folder), "--out", str(tmp_path / f"{profile}.csv"), "--profile", profile]) == 0
    shown, exact = (pd.read_csv(tmp_path / f"{name}.csv").set_index("year").loc[2018] for name in ("dfe", "open"))
    assert [shown[name] for name in ("referrals_low", "referrals", "referrals_high")] == [13, 15, 17]
    assert exact["referrals"] == 13
    assert not [name for name in exact.index if name.endswith(("_low", "_high"))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<!DOCTYPE m [<!ENTITY a "b">]><Message>&a;</Message>', "declares a document type or entities"),
        ('<!DOCTYPE m SYSTEM "elsewhere.dtd"><Message/>', "declares a document type or entities"),
        ("<EXPSSDA903/>", "no CIN census return; its outermost element is Message"),
        (message(authority="302"), "its header names authority 302"),
        (
            message().replace("<Source>", f"<CollectionDetails>{REFERENCE}</CollectionDetails><Source>"),
            "its header's reference date is 2017-03-31, its folder or --year says 2018",
        ),
        ("<a>" * 100_000, "nests too deep"),
    ],
)
def test_what_is_no_return_is_refused(tmp_path, capsys, text, said):
    (tmp_path / "301" / "2018").mkdir(parents=True)
    (tmp_path / "301" / "2018" / "c.xml").write_text(text)
    assert main(["panel", "cin", str(tmp_path / "301"), "--out", str(tmp_path / "P.csv")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "P.csv").exists()


def test_a_header_says_whose_the_return_is_and_of_which_year(tmp_path):
    """A file outside AUTHORITY/YEAR/ was refused for want of what its header says; --authority goes before it."""
    head = "<Header><CollectionDetails><Year>2017</Year><ReferenceDate>2018-03-31</ReferenceDate></CollectionDetails>"
    file = tmp_path / "loose" / "here" / "census.xml"
    file.parent.mkdir(parents=True)
    file.write_text(FIRST.replace("<Header>", head))
    assert main(["panel", "cin", str(file), "--out", str(tmp_path / "P.csv"), "--profile", "open"]) == 0
    assert (tmp_path / "P.csv").read_text().splitlines()[1].startswith("301,2018,3.0,")


def test_unknown_rules_tables_and_years_are_said_together(tmp_path, capsys):
    (tmp_path / "301" / "2018").mkdir(parents=True)
    (tmp_path / "301" / "2018" / "odd.csv").write_text("a,b\n1,2\n")
    words = ["panel", "cin", str(tmp_path / "301"), "--out", str(tmp_path / "P.csv"), "--policy", "over18=exclude"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert 'no rule is called "over18"; did you mean "over_18"?' in said
    assert "odd.csv:1: no table of a CIN census" in said
