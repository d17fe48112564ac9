"""Names of what is no unit: totals, averages, regions, "other" and "missing", however publications mark them."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["is_nobody", "is_total"]

_REGIONS = frozenset({
    "north east", "north west", "yorkshire and the humber", "yorkshire and humber", "east midlands", "west midlands",
    "east of england", "london", "inner london", "outer london", "greater london", "south east", "south west",
    "north of england", "south of england",
})  # fmt: skip

#: What all units together are called.
_TOTALS = _REGIONS | {
    "england",
    "wales",
    "scotland",
    "northern ireland",
    "great britain",
    "united kingdom",
    "uk",
    "gb",
    "national",
    "eng",
    "all",
    "everywhere",
    "england and wales",
    "nation",
    "country",
    "statistical neighbours",
    "neighbours",
}

_SUMS = frozenset({
    "total", "totals", "subtotal", "subtotals", "average", "averages", "avg", "mean", "means", "median", "sum",
    "aggregate",
})  # fmt: skip
#: Many units of one kind, and what kinds there are.
_MANY = frozenset({
    "las", "lads", "authorities", "areas", "units", "boroughs", "councils", "counties", "districts", "regions", "sites",
    "unitaries", "shires", "neighbours",
})  # fmt: skip
_KINDS = frozenset({
    "all", "other", "remaining", "local", "inner", "outer", "london", "metropolitan", "met", "non", "unitary", "shire",
    "county", "city", "english", "welsh", "scottish", "statistical", "comparator", "national",
})  # fmt: skip
_NOBODY = frozenset({
    "n a", "na", "unknown", "not known", "not applicable", "not available", "blank", "missing", "other", "others",
    "not recorded", "not stated", "not specified", "unspecified", "unallocated", "unassigned", "undefined", "various",
    "tbc", "tbd",
})  # fmt: skip

#: What stands behind a name: [note 2], (rounded), a footnote's number or sign.
_BEHIND = re.compile(r"(?:\s*\[[^\]]*\]|(?<=\w)\s*\([^)]*\)|(?<=\D)\s*\d{1,2}|[*†‡§¹²³⁰⁴-⁹\s.:,;])+$")


def is_total(word: str) -> bool:
    """Whether a word names a total, an average or a region: England, All LAs, London Boroughs, Rest of England.

    Marks of footnotes, what stands in brackets behind it, and punctuation do not count.

    Examples
    --------
    >>> [is_total(one) for one in ("England¹", "LA Total:", "Rest of England", "Unitary authorities", "City of London")]
    [True, True, True, True, False]
    """
    words = _words(word)
    if not words:
        return False
    if words[-1] in _SUMS or re.match(r"(?:sub|grand) totals?\b|(?:rest|remainder) of ", " ".join(words)):
        return True
    if words[0] in _SUMS:
        return len(words) == 1 or words[1] in {"of", "for", "all", "across", "in"} or is_total(" ".join(words[1:]))
    if words[-1] in _MANY and set(words[:-1]) <= _KINDS:
        return True
    text = re.sub(r"^the | regions?$| \(?of england$", "", " ".join(words))
    return text in _TOTALS or (text.endswith(" england") and text.removesuffix(" england") in {*_REGIONS, "all"})


def is_nobody(word: str) -> bool:
    """Whether a word stands where nobody knows the unit: unknown, (blank), Missing, Other.

    Examples
    --------
    >>> [is_nobody(one) for one in ("(blank)", "n/a", "Not known", "Otherton")]
    [True, True, True, False]
    """
    words = _words(word)
    if len(words) > 1 and words[-1] in {"la", "authority", "area", "unit", "region", "council"}:
        words = words[:-1]
    return " ".join(words).removesuffix(" local") in _NOBODY


def _words(name: str) -> list[str]:
    """Return a name's words, without marks behind it, brackets and punctuation."""
    whole = " ".join(name.split()).casefold()
    text = (_BEHIND.sub("", whole) or whole).replace("&", " and ")
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text))
