"""Published lists of statistical neighbours: both layouts, and what the comparison reads of them."""

from __future__ import annotations

import pandas as pd
import pytest

from sos_eval.comparison.neighbours import StatisticalNeighbours
from sos_eval.errors import DataFault, Faults
from sos_eval.jobs.dfe import write_dfe
from tests.conftest import shared
from tests.panel.test_dfe import underlying

OLD = "\ufeffLA num,LA Name,LA number,GOInd,GOReg,SN1,SNP,SN2,SNP,\n202,Camden,202,3,London,213,Close,801,Close,\n"
NEW = "\ufeffold_la_code,la_name,SN_1,SN_1P,SN_2,SN_2P\n202,Camden,801,Close ,213,Not close\n"


def written(folder, as_of: int | None = None, **lists: str):
    raw = folder / "raw"
    raw.mkdir(exist_ok=True)
    (raw / "SFR36_ADM2013.csv").write_text(underlying("CLA_started2013", "250", "142", "20"))
    for name, text in lists.items():
        (raw / f"{name}.csv").write_text(text)
    return write_dfe([raw], folder / "P.csv", as_of=as_of, force=True)


def test_the_last_release_counts_and_bands_of_one_name_are_no_fault(tmp_path):
    facts = written(tmp_path, groupings_2021=OLD, sn_model_2025=NEW)
    assert (facts["neighbours_release"], facts["left"]) == (2025, [])
    assert (tmp_path / "P.neighbours.csv").read_text() == "unit,SN_1,SN_2\n202,801,213\n"
    assert written(tmp_path, as_of=2022)["neighbours_release"] == 2021
    assert (tmp_path / "P.neighbours.csv").read_text() == "unit,SN_1,SN_2\n202,213,801\n"


def test_titles_between_lists_are_no_lists(tmp_path):
    written(tmp_path, groupings_2021=OLD + ",Old SNs:,,,,,,,,\n835,Dorset,835,7,South West,893,Close,878,Close,\n")
    assert (tmp_path / "P.neighbours.csv").read_text().splitlines()[1:] == ["202,213,801", "835,893,878"]


def test_a_comparison_reads_them(tmp_path):
    written(tmp_path, sn_model_2025=NEW)
    faults = Faults(DataFault)
    method = StatisticalNeighbours(file="P.neighbours.csv").with_files(tmp_path, "x", faults)
    faults.stop()
    assert {unit: list(others) for unit, others in method.lists.items()} == {"202": ["801", "213"]}


def test_without_lists_there_is_no_such_file(tmp_path):
    assert written(tmp_path)["neighbours"] is None
    assert not (tmp_path / "P.neighbours.csv").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (NEW.replace("801", "80"), "line 2: each authority once"),
        (NEW.replace("213", "801"), "line 2: each authority once"),
        (NEW.replace("SN_2,", "SN_3,"), "names neighbours 1, 3"),
        (NEW + NEW.splitlines()[1] + "\n", "two lines: each authority once"),
        (NEW + "203\n", "line 3: each authority once"),
    ],
)
def test_lists_that_are_none_are_refused(tmp_path, text, said):
    with pytest.raises(DataFault, match=said):
        written(tmp_path, sn_model_2025=text)


@pytest.mark.skipif(shared("data/raw/sn_model_2025_wide.csv") is None, reason="the shared data are not here")
def test_the_published_files(tmp_path):
    """153 authorities with ten neighbours each in 2025; who stands first agrees with the file read by position."""
    raw = shared("data/raw/sn_model_2025_wide.csv").parent
    facts = written(
        tmp_path, **{path.stem: path.read_text() for path in raw.glob("*eighbour*.csv")},
        sn_model_2025_wide=(raw / "sn_model_2025_wide.csv").read_text(),
    )  # fmt: skip
    table = pd.read_csv(tmp_path / "P.neighbours.csv", dtype=str)
    assert (facts["neighbours_release"], table.shape) == (2025, (153, 11))
    first = dict(zip(table["unit"], table["SN_1"], strict=True))
    assert (first["301"], first["302"], first["370"]) == ("308", "320", "372")
