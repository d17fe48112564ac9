"""`run --vintages`: the estimate of each is that of a run on it alone, and the changes are those that were made."""

from __future__ import annotations

import pandas as pd
import pytest

import sos_eval
from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.errors import InputFault
from sos_eval.jobs.vintages import DRIFT_COLUMNS, run_vintages
from tests.cli.bad_inputs import DESIGN, panel
from tests.conftest import without_pages


def later() -> str:
    """Change a cell of a treated authority (1), one of an untreated (9), and add a column that no design reads."""
    text = panel().replace("\n1,2013,27,", "\n1,2013,29,").replace("\n9,2014,", "\n9,2014,1")
    lines = text.splitlines()
    return "\n".join([f"{lines[0]},note", *(f"{line},a" for line in lines[1:])]) + "\n"


def _laid_out(folder):
    (folder / "small.yaml").write_text(DESIGN)
    (folder / "first.csv").write_text(panel())
    (folder / "later.csv").write_text(later())
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return _laid_out(tmp_path)


@pytest.fixture(scope="module")
def drift(tmp_path_factory):
    folder = _laid_out(tmp_path_factory.mktemp("vintages"))
    files = [folder / "first.csv", folder / "later.csv"]
    with without_pages():
        return run_vintages(folder / "small.yaml", files, out=folder / "out")


def test_each_vintage_is_a_run_of_its_own(drift, undrawn):
    project = drift.folder.parent
    assert tuple(drift.table) == DRIFT_COLUMNS
    for name in ("first", "later"):
        alone = sos_eval.run(project / "small.yaml", panel=project / f"{name}.csv", out=project / f"alone.{name}")
        kept = drift.folder / name / "estimates.csv"
        assert kept.read_bytes() == (alone.path / "estimates.csv").read_bytes()
        row = drift.table.set_index("vintage").loc[name]
        shown = ("estimate", "conf_low", "conf_high", "p_value")
        assert [row[key] for key in shown] == [alone.headline[key] for key in shown]
    assert not [file for file in drift.folder.rglob("*") if b".partial-" in file.name.encode()]


def test_the_cells_that_changed_are_counted_and_those_of_treated_units_named(drift):
    row = drift.table.set_index("vintage").loc["later"]
    assert row["cells_compared"] == 12 * 6 * 3
    assert (row["cells_changed"], row["cells_changed_read"], row["cells_changed_treated"]) == (2, 2, 1)
    assert (row["treated_changed"], row["rows_and_columns_moved"]) == ("1 (1 cell)", 1)
    assert drift.changes["treated"].tolist() == [True, False, False]
    assert drift.changes["what"].tolist() == ["changed", "changed", "column came"]
    stored = pd.read_csv(drift.folder / "changes.csv", dtype=str)
    assert stored.loc[0, ["unit", "period", "column", "before", "after"]].tolist() == [
        "1", "2013", "entries", "27", "29",
    ]  # fmt: skip
    assert (
        "later differs in 2 of 216 cells; the headline reads 2 of these, 1 of them in treated units: 1"
        in drift.sentence
    )
    assert drift.table["cells_changed"].tolist() == [0, 2]


def test_cells_outside_the_headlines_window_and_units_are_not_read_by_it(project):
    text = DESIGN.replace(
        "panel:",
        "panel:\n  window: {to: 2013}\n  omit_times: {2012: partly}\n  exclude:\n    - {units: [9], why: other}",
        1,
    )
    (project / "small.yaml").write_text(text)
    first = pd.read_csv(project / "first.csv")
    changed = first.assign(entries=first["entries"] + 1)
    changed.to_csv(project / "later.csv", index=False)
    with without_pages():
        made = run_vintages(project / "small.yaml", [project / "first.csv", project / "later.csv"], out=project / "out")
    row = made.table.set_index("vintage").loc["later"]
    read = first["year"].isin([2010, 2011, 2013]) & (first.iloc[:, 0] != 9)
    assert (row["cells_changed"], row["cells_changed_read"]) == (len(first), read.sum())
    told = made.changes[made.changes["read"]]
    assert set(told["period"].astype(str)) == {"2010", "2011", "2013"}
    assert "9" not in set(told["unit"].astype(str))


