"""Hostile comparison groups: data on which no group, no chance or no level can be told, and what is said of it.

Authorities: A to D start in 2013, E to P never. Children: pilots A and B in sets with C and D.
"""

# ruff: noqa: E501  a case is a line

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.hostile.cases import Hostile, Make, write

__all__ = ["groups"]

UNITS = list("ABCDEFGHIJKLMNOP")
HEAD = """\
schema: sos-eval/design/1
name: groups
panel: {source: csv, path: group.csv, unit: la, time: year, outcome: {value: y}, treatment: {first_treated: start}, covariates: [COVARIATES]}
estimators: [{id: main, method: twfe, covariates: []}]
inference: [{method: analytic}]
seed: 1
"""
PEOPLE = """\
schema: sos-eval/design/1
name: people
panel: {source: csv, path: group.csv, unit: la, time: year, layout: cross_sections, outcome: {value: y}, treatment: {first_treated: start}, covariates: [x]}
estimators: [{id: main, method: METHOD}]
inference: [{method: analytic}]
seed: 1
"""
EVENTS = """\
schema: sos-eval/design/1
name: events
panel:
  {source: csv, path: group.csv, unit: la, time: year, layout: cross_sections, year_convention: starts_april, treatment: {first_treated: start}, covariates: [age],
   outcome: {value: days},
   events: {date: day, until: 2019-03-31, derive: {age: {years: [born, day]}, days: {working_days: [begun, ended]}, kin: {code: place, is_in: [U1, U2]},
            again: {next: day, by: [child]}}}}
estimators: [{id: main, method: twfe, covariates: []}]
inference: [{method: analytic}]
seed: 1
"""


def authorities(**columns: Any) -> pd.DataFrame:
    """Lay out sixteen authorities over six years; a column is a value an authority."""
    unit, year = np.repeat(UNITS, 6), np.tile(np.arange(2010, 2016), 16)
    made = pd.DataFrame({"la": unit, "year": year, "start": np.where(unit < "E", 2013, 0)})
    made["y"] = 20 + (7 * np.repeat(np.arange(16), 6) + 3 * year) % 11
    given = {
        "x": [5.1, 2.3, 8.4, 4.9, 5.0, 2.2, 8.1, 4.4, 1.7, 3.3, 6.1, 7.2, 9.3, 5.6, 2.9, 0.8],
        "z": [k % 5 for k in range(16)],
    }
    for name, values in {**given, **columns}.items():
        made[name] = np.repeat(np.array(values, object), 6)
    return made


def people(**columns: Any) -> pd.DataFrame:
    """Lay out forty rows of children an authority, A to D, over 2010 to 2015; A and B start in 2013."""
    n = np.arange(160)
    made = pd.DataFrame(
        {
            "la": np.repeat(list("ABCD"), 40),
            "year": 2010 + n % 6,
            "x": (n * 7) % 3,
            "y": (n * 11) % 17 / 3.0,
            "child": n // 2,
        }
    )
    return made.assign(start=np.where(made["la"] < "C", 2013, 0), **columns)


def events(**columns: Any) -> pd.DataFrame:
    """Lay out eight events of two authorities, one of them on a 29 February."""
    made = pd.DataFrame({
        "la": list("AAAABBBB"), "start": [2014] * 4 + [0] * 4, "child": [1, 1, 2, 3, 4, 5, 5, 6],
        "born": ["2000-02-29", "2000-02-29", "2004-03-01", "2001-05-01", "2002-01-01", "2003-01-01", "2003-01-01", "2004-02-29"],
        "day": ["2012-02-29", "2014-05-01", "2015-06-01", "2013-07-01", "2012-06-01", "2014-06-01", "2016-02-29", "2013-09-01"],
        "begun": ["2012-03-01"] * 8, "ended": ["2012-03-05", "2012-03-06", "2012-03-07", "2012-03-09", "2012-03-12", "2012-03-06", "2012-03-13", "2012-03-08"],
        "place": ["U1", "K2", "U2", "U1", "K2", "U1", "U2", "K2"],
    })  # fmt: skip
    return made.assign(**columns)


def laid(frame: pd.DataFrame, text: str) -> Make:
    """Write the data and the design."""

    def make(folder: Path) -> None:
        frame.to_csv(folder / "group.csv", index=False)
        write(folder, {"group.yaml": text})

    return make


