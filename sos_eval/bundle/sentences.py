"""Numbers in sentences under a disclosure profile: which stay, and which are `…`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

__all__ = ["counts_people", "fractions", "public_counts", "without_computed", "without_fractions"]

_WITHHELD = "…"
#: A number that is not whole, or written with a power of ten, and cut-points that were taken from the data.
_FRACTION = re.compile(r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+(?:e[-+]?\d+)?|e[-+]\d+)(?![\w.]*\w)")
_CUTS = re.compile(r"(cut-points taken from the data: ).*")
_WHOLE = r"\d+(?:,\d{3})*(?![\w%]|[.,]\d|/\d)"
_NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?%?(?!\w)")
#: What a whole number may count: units and what is declared, never people, and nothing in the unit of an outcome.
_WHICH = r"(?:(?:treated|untreated|comparison|control|never|other|earlier|later|random|random-|different)\s+){0,2}"
_NOUNS = (
    r"(?:unit-periods|units?(?:\(s\))?|authorit(?:y|ies)|donors?|periods?|cohorts?|starts?|clusters?|sets?|strata|"
    r"stratum|draws?|adoptions?|folds?|parameters?|coefficients?)\b"
)
_COUNT = re.compile(rf"(?<![\w.]){_WHOLE}(?:\s+(?:of|or|and)\s+(?:the\s+)?{_WHOLE})*\s+{_WHICH}{_NOUNS}(?!\s+of\s+\d)")
#: How many of them there are, said behind: needs at least 3 periods before the first start, there are 2.
_THERE = re.compile(rf"\b{_NOUNS}(?: [^\W\d]+){{0,6}}, there (?:is|are) {_WHOLE}")
#: Where a whole number is a period, or a distance between two.
_PERIODS = re.compile(
    rf"\b(?:(?:starts?|begins?|started|begun) (?:in|at)|cohorts?|event times?(?: up to)?|anticipation(?: of)?) "
    rf"[-−]?{_WHOLE}(?:(?:,| and| to| or) [-−]?{_WHOLE})*"
)
_QUOTED = re.compile(r"""(?<!\w)'[^']*'(?!\w)|"[^"]*\"""")
#: What our own sentences say a number should be.
_MEANT = re.compile(r"; 1 is right|\(1 and 0 where ")
_LONG = 4
_PEOPLE = r"(?:rows?|people|persons?|children|child|events?|observations?|cells?|values?)\b"
_COUNTED = re.compile(rf"\d[\d,]*\s+(?:[^\W\d]+\s+){{0,2}}{_PEOPLE}")


def fractions(text: str) -> list[str]:
    """Return the numbers of a text that are not whole, as they are written."""
    return _FRACTION.findall(text)


def without_fractions(text: str, written: Collection[str]) -> str:
    """Return a sentence without numbers that are neither whole nor written in the design, and without cut-points.

    Examples
    --------
    >>> without_fractions("5 of 13 gaps are above 0.25, by 1.2e+03 and 17", {"0.25"})
    '5 of 13 gaps are above 0.25, by … and 17'
    """
    fewer = _FRACTION.sub(lambda found: found[0] if found[0] in written else _WITHHELD, text)
    return _CUTS.sub(rf"\1{_WITHHELD}", fewer)


def without_computed(text: str, written: Collection[str], periods: Collection[str]) -> str:
    """Return a sentence that a method says of its work, without every number that may be made of outcomes.

    A computed number can be whole as it is written (465 per 10,000), and no rule on its looks tells it from a count.
    So only those stay that count units, periods, draws and the like, that say an event time or a start, that are
    periods by their own look (four characters at least), or that are fractions the design declares.

    Parameters
    ----------
    text
        The sentence.
    written
        Fractions as the design writes them.
    periods
        Periods as they are written.

    Examples
    --------
    >>> without_computed("start in 7: 5 of 13 treated units, from -12 to 465 since 2013", set(), {"7", "2013"})
    'start in 7: 5 of 13 treated units, from … to … since 2013'
    """
    public = [range(*found.span()) for rule in (_PERIODS, _MEANT) for found in rule.finditer(text)]
    public += public_counts(text)
    long = {period for period in periods if len(period) >= _LONG}
    public += [range(*found.span()) for one in long for found in re.finditer(rf"(?<!\w){re.escape(one)}(?!\w)", text)]

    def kept(number: re.Match[str]) -> str:
        declared = bool(_FRACTION.fullmatch(number[0])) and number[0] in written
        known = declared or any(number.start() in one and number.end() - 1 in one for one in public)
        return number[0] if known else _WITHHELD

    return _CUTS.sub(rf"\1{_WITHHELD}", _NUMBER.sub(kept, text))


def public_counts(text: str) -> Iterator[range]:
    """Yield where a sentence counts units, periods, draws and what else of the method is no secret.

    What stands between quotation marks is quoted from somewhere, and none of that.

    Examples
    --------
    >>> text = "twfe needs at least 3 periods before the first start, there are 2; 13 rows and '4 units'"
    >>> [text[one.start : one.stop] for one in public_counts(text)]
    ['3 periods', 'periods before the first start, there are 2']
    """
    quoted = [range(*found.span()) for found in _QUOTED.finditer(text)]
    for rule in (_COUNT, _THERE):
        for found in rule.finditer(text):
            if not any(found.start() in one for one in quoted):
                yield range(*found.span())


def counts_people(text: str) -> bool:
    """Whether a sentence counts people, or what stands for them.

    Examples
    --------
    >>> counts_people("41 comparison rows weigh as few"), counts_people("41 units")
    (True, False)
    """
    return _COUNTED.search(text) is not None
