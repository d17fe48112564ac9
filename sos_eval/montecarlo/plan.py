"""The plan of a power study: its points, and how every line of them is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pandas as pd

from sos_eval.checks.pretrends import Pretrends
from sos_eval.declare import seeded
from sos_eval.errors import Fault, Faults, InputFault
from sos_eval.montecarlo.line.compiled import Line, Ready
from sos_eval.montecarlo.point import Point
from sos_eval.montecarlo.study import Study, described
from sos_eval.montecarlo.sweep import combinations, sound_sweeps, split_key, swept_text
from sos_eval.results.estimator import Estimator
from sos_eval.worlds.world import World, document_of, world_from

__all__ = ["explain", "lines_of", "plan_study"]

REPS_AT_LEAST, REPS_AT_MOST = 2, 10_000_000


def plan_study(
    design: Any,
    world: World,
    *,
    reps: int,
    sweep: Mapping[str, Sequence[Any]] | None = None,
    seed: int | None = None,
    frames: int | None = None,
    chunk: int = 250,
    permutations: int = 999,
    rematch: bool = False,
    checks: bool = False,
    pretests: bool = False,
) -> Study:
    """Lay out a study's points; see `power`."""
    faults = Faults(InputFault)
    if not isinstance(world, World):
        raise InputFault(Fault("", f"world: {world!r} is no world", "write se.load_world(path)"))
    for name, value in (("reps", reps), ("chunk", chunk), ("permutations", permutations)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputFault(Fault("", f"{name}: {value!r} is no whole number", f"write {name}=1000"))
    if not REPS_AT_LEAST <= reps <= REPS_AT_MOST:
        of_one = ": one says nothing of the next" if reps == 1 else ""
        faults.add("", f"reps: {reps} draw{'s' * (reps != 1)}{of_one}", f"write {REPS_AT_LEAST} to {REPS_AT_MOST}")
    if permutations and permutations < 19:
        faults.add("", f"permutations: {permutations} cannot reject at 5%", "write at least 19, or 0 for as declared")
    if chunk < 1:
        faults.add("", f"chunk: {chunk} draws", "write at least 1")
    sweeps, document, points = sound_sweeps(sweep or {}, faults), document_of(world), []
    for keys in combinations(sweeps):
        told = {key: swept_text(value) for key, value in keys.items()}
        with _at_its_point(told, faults):
            there = world_from(document, split_key(keys, "world"))
            lines = lines_of(design, split_key(keys, "design"), there)
            asked = tuple(_as_asked(line, permutations, rematch, checks=checks, pretests=pretests) for line in lines)
            points.append(Point(told, there, asked))
    if not faults.found:
        _check_moved(sweeps, points, faults)
    _check_frames(frames, reps, points, faults)
    faults.stop()
    title = str(getattr(design, "title", ""))
    worthwhile = getattr(getattr(design, "question", None), "worthwhile", None)
    return Study(
        tuple(points), reps, seeded(seed, world.seed), chunk, title=title, asked=frames or 0, worthwhile=worthwhile
    )


def _check_frames(frames: int | None, reps: int, points: Sequence[Point], faults: Faults) -> None:
    """Note a number of frames that cannot be drawn."""
    if frames is None:
        return
    if isinstance(frames, bool) or not isinstance(frames, int):
        faults.add("", f"frames: {frames!r} is no whole number", "write frames=50")
    elif not 1 <= frames <= max(reps, 1):
        faults.add("", f"frames: {frames} draws of authorities for {reps} draws of outcomes", f"write 1 to {reps}")
    elif frames > 1 and points and all(point.world.panel is not None for point in points):
        what = f"frames: {frames}, and a real panel's authorities are what they are: there is one draw of them"
        faults.add("", what, "leave frames out")


def _as_asked(line: Line, permutations: int, rematch: bool, *, checks: bool, pretests: bool) -> Line:
    """Return a line with what the study asks of every draw."""
    tested = pretests or (checks and bool(line.checks))
    return replace(
        line, permutations=permutations, rematch=rematch, checks=line.checks if checks else (),
        pretest=(line.pretest or (Pretrends() if pretests else None)) if tested else None,
    )  # fmt: skip


def lines_of(design: Any, changes: Mapping[str, Any], world: World) -> tuple[Line, ...]:
    """Return the lines of a design, an estimator, or estimators by id on every outcome of the world."""
    if isinstance(design, Estimator):
        design = {str(design.name): design}
    if isinstance(design, Mapping) and design and all(isinstance(method, Estimator) for method in design.values()):
        if changes:
            raise InputFault(Fault("", f"design.{next(iter(changes))}: there is no design", "sweep keys of the world"))
        return tuple(
            Line(id=name, method=method, role="primary" if i == 0 else "secondary", outcome=outcome.name)
            for i, (name, method) in enumerate(design.items())
            for outcome in world.outcomes
        )
    from sos_eval.design.design import Design
    from sos_eval.montecarlo.line.of_design import design_lines

    if not isinstance(design, Design):
        instead = "write se.load_design(path), an estimator, or a mapping of estimators by id"
        raise InputFault(Fault("", f"design: {design!r} is no design", instead))
    return design_lines(design, changes)


def _check_moved(sweeps: Mapping[str, Sequence[Any]], points: Sequence[Point], faults: Faults) -> None:
    """Note keys of the design whose values all give the same draws."""
    for key in (key for key, values in sweeps.items() if key.startswith("design.") and len(values) > 1):
        rest: dict[str, set[str]] = {}
        for point in points:
            others = str([value for name, value in point.keys.items() if name != key])
            rest.setdefault(others, set()).add(str([described(line) for line in point.lines]))
        if all(len(told) == 1 for told in rest.values()):
            what = f"{key}: changes nothing in a study, whatever its value"
            faults.add(f"--sweep {key}", what, "sweep a key of the comparison, the estimators or the inference")


@contextmanager
def _at_its_point(keys: Mapping[str, Any], faults: Faults) -> Iterator[None]:
    """Note faults with the combination of swept keys at which they are met."""
    try:
        yield
    except InputFault as error:
        where = "--sweep " + " ".join(f"{key}={value}" for key, value in keys.items()) if keys else ""
        for fault in error.faults:
            faults.add(where or fault.where, fault.what, fault.instead)
        faults.kind = type(error) if len(faults.found) == len(error.faults) else faults.kind


def explain(study: Study) -> pd.DataFrame:
    """Say how every line of every point is computed, before anything is drawn.

    Raises
    ------
    InputFault
        What cannot be computed, at every point; of the kind that the first point raised.
    """
    rows, faults = [], Faults(InputFault)
    for number, point in enumerate(study.points):
        with _at_its_point(point.keys, faults):
            rows += [{**point.keys, **_explained(ready)} for ready in study.at(number).lines]
    faults.stop()
    return pd.DataFrame(rows)


def _explained(ready: Ready) -> dict[str, Any]:
    """Say how a line is computed."""
    why = "; ".join(filter(None, (ready.why, ready.refused)))
    return {
        "estimator": ready.line.id, "outcome": ready.source.active, "how": ready.path, "why": why,
        "n_units": ready.panel.n_units, "n_times": ready.panel.n_times,
        "n_treated_units": int(ready.panel.ever_treated.sum()),
    }  # fmt: skip
