"""Nothing that a command writes holds a place of the machine, though everything was named from the root."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from tests.cli import bad_power
from tests.hostile import cases as small

MATCHED = small.DESIGN.replace("estimators:", "comparison: {method: mahalanobis, on: [idaci]}\nestimators:")
SIDE = "report: {formats: [html, docx, md]}\n"
ORDERS = {
    "run": ("run", "design.yaml", "--out", "o", "--workers", "1"),
    "match": ("match", "matched.yaml", "--out", "o"),
    "feasible": ("feasible", "design.yaml", "--treated", "2", "--out", "o"),
    "power": ("power", "d.yaml", "--world", "world.yaml", "--reps", "4", "--out", "o", "--workers", "1"),
    "simulate": ("simulate", "world.yaml", "--out", "o.csv"),
    "synthesise": ("synthesise", "s.csv", "--out", "o"),
    "economics": ("economics", "economics.yaml", "--out", "o"),
    "protocol": ("protocol", "design.yaml", "--out", "o.docx"),
    "lock": ("lock", "design.yaml", "--outcomes-seen", "no"),
}


def bytes_of(file: Path) -> bytes:
    """Return every byte of a file, the members of a zip file unpacked."""
    content = file.read_bytes()
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(BytesIO(content)) as members:
            content += b"".join(members.read(name) for name in members.namelist())
    return content


@pytest.mark.parametrize("name", ORDERS)
def test_no_byte_names_the_folder(name, tmp_path):
    room = tmp_path / "somebodys-home"
    room.mkdir()
    small.data().to_csv(room / "panel.csv", index=False)
    texts = {"design.yaml": small.DESIGN + SIDE, "matched.yaml": MATCHED, "economics.yaml": small.ECONOMICS}
    texts |= {"d.yaml": bad_power.DESIGN, "world.yaml": bad_power.WORLD, "s.csv": small.STUDIES["identical"]}
    small.write(room, {**texts, **small.DRAWS})
    before = {*room.rglob("*")}
    words = [str(room / word) if "." in word or word == "o" else word for word in ORDERS[name]]
    assert answered(cli, words, Screen(log_folder=tmp_path)) == 0
    written = [file for file in room.rglob("*") if file.is_file() and file not in before]
    assert written
    assert [file for file in written if b"somebodys-home" in bytes_of(file)] == []
