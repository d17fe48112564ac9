"""A folder's list of its own files: what is cut, damaged or missing is told, and what others put there is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sos_eval.bundle.files import json_text, read_object
from sos_eval.bundle.whole import check_folder, write_file
from sos_eval.errors import Fault, InputFault, listed

__all__ = ["LIST", "check_place", "damage", "data_files_of", "list_files", "refuse_damage", "refuse_strangers"]

LIST = "files.json"
SCHEMA = "sos-eval/files/1"
#: What is drawn from the rest, and made again by `sos-eval report`: listed by name alone.
_MADE = ("report.html", "report.md", "report.docx")
#: The folder that `sos-eval economics BUNDLE` writes in a bundle unless told otherwise.
_AGAIN = "economics-again"
_AGAIN_WHOLE = "make it again, or restore the folder"


def refuse_damage(folder: Path) -> None:
    """Refuse a folder that is not as it was written.

    Raises
    ------
    InputFault
        With every file that is missing, cut or changed.
    """
    if faults := damage(folder):
        raise InputFault(faults)


def list_files(folder: Path) -> None:
    """Write `files.json` into a folder that is otherwise finished: what is read back with its size and SHA-256."""
    names = sorted(_names(folder))
    data = {name: _measured(folder / name) for name in names if not _is_made(name)}
    made = [name for name in names if _is_made(name)]
    text = json_text({"schema": SCHEMA, "read": data, "made": made, "sha256": _of_list(data, made)})
    write_file(folder / LIST, text)


def damage(folder: Path) -> list[Fault]:
    """Return what is wrong with a folder's own files: missing, cut, changed, or a list that cannot be read."""
    try:
        data, _ = _read(folder)
    except InputFault as fault:
        return list(fault.faults)
    faults = [_damage_of(folder / name, said) for name, said in data.items()]
    return [fault for fault in faults if fault is not None]


def data_files_of(folder: Path) -> list[Path]:
    """Return the files of a folder that are read back, its list included."""
    return [folder / name for name in (*_read(folder)[0], LIST)]


def refuse_strangers(folder: Path, out: str | Path) -> None:
    """Refuse to replace a folder that holds files which nothing of ours wrote.

    Raises
    ------
    InputFault
        With their names; or where no list says which files are ours.
    """
    if not any(folder.iterdir()):
        return
    try:
        strangers = sorted(_strangers(folder))
    except InputFault as fault:
        what = f"--force: nothing says which files in it are yours ({fault.faults[0].what})"
        raise InputFault(Fault(str(out), what, "move it elsewhere, or choose another --out")) from None
    if strangers:
        what = f"--force would remove what no run wrote: {listed(strangers)}"
        raise InputFault(Fault(str(out), what, "move it elsewhere, or choose another --out"))


def check_place(folder: Path, marker: str, what: str, *, force: bool) -> None:
    """Refuse to write over something else than an answer of the same kind, before anything is computed.

    Parameters
    ----------
    marker
        A file that only such an answer holds at its top.
    what
        The answer, e.g. ``an economic evaluation``.

    Raises
    ------
    InputFault
        It is a file or holds something else; it is there and `force` is not given; it cannot be written.
    """
    target = folder.resolve()
    if target.exists():
        _refuse_other(target, folder, marker, what, force=force)
    check_folder(folder)


def _refuse_other(target: Path, folder: Path, marker: str, what: str, *, force: bool) -> None:
    if not target.is_dir():
        raise InputFault(Fault(str(folder), "is a file", "name a folder that does not exist yet"))
    if any(target.iterdir()) and ((target / "results.json").exists() or not (target / marker).exists()):
        held = f"exists and holds something else than {what}; it is left as it is"
        raise InputFault(Fault(str(folder), held, "choose another --out"))
    if any(target.iterdir()) and not force:
        raise InputFault(Fault(str(folder), "exists already", "choose another --out, or replace it with --force"))
    refuse_strangers(target, folder)


def _strangers(folder: Path) -> Iterator[str]:
    data, made = _read(folder)
    ours = {*data, *made, *_MADE, LIST}
    again = (folder / _AGAIN / LIST).is_file()
    for name in _names(folder):
        if name not in ours and not (again and name.startswith(f"{_AGAIN}/")):
            yield name
    if again:
        yield from (f"{_AGAIN}/{name}" for name in _strangers(folder / _AGAIN))


def _names(folder: Path) -> Iterator[str]:
    """Yield every file of a folder but its list, and the draws of a power study, which carry hashes of their own."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if name != LIST and not name.startswith("draws/") and (path.is_symlink() or not path.is_dir()):
            yield name


def _is_made(name: str) -> bool:
    return name in _MADE or name.startswith("figures/")


def _measured(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _of_list(data: Any, made: Any) -> str:
    """Return the SHA-256 of what a list says, so that a list that was damaged itself is told."""
    return hashlib.sha256(json.dumps([data, made], sort_keys=True).encode()).hexdigest()


def _read(folder: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return what a list says.

    Raises
    ------
    InputFault
        There is none, or it is damaged.
    """
    file = folder / LIST
    if not file.is_file():
        what = "is not there: the folder was cut, or written before folders listed their files"
        raise InputFault(Fault(str(file), what, _AGAIN_WHOLE))
    damaged = Fault(str(file), "is damaged: it is not what was written", _AGAIN_WHOLE)
    try:
        found = read_object(file)
    except InputFault:
        raise InputFault(damaged) from None
    data, made = found.get("read"), found.get("made")
    if found.get("schema") != SCHEMA or found.get("sha256") != _of_list(data, made):
        raise InputFault(damaged)
    return dict(found["read"]), list(found["made"])


def _damage_of(file: Path, said: Mapping[str, Any]) -> Fault | None:
    """Compare a file with what the list says of it."""
    if file.is_symlink() or not file.is_file():
        return Fault(str(file), "is not there", _AGAIN_WHOLE)
    try:
        size = file.stat().st_size
        if size < said["bytes"]:
            return Fault(str(file), f"is cut: {size:,} of its {said['bytes']:,} bytes are there", _AGAIN_WHOLE)
        if size != said["bytes"] or _measured(file) != said:
            return Fault(str(file), "is damaged or was changed: it is not what was written", _AGAIN_WHOLE)
    except OSError as error:
        return Fault(str(file), f"cannot be read ({error.strerror})", "")
    return None
