"""What two ways to write one unit have in common: its name without punctuation, form of council and footnotes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["alike", "bare"]

#: One number written with commas, or as a spreadsheet shortens it.
_GROUPED, _SCIENTIFIC = re.compile(r"\d{1,3}(?:,\d{3})+"), re.compile(r"\d+(?:\.\d+)?[eE]\+?\d{1,2}")
#: What publications put behind a name: a superscript, [1], [note 2], (1), (r) for revised, a star.
_FOOTNOTE = re.compile(r"(?<=[\w.])(?:[¹²³⁰⁴-⁹]+|\s*(?:\[(?:note\s*)?\w{1,2}\]|\((?:[a-z]|\d{1,2})\)|[*†‡§]+))+$")
#: Words that say what kind of council an authority has, and not which it is.
_KIND = frozenset({
    "city", "county", "council", "borough", "metropolitan", "district", "unitary", "authority", "ua", "royal", "london",
    "of", "the", "mbc", "cc", "bc", "dc", "lb", "rb", "la",
})  # fmt: skip
#: Letters of other alphabets that look like ours.
_LOOK = str.maketrans(
    "АВЕЅІЈКМНОРСТХУаеѕіјорсхуΑΒΕΖΗΙΚΜΝΟΡΤΥΧοι‐‑‒–—−",
    "ABESIJKMHOPCTXYaesijopcxyABEZHIKMNOPTYXoi------",
)
#: A code in which o stands for 0, or i or l for 1.
_CODE, _DIGITS = re.compile(r"[a-z]{0,2}[\doil]{3,}"), str.maketrans("oil", "011")
#: A name with a footnote's number on it, and of how many letters a name is at least.
_MARKED_NAME, _NAME = re.compile(r"(.*[^\W\d_])\d{1,2}"), 3
#: A code of the ONS with a footnote's number behind it.
_MARKED_CODE = re.compile(r"([a-z]\d{8})\d{1,2}")


def alike(names: Sequence[str]) -> list[list[int]]:
    """Group ids that are probably one: by `bare`, and a name with a footnote's number on it beside the name alone."""
    known = [bare(name) for name in names]
    alone = {name for name in known if len(name) >= _NAME}
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        marked = _MARKED_NAME.fullmatch(name)
        unmarked = bare(marked[1]) if marked else ""
        groups.setdefault(unmarked if unmarked in alone else known[i], []).append(i)
    return [group for group in groups.values() if len(group) > 1]


def bare(name: str) -> str:
    """Return what two ways to write one id have in common.

    Leading zeros, ".0", case, blanks, what nobody sees, accents, punctuation, footnotes, look-alike letters and words
    for the kind of council do not tell units apart. Dots, commas and hyphens in a number do (1-2 is not 12), but not in
    a code of the ONS.

    Examples
    --------
    >>> bare("Kent County Council") == bare("Kent"), bare("EO6000001") == bare("E06-000001"), bare("1-2") == bare("12")
    (True, True, False)
    """
    text = re.sub(r"[’‘'`]", "", unicodedata.normalize("NFKC", _FOOTNOTE.sub("", name))).replace("&", " and ")
    if _GROUPED.fullmatch(text) or _SCIENTIFIC.fullmatch(text):
        text = f"{float(text.replace(',', '')):.0f}"
    seen = "".join(char for char in text if unicodedata.category(char) not in {"Cf", "Cc"}).translate(_LOOK)
    plain = "".join(char for char in unicodedata.normalize("NFKD", seen) if not unicodedata.combining(char))
    plain = re.sub(r"[\ufe00-\ufe0f]", "", plain).casefold()
    joined = re.sub(r"[\W_]", "", plain)
    code = joined.translate(_DIGITS) if _CODE.fullmatch(joined) and re.search(r"\d", joined) else joined
    if re.fullmatch(r"[a-z]\d{8,10}", code):
        return _MARKED_CODE.sub(r"\1", code)
    if re.search(r"\d", plain):
        number = re.sub(r"(?<=\d)\.0+$", "", re.sub(r"\s", "", plain)).strip(".,;:")
        kept = re.sub(r"(?<!\d)[^\w]+|[^\w]+(?!\d)", "", number)
        kept = kept.translate(_DIGITS) if kept == joined and code != joined else kept
        return re.sub(r"^0+(?=.)", "", kept)
    words = re.findall(r"[^\W_]+", plain)
    return "".join(word for word in words if word not in _KIND) or joined or plain