def design(comparison: str, frame: pd.DataFrame | None = None, covariates: str = "x, z") -> Make:
    return laid(
        authorities() if frame is None else frame, f"{HEAD.replace('COVARIATES', covariates)}comparison: {comparison}\n"
    )


def of_people(method: str, comparison: str = "", frame: pd.DataFrame | None = None) -> Make:
    text = PEOPLE.replace("METHOD", method) + (f"comparison: {comparison}\n" if comparison else "")
    return laid(people() if frame is None else frame, text)


APART = authorities(x=[20.5, 21.3, 22.4, 23.9, *[k / 2 for k in range(12)]])
FLAT_TREATED = authorities(x=[5] * 4 + [1, 9, 2, 7, 4, 6, 8, 3, 5, 2, 6, 1])
FLAT_OTHERS = authorities(x=[1, 2, 3, 4] + [9] * 12)
FLAT = authorities(x=[5] * 16)
TIES = authorities(x=[1, 1, 2, 2] + [1, 2] * 6)
MANY = {f"c{k}": [(7 * i * (k + 2) + i * i) % (11 + k) for i in range(16)] for k in range(6)}
METHODS = {
    "nearest": "{method: nearest, on: [x]}", "optimal": "{method: optimal, on: [x]}", "full": "{method: full, on: [x]}",
    "subclass": "{method: subclass, on: [x], classes: 2}", "ipw": "{method: ipw, on: [x]}", "cbps": "{method: cbps, on: [x]}",
    "entropy": "{method: entropy, on: [x]}", "stable": "{method: stable, on: [x]}", "mahalanobis": "{method: mahalanobis, on: [x]}",
    "cem": "{method: cem, on: [x], cutpoints: {x: [3.5, 12]}}", "exact": "{method: exact, on: [x]}",
}  # fmt: skip

#: What is declared on which data, and whether it is matched or run.
DECLARED: dict[str, Make] = {
    "everybody trimmed": design("{method: ipw, on: [x], trim_chance: [0.9999, 1]}"),
    "nobody within the caliper": design("{method: nearest, on: [x], distance: x, caliper: 0.001}", authorities(x=[20, 21, 22, 23, *range(12)])),
    "nobody in the same cell": design("{method: nearest, on: [x], exact: [z]}", authorities(z=[9, 8, 7, 6, *range(12)][:4] + [1] * 12)),
    "more covariates than treated, ipw": design(f"{{method: ipw, on: [{', '.join(MANY)}]}}", authorities(**MANY), ", ".join(MANY)),
    "more covariates than treated, mahalanobis": design(f"{{method: mahalanobis, on: [{', '.join(MANY)}]}}", authorities(**MANY), ", ".join(MANY)),
    "more covariates than treated, entropy": design(f"{{method: entropy, on: [{', '.join(MANY)}]}}", authorities(**MANY), ", ".join(MANY)),
    "more covariates than treated, cem": design(f"{{method: cem, on: [{', '.join(MANY)}]}}", authorities(**MANY), ", ".join(MANY)),
    "a covariate twice": design("{method: nearest, on: [x, x]}"),
    "covariates that only repeat": design("{method: entropy, on: [z, x, z, x]}"),
    "two covariates that are one": design("{method: ipw, on: [x, z]}", authorities(z=[2 * k for k in range(16)], x=list(range(16)))),
    "a missing value": design("{method: nearest, on: [x]}", authorities(x=[None, *range(15)])),
    "all values missing": design("{method: nearest, on: [x]}", authorities(x=[None] * 16)),
    "a covariate that is none": design("{method: nearest, on: [w]}"),
    "text where numbers are cut": design("{method: cem, on: [z], cutpoints: {z: [2]}}", authorities(z=list("abcdabcdabcdabcd"))),
    "an unknown category": design('{method: cem, on: [z], groupings: {z: [["a", "q"]]}}', authorities(z=list("abcdabcdabcdabcd"))),
    "learners of authorities": design("{method: ipw, on: [x], model: boosting}"),
    "a comparator that is treated": design("{method: declared, sets: {A: [B, E], C: [F]}}"),
    "a head that is not treated": design("{method: declared, sets: {E: [F], A: [G]}}"),
    "a set without comparators here": design("{method: declared, sets: {A: [E], B: [Q]}}"),
    "sets that are all without comparators": design("{method: declared, sets: {A: [Q], B: [R]}}"),
    "a set of itself": design("{method: declared, sets: {A: [A]}}"),
    "a comparator twice": design("{method: declared, sets: {A: [E, E]}}"),
    "no sets": design("{method: declared, sets: {}}"),
    "neighbours without a file": design("{method: neighbours, file: none.csv}"),
    "cohorts apart of declared sets": design("{method: declared, sets: {A: [E]}, cohorts: apart}"),
    "limits of balance that are none": design("{method: nearest, on: [x], balance: {max_smd: 0}}"),
    "one treated unit, ipw": design("{method: ipw, on: [x]}", authorities().query("la in ['A'] or la > 'D'")),
    "one untreated unit": design("{method: nearest, on: [x]}", authorities().query("la < 'F'")),
    "nobody treated": design("{method: nearest, on: [x]}", authorities().query("la > 'D'")),
}  # fmt: skip

