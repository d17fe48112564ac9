"""The jobs behind `panel ssda903 --piece` and `panel join`: counts that leave an authority, and their panel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sos_eval.bundle.files import json_text
from sos_eval.bundle.whole import refuse_inputs, refuse_target, write_file
from sos_eval.errors import DataFault, Fault, Faults, InputFault, listed
from sos_eval.jobs.returns import ReturnsAsked, masked_counts
from sos_eval.panel.care.emptied import BrokenRules, broken_rules
from sos_eval.panel.care.pieces import ACROSS, joined, read_piece, rules_hash
from sos_eval.panel.disclosure import Disclosure

__all__ = ["join_pieces", "write_piece"]


def write_piece(
    asked: ReturnsAsked, out: Path, disclosure: Disclosure, *, force: bool = False
) -> tuple[Path, int, BrokenRules]:
    """Write one authority's counts, masked by the profile, as one JSON file.

    Returns
    -------
    piece, n_masked, broken
        The file, how many cells the profile masked, and how much breaks each rule.

    Raises
    ------
    InputFault
        As for a panel; or the returns are of several authorities, or a rule that looks across them excludes.
    """
    _refuse_piece(out, force=force)
    counts, rules, returns = asked.counted([out])
    whose = sorted({file.authority for file in returns})
    if len(whose) > 1:
        raise DataFault(Fault("--piece", f"returns of {listed(whose)}", "a piece is one authority's: name its folder"))
    policies = {rule.name: rule.policy for rule in rules}
    if policies[ACROSS] == "exclude":
        what = f"{ACROSS} looks at several authorities, and cannot exclude in one"
        raise DataFault(Fault("--policy", what, f"write {ACROSS}=keep"))
    panel, validation, hidden = masked_counts(counts, disclosure)
    content = {
        "schema": "sos-eval/piece/1", "authority": whose[0],
        "settings": {
            "profile": disclosure.profile, "smallest": disclosure.smallest, "step": disclosure.step,
            "period": asked.period, "windows": list(asked.windows), "policies": policies, "rules": rules_hash(),
        },
        "columns": list(panel.columns), "rows": _rows(panel),
        "validation_columns": list(validation.columns), "validation": _rows(validation),
    }  # fmt: skip
    write_file(out, json_text(content))
    return out, hidden, broken_rules(validation, "episodes")


def _refuse_piece(out: Path, *, force: bool) -> None:
    """Refuse a file that cannot or should not be written, before anything is counted."""
    faults = Faults(InputFault)
    if out.suffix != ".json":
        faults.add(str(out), "--piece: a piece is written as JSON", f"write {out.stem or 'piece'}.json")
    if not out.parent.is_dir():
        faults.add(str(out), f"--piece: there is no folder {out.parent}", "make it first")
    if out.exists() and not force:
        faults.add(str(out), "exists", "add --force to replace it")
    faults.stop()


def _rows(table: pd.DataFrame) -> list[list[Any]]:
    """Return rows as JSON holds them; empty cells are null."""
    return table.astype(object).where(table.notna(), None).to_numpy().tolist()


def join_pieces(given: Sequence[Path], out: Path, *, force: bool = False) -> tuple[Path, Path, int]:
    """Write the panel, ``P.csv``, and its report, ``P.validation.csv``, of the pieces of several authorities.

    Returns
    -------
    panel, validation, n_authorities
        The files, and how many authorities they hold.

    Raises
    ------
    InputFault
        With every piece that cannot be read, holds what it may not, or was made in another way.
    """
    beside = out.with_name(f"{out.stem}.validation.csv")
    refuse_target(out, [beside], "a panel", force=force)
    refuse_inputs([out, beside], given)
    faults = Faults(DataFault)
    pieces = [faults.noted(lambda path=path: read_piece(path)) for path in given]  # type: ignore[misc]
    faults.stop()
    tables = joined([piece for piece in pieces if piece is not None], [str(path) for path in given])
    for file, table in zip((out, beside), tables, strict=True):
        write_file(file, table.to_csv(index=False, lineterminator="\n"))
    return out, beside, len(pieces)
