"""Print every stored reference number beside ours: ``python -m tests.reference.table``.

``--all`` prints them line by line, ``--page`` writes docs/reference.md.

Nothing is computed here. The tests marked ``reference`` run with a recorder behind `numpy.testing.assert_allclose`,
`assert_array_equal` and `pytest.approx`; what they compare is looked up among the stored numbers, which names it. So
the table says nothing that the tests do not hold, and a stored number that no test looks at is seen too.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.reference.left_out import why_left_out
from tests.reference.stored import cases

_INDEX = re.compile(r"\[\d+\]")
#: Files of stored numbers that the table walks through.
FILES = (
    "did_mpdta", "did_castle", "did_sim_care", "did_sim_rc", "did_sim_unbalanced", "drdid_2x2", "fixest",
    "clubsandwich_grunfeld", "clubsandwich_mortality", "wild_bootstrap", "matchit_lalonde", "matchit_causaldata",
    "pretrends", "imputation", "two_stage", "etwfe", "stacked", "fixest_more",
    "synthdid", "synthetic_control", "staggered", "bacon", "panel_tests", "weighting", "full_matching",
    "optimal_matching", "rubin", "ame", "triple_difference", "dcdh", "its", "meta_analysis", "honestdid",
    "honestdid_more", "sensitivity", "mediation",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stored number stands."""

    file: str
    case: str
    path: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A stored number, ours, and what the test allows between them."""

    test: str
    value: float
    ours: float
    tolerance: float

    @property
    def difference(self) -> float:
        """Distance of the two; zero where both are empty."""
        return 0.0 if np.isnan(self.value) and np.isnan(self.ours) else abs(self.ours - self.value)

    @property
    def holds(self) -> bool:
        """Whether the distance is allowed; never where one of the two is empty."""
        return self.difference <= self.tolerance


@dataclass(eq=False)
class Recorder:
    """A pytest plugin that writes down what tests compare."""

    rows: list[Compared] = field(default_factory=list)
    test: str = ""
    outcomes: dict[str, int] = field(default_factory=dict)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Remember which test runs."""
        self.test = nodeid

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count what became of it."""
        if report.when == "call" or report.skipped:
            self.outcomes[report.outcome] = self.outcomes.get(report.outcome, 0) + 1

    def note(self, ours: Any, value: Any, rtol: float, atol: float) -> None:
        """Write down numbers, element by element; anything else is no number of a reference."""
        try:
            a, b = np.broadcast_arrays(np.asarray(ours, float), np.asarray(value, float))
        except (TypeError, ValueError):
            return
        for mine, theirs in zip(a.ravel(), b.ravel(), strict=True):
            allowed = atol + rtol * abs(theirs) if np.isfinite(theirs) else 0.0
            self.rows.append(Compared(self.test, float(theirs), float(mine), allowed))


def record(patch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    """Put the recorder behind the assertions."""
    close, equal = np.testing.assert_allclose, np.testing.assert_array_equal
    scalar = type(pytest.approx(1.0))
    plain = scalar.__eq__

    @wraps(close)
    def allclose(actual: Any, desired: Any, rtol: float = 1e-7, atol: float = 0, **more: Any) -> None:
        recorder.note(actual, desired, rtol, atol)
        close(actual, desired, rtol=rtol, atol=atol, **more)

    @wraps(equal)
    def array_equal(actual: Any, desired: Any, **more: Any) -> None:
        recorder.note(actual, desired, 0, 0)
        equal(actual, desired, **more)

    def approx(self: Any, actual: Any) -> bool:
        if isinstance(self.expected, (int, float)) and not isinstance(self.expected, bool):
            known = np.isfinite(self.expected)
            recorder.note(actual, self.expected, 0, self.tolerance if known else 0.0)
        return bool(plain(self, actual))

    patch.setattr(np.testing, "assert_allclose", allclose)
    patch.setattr(np.testing, "assert_array_equal", array_equal)
    patch.setattr(scalar, "__eq__", approx)


def stored() -> dict[Place, float]:
    """Read every stored number; null is NaN."""
    found: dict[Place, float] = {}
    for file in FILES:
        for case_id, case in cases(file).items():
            for path, value in _leaves(case["values"], ""):
                found[Place(file, case_id, path)] = value
    return found


def _leaves(node: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for k, value in enumerate(node):
            yield from _leaves(value, f"{path}[{k}]")
    elif node is None:
        yield path, np.nan
    elif isinstance(node, (int, float)) and not isinstance(node, bool):
        yield path, float(node)


def located(rows: list[Compared], numbers: dict[Place, float]) -> dict[Place, Compared]:
    """Find each compared number among the stored ones: the same digits, in the case that the test names.

    Numbers that stand in several cases belong to those whose name is in the test's, to all of them otherwise; where a
    number is compared more than once the loosest comparison is shown.
    """
    places: dict[float | None, list[Place]] = {}
    for place, value in numbers.items():
        places.setdefault(_key(value), []).append(place)
    found: dict[Place, Compared] = {}
    for row in rows:
        same = places.get(_key(row.value), [])
        named = [place for place in same if f"[{place.case}" in row.test or f"-{place.case}" in row.test]
        exact = [place for place in named if row.test.endswith((f"[{place.case}]", f"-{place.case}]"))]
        for place in exact or named or (same if len(same) < 20 else []):
            if place not in found or row.tolerance > found[place].tolerance:
                found[place] = row
    return found


def certain(found: dict[Place, Compared], numbers: dict[Place, float]) -> dict[Place, bool]:
    """Say of each compared number whether its digits stand in one place only, so that nothing else can be meant."""
    times = Counter(_key(value) for value in numbers.values())
    return {place: times[_key(numbers[place])] == 1 for place in found}


def _key(value: float) -> float | None:
    return None if np.isnan(value) else value


def table(numbers: dict[Place, float], found: dict[Place, Compared], *, every: bool) -> Iterator[str]:
    """Lay out a line per case with its worst number, or every number."""
    yield (
        f"{'case':<58}{'compared':>10}  {'worst, as a share of its tolerance':<36}{'value':>14}{'ours':>14}"
        f"{'difference':>12}{'tolerance':>12}"
    )
    cases = dict.fromkeys((place.file, place.case) for place in numbers)
    for file, case in cases:
        own = [place for place in numbers if (place.file, place.case) == (file, case)]
        have = [place for place in own if place in found]
        if not have:
            yield f"{file + ' ' + case:<58}{f'0/{len(own)}':>10}  {_reasons(own)}"
            continue
        shown = have if every else [max(have, key=lambda place: _share(found[place]))]
        for place in shown:
            row = found[place]
            mark = "" if row.holds else "  DIFFERS"
            yield (
                f"{file + ' ' + case:<58}{f'{len(have)}/{len(own)}':>10}  {place.path:<36}{row.value:>14.7g}"
                f"{row.ours:>14.7g}{row.difference:>12.1e}{row.tolerance:>12.1e}{mark}"
            )
        rest = _reasons([place for place in own if place not in found])
        if rest:
            yield f"{'':<70}not compared: {rest}"


def _share(row: Compared) -> float:
    return row.difference / row.tolerance if row.tolerance else np.inf * row.difference if row.difference else 0.0


def _reasons(places: list[Place]) -> str:
    """Count the reasons why numbers are not compared."""
    counted: dict[str, int] = {}
    for place in places:
        why = why_left_out(place.file, place.case, place.path) or f"NOBODY LOOKS AT {_INDEX.sub('', place.path)}"
        counted[why] = counted.get(why, 0) + 1
    return "; ".join(f"{why} ({count})" for why, count in counted.items())


PAGE = """# Agreement with other programs, method by method

