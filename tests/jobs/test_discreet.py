"""Under a profile no fault, log or bundle quotes a value or an identifier of a person."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.design.design import load_design
from sos_eval.jobs.discreet import discreet_words
from sos_eval.limits import raised

DESIGN = """\
schema: sos-eval/design/1
name: people
panel:
  source: csv
  path: people.csv
  unit: child
  time: year
  outcome: {value: days}
  treatment: {first_treated: start}
  cluster: la
  covariates: [deprived]
  measured: {deprived: 2010}
  layout: cross_sections
estimators: [{id: primary, method: twfe}, {id: cells, method: callaway_santanna, adjust: reg}]
inference: {method: analytic}
checks: [leave_one_out, pretrends]
disclosure: {profile: dfe}
report: {formats: [html, docx, md]}
seed: 4
"""


def planted(folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return people of twelve authorities, and the words that must never come out."""
    rng = np.random.default_rng(3)
    rows = [
        (f"KANARI{u:03d}X", f"Zebulonia Q{u:03d}", 2010 + t, 2012 if u % 12 < 5 else 0, f"LA{u % 12}", float(u % 2))
        for u in range(120)
        for t in range(4)
    ]
    table = pd.DataFrame(rows, columns=["child", "unit_name", "year", "start", "la", "deprived"])
    table["days"] = rng.normal(40, 9, len(table)).round(3)
    (folder / "people.yaml").write_text(DESIGN)
    return table, ["KANARI", "Zebulonia"]


def bytes_of(folder: Path) -> bytes:
    """Return every byte below a folder, the members of zip files unpacked; input files are left out."""
    out = b""
    for file in sorted(file for file in folder.rglob("*") if file.is_file() and file.name != "people.csv"):
        out += file.name.encode() + b"\n" + file.read_bytes()
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(BytesIO(file.read_bytes())) as members:
                out += b"".join(members.read(name) for name in members.namelist())
    return out


def test_the_identifiers_are_there_to_be_found(tmp_path):
    table, canaries = planted(tmp_path)
    table.to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "people.yaml").write_text(DESIGN.replace("disclosure: {profile: dfe}\n", ""))
    assert (
        answered(cli, ["run", str(tmp_path / "people.yaml"), "--out", str(tmp_path / "out"), "--quiet"], Screen()) == 0
    )
    assert canaries[0].encode() in bytes_of(tmp_path)


@pytest.mark.parametrize("profile", ["dfe", "ons_srs"])
def test_no_byte_of_a_run_holds_an_identifier(profile, tmp_path, capfd):
    table, canaries = planted(tmp_path)
    (tmp_path / "people.yaml").write_text(DESIGN.replace("profile: dfe", f"profile: {profile}"))
    table.to_csv(tmp_path / "people.csv", index=False)
    words = ["run", str(tmp_path / "people.yaml"), "--out", str(tmp_path / "out"), "--workers", "1"]
    code = answered(cli, words, Screen(log_folder=tmp_path))
    told = capfd.readouterr()
    assert code in (0, 3), told.err
    everything = bytes_of(tmp_path) + (told.out + told.err).encode()
    assert (tmp_path / "out" / "report.docx").is_file()
    assert not (tmp_path / "out" / "weights.csv").exists()
    assert [canary for canary in canaries if canary.encode() in everything] == []


FAILING = """\
  - robustness:
      draws: 19
      vary:
        - {with: {panel.outcome.value: unit_name}, label: text}
        - {with: {panel.treatment.first_treated: unit_name}, label: start}
        - {with: {panel.time: unit_name}, label: period}
        - {with: {panel.window.to: 2011}}
        - {with: {panel.layout: panel}, label: panel}
"""


def test_alternatives_that_fail_quote_no_data(tmp_path, capfd):
    table, canaries = planted(tmp_path)
    table.to_csv(tmp_path / "people.csv", index=False)
    design = DESIGN.replace("checks: [leave_one_out, pretrends]\n", "checks:\n" + FAILING)
    (tmp_path / "people.yaml").write_text(design)
    words = ["run", str(tmp_path / "people.yaml"), "--out", str(tmp_path / "out"), "--workers", "1"]
    code = answered(cli, words, Screen(log_folder=tmp_path))
    told = capfd.readouterr()
    assert code in (0, 3), told.err
    reasons = pd.read_csv(tmp_path / "out" / "tables" / "robustness.csv").set_index("variant")["reason"]
    assert (reasons.drop("as declared") != "").all()
    assert "text in a number column" in reasons["text"]
    everything = bytes_of(tmp_path) + (told.out + told.err).encode()
    assert [canary for canary in canaries if canary.encode() in everything] == []


