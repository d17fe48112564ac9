"""A plan's differences from its lock in plain words; what has no words of its own is told by its key.

Entries of lists are told by name, so that one more estimator is one difference, whatever its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any

from sos_eval.design.differences import Difference, Differences, Key, differ

__all__ = ["bare", "in_words", "named"]

#: Key (``*``: any name) to the sentence of a value, and of none; {0}, {1} … are what the stars stand for.
_SAYS: Mapping[str, tuple[str, str]] = {
    "panel.path": ("the data are {value}", "the design names no data file"),
    "panel.source": ("the data are of the source {value}", "the data have no source"),
    "panel.geography": ("the geography is {value}", "no geography is declared"),
    "panel.weight": ("rows are weighted by {value}", "rows are not weighted"),
    "panel.covariates": ("the covariates are {value}", "there are no covariates"),
    "panel.outcome.count": ("the outcome counts {value}", "the outcome is no count"),
    "panel.outcome.exposure": ("the outcome is divided by {value}", "the outcome is divided by nothing"),
    "panel.outcome.label": ("the outcome is called {value}", "the outcome has no words"),
    "panel.outcomes.*.role": ("the outcome {0} is for {value}", "the outcome {0} is for nothing named"),
    "panel.outcomes.*.margin": (
        "the margin of the outcome {0} is {value}",
        "the outcome {0} has no margin",
    ),
    "panel.outcomes.*.count": ("the outcome {0} counts {value}", "the outcome {0} is no count"),
    "panel.outcomes.*.exposure": ("the outcome {0} is divided by {value}", "the outcome {0} is divided by nothing"),
    "panel.window.from": ("the window starts in {value}", "the window starts where the data do"),
    "panel.window.to": ("the window ends in {value}", "the window ends where the data do"),
    "question.intervention": ("what is evaluated is called {value}", "what is evaluated has no name"),
    "question.outcome": ("the outcome is called {value}", "the outcome has no words"),
    "question.population": ("the population is {value}", "no population is declared"),
    "question.comparator": ("the comparator is {value}", "no comparator is declared"),
    "question.expected_direction": ("the change expected is {value}", "no change is expected"),
    "question.smallest_worthwhile": (
        "the smallest change worth having is {value}",
        "no smallest change worth having is declared",
    ),
    "question.meaningful_change": (
        "the smallest change worth having is {value}",
        "no smallest change worth having is declared",
    ),
    "question.caveats": ("the caveats are {value}", "no caveats are declared"),
    "title": ("the title is {value}", "there is no title"),
    "seed": ("the seed is {value}", "no seed is declared"),
    "comparison.method": ("the comparison group is built by {value}", "no comparison group is built"),
    "comparison.on": ("the comparison group is built on {value}", "the comparison group is built on nothing"),
    "comparison.ratio": (
        "comparison units for each treated one: {value}",
        "the number of comparison units for each treated one is not declared",
    ),
    "estimators.*.method": ("the estimator {0} is {value}", ""),
    "estimators.*.role": ("the estimator {0} is {value}", ""),
    "inference.*.draws": ("the inference {0} makes {value} draws", "the inference {0} declares no draws"),
    "inference.*.statistic": ("the inference {0} uses the statistic {value}", "the inference {0} names no statistic"),
    "inference.*.seed": ("the inference {0} has the seed {value}", "the inference {0} has no seed of its own"),
    "estimators.*.inference.*.draws": (
        "the inference {1} of the estimator {0} makes {value} draws",
        "the inference {1} of the estimator {0} declares no draws",
    ),
    "estimators.*.inference.*.statistic": (
        "the inference {1} of the estimator {0} uses the statistic {value}",
        "the inference {1} of the estimator {0} names no statistic",
    ),
}
#: What entries of lists are called by, and what one of them is.
_NAMES = ("id", "check", "method")
_NOUNS = {"estimators": "estimator", "inference": "inference", "checks": "check"}
_LEFT_OUT = {"exclude": "units", "omit_times": "times"}
#: Where another method stands, the options of the two are not set against each other.
_METHOD = "method"


def in_words(differences: Differences) -> tuple[str, ...]:
    """Say what the author or the command line changed.

    Examples
    --------
    >>> locked, run = {"panel": {"window": {"from": 2011.0}}}, {"panel": {"window": {"from": 2012.0}}}
    >>> in_words(Differences((), (), locked, run))
    ('the window starts in 2012, the locked plan said 2011',)
    """
    told = tuple(dict.fromkeys(_plan(bare(differences.locked), bare(differences.run))))
    refused = tuple(_refused(one) for one in differences.author if _is_absent(one, differences))
    return (*told, *refused)


def _refused(one: Difference) -> str:
    return f"this version has no `{one.dotted}`, the locked plan said {_value(one.locked)}"


def _is_absent(one: Difference, differences: Differences) -> bool:
    """Whether a difference is a key that this version refuses: it stands in neither plan as read today."""
    return one.now is None and one.key not in {other.key for other in differ(differences.locked, differences.run)}


def bare(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plan whose estimators hold an inference only where it is not the design's."""
    common = plan.get("inference")
    entries = [
        {key: value for key, value in entry.items() if key != "inference" or value != common}
        for entry in plan.get("estimators", [])
    ]
    return {**plan, "estimators": entries}


