"""What libraries raise on a damaged file, and the fault that is said instead."""

from __future__ import annotations

import zlib
from zipfile import BadZipFile

from sos_eval.panel.read.reading import Wanted

__all__ = ["DAMAGE", "refuse_damaged"]

#: What the libraries raise on a damaged file: parse errors of XML are SyntaxErrors, Arrow's are ValueErrors or
#: OSErrors, a locked or strange zip is a RuntimeError. Only calls of those libraries stand where it is caught.
DAMAGE = (
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, SyntaxError, RuntimeError, AttributeError,
    BadZipFile, zlib.error,
)  # fmt: skip


def refuse_damaged(wanted: Wanted, kind: str, error: Exception) -> None:
    """Refuse a file that a library cannot read; the library's words name it as the user did.

    What Python says of the library's own code is left out: it is about no file.
    """
    said = "" if isinstance(error, AttributeError | TypeError | IndexError) else " ".join(str(error).split())
    for full in (wanted.path.absolute(), wanted.path.resolve()):
        said = said.replace(str(full), str(wanted.path))
    why = f" ({said[:200]})" if said else ""
    wanted.refuse(f"cannot be read as {kind}{why}", "write the file again")