Every number stored in `tests/reference/numbers` and `../shared/reference` (made by the programs named there) that a
test looks at, beside ours. A line a file: how many are compared, and the one that comes nearest to what its test
allows, so that every other is better. A number is an end of an interval, an error or a weight: `methods.md` counts
cases. A difference as large as a grid's step, a simulated critical value or a rounded
output is the other program's and is in the test's comment. Made by `python -m tests.reference.table --page`, which
needs both folders; all of them, line by line, by `--all`. What is left out has a reason each.

{total}

| file | compared | case and number | theirs | ours | difference | allowed |
|---|---|---|---|---|---|---|
{rows}

## Left out

| file | numbers | why |
|---|---|---|
{left}
"""


def page(numbers: dict[Place, float], found: dict[Place, Compared], total: str) -> str:
    """Lay out docs/reference.md: a line a file with its worst number, and why numbers are left out."""
    rows, left = [], []
    for file in dict.fromkeys(place.file for place in numbers):
        own = [place for place in numbers if place.file == file]
        have = [place for place in own if place in found]
        place = max(have, key=lambda one: _share(found[one]))
        row = found[place]
        rows.append(
            f"| {file} | {len(have):,} | {place.case}: `{place.path}` | {row.value:.8g} | {row.ours:.8g} | "
            f"{row.difference:.1e} | {row.tolerance:.1e} |"
        )
        reasons = Counter(why_left_out(file, one.case, one.path) for one in own if one not in found)
        left += [f"| {file} | {count:,} | {why.replace('|', '/')} |" for why, count in reasons.most_common()]
    return PAGE.format(total=total, rows="\n".join(rows), left="\n".join(left))


def main(every: bool, to_page: bool) -> int:
    """Run the reference tests, print the table and counts; fail where a test fails or a number has no explanation."""
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        record(patch, recorder)
        status = pytest.main(["-qq", "--no-header", "-m", "reference", str(ROOT / "tests")], plugins=[recorder])
    numbers = stored()
    found = located(recorder.rows, numbers)
    print("\n".join(table(numbers, found, every=every)))
    left = [place for place in numbers if place not in found]
    unexplained = [place for place in left if not why_left_out(place.file, place.case, place.path)]
    differing = sum(not row.holds for row in found.values())
    once = sum(certain(found, numbers).values())
    if to_page:
        told = (
            f"{len(numbers):,} numbers are stored in {len(FILES)} files: {len(found):,} are compared, {differing} of "
            f"them differ by more than is allowed; {len(left):,} are left out."
        )
        (ROOT / "docs" / "reference.md").write_text(page(numbers, found, told), encoding="utf-8")
    print(
        f"\n{len(found)} stored numbers compared ({differing} differ; {once} known by digits that stand once, the "
        f"others by the test's name or their case), {len(left) - len(unexplained)} left out with a reason, "
        f"{len(unexplained)} without; tests: {recorder.outcomes}"
    )
    return int(status) or int(bool(unexplained or differing))


if __name__ == "__main__":
    sys.exit(main("--all" in sys.argv[1:], "--page" in sys.argv[1:]))
