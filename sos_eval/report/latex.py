"""A table as LaTeX with booktabs, which pdflatex compiles as it is."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import pandas as pd

__all__ = ["escaped", "latex_table"]

_LONG = 45
#: Centimetres: between the margins of A4, a letter, the sides of a cell.
_PAGE, _LETTER, _SIDES = 16.0, 0.2, 0.43
#: Smaller sizes of wide tables, how much smaller letters are, and the sides of their cells in points.
_SIZES = {"footnotesize": (0.82, 6.0), "scriptsize": (0.72, 4.0), "tiny": (0.56, 2.5)}
_POINT = 0.0352
_WRAPPED = r">{{\{}\arraybackslash}}p{{{:.2f}cm}}"

#: What LaTeX obeys, and characters that pdflatex sets only as commands.
_WRITTEN = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "\N{MINUS SIGN}": "$-$", "∞": r"$\infty$", "×": r"$\times$",
    "±": r"$\pm$", "≤": r"$\leq$", "≥": r"$\geq$", "≈": r"$\approx$", "·": r"$\cdot$", "°": r"$^\circ$",
    "£": r"\pounds{}", "€": r"\texteuro{}", "–": "--", "—": "---", "…": r"\ldots{}", "‘": "`", "’": "'",
    "“": "``", "”": "''", "•": r"\textbullet{}", "→": r"$\rightarrow$",
    "²": r"\texttwosuperior{}", "³": r"\textthreesuperior{}", "τ": r"$\tau$", "\N{NO-BREAK SPACE}": "~",
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
    columns, size, lines_of = _columns(table, numeric)
    long = lines_of > _LONG
    needs = ", longtable" * long + ", array" * bool(size)
    room = "longtable" if long else "tabular"
    sides = rf"\setlength{{\tabcolsep}}{{{_SIZES[size][1]:g}pt}}" if size else ""
    lines = [
        rf"% needs \usepackage[T1]{{fontenc}}, \usepackage{{textcomp}}, \usepackage{{booktabs}}{needs}",
        *([rf"{{\{size}{sides}"] if size else []),
        rf"\begin{{{room}}}{{@{{}}{''.join(columns)}@{{}}}}",
        r"\toprule", _row(map(str, table.columns)), r"\midrule", *([r"\endhead"] if long else []),
        *(_row(map(str, row)) for row in table.itertuples(index=False, name=None)),
        r"\bottomrule", rf"\end{{{room}}}", *(["}"] if size else []),
    ]  # fmt: skip
    if notes:
        lines += ["", r"\smallskip\noindent{\footnotesize " + escaped(" ".join(notes)) + r"\par}"]
    return "\n".join(lines) + "\n"


def _columns(table: pd.DataFrame, numeric: Sequence[bool]) -> tuple[list[str], str, int]:
    """Return how each column is set, the size of letters where they are smaller, and how many lines there are.

    Where all together are wider than the page the widest are wrapped, in the largest size in which each column has its
    longest word.
    """
    cells = [[str(name), *map(str, table.iloc[:, k])] for k, name in enumerate(table.columns)]
    wide = [max(map(len, one)) for one in cells]
    words = [max(len(word) for cell in one for word in cell.split() or [""]) for one in cells]
    if sum(wide) * _LETTER + len(wide) * _SIDES <= _PAGE:
        return ["r" if right else "l" for right in numeric], "", len(table) + 1
    fits = (size for size in _SIZES if sum(words) * _letter_of(size) <= _room_of(size, len(wide)))
    size = next(fits, list(_SIZES)[-1])
    letter, room = _letter_of(size), _room_of(size, len(wide))
    level = _level(wide, words, room / letter)
    most = [min(width, max(level, word)) for width, word in zip(wide, words, strict=True)]
    sides = ["raggedleft" if right else "raggedright" for right in numeric]
    set_as = [_WRAPPED.format(side, one * letter + 0.05) for side, one in zip(sides, most, strict=True)]
    lines = sum(
        max(-(-len(one[k]) // max(int(width), 1)) for one, width in zip(cells, most, strict=True))
        for k in range(len(table) + 1)
    )
    return set_as, size, lines


def _letter_of(size: str) -> float:
    return _LETTER * _SIZES[size][0]


def _room_of(size: str, columns: int) -> float:
    return _PAGE - 2 * columns * _SIZES[size][1] * _POINT


def _level(wide: Sequence[int], words: Sequence[int], room: float) -> float:
    """Return how many letters a column may have at most, so that all have room; never below its longest word."""
    for level in range(max(wide), 0, -1):
        if sum(min(width, max(level, word)) for width, word in zip(wide, words, strict=True)) <= room:
            return level
    return 1


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