def _plan(old: Any, new: Any, key: Key = ()) -> Iterator[str]:
    """Yield the sentences of two values that stand at a key."""
    if old == new:
        return
    if key == ("panel", "outcomes") and isinstance(old, dict) and isinstance(new, dict):
        yield from _outcomes(old, new)
    elif key[:1] == ("panel",) and _lists(key[-1], old) and _lists(key[-1], new):
        yield from _left_out(old or [], new or [], str(key[-1]))
    elif isinstance(old, dict) and isinstance(new, dict):
        yield from _mapping(old, new, key)
    elif isinstance(old, list) and isinstance(new, list) and named(old) and named(new):
        yield from _entries(named(old), named(new), key)
    else:
        yield _sentence(Difference(key, old, new))


def _mapping(old: dict[str, Any], new: dict[str, Any], key: Key) -> Iterator[str]:
    if old.get(_METHOD) != new.get(_METHOD) and _METHOD in old and _METHOD in new:
        shared: tuple[str, ...] = (_METHOD, "role") if "role" in old else (_METHOD,)
    else:
        shared = tuple(dict.fromkeys((*old, *new)))
    for name in shared:
        yield from _plan(old.get(name), new.get(name), (*key, name))


def named(entries: list[Any]) -> dict[str, dict[str, Any]]:
    """Return the entries of a list by name; nothing where some have none, or two the same."""
    names = [_name(entry) for entry in entries]
    return dict(zip(names, entries, strict=True)) if "" not in names and len(set(names)) == len(names) else {}


def _name(entry: Any) -> str:
    return next((str(entry[name]) for name in _NAMES if entry.get(name)), "") if isinstance(entry, dict) else ""


def _entries(old: dict[str, Any], new: dict[str, Any], key: Key) -> Iterator[str]:
    """Yield what is new, what is gone, another order, and the changes of those that stayed."""
    noun, whose = _NOUNS.get(str(key[-1]), str(key[-1])), _whose(key)
    gone, added = ([name for name in a if name not in b] for a, b in ((old, new), (new, old)))
    if len(old) == len(new) == len(gone) == 1:
        yield f"the {noun}{whose} is {_called(new, added[0])}, the locked plan said {_called(old, gone[0])}"
        return
    yield from (f"the {noun} {_called(new, name)}{whose} is new, the locked plan did not have it" for name in added)
    yield from (f"the {noun} {_called(old, name)}{whose} is left out, the locked plan had it" for name in gone)
    stayed = [[name for name in names if name not in (*gone, *added)] for names in (old, new)]
    if stayed[0] != stayed[1]:
        yield f"the order of the {key[-1]}{whose} is {_value(stayed[1])}, the locked plan said {_value(stayed[0])}"
    for name in stayed[1]:
        yield from _plan(old[name], new[name], (*key, name))