def _with(column: str, at: int, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.assign(**{column: table[column].astype(object).where(table.index != at, value)})


SLIPS = {
    "text among numbers": _with("days", 7, "Zebulonia"),
    "two starts": _with("start", 9, 2013),
    "no period": _with("year", 8, "KANARI year"),
    "a covariate that varies": _with("deprived", 5, "Zebulonia Q5"),
    "nobody begins": lambda table: table.assign(start=0),
    "a column is missing": lambda table: table.drop(columns="days"),
}


@pytest.mark.parametrize("name", SLIPS)
@pytest.mark.parametrize("command", ["check", "run"])
def test_no_fault_quotes_the_data(name, command, tmp_path, capfd):
    table, canaries = planted(tmp_path)
    SLIPS[name](table).to_csv(tmp_path / "people.csv", index=False)
    more = ["--out", str(tmp_path / "out")] if command == "run" else []
    code = answered(cli, [command, str(tmp_path / "people.yaml"), *more], Screen(log_folder=tmp_path))
    told = capfd.readouterr()
    assert code == 2, told
    assert [canary for canary in [*canaries, "2013 "] if canary in told.out + told.err] == []
    assert "people.yaml" in told.err or "people.csv" in told.err


def test_a_fault_of_ours_holds_no_data(tmp_path, capfd, monkeypatch):
    table, canaries = planted(tmp_path)
    table.to_csv(tmp_path / "people.csv", index=False)

    message = f"invalid literal: {table['child'][7]} of {canaries[1]}"

    def broken(design, panels):
        raise ValueError(message)

    monkeypatch.setattr("sos_eval.jobs.steps.identify", broken)
    words = ["run", str(tmp_path / "people.yaml"), "--out", str(tmp_path / "out")]
    assert answered(cli, words, Screen()) == 1
    log = tmp_path / "sos-eval-error.log"
    told = capfd.readouterr()
    assert "ValueError" in log.read_text()
    assert "identify" in log.read_text()
    everything = log.read_text() + told.out + told.err
    assert [canary for canary in canaries if canary in everything] == []


#: What leaves under a profile: theirs is withheld, ours stays, also numbers and constants of our own.
TOLD = {
    "days: numbers with and without %, '12', line 8; write, or format, all of them in per cent (12% is 12), or none":
        "days: numbers with and without %, '…', line 8; write, or format, all of them in per cent (12% is 12), or none",
    "start: starts more than 50 periods from the data (2010 to 2013), 201450, row 50; write 0":
        "start: starts more than 50 periods from the data (… to …), …, row 50; write …",
    "30,000,001 rows, more than 30,000,000": "… rows, more than 30,000,000",
    "more than 30,000,000 rows; aggregate to a row per unit and time first":
        "more than 30,000,000 rows; aggregate to a row per unit and time first",
    'the view "KANARI" took more than 15 seconds; raise the limit with --limit-seconds':
        'the view "…" took more than 15 seconds; raise the limit with --limit-seconds',
    "merged cells (D4:D6, D8:D9 and 3 more) in days": "merged cells (D4:D6, D8:D9 and … more) in days",
    "two rows of KANARI007X, E09:E10": "two rows of …:…",
    "twfe needs at least 3 periods before the first start, there are 2; widen panel.window":
        "twfe needs at least 3 periods before the first start, there are 2; widen panel.window",
    "with 5 of 13 treated units, 999 draws and 41 children, 'with 7 units'":
        "with 5 of 13 treated units, 999 draws and … children, 'with … units'",
}  # fmt: skip


@pytest.mark.parametrize("said", TOLD)
def test_our_own_constants_stay_and_theirs_go(said, tmp_path):
    planted(tmp_path)
    told = discreet_words(load_design(tmp_path / "people.yaml"))
    assert told(said) == TOLD[said]


def test_a_limit_of_ours_is_told_as_it_is_in_force(tmp_path):
    planted(tmp_path)
    told = discreet_words(load_design(tmp_path / "people.yaml"))
    with raised(size=1234):
        assert told("unpacks to more than 1,234 bytes") == "unpacks to more than 1,234 bytes"
        assert told("unpacks to more than 1,235 bytes") == "unpacks to more than … bytes"


@pytest.mark.parametrize("column", ["days", "year", "start"])
def test_a_person_whose_name_is_made_of_our_words_is_not_named(column, tmp_path, capfd):
    """Papers have authors, and our texts name them: Abraham, Young, West."""
    table, _ = planted(tmp_path)
    _with(column, 7, "Abraham Young")(table).to_csv(tmp_path / "people.csv", index=False)
    assert answered(cli, ["check", str(tmp_path / "people.yaml")], Screen(log_folder=tmp_path)) == 2
    told = "".join(capfd.readouterr())
    assert "Abraham" not in told
    assert "Young" not in told


def test_a_file_without_a_head_gives_away_no_first_row(tmp_path, capfd):
    table, _ = planted(tmp_path)
    table.assign(child="Abraham West", unit_name="M").to_csv(tmp_path / "people.csv", index=False, header=False)
    assert answered(cli, ["check", str(tmp_path / "people.yaml")], Screen(log_folder=tmp_path)) == 2
    told = "".join(capfd.readouterr())
    assert not {"Abraham", "West", "M"} & set(re.findall(r"\w+", told))


def test_lines_are_told_and_not_how_many_more_there_are(tmp_path):
    (tmp_path / "people.yaml").write_text(DESIGN)
    told = discreet_words(load_design(tmp_path / "people.yaml"))
    assert (
        told("a number is missing, lines 2, 3, 4, 5 and 1195 more")
        == "a number is missing, lines 2, 3, 4, 5 and … more"
    )
