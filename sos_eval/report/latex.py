"""A table as LaTeX with booktabs, which pdflatex compiles as it is."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import pandas as pd

__all__ = ["escaped", "latex_table"]

_LONG = 45

#: What LaTeX obeys, and characters that pdflatex sets only as commands.
_WRITTEN = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "\N{MINUS SIGN}": "$-$", "∞": r"$\infty$", "×": r"$\times$",
    "±": r"$\pm$", "≤": r"$\leq$", "≥": r"$\geq$", "≈": r"$\approx$", "·": r"$\cdot$", "°": r"$^\circ$",
    "£": r"\pounds{}", "€": r"\texteuro{}", "–": "--", "—": "---", "…": r"\ldots{}", "‘": "`", "’": "'",
    "“": "``", "”": "''", "•": r"\textbullet{}", "→": r"$\rightarrow$", "τ": r"$\tau$", "\N{NO-BREAK SPACE}": "~",
}  # fmt: skip


def latex_table(table: pd.DataFrame, numeric: Sequence[bool], notes: Sequence[str] = ()) -> str:
    """Write a table of text.

    Parameters
    ----------
    table
        Cells as a reader sees them.
    numeric
        Of each column, whether it holds numbers, which stand to the right.
    notes
        Sentences under it.

    Returns
    -------
    str
        A ``tabular``, or a ``longtable`` that breaks over pages. It needs ``booktabs`` (``longtable``) and T1 fonts.
    """
    long = len(table) > _LONG
    room = "longtable" if long else "tabular"
    lines = [
        rf"% needs \usepackage[T1]{{fontenc}}, \usepackage{{textcomp}}, \usepackage{{booktabs}}{', longtable' * long}",
        rf"\begin{{{room}}}{{@{{}}{''.join('r' if right else 'l' for right in numeric)}@{{}}}}",
        r"\toprule", _row(map(str, table.columns)), r"\midrule", *([r"\endhead"] if long else []),
        *(_row(map(str, row)) for row in table.itertuples(index=False, name=None)),
        r"\bottomrule", rf"\end{{{room}}}",
    ]  # fmt: skip
    if notes:
        lines += ["", r"\smallskip\noindent{\footnotesize " + escaped(" ".join(notes)) + r"\par}"]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return " & ".join(escaped(cell) for cell in cells) + r" \\"


def escaped(text: str) -> str:
    r"""Return text that LaTeX prints as it is; what pdflatex has no letter for is named by its code point.

    Examples
    --------
    >>> escaped("50% of −1.2"), escaped("東")
    ('50\\% of $-$1.2', 'U+6771')
    """
    return "".join(_letter(letter) for letter in text.replace("\n", " "))


def _letter(letter: str) -> str:
    if letter in _WRITTEN:
        return _WRITTEN[letter]
    kind = unicodedata.category(letter)
    if " " <= letter <= "~" or ("À" <= letter <= "ž" and kind[0] == "L"):
        return letter
    return " " if letter in "\t\r" else f"U+{ord(letter):04X}"
