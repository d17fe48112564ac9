"""`World`: a declared data-generating process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import MinLen
from numpy.typing import NDArray

from sos_eval.declare import Declared, Document, Seed, build, read_yaml
from sos_eval.errors import DesignFault, Fault, Faults, nearest
from sos_eval.worlds.adoption import WorldAdoption
from sos_eval.worlds.authorities import Authorities, Covariate, region_sizes
from sos_eval.worlds.effects import Effect
from sos_eval.worlds.further import Further, further_problems
from sos_eval.worlds.mergers import Merger, merger_problems
from sos_eval.worlds.missing import Missing
from sos_eval.worlds.outcomes import WorldOutcome
from sos_eval.worlds.problems import Problem, under
from sos_eval.worlds.real_authorities import of_the_panel
from sos_eval.worlds.real_panel import RealPanel
from sos_eval.worlds.revisions import Revisions
from sos_eval.worlds.theory import Theory

__all__ = ["Columns", "Times", "World", "load_world", "with_files", "world_from"]

SCHEMA = "sos-eval/world/1"


@dataclass(frozen=True)
class Times(Declared):
    """The periods of a world."""

    first: int = 2011
    """First period."""
    last: int = 2025
    """Last period."""


#: Keys that name a file.
FILES = (("panel", "path"), ("outcome", "residuals", "path"), ("authorities", "panel", "path"))


@dataclass(frozen=True)
class Columns(Declared):
    """Names of the columns that a drawn panel has beside the outcome, the deprivation score and the covariates."""

    unit: Annotated[str, MinLen(1)] = "la_code"
    """The authority."""
    time: Annotated[str, MinLen(1)] = "year"
    """The period."""
    exposure: Annotated[str, MinLen(1)] = "children_0_17"
    """Children at risk; absent where the outcome is no count."""


@dataclass(frozen=True)
class World(Declared):
    """A declared world: authorities, what happens to them, who adopts, and what that does."""

    schema: Literal["sos-eval/world/1"]
    """Version of this file's form."""
    name: str
    """Short name, used in files."""
    title: str = ""
    """Words for a reader."""
    seed: Seed = 1
    """Seed where none is given."""
    times: Times = field(default_factory=Times)
    """First and last period."""
    columns: Columns = field(default_factory=Columns)
    """Names of columns."""
    authorities: Authorities = field(default_factory=Authorities)
    """Who is observed."""
    outcome: WorldOutcome = field(default_factory=WorldOutcome)
    """What would happen without the intervention."""
    further: tuple[Further, ...] = ()
    """More outcomes of the same authorities; a sweep names them, ``world.further.NAME.effect.size``."""
    adoption: WorldAdoption = field(default_factory=lambda: WorldAdoption(pattern="none"))
    """Who starts when."""
    effect: Effect = field(default_factory=Effect)
    """What starting does."""
    theory: Theory | None = None
    """What it does it through: mediators; without it, nothing is in between."""
    mergers: tuple[Merger, ...] = ()
    """Authorities that are joined or divided."""
    revisions: Revisions | None = None
    """What later releases put right; without it every figure is final."""
    missing: Missing = field(default_factory=Missing)
    """What is not seen."""
    panel: RealPanel | None = None
    """A semi-synthetic world: a real panel's own outcomes in place of `authorities` and of what `outcome` declares
    beyond its name, label and scale; adoption is a placebo drawn anew in every draw, the effect is added."""

    @property
    def periods(self) -> NDArray[np.float64]:
        """All periods, (n_times,)."""
        return np.arange(self.times.first, self.times.last + 1, dtype=float)

    @property
    def outcomes(self) -> tuple[WorldOutcome, ...]:
        """All outcomes, the first of them first."""
        return self.outcome, *self.further

    def about(self, outcome: Further) -> World:
        """Return the world as seen from a further outcome."""
        effect = replace(self.effect, size=outcome.effect.size, scale=outcome.effect.scale)
        return replace(self, outcome=outcome, effect=effect, further=())

    def problems(self) -> Iterator[Problem]:
        """Say what contradicts what, with the key it stands at."""
        first, last = self.times.first, self.times.last
        if last <= first:
            yield Problem(("times", "last"), f"{last} is not after {first}", "give the world at least two periods")
        if self.panel is not None:
            yield from self._real_problems(self.panel)
            return
        yield from under("authorities", self.authorities.problems())
        yield from under("outcome", self.outcome.problems(self.authorities, (first, last)))
        nobody = self.adoption.pattern == "none"
        found = further_problems(self.further, self.outcome, self.authorities, (first, last), nobody=nobody)
        yield from under("further", found)
        if self.further and self.theory:
            yield Problem(("further",), "is not in this version with theory", "remove one of the two")
        yield from under("adoption", self.adoption.problems(self.authorities, first, last))
        own = self.authorities
        yield from under("effect", self.effect.problems(self.adoption, (own.deprivation.name, *own.covariates), last))
        if self.effect.spillover:
            lacking, smallest = "" if own.regions else "authorities.regions", int(region_sizes(own).min())
            yield from under(
                "effect", under("spillover", self.effect.spillover.problems(lacking=lacking, smallest=smallest))
            )
        if self.theory:
            yield from under("theory", self.theory.problems())
        yield from under("mergers", merger_problems(self.mergers, own, first, last))
        if self.revisions:
            yield from under("revisions", self.revisions.problems(last))
        yield from self._count_problems()
        yield from self._column_problems()

    def _count_problems(self) -> Iterator[Problem]:
        """Find what only counts can have."""
        if all(one.counted for one in self.outcomes):
            return
        if self.missing.suppress_below:
            yield Problem(("missing", "suppress_below"), "only counts are suppressed", "remove it")
        if self.mergers:
            yield Problem(("mergers",), "only counts can be added up over authorities", "remove it")
        if self.revisions:
            yield Problem(("revisions",), "only counts of people are revised", "remove it")

    def _real_problems(self, panel: RealPanel) -> Iterator[Problem]:
        """Say what contradicts a real panel; how many authorities it has is known when it is read."""
        if self.authorities != Authorities():
            yield Problem(("authorities",), "a world with a panel takes them from there", "remove one of the two")
        if self.outcome != WorldOutcome(name=self.outcome.name, label=self.outcome.label, per=self.outcome.per):
            yield Problem(
                ("outcome",), "a world with a panel takes it from there", "declare its name, label and per only"
            )
        for i, one in enumerate(self.further):
            if one != Further(name=one.name, label=one.label, per=one.per, effect=one.effect):
                what = "a world with a panel takes it from there"
                yield Problem(("further", i), what, "declare its name, the panel's column of it, label, per and effect")
            sized = one.effect.size_problems(nobody=self.adoption.pattern == "none")
            yield from under("further", under(i, under("effect", sized)))
        for name in ("theory", "mergers", "revisions"):
            if getattr(self, name):
                yield Problem((name,), "has no meaning with panel: a real panel has its own", "remove it")
        yield from panel.problems(self.adoption, self.effect)
        some = Authorities(n=10**6, covariates={name: Covariate() for name in panel.covariates})
        for problem in self.adoption.problems(some, self.times.first, self.times.last):
            if problem.path[0] != "regions":
                yield from under("adoption", iter([problem]))
        yield from under("effect", self.effect.problems(self.adoption, panel.columns, self.times.last))

    def _column_problems(self) -> Iterator[Problem]:
        """Find columns that would bear the same name."""
        fixed = [self.columns.unit, self.columns.time, self.columns.exposure, "region", "first_treated", "inspection"]
        names = [
            *fixed,
            "fidelity",
            *(one.name for one in self.outcomes),
            self.authorities.deprivation.name,
            *self.authorities.covariates,
        ]
        names += [name for name, one in self.theory.mediators.items() if one.measured] if self.theory else []
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Problem(("columns",), f"two columns would be called {name!r}", "rename one")