def test_units_periods_and_rows_of_one_vintage_alone_are_named_treated_ones_first(project):
    """The estimate moved where no cell had changed, and the sentence did not say that an authority was lacking."""
    text = panel()
    (project / "later.csv").write_text(
        "".join(f"{line}\n" for line in text.splitlines() if not line.startswith(("1,", "9,", "2,2010,", "10,2011,")))
    )
    with without_pages():
        made = run_vintages(project / "small.yaml", [project / "first.csv", project / "later.csv"], out=project / "out")
        back = run_vintages(
            project / "small.yaml", [project / "later.csv", project / "first.csv"], out=project / "back"
        )
    words = "1 (treated), 2 (1 row, treated), 9, 10 (1 row)"
    assert made.sentence.endswith(f" It lacks {words}.")
    assert back.sentence.endswith(f" It adds {words}.")
    assert made.table["rows_moved"].tolist() == ["", f"lacks {words}"]


def test_the_runs_of_a_locked_design_stand_in_its_log(project, undrawn):
    assert answered(cli, ["lock", "small.yaml", "--outcomes-seen", "published"], Screen()) == 0
    assert answered(cli, ["run", "small.yaml", "--vintages", "first.csv", "later.csv", "--quiet"], Screen()) == 0
    assert [line.count('"state": "changed"') for line in (project / "small.runs.jsonl").read_text().splitlines()] == [
        1,
        1,
    ]
    told = sos_eval.read_bundle(project / "reports/small.vintages/later").facts.lock
    assert told.differs == ("the data are later.csv, the locked plan said panel.csv",)


def test_a_vintage_that_does_not_fit_is_named_and_nothing_is_written(project):
    (project / "older.csv").write_text(panel().replace("entries", "starts", 1))
    (project / "oldest.csv").write_text(panel().replace("\n1,2013,27", "\n1,2013,none"))
    with pytest.raises(InputFault) as fault:
        run_vintages(project / "small.yaml", [project / f"{name}.csv" for name in ("first", "older", "oldest")])
    said = str(fault.value).splitlines()
    assert any("vintage older: " in line and '"entries"' in line for line in said)
    assert any("vintage oldest: " in line for line in said)
    assert not any("vintage first" in line for line in said)
    assert not (project / "reports").exists()


def test_under_a_profile_vintages_are_refused(project):
    (project / "small.yaml").write_text(DESIGN + "disclosure: {profile: dfe}\n")
    (project / "later.csv").write_text(later())
    with pytest.raises(InputFault, match="under a disclosure profile estimates on two vintages would tell"):
        run_vintages(project / "small.yaml", [project / "first.csv", project / "later.csv"])
    assert not (project / "reports").exists()


def test_nothing_is_overwritten(drift):
    project, before = drift.folder.parent, (drift.folder / "drift.csv").read_bytes()
    files = [project / "first.csv", project / "later.csv"]
    with pytest.raises(InputFault, match="replaces nothing"):
        run_vintages(project / "small.yaml", files, out=drift.folder)
    assert (drift.folder / "drift.csv").read_bytes() == before


def test_vintages_of_one_name_are_refused(project):
    (project / "b").mkdir()
    (project / "b" / "first.csv").write_text(later())
    with pytest.raises(InputFault, match='another is called "first" too'):
        run_vintages(project / "small.yaml", [project / "first.csv", project / "b" / "first.csv"])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["first.csv"], "write --panel, or --vintages"),
        (["--vintages", "first.csv"], "name two or more panels"),
        (["--vintages", "first.csv", "later.csv", "--force"], "--force does not go with --vintages"),
        (["--vintages", "first.csv", "nothing.csv"], "vintage nothing: "),
    ],
)
def test_what_is_typed_wrongly(project, capsys, typed, said):
    assert answered(cli, ["run", "small.yaml", *typed], Screen()) == 2
    assert said in capsys.readouterr().err
