"""The job `panel england`: the published panel as a file, with its sources and the register of programmes beside it."""

from __future__ import annotations

import gzip
from pathlib import Path

from sos_eval.bundle.whole import refuse_target, write_file
from sos_eval.panel.england.published import PROGRAMMES, SOURCES, panel_file
from sos_eval.panel.spec import Geography

__all__ = ["write_published"]


def write_published(out: str | Path, geography: Geography, *, force: bool = False) -> tuple[Path, Path, Path]:
    """Write the published panel of England.

    Returns
    -------
    panel, sources, programmes
        ``P.csv``, ``P.sources.md``, ``P.programmes.csv``. Each appears whole or not at all.

    Raises
    ------
    InputFault
        A file exists and `force` is not given, or the folder cannot be written.
    """
    target = Path(out)
    sources, programmes = (target.with_name(f"{target.stem}.{rest}") for rest in ("sources.md", "programmes.csv"))
    refuse_target(target, [sources, programmes], "a panel", force=force)
    write_file(target, gzip.decompress(panel_file(geography).read_bytes()))
    write_file(sources, SOURCES.read_bytes())
    write_file(programmes, gzip.decompress(PROGRAMMES.read_bytes()))
    return target, sources, programmes
