"""A table as LaTeX with booktabs, which pdflatex compiles as it is."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import pandas as pd

__all__ = ["escaped", "latex_table"]

_LONG = 45
#: Centimetres: between the margins of A4, a letter, the sides of a cell; and how much smaller wide tables are set.
_PAGE, _LETTER, _SIDES, _SMALLER = 16.0, 0.18, 0.43, 0.82
_WRAPPED = r">{{\raggedright\arraybackslash}}p{{{:.1f}cm}}"

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
        A ``tabular``, or a ``longtable`` that breaks over pages. It needs ``booktabs`` (``longtable``), T1 fonts, and
        ``array`` where columns of words are wrapped, in smaller letters, so that it fits between the margins of A4.
    """
    long, columns = len(table) > _LONG, _columns(table, numeric)
    small = any("p{" in one for one in columns)
    needs = ", longtable" * long + ", array" * small
    room = "longtable" if long else "tabular"
    lines = [
        rf"% needs \usepackage[T1]{{fontenc}}, \usepackage{{textcomp}}, \usepackage{{booktabs}}{needs}",
        *([r"{\footnotesize"] if small else []),
        rf"\begin{{{room}}}{{@{{}}{''.join(columns)}@{{}}}}",
        r"\toprule", _row(map(str, table.columns)), r"\midrule", *([r"\endhead"] if long else []),
        *(_row(map(str, row)) for row in table.itertuples(index=False, name=None)),
        r"\bottomrule", rf"\end{{{room}}}", *(["}"] if small else []),
    ]  # fmt: skip
    if notes:
        lines += ["", r"\smallskip\noindent{\footnotesize " + escaped(" ".join(notes)) + r"\par}"]
    return "\n".join(lines) + "\n"


def _columns(table: pd.DataFrame, numeric: Sequence[bool]) -> list[str]:
    """Return how each column is set; where all together are wider than the page, the widest of words are wrapped."""
    cells = [[str(name), *map(str, table.iloc[:, k])] for k, name in enumerate(table.columns)]
    wide = [max(map(len, one)) * _LETTER for one in cells]
    plain = ["r" if right else "l" for right in numeric]
    if sum(wide) + len(wide) * _SIDES <= _PAGE:
        return plain
    wide = [width * _SMALLER for width in wide]
    least = [max(len(word) for cell in one for word in cell.split() or [""]) * _LETTER * _SMALLER for one in cells]
    most = _level(wide, least, numeric, _PAGE - len(wide) * _SIDES)
    return [
        kept if right or width <= max(most, word) else _WRAPPED.format(max(most, word))
        for kept, right, width, word in zip(plain, numeric, wide, least, strict=True)
    ]


def _level(wide: Sequence[float], least: Sequence[float], numeric: Sequence[bool], room: float) -> float:
    """Return how wide a column of words may be at most, so that all columns have room; never below a word of it."""
    levels = [step / 10 for step in range(int(10 * room), 0, -1)]
    for level in levels:
        taken = (
            width if right else min(width, max(level, word))
            for width, word, right in zip(wide, least, numeric, strict=True)
        )
        if sum(taken) <= room:
            return level
    return levels[-1] if levels else 0.1


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
