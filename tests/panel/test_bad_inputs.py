"""Every bad input is answered in the words that were read and found clear (`bad_inputs.txt`)."""

from pathlib import Path

import pytest

from sos_eval.errors import DataFault, InputFault
from sos_eval.panel.read import csv, reading, stores
from tests.panel.bad_inputs import BAD, told

PINNED = (Path(__file__).parent / "bad_inputs.txt").read_text(encoding="utf-8")


def entries():
    """Return the pinned table: name -> entry."""
    found = {}
    for line in PINNED.splitlines(keepends=True):
        if not line.startswith(" "):
            name = line.strip()
            found[name] = ""
        found[name] += line
    return found


ENTRIES = entries()


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_what_is_said(bad):
    assert told(bad) == ENTRIES[bad.name]


def test_something_is_said_about_each_and_no_entry_is_left_over():
    assert "NOTHING WAS SAID" not in PINNED
    assert list(ENTRIES) == [bad.name for bad in BAD]
    assert len(BAD) >= 20


def test_a_huge_csv_stops_at_a_limit(small, monkeypatch):
    """Rows are counted while they are read in pieces: the file is refused before it fills the memory."""
    monkeypatch.setattr(csv, "MAX_ROWS", 30)
    monkeypatch.setattr(csv, "_PIECE", 10)
    with pytest.raises(DataFault, match=r"panel\.csv: more than 30 rows; aggregate to a row per unit and time first"):
        small.load()


def test_a_huge_table_is_refused_before_it_is_read(small, monkeypatch):
    monkeypatch.setattr(reading, "MAX_ROWS", 30)
    small.data.to_parquet(small.folder / "p.parquet")
    with pytest.raises(DataFault, match="40 rows, more than 30"):
        small.load(override=small.folder / "p.parquet")


def test_running_out_of_memory_is_the_inputs_fault(small, monkeypatch):
    def out_of_memory(*_):
        raise MemoryError

    monkeypatch.setattr(stores, "refuse_huge", out_of_memory)
    small.data.to_parquet(small.folder / "p.parquet")
    with pytest.raises(DataFault, match="too large for this machine's memory"):
        small.load(override=small.folder / "p.parquet")


def test_a_file_that_may_not_be_read(small, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    small.data.to_csv(small.folder / "panel.csv", index=False)
    monkeypatch.setattr("sos_eval.panel.read.files._refuse_other_format", refused)
    with pytest.raises(DataFault, match=r"panel.csv: cannot be read \(Permission denied\)"):
        small.load(write=False)


@pytest.mark.parametrize("name", ["p.csv.gz", "p.xlsx", "p.parquet", "p.duckdb"])
def test_damaged_files_are_the_inputs_fault(small, name):
    """Bytes changed, cut or put in at random: the file is read or refused, never a crash (fixed seeds)."""
    import random

    import duckdb

    data, path = small.data, small.folder / name
    if name.endswith("duckdb"):
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE panel AS SELECT * FROM data")
    else:
        write = {"p.csv.gz": data.to_csv, "p.xlsx": data.to_excel, "p.parquet": data.to_parquet}[name]
        write(path, index=False)
    whole = path.read_bytes()
    refused = 0
    for seed in range(40):
        rng = random.Random(seed)
        spoilt = bytearray(whole)
        for _ in range(rng.choice([1, 10, 100])):
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
        path.write_bytes(bytes(spoilt[: rng.choice([None, rng.randrange(len(spoilt))])]))
        try:
            small.load(override=path)
        except InputFault:
            refused += 1
    assert refused > 20
