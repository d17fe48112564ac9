"""Wrong input, case by case, and what is said about it: `make bad-inputs` prints it.

Each case is a small, sound evaluation with one thing spoiled. `test_bad_inputs.py` runs the same cases.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered

__all__ = ["CASES", "Case", "Said", "said_about"]

YEARS = range(2010, 2016)
UNITS = range(1, 13)

DESIGN = """\
schema: sos-eval/design/1
name: small
title: A small evaluation
question: {intervention: a practice model, outcome: "children starting care per 10,000"}
panel:
  source: csv
  path: panel.csv
  unit: la
  time: year
  outcome: {count: entries, exposure: children, per: 10000}
  treatment: {first_treated: start}
estimators:
  - {id: primary, method: callaway_santanna}
inference: {method: analytic}
seed: 1
"""


def panel() -> str:
    """Return a sound panel: twelve authorities, six years, four of them starting in 2013."""
    rows = [
        f"{la},{year},{20 + (7 * la + 3 * year) % 11},{10_000 + 500 * la},{2013 if la <= 4 else 0}"
        for la in UNITS
        for year in YEARS
    ]
    return "la,year,entries,children,start\n" + "".join(f"{row}\n" for row in rows)


@dataclass(frozen=True)
class Case:
    """One spoiled input.

    Attributes
    ----------
    design, data
        What the files hold; None where there is no such file.
    expected
        Words that must be said.
    prepare
        Done to the folder first.
    """

    expected: tuple[str, ...]
    design: str | bytes | None = DESIGN
    data: str | bytes | None = None
    prepare: Callable[[Path], None] = lambda folder: None
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """What came of a case."""

    code: int
    out: str
    err: str
    written: tuple[str, ...]


def design(old: str, new: str) -> str:
    """Return the sound design with one thing changed."""
    assert old in DESIGN
    return DESIGN.replace(old, new)


def data(old: str, new: str) -> str:
    """Return the sound panel with one thing changed."""
    assert old in panel()
    return panel().replace(old, new)


def lines(*, keep: Callable[[list[str]], bool]) -> str:
    """Return the panel's head and the rows that are kept."""
    head, *rows = panel().splitlines()
    return "\n".join([head, *(row for row in rows if keep(row.split(",")))]) + "\n"


def _locked(folder: Path) -> None:
    folder.joinpath("out").write_text("a file stands here")


def _there(folder: Path) -> None:
    folder.joinpath("out").mkdir()


CASES: dict[str, Case] = {
    "unknown key": Case(("small.yaml:10", "exposre", 'did you mean "exposure"'), design("exposure:", "exposre:")),
    "two faults at once": Case(
        ("methud: no such key", "seed"), design("seed: 1", "seed: one").replace("method: call", "methud: call")
    ),
    "wrong type": Case(("small.yaml:15", "seed"), design("seed: 1", "seed: soon")),
    "unknown method": Case(("small.yaml:13", 'did you mean "callaway_santanna"'), design("callaway_s", "calaway_s")),
    "donor not in the data": Case(
        ("small.yaml:16: comparison.restrict.exclude: 99 is not in the panel",),
        DESIGN + "comparison: {restrict: {exclude: [99], why: gone}}\n",
        panel(),
    ),
    "column of the comparison not in the data": Case(
        ("small.yaml:16: comparison.restrict.same: ", 'has no column "region"'),
        DESIGN + "comparison: {restrict: {same: [region]}}\n",
        panel(),
    ),
    "a tag that would make an object": Case(
        ("small.yaml:16: !!python/object/apply:os.system: a tag",),
        DESIGN + "title2: !!python/object/apply:os.system [ls]\n",
        panel(),
    ),
    "not YAML": Case(("small.yaml:", "not valid YAML"), design("panel:\n", "panel: {\n")),
    "key twice": Case(("seed", "twice"), DESIGN + "seed: 2\n"),
    "empty design": Case(("small.yaml", "empty"), ""),
    "design not UTF-8": Case(("small.yaml", "UTF-8"), DESIGN.replace("small eval", "smáll eval").encode("latin-1")),
    "no such design": Case(("small.yaml", "no such file"), None),
    "no such data": Case(("small.yaml:7", "no such file: panel.csv")),
    "missing column": Case(("panel.outcome.count", 'did you mean "entires"'), data=data("entries", "entires")),
    "duplicate rows": Case(("two rows (lines 2, 74)",), data=panel() + "1,2010,25,10500,2013\n"),
    "unit changes cohort": Case(("changes cohort",), data=panel().replace("10500,2013", "10500,2014", 1)),
    "status constant over time": Case(
        ("start: never changes within a unit",),
        design("{first_treated: start}", "{status: start}"),
        data=panel().replace(",2013\n", ",1\n"),
    ),
    "suppressed counts": Case(
        ('1 suppression symbol in a number column, "c"',), data=data("\n1,2010,29,", "\n1,2010,c,")
    ),
    "zero exposure": Case(("children: zero or negative exposure",), data=panel().replace("10500", "0", 1)),
    "negative exposure": Case(("children: zero or negative exposure",), data=panel().replace("10500", "-10500", 1)),
    "no untreated unit": Case(("no unit is untreated",), data=panel().replace(",0\n", ",2013\n")),
    "no treated unit": Case(("no unit is treated",), data=panel().replace(",2013\n", ",0\n")),
    "one period": Case(("there is one period",), data=lines(keep=lambda row: row[1] == "2013")),
    "data not UTF-8": Case(("panel.csv", "UTF-8"), data=panel().replace("la,year", "lá,year").encode("latin-1")),
    "empty data": Case(("panel.csv", "empty"), data=""),
    "no rows": Case(("no rows",), data=panel().splitlines()[0] + "\n"),
    "output is there": Case(("out", "--force"), data=panel(), prepare=_there),
    "output is a file": Case(("out: is a file",), data=panel(), prepare=_locked, args=("--force",)),
}


def said_about(case: Case) -> Said:
    """Run a case in a folder of its own and catch what is said and written."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in (("small.yaml", case.design), ("panel.csv", case.data)):
            if content is not None:
                folder.joinpath(file).write_bytes(content.encode() if isinstance(content, str) else content)
        case.prepare(folder)
        before = {path for path in folder.rglob("*")}
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            code = answered(
                cli, ["run", str(folder / "small.yaml"), "--out", str(folder / "out"), *case.args], Screen()
            )
        written = sorted(str(path.relative_to(folder)) for path in set(folder.rglob("*")) - before)
        return Said(code, *(text.getvalue().replace(f"{folder}/", "") for text in (out, err)), tuple(written))


def sound() -> Case:
    """Return the case in which nothing is wrong."""
    return replace(CASES["no such data"], data=panel(), expected=())


if __name__ == "__main__":
    for name, case in CASES.items():
        said = said_about(case)
        print(f"{name} (exit {said.code})", *said.err.splitlines(), sep="\n    ")