def load_world(path: str | Path) -> World:
    """Read a world's file.

    Raises
    ------
    DesignFault
        With every fault of the file, each with its line.
    """
    return world_from(read_yaml(path))


def world_from(document: Document, changes: dict[str, Any] | None = None) -> World:
    """Build a world from a parsed file, with some keys changed.

    Parameters
    ----------
    document
        The parsed file.
    changes
        Dotted key to value, e.g. ``{"effect.size": -2}``: how sweeps vary a world.

    Raises
    ------
    DesignFault
        With every fault; a changed key that does not exist names the nearest.
    """
    data = document.data
    for key, value in (changes or {}).items():
        data = _changed(data, key, value, str(document.path))
    data = with_files(data, lambda path: str(document.path.parent / path))
    faults = Faults()
    if "schema" not in data:
        faults.add(str(document.path), "schema: is missing", f"write schema: {SCHEMA}")
    if "children" in data:
        what = "children: a world of children has no panel of authorities to draw here"
        instead = "write: sos-eval simulate FILE --out P.csv, or panel: {source: world} in a design"
        faults.add(document.where(("children",)), what, instead)
        data = {key: value for key, value in data.items() if key != "children"}
    world = build(World, data, document, (), faults)
    if world is not None and not faults.found and world.times.first < world.times.last:
        world = replace(world, authorities=of_the_panel(world.authorities, world.periods, world.name))
    if world is not None:
        for problem in world.problems():
            key = ".".join(str(part) for part in problem.path)
            faults.add(document.where(problem.path), f"{key}: {problem.what}", problem.instead)
    faults.stop()
    if world is None:
        raise DesignFault(f"{document.path}: not a world")
    return world