def _outcomes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """Yield which outcomes are new and which are gone, with what they are for, and the changes of those that stayed."""
    yield from (
        f"the outcome {_as(new, name)} is new, the locked plan did not have it" for name in new if name not in old
    )
    yield from (f"the outcome {_as(old, name)} is left out, the locked plan had it" for name in old if name not in new)
    for name in old:
        if name in new:
            yield from _plan(old[name], new[name], ("panel", "outcomes", name))


def _as(outcomes: dict[str, Any], name: str) -> str:
    """Return an outcome's name, with its label and role."""
    label, role = (str(outcomes[name].get(key) or "") for key in ("label", "role"))
    more = ", ".join(text for text in (label, role) if text and text != name)
    return f"{name} ({more})" if more else name


def _called(entries: dict[str, Any], name: str) -> str:
    """Return an entry's name, with its method where that is another word."""
    method = entries[name].get(_METHOD, name)
    return name if method == name else f"{name} ({method})"


def _whose(key: Key) -> str:
    """Say which estimator a list belongs to."""
    return f" of the estimator {key[1]}" if len(key) > 2 and key[0] == "estimators" else ""


def _lists(name: str | int, value: Any) -> bool:
    """Whether a value says in this version's form which units or periods are left out."""
    items = _LEFT_OUT.get(str(name))
    return items is not None and all(isinstance(entry, dict) and items in entry for entry in value or [])


def _left_out(old: list[Any], new: list[Any], name: str) -> Iterator[str]:
    """Yield the units or periods that are left out or kept, unlike in the locked plan."""
    then, now = ([item for entry in entries for item in entry[_LEFT_OUT[name]]] for entries in (old, new))
    added, back = ([item for item in a if item not in b] for a, b in ((now, then), (then, now)))
    word = {"exclude": ("unit", "units"), "omit_times": ("period", "periods")}[name]
    if added:
        yield f"{_some(added, word)} left out, the locked plan kept {_them(added)}"
    if back:
        yield f"{_some(back, word)} kept, the locked plan left {_them(back)} out"
    if not added and not back:
        yield f"the reasons for the {word[1]} left out are worded otherwise than in the locked plan"


def _some(items: list[Any], word: tuple[str, str]) -> str:
    return f"the {word[0]} {_value(items)} is" if len(items) == 1 else f"the {word[1]} {_value(items)} are"


def _them(items: list[Any]) -> str:
    return "it" if len(items) == 1 else "them"


def _sentence(one: Difference) -> str:
    """Return the sentence of one key."""
    pattern = next((pattern for pattern in _SAYS if _fits(one.key, pattern)), None)
    if pattern is None:
        return f"`{one.dotted}` is now {_value(one.now)}, the locked plan said {_value(one.locked)}"
    says, without = _SAYS[pattern]
    stars = [str(part) for part, word in zip(one.key, pattern.split("."), strict=True) if word == "*"]
    now = without if _is_unsaid(one.now) or one.now == "none" else says
    return f"{now.format(*stars, value=_value(one.now))}, the locked plan said {_value(one.locked)}"


def _fits(key: Key, pattern: str) -> bool:
    words = pattern.split(".")
    return len(words) == len(key) and all(fnmatchcase(str(part), word) for part, word in zip(key, words, strict=True))


def _is_unsaid(value: Any) -> bool:
    return value is None or value == ""


def _value(value: Any) -> str:
    """Return a value as a reader writes it; of a file outside the project its name only."""
    if _is_unsaid(value):
        return "nothing"
    if isinstance(value, bool | dict):
        return _cut(json.dumps(value, ensure_ascii=False))
    if isinstance(value, list):
        return _cut(", ".join(_value(item) for item in value)) if value else "none"
    if isinstance(value, float):
        return f"{value:.15g}"
    return _cut(PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else str(value))


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