SETS = "{method: declared, sets: {A: [C], B: [D]}, people: PEOPLE}"
CHILDREN: dict[str, Make] = {
    "strata with one arm each": of_people("matched_did", SETS.replace("PEOPLE", "{method: exact, on: [x]}"), people(x=np.repeat([0, 1, 2, 3], 40))),
    "chances that separate": of_people("matched_did", SETS.replace("PEOPLE", "{method: ipw, on: [x]}"), people(x=np.repeat([0, 1, 2, 3], 40) < 2)),
    "a covariate that does not vary": of_people("matched_did", SETS.replace("PEOPLE", "{method: nearest, on: [x]}"), people(x=1)),
    "all trimmed": of_people("matched_did", SETS.replace("PEOPLE", "{method: ipw, on: [x], trim_chance: [0.999, 1]}")),
    "missing values": of_people("matched_did", SETS.replace("PEOPLE", "{method: exact, on: [x]}"), people(x=[None, *[1] * 159])),
    "a person who is no column": of_people("matched_did", SETS.replace("PEOPLE", "{method: ipw, on: [x], person: chidl}")),
    "persons without a name": of_people("matched_did", SETS.replace("PEOPLE", "{method: ipw, on: [x], person: child}"), people(child=[None] * 4 + [1] * 156)),
    "a covariate twice": of_people("matched_did", SETS.replace("PEOPLE", "{method: exact, on: [x, x]}")),
    "one person": of_people("matched_did", SETS.replace("PEOPLE", "{method: ipw, on: [x], person: child, model: forest}"), people(child=1)),
    "more folds than rows": of_people("matched_did", SETS.replace("PEOPLE", "{method: nearest, on: [x], folds: 1000}")),
    "one fold": of_people("matched_did", SETS.replace("PEOPLE", "{method: nearest, on: [x], folds: 1}")),
    "a comparator that is treated": of_people("matched_did", "{method: declared, sets: {A: [B], B: [C]}, people: {method: exact, on: [x]}}"),
    "rows of authorities matched as people": design("{method: declared, sets: {A: [E]}, people: {method: exact, on: [x]}}"),
    "within pairs, rows of authorities": design("{method: nearest, on: [x], people: {method: exact, on: [x]}}"),
    "within pairs, nobody near": of_people("matched_did", "{method: nearest, on: [outcome_pre], distance: outcome_pre, caliper: 0.0001, people: {method: exact, on: [x]}}"),
    "within pairs, cohorts apart": of_people("matched_did", "{method: nearest, on: [x], distance: x, cohorts: apart, people: {method: exact, on: [x]}}", people().assign(start=lambda d: d["start"].where(d["la"] != "B", 2014))),
    "within pairs, a person who is no column": of_people("matched_did", "{method: mahalanobis, on: [outcome_pre], people: {method: ipw, on: [x], person: chidl}}"),
    "within pairs": of_people("matched_did", "{method: mahalanobis, on: [outcome_pre], people: {method: exact, on: [x]}}"),
    "levels of authorities": laid(authorities(), HEAD.replace("COVARIATES", "x").replace("method: twfe, covariates: []", "method: multilevel")),
    "levels, one treated": of_people("multilevel", frame=people().query("la != 'B'")),
    "levels, nobody treated": of_people("multilevel", frame=people().assign(start=0)),
    "levels, everybody treated": of_people("multilevel", frame=people().assign(start=2013)),
    "levels, a row a period": of_people("multilevel", frame=people().drop_duplicates(["la", "year"])),
    "levels, no variance": of_people("multilevel", frame=people(y=1.0)),
    "levels, one period": of_people("multilevel", frame=people().query("year == 2014")),
    "levels, periods after the start alone": of_people("multilevel", frame=people().query("year > 2013")),
    "levels, a covariate that is the treatment": of_people("multilevel", frame=people().assign(x=lambda d: (d["la"] < "C") & (d["year"] > 2012))),
    "levels, infinite outcomes": of_people("multilevel", frame=people(y=np.r_[np.inf, np.ones(159)])),
    "levels, huge outcomes": of_people("multilevel", frame=people(y=(np.arange(160) % 7) * 1e300)),
    "levels, words for outcomes": of_people("multilevel", frame=people(y="many")),
    "levels, clusters across authorities": laid(people(), PEOPLE.replace("METHOD", "multilevel").replace("unit: la", "unit: la, cluster: child")),
    "levels that are none": laid(people(), PEOPLE.replace("METHOD", "multilevel, levels: children")),
}  # fmt: skip

