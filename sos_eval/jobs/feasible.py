"""The job `feasible`: before funding, which fall and which rise a comparison of so many authorities could find.

Nobody in the panel starts: authorities are drawn as if they did, a window of years is cut at a start, and the mean
after it is set against the mean before it, on the panel's own noise (docs/methods.md, detectable size).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.files import csv_text, json_text
from sos_eval.bundle.whole import check_folder, make_folder, write_file
from sos_eval.design.design import load_design
from sos_eval.errors import DataFault, DesignFault, Fault, Faults, InputFault, listed, nearest, numeral
from sos_eval.jobs.discreet import discreet
from sos_eval.jobs.steps import load_panels
from sos_eval.numerics.detectable import Found, Lots
from sos_eval.numerics.lots import contrast_lots
from sos_eval.numerics.random import stream
from sos_eval.panel.england.published import read_published
from sos_eval.panel.own_names import carried
from sos_eval.panel.panel import Array, Panel
from sos_eval.panel.read.files import read_file, source_of
from sos_eval.panel.tabular import from_frame
from sos_eval.report.feasible_figure import draw_feasible
from sos_eval.results.assignments import AssignmentSpace
from sos_eval.results.placed import PlacedEffect

__all__ = ["FEASIBLE_COLUMNS", "Feasible", "Scheme", "feasible", "files_of", "quiet_panel", "write_feasible"]

FEASIBLE_COLUMNS = (
    "outcome", "treated", "before", "after", "within", "fall", "fall_error", "rise", "rise_error", "unit",
    "level_without", "fall_share", "rise_share", "panel_error", "units", "reason",
)  # fmt: skip
DRAWS, PLACED_DRAWS = 4_999, 499
FEWEST_COMPARED = 2


@dataclass(frozen=True, slots=True)
class Scheme:
    """What is asked.

    Attributes
    ----------
    treated
        Numbers of authorities that would start.
    windows
        Pairs of years before and after the start.
    within
        Columns within which starters are compared, each on its own; "" for all together.
    power, level
        The aim, and one minus the size of the test.
    """

    treated: tuple[int, ...] = (5, 10, 20, 40)
    windows: tuple[tuple[int, int], ...] = ((4, 2), (4, 4))
    within: tuple[str, ...] = ("",)
    power: float = 0.8
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Feasible:
    """A finished table, `FEASIBLE_COLUMNS`, and what it says in one sentence."""

    table: pd.DataFrame
    sentence: str


def feasible(panel: Panel, scheme: Scheme, *, seed: int = 0) -> Feasible:
    """Say which falls and rises could be found, by number of starters, years before and after, outcome and strata.

    Parameters
    ----------
    panel
        Units that are treated in it are left out: the noise is that of the others.
    seed
        Of the draws.

    Raises
    ------
    DataFault
        Nobody is untreated.
    """
    if not (~panel.ever_treated).any():
        raise DataFault(panel.fault("every unit is treated at some time", "give a panel with units that are not"))
    _refuse_columns(panel, scheme)
    quiet = panel.keep(panel.units[~panel.ever_treated])
    rows = [
        _row(quiet.select(outcome.name), scheme, treated, window, within, seed)
        for outcome in panel.outcomes
        for within in scheme.within
        for window in scheme.windows
        for treated in scheme.treated
    ]
    table = pd.DataFrame(rows, columns=list(FEASIBLE_COLUMNS))
    return Feasible(table, _sentence(table, scheme))


def _refuse_columns(panel: Panel, scheme: Scheme) -> None:
    """Refuse columns to compare within that the panel does not hold, or that are no group of units."""
    faults, known = Faults(DataFault), panel.further_columns
    for name in scheme.within:
        if name and carried(name) not in known:
            held = f"what is read of {panel.source} holds {', '.join(known) or 'no further column'}"
            way = nearest(name, known) if known else "name the column among the covariates of a design"
            faults.add("", f"--within: no column {name!r}; {held}", way)
    faults.stop()


def _row(
    panel: Panel, scheme: Scheme, treated: int, window: tuple[int, int], within: str, seed: int
) -> dict[str, object]:
    """Compute one line of the table."""
    before, after = window
    row: dict[str, object] = {
        "outcome": panel.active, "treated": treated, "before": before, "after": after, "within": within,
        "unit": f"per {panel.outcome.per:,.10g}" if panel.outcome.scale == "rate_per" else "", "reason": "",
    }  # fmt: skip
    if before + after > panel.n_times:
        return row | {"reason": f"{_SHORT}{panel.n_times} periods"}
    if panel.outcome.transform == "log":
        return row | {"reason": "the outcome is in logs; name it without transform: log, sizes are shares of its level"}
    outcomes = panel.matrix()[:, -(before + after) :]
    complete = np.asarray(np.isfinite(outcomes).all(1))
    strata, why = _strata(panel, within, complete)
    if why:
        return row | {"reason": why}
    lottery = _Lottery.of(outcomes[complete], before, strata, treated)
    row |= {"units": int(complete.sum()), "level_without": float(outcomes[complete].mean())}
    if lottery is None:
        return row | {"reason": f"{int(complete.sum())} units cannot be {treated} starters and their comparison"}
    if lottery.space.size * (1 - scheme.level) < lottery.alike - 1e-9:
        image = ", each as telling as its mirror image," if lottery.alike > 1 else ""
        ways = f"{lottery.space.size} ways to choose who starts{image}"
        return row | {"reason": f"{ways} are too few for any test to reject"}
    found = lottery.found(scheme, stream(seed, "feasible", panel.active, treated, before, after, within))
    return row | _shown(found, lottery, float(outcomes[complete].mean()))


def _strata(panel: Panel, within: str, complete: NDArray[np.bool_]) -> tuple[NDArray[np.intp], str]:
    """Return the stratum of each complete unit, or why there is none."""
    if not within:
        return np.zeros(int(complete.sum()), np.intp), ""
    values = pd.Series(panel.unit_values(carried(within)))[complete]
    if values.isna().any():
        return np.zeros(0, np.intp), f"{within} is missing for some units"
    return np.asarray(pd.factorize(values, sort=True)[0], np.intp), ""


@dataclass(frozen=True, slots=True)
class _Lottery:
    """Changes of units, (n,), and how many start in each stratum.

    Attributes
    ----------
    change : (n, 1)
        Mean after less mean before: a constant effect since the start moves it one for one.
    """

    change: Array
    strata: NDArray[np.intp]
    starters: NDArray[np.intp]

    @classmethod
    def of(cls, outcomes: Array, before: int, strata: NDArray[np.intp], treated: int) -> _Lottery | None:
        """Spread starters over strata by their size; None where too few are left to compare with."""
        sizes = np.bincount(strata)
        exact = treated * sizes / sizes.sum()
        starters = np.floor(exact).astype(np.intp)
        left = np.argsort(starters - exact, kind="stable")[: treated - int(starters.sum())]
        starters[left] += 1
        if ((sizes - starters)[starters > 0] < FEWEST_COMPARED).any():
            return None
        change = outcomes[:, before:].mean(1) - outcomes[:, :before].mean(1)
        return cls(change[:, None], strata, starters)

    @property
    def space(self) -> AssignmentSpace:
        """All ways to choose who starts: 1 for starters, ``inf`` for the others."""
        starts = np.full(len(self.change), np.inf)
        for s, count in enumerate(self.starters):
            starts[np.flatnonzero(self.strata == s)[:count]] = 1.0
        return AssignmentSpace(starts, self.strata, np.arange(len(starts)), tuple(map(str, range(len(self.starters)))))

    @property
    def alike(self) -> int:
        """How many choices always show the same size: two where the others could start in place of the starters."""
        sizes = np.bincount(self.strata)[self.starters > 0]
        return 2 if np.array_equal(sizes, 2 * self.starters[self.starters > 0]) else 1

    def lots(self, starts: Array, placed: Array | None = None, effect: float = 0.0) -> Lots:
        """Compare under adoptions, with an effect on those of one that is in place."""
        change = self.change if placed is None else self.change + effect * np.isfinite(placed)[:, None]
        n = len(change)
        drawn = contrast_lots([(1.0, change)], starts, np.ones(n), self.strata, np.arange(n))
        return Lots(drawn.value[:, 0], drawn.error)

    def found(self, scheme: Scheme, rng: np.random.Generator) -> tuple[Found, Found]:
        """Return the fall and the rise."""
        space = self.space
        lots, swaps = self.lots(space.draw(DRAWS, rng).first_treated), space.draw(PLACED_DRAWS, rng)
        placed = PlacedEffect(space, self.lots, lambda k: swaps, PLACED_DRAWS, DRAWS)
        return placed.found(lots, rng, alpha=round(1 - scheme.level, 12), power=scheme.power)

    @property
    def panel_error(self) -> float:
        """Relative error of a size that comes with the panel: ``sqrt((kurtosis - 1) / 4N)`` of the changes."""
        means = np.bincount(self.strata, self.change[:, 0]) / np.bincount(self.strata)
        squares = (self.change[:, 0] - means[self.strata]) ** 2
        kurtosis = float(np.mean(squares**2) / np.mean(squares) ** 2)
        return float(np.sqrt((kurtosis - 1) / (4 * len(squares))))


def _shown(found: tuple[Found, Found], lottery: _Lottery, level: float) -> dict[str, object]:
    """Lay out sizes with both errors, and as shares of the level; a fall of all there is cannot be found."""
    fall, rise = found
    row: dict[str, object] = {"panel_error": lottery.panel_error}
    for name, one in (("fall", fall), ("rise", rise)):
        error = float(np.hypot(one.error, one.size * lottery.panel_error))
        row |= {name: one.size, f"{name}_error": error, f"{name}_share": one.size / level if level > 0 else np.nan}
    if level > 0 and fall.size >= level:
        row |= {"fall": np.nan, "fall_error": np.nan, "fall_share": np.nan,
                "reason": "no fall, not even to nothing, would be found so often"}  # fmt: skip
    return row


def _sentence(table: pd.DataFrame, scheme: Scheme) -> str:
    """Say the longest window of the first outcome, within what was asked for, for the fewest and the most starters."""
    first = table[(table["outcome"] == table["outcome"].iloc[0]) & (table["within"] == scheme.within[-1])]
    done = first[first["rise"].notna() | first["fall"].notna()]
    if done.empty:
        return f"Nothing was computed: {_reasons(first)}."
    length = done["before"] + done["after"]
    longest = done[length == length.max()]
    seen = longest[longest["fall"].notna()].sort_values("treated")
    undone = first[first["rise"].isna() & first["fall"].isna()]
    partly = f" {len(undone)} of {len(first)} rows were not computed: {_reasons(undone)}." if len(undone) else ""
    if seen.empty:
        return f"No fall, not even to nothing, could be found {_often(scheme)} over {_years(longest.iloc[0])}.{partly}"
    parts = [_part(row) for _, row in seen.iloc[[0, -1]].drop_duplicates().iterrows()]
    where = _compared(scheme.within)
    outcomes = table["outcome"].nunique()
    of = f" ({first['outcome'].iloc[0]})" if outcomes > 1 else ""
    over = f"If the authorities that start were drawn by lot{where}, a comparison over {_years(seen.iloc[0])}"
    return f"{over} would find {_often(scheme)} {'; '.join(parts)}{of}.{partly}"


def _often(scheme: Scheme) -> str:
    share = {0.8: "four times in five", 0.9: "nine times in ten", 0.5: "one time in two"}
    return share.get(scheme.power, f"{100 * scheme.power:.0f} times in 100")


def _reasons(rows: pd.DataFrame) -> str:
    """Return the reasons of rows, each once, with what to ask instead where a number of periods is at fault."""
    said = list(dict.fromkeys(rows["reason"]))
    short = any(text.startswith(_SHORT) for text in said)
    return "; ".join([*said, *(["ask for fewer (--before N)"] if short else [])])


def _compared(within: tuple[str, ...]) -> str:
    """Say which of several comparisons the sentence quotes: the last, which was asked for."""
    if not within[-1]:
        return ""
    others = " (among all: the table's other rows)" if len(within) > 1 else ""
    return f" within each {within[-1]}{others}"


def _years(row: pd.Series[Any]) -> str:
    return f"{row['before']} periods before and {row['after']} after the start"


def _part(row: pd.Series[Any]) -> str:
    """Return ``with 10 authorities a fall of 22% (19 to 25%) or a rise of 24% (21 to 27%)``."""
    words = [f"a {name} of {_range(row, name)}" for name in ("fall", "rise")]
    return f"with {row['treated']} authorities {' or '.join(words)}"


def _range(row: pd.Series[Any], name: str) -> str:
    size, error = float(row[f"{name}_share"]), float(row[f"{name}_error"])
    level = float(row["level_without"])
    if not level > 0:
        own = f" {row['unit']}" if row["unit"] else ""
        return f"{numeral(float(row[name]), 2)}{own} (error {numeral(error, 2)})"
    low, high = size - 2 * error / level, size + 2 * error / level
    return f"{numeral(100 * size, 2)}% ({numeral(100 * max(low, 0), 2)} to {numeral(100 * high, 2)}%)"


def quiet_panel(design: Path | None, panel: Path | None) -> Panel:
    """Return the panel whose noise is meant: a design's, a file's in the vocabulary of `source: england`, or England's.

    Parameters
    ----------
    design
        Its panel block is read, with `panel` in place of the file if given; its outcomes count, its treated units do
        not.
    panel
        In place of the design's file; a design under a disclosure profile is refused. Without a design: a file with
        the columns la_code, year, care_entries, children_0_17 and, where starters are compared within regions, region.
    """
    if design is not None:
        plan = load_design(design, panel=panel)
        if plan.disclosure.guards:
            what = "disclosure: levels and sizes of feasible do not pass the gate that a bundle passes"
            instead = "disclosure: {profile: open} where they may leave, or leave the design out (England's panel)"
            raise DesignFault(Fault(plan.document.where(("disclosure",)), what, instead))
        with discreet(plan):
            return next(iter(load_panels(plan).values()))
    faults = Faults(DataFault)
    if panel is None:
        reading = read_published("constant", faults, _VOCABULARY.__contains__)
    else:
        source = source_of(panel)
        if source is None:
            raise DesignFault(Fault(str(panel), "--panel: the name does not say the format", "name it .csv or .xlsx"))
        reading = read_file(
            panel, source, faults, needed=lambda name: name in _VOCABULARY, where=str(panel), key="--panel",
            of_one_row=lambda name: name in _COUNTS,
        )  # fmt: skip
        missing = [name for name in _REQUIRED if name not in reading.header]
        if missing:
            what = f"--panel: no column {listed(missing)}; its columns are {listed(reading.header, 12)}"
            faults.add(str(panel), what, "write a design that says which columns are meant, and name it before --panel")
    faults.stop()
    frame = reading.frame.assign(first_treated="never")
    here = [name for name in ("region",) if name in frame]
    return from_frame(
        frame, unit="la_code", time="year", outcome="care_entries", exposure="children_0_17", per=10_000,
        first_treated="first_treated", covariates=here, require_treated=False,
    )  # fmt: skip


#: How a reason begins where the panel is too short for what was asked.
_SHORT = "the panel has "
_COUNTS = ("care_entries", "children_0_17")
_REQUIRED = ("la_code", "year", *_COUNTS)
_VOCABULARY = frozenset({*_REQUIRED, "region"})


def files_of(out: Path) -> list[Path]:
    """Return the files that are written into a folder."""
    return [out / f"feasible.{ending}" for ending in ("csv", "svg", "json")]


def write_feasible(answer: Feasible, out: Path, *, force: bool = False) -> list[Path]:
    """Write `feasible.csv`, `feasible.svg` and `feasible.json` into a folder.

    Raises
    ------
    InputFault
        A file is there and `force` is not given, or the folder cannot be written.
    """
    check_folder(out)
    files = files_of(out)
    there = [str(file) for file in files if file.exists()]
    if there and not force:
        raise InputFault(Fault(there[0], "--out: is there already", "name another folder, or add --force"))
    make_folder(out)
    contents = (csv_text(answer.table), draw_feasible(answer.table), json_text({"sentence": answer.sentence}))
    for file, content in zip(files, contents, strict=True):
        write_file(file, content)
    return files
