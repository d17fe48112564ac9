"""Where the published panel of England stands in the package, and its table as it was read."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from sos_eval.errors import Faults
from sos_eval.panel.read.files import read_file
from sos_eval.panel.read.reading import Needed, Reading
from sos_eval.panel.spec import Geography

__all__ = ["FOLDER", "PROGRAMMES", "SOURCES", "panel_file", "read_published"]

FOLDER = Path(str(files("sos_eval.panel.england")))

#: The register of programmes.
PROGRAMMES = FOLDER / "programmes.csv.gz"

#: Columns, sources and licence.
SOURCES = FOLDER / "SOURCES.md"


def panel_file(geography: Geography | None) -> Path:
    """Return the file of a geography; None is constant."""
    return FOLDER / f"{geography or 'constant'}.csv.gz"


def read_published(geography: Geography | None, faults: Faults, needed: Needed) -> Reading:
    """Read the needed columns of the published panel."""
    reading = read_file(panel_file(geography), "csv", faults, needed=needed)
    words = (geography or "constant").replace("_", " ")
    return replace(reading, name=f"the published panel of England ({words} geography)")
