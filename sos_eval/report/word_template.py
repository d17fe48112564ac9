"""Which Word documents can serve as a template."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

from sos_eval.errors import listed

__all__ = ["STYLES", "unfit_template"]

#: What a template has to have.
STYLES = ("Normal", "Title", "Heading 1", "Heading 2", "List Bullet", "Caption", "Table Grid")


def unfit_template(file: Path) -> tuple[str, str] | None:
    """Say why a file is no template, and what to do; nothing where it is one."""
    from docx import Document as Word
    from docx.opc.exceptions import PackageNotFoundError

    try:
        there = {str(style.name) for style in Word(str(file)).styles}
    except (PackageNotFoundError, BadZipFile, ValueError, KeyError, OSError, SyntaxError) as error:
        return f"{file.name} cannot be read as a Word document ({type(error).__name__})", "save it as .docx in Word"
    missing = [name for name in STYLES if name not in there]
    if not missing:
        return None
    return f"{file.name} has no style {listed(missing)}", "add them in Word, or start from a document of Word's own"
