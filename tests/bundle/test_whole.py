"""Files and folders appear whole or not at all."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from sos_eval.bundle.whole import check_folder, write_file, write_folder
from sos_eval.errors import DataFault, InputFault


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def holding(text: str):
    return lambda folder: (folder / "a.txt").write_text(text)


def test_a_folder_takes_the_place_of_an_older_one(tmp_path):
    write_folder(tmp_path / "deep" / "out", holding("old"))
    write_folder(tmp_path / "deep" / "out", holding("new"))
    assert (tmp_path / "deep" / "out" / "a.txt").read_text() == "new"
    assert names(tmp_path / "deep") == ["out"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(errno.EACCES, "Permission denied")])
def test_killed_at_the_second_rename_the_older_folder_is_back(tmp_path, monkeypatch, stop):
    write_folder(tmp_path / "out", holding("old"))
    rename, calls = Path.rename, []

    def killed(self, target):
        calls.append(self)
        if len(calls) == 2:
            raise stop
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(InputFault if isinstance(stop, OSError) else stop):
        write_folder(tmp_path / "out", holding("new"))
    assert len(calls) == 3  # and back
    assert (tmp_path / "out" / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.ENAMETOOLONG])
def test_a_disk_that_refuses_is_the_users_fault_and_leaves_nothing(tmp_path, code):
    def fill(folder):
        raise OSError(code, "refused")

    with pytest.raises(InputFault, match="out: cannot be written: refused"):
        write_folder(tmp_path / "new" / "out", fill)
    assert names(tmp_path) == []


def test_another_oserror_is_not_turned_into_the_users(tmp_path):
    def fill(folder):
        raise FileNotFoundError(errno.ENOENT, "ours")

    with pytest.raises(FileNotFoundError):
        write_folder(tmp_path / "out", fill)


def test_below_a_file_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputFault, match="is a file, not a folder"):
        check_folder(tmp_path / "file" / "out")
    with pytest.raises(InputFault, match="choose another --out"):
        write_folder(tmp_path / "file" / "out", holding("x"))
    with pytest.raises(DataFault, match="does not exist; make it first"):
        write_file(tmp_path / "none" / "a.txt", "x")
    assert names(tmp_path) == ["file"]


def test_a_place_below_a_file_is_called_as_it_was_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputFault) as caught:
        check_folder("mine.txt/b")
    assert str(caught.value) == "mine.txt/b: mine.txt is a file, not a folder; choose another --out"
    with pytest.raises(InputFault, match=re.escape(f"{tmp_path}/mine.txt is a file")):
        check_folder(tmp_path / "mine.txt" / "b")