PANEL_TESTS: dict[str, Make] = {
    f"panel_tests {name}": laid(frame, HEAD.replace("COVARIATES", "x") + f"checks: [{{panel_tests: {options}}}]\n")
    for name, frame, options in (
        ("of two periods", authorities().query("year in [2012, 2013]"), "{hausman: true}"),
        ("of no variance", authorities().assign(y=1.0), "{}"),
        ("of an exact line", authorities().assign(y=lambda d: 1.0 * d["year"] + (d["start"] > 0) * (d["year"] >= 2013)), "{hausman: true}"),
        ("of three units", authorities().query("la in ['A', 'E', 'F']"), "{}"),
        ("with gaps", authorities()[lambda d: np.arange(len(d)) % 5 > 0], "{hausman: true}"),
        ("with a year between", authorities().query("year % 2 == 0"), "{}"),
        ("of huge outcomes", authorities().assign(y=lambda d: d["y"] * 1e200), "{hausman: true}"),
        ("of a key that is none", authorities(), "{mundlack: true}"),
        ("of a word", authorities(), "{hausman: sometimes}"),
        ("of missing outcomes", authorities().assign(y=lambda d: d["y"].where(d["la"] != "A")), "{}"),
    )
}  # fmt: skip

DATED: dict[str, Make] = {
    "a 29 February that is none": laid(events(born=["2001-02-29", *["2000-02-29"] * 7]), EVENTS),
    "29 February": laid(events(), EVENTS),
    "dates out of order": laid(events(ended=["2012-02-01", *["2012-03-05"] * 7]), EVENTS),
    "born after the event": laid(events(born=["2013-01-01", *["2000-02-29"] * 7]), EVENTS),
    "an unknown code": laid(events(place=["U1"] * 8), EVENTS),
    "a child of two authorities": laid(events(child=[1, 1, 2, 3, 1, 5, 5, 6]), EVENTS),
    "a date in words": laid(events(day=["yesterday", *["2012-02-29"] * 7]), EVENTS),
    "an event after the last day": laid(events(day=["2019-04-01", *events()["day"][1:]]), EVENTS),
    "no dates": laid(events(day=[""] * 8), EVENTS),
    "a month that is none": laid(events(day=["2012-13-01", *["2012-02-29"] * 7]), EVENTS),
}  # fmt: skip


def groups() -> Iterator[Hostile]:
    """Yield every fault of a group under every method it can meet, then single ones."""
    matched, ran = ("match", "group.yaml"), ("run", "group.yaml", "--out", "o", "--workers", "1")
    for fault, frame in (("no overlap", APART), ("flat among the treated", FLAT_TREATED), ("flat among the others", FLAT_OTHERS), ("flat", FLAT), ("ties", TIES)):  # fmt: skip
        for name, comparison in METHODS.items():
            yield Hostile(f"group {fault}: {name}", design(comparison, frame), matched)
    yield from (Hostile(f"group {name}", make, matched) for name, make in DECLARED.items())
    yield from (Hostile(f"children {name}", make, ran) for name, make in CHILDREN.items())
    yield from (Hostile(name, make, ran) for name, make in PANEL_TESTS.items())
    yield from (Hostile(f"events {name}", make, ("check", "group.yaml")) for name, make in DATED.items())
