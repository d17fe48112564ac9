"""A point of a study as a process computes it: its lines, compiled on one frame of authorities or on many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sos_eval.errors import InputFault, NotIdentified, OurFault
from sos_eval.montecarlo.line.compiled import Line, Ready, compile_line
from sos_eval.numerics.random import stream
from sos_eval.worlds.draw import draw_outcomes
from sos_eval.worlds.frame import Frame, draw_frame
from sos_eval.worlds.source import data_of
from sos_eval.worlds.world import World

__all__ = ["CompiledPoint", "FurtherFrame", "Point", "compile_further", "compile_point", "numbered"]

FIRST_DRAWS = 5
#: Draws on which a world is asked whether its rates stay above zero.
ASKED = 200


@dataclass(frozen=True)
class Point:
    """One combination of swept keys: the world and the lines that it gives."""

    keys: Mapping[str, Any]
    world: World
    lines: tuple[Line, ...]


@dataclass(frozen=True, eq=False)
class CompiledPoint:
    """A point on its first frame of authorities, with its lines compiled on it: what is tabulated is decided there."""

    frame: Frame
    lines: tuple[Ready, ...]


@dataclass(frozen=True, eq=False)
class FurtherFrame:
    """Another frame of a point, with each of its lines compiled on it, or why one cannot be estimated there."""

    frame: Frame
    lines: tuple[Ready | str, ...]


def numbered(number: int) -> tuple[int, ...]:
    """Return what tells a frame's random streams from those of the first frame, whose names bear no number."""
    return (number,) if number else ()


def compile_point(point: Point, seed: int) -> CompiledPoint:
    """Draw a point's first frame and compile its lines on it.

    Raises
    ------
    InputFault
        What cannot be drawn or estimated there.
    """
    frame = draw_frame(point.world, stream(seed, "frame"))
    draw_outcomes(point.world, frame, stream(seed, "asked"), ASKED)  # refuses rates below zero, once for all
    frame = frame.trusted()
    return CompiledPoint(frame, _on_first_draw(point.world, point.lines, frame, seed, 0))


def compile_further(point: Point, first: CompiledPoint, seed: int, number: int) -> FurtherFrame:
    """Draw a further frame of a point and compile its lines on it, with the inference that stands on the first."""
    frame = draw_frame(point.world, stream(seed, "frame", *numbered(number))).trusted()
    lines = [replace(ready.line, choose=None) for ready in first.lines]
    return FurtherFrame(frame, tuple(_ready_or_why(point.world, line, frame, seed, number) for line in lines))


def _ready_or_why(world: World, line: Line, frame: Frame, seed: int, number: int) -> Ready | str:
    try:
        return _on_first_draw(world, (line,), frame, seed, number)[0]
    except InputFault as fault:
        return fault.faults[0].what


def _on_first_draw(world: World, lines: tuple[Line, ...], frame: Frame, seed: int, number: int) -> tuple[Ready, ...]:
    """Compile lines on the first draw that all of them can estimate, of a few that are tried."""
    for attempt in range(FIRST_DRAWS):
        first = draw_outcomes(world, frame, stream(seed, "first", attempt, *numbered(number)), 1)
        try:
            return tuple(compile_line(line, first, data_of(first)) for line in lines)
        except NotIdentified:
            if attempt == FIRST_DRAWS - 1:
                raise
    raise OurFault("no draw was tried")