def document_of(world: World) -> Document:
    """Return a world as the plain values of a file."""
    return Document(_plain(asdict(world)), Path(f"world {world.name}"))


def _plain(value: Any) -> Any:
    """Return plain values with text keys, as a file has them; leave out what is not declared."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def with_files(data: Any, change: Callable[[str], str]) -> Any:
    """Return a world's plain values with the name of every file that it reads changed."""
    for keys in FILES:
        data = _with(data, keys, change)
    return data


def files_read(path: str | Path) -> list[Path]:
    """Return the files that a world's file names."""
    document, files = read_yaml(path), list[Path]()
    with_files(document.data, lambda name: files.append(document.path.parent / name) or name)  # type: ignore[func-returns-value]
    return files


def _with(data: Any, keys: tuple[str, ...], change: Callable[[str], str]) -> Any:
    """Return nested values with the text under some keys, if it is there, changed."""
    if not keys:
        return change(data) if isinstance(data, str) else data
    if not isinstance(data, dict) or keys[0] not in data:
        return data
    return {**data, keys[0]: _with(data[keys[0]], keys[1:], change)}


def _changed(data: Any, key: str, value: Any, where: str, above: str = "") -> Any:
    """Return nested values with a dotted key set; items of a list go by their name, or by number from 0."""
    if not key:
        return value
    first, _, rest = key.partition(".")
    below = f"{above}{first}."
    if isinstance(data, list):
        names = [str(one.get("name", i)) if isinstance(one, dict) else str(i) for i, one in enumerate(data)]
        place = names.index(first) if first in names else int(first) if first.isdigit() else len(data)
        if place >= len(data):
            raise DesignFault(Fault(where, f"{above}{key}: there is no entry {first!r}", nearest(first, names)))
        return [*data[:place], _changed(data[place], rest, value, where, below), *data[place + 1 :]]
    inner = data if isinstance(data, dict) else {}
    return {**inner, first: _changed(inner.get(first), rest, value, where, below)}
