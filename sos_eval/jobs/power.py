"""The job `power`: Monte Carlo of an estimator or of a whole design over a world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import Fault, Faults, InputFault
from sos_eval.jobs.diagnosands import DIAGNOSANDS, Diagnosand, RowDraws, diagnose
from sos_eval.jobs.line_draws import QUANTITIES
from sos_eval.jobs.line_rows import JOINT, ROW_KEYS
from sos_eval.jobs.lines import Line
from sos_eval.jobs.mdes import Detectable, by_interpolation, by_shift
from sos_eval.jobs.montecarlo import Chunk, Point, Study, Task, prepared
from sos_eval.jobs.scheduler import run_tasks
from sos_eval.jobs.store import Store
from sos_eval.jobs.sweep import combinations, split_key
from sos_eval.numerics.random import stream
from sos_eval.results.estimator import Estimator
from sos_eval.worlds.world import World, document_of, world_from

__all__ = ["Power", "explain", "plan_study", "power"]

EFFECT = "world.effect.size"
#: What the contract's table shows, in its order; the further Monte Carlo errors follow.
SHOWN = (
    "true_effect", "mean_estimate", "bias", "bias_mcse", "rmse", "sd_estimate", "mean_std_error", "coverage",
    "coverage_mcse", "power", "power_mcse", "type_s", "type_m",
)  # fmt: skip
LEADING = ("estimator", "outcome", "aggregation", "inference")
REPS_AT_MOST = 10_000_000
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Power:
    """A finished power study.

    Attributes
    ----------
    summary
        `power.csv`: a row per estimator, outcome, aggregation, inference and combination of swept keys.
    mdes
        `mdes.csv`.
    failures
        `failures.csv`: how many draws failed, by reason.
    sentences
        What it says in plain English, a sentence per row of the primary question.
    explained
        How every line was computed, and where the time went.
    folder
        Where it was written, if it was.
    """

    summary: pd.DataFrame
    mdes: pd.DataFrame
    failures: pd.DataFrame
    sentences: tuple[str, ...]
    explained: pd.DataFrame
    folder: Path | None = None


def power(
    design: Any,
    world: World,
    *,
    reps: int = 1000,
    sweep: Mapping[str, Sequence[Any]] | None = None,
    seed: int | None = None,
    chunk: int = 250,
    workers: int = 1,
    scheduler: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    permutations: int = 999,
    rematch: bool = False,
    checks: bool = False,
    target: float = 0.8,
    diagnosands: Mapping[str, Diagnosand] | None = None,
    progress: Progress | None = None,
) -> Power:
    """Replicate an evaluation over a world and say what it would find.

    Parameters
    ----------
    design
        A `Design`, an estimator, or estimators by id.
    world
        What is drawn. Authorities, exposure and adoption are drawn once; outcomes in every draw.
    reps
        How many draws at every combination of swept keys.
    sweep
        ``world.KEY`` or ``design.KEY`` to values; all combinations are simulated, on the same random numbers.
    seed
        The same seed gives the same tables, whatever the number of workers.
    chunk
        Draws a chunk: bounds memory; part of the plan.
    workers, scheduler
        Processes on this machine (start them from a script's ``if __name__ == "__main__"``), or the address of a
        Dask scheduler.
    out, resume
        Folder for tables and finished chunks; with `resume` a folder of the same study is gone on with.
    permutations
        Most random assignments within a draw, without an interval then; 0 leaves the inference as declared.
    rematch
        Build the comparison group again inside every permutation, as a run does; without it, in every draw only.
    checks
        Run the design's checks of primary estimates in every draw; rows ``<inference>+checks`` then find an effect
        only where no check with a declared threshold fails.
    target
        Power of the minimum detectable effects.
    diagnosands
        Further functions of `RowDraws` by name; each is a column, and has a column of its Monte Carlo error.
    progress
        Told (what, done, of).

    Raises
    ------
    InputFault
        Everything that is wrong with design, world and sweep, at once.
    """
    study = plan_study(
        design,
        world,
        reps=reps,
        sweep=sweep,
        seed=seed,
        chunk=chunk,
        permutations=permutations,
        rematch=rematch,
        checks=checks,
    )
    _check_target(target, diagnosands)
    explain(study)  # compiles every point: what cannot be done is said before anything is written
    store = Store.open(Path(out) if out else None, study, resume=resume)
    left = [task for task in study.tasks if not store.has(task)]
    total = len(study.tasks)

    def keep(task: Task, done: Chunk) -> None:
        store.keep(task, done)
        if progress:
            progress("draws", store.count, total)

    if left:
        run_tasks(study, left, keep, workers=workers, scheduler=scheduler)
    finished = _finish(study, store, target, {**DIAGNOSANDS, **(diagnosands or {})})
    store.write_tables(finished)
    return finished


def plan_study(
    design: Any,
    world: World,
    *,
    reps: int,
    sweep: Mapping[str, Sequence[Any]] | None = None,
    seed: int | None = None,
    chunk: int = 250,
    permutations: int = 999,
    rematch: bool = False,
    checks: bool = False,
) -> Study:
    """Lay out a study's points; see `power`."""
    faults = Faults(InputFault)
    if not 1 <= reps <= REPS_AT_MOST:
        faults.add("", f"reps: {reps} draws", f"write 1 to {REPS_AT_MOST}")
    if permutations and permutations < 19:
        faults.add("", f"permutations: {permutations} cannot reject at 5%", "write at least 19, or 0 for as declared")
    if chunk < 1:
        faults.add("", f"chunk: {chunk} draws", "write at least 1")
    faults.stop()
    document = document_of(world)
    points = []
    for keys in combinations(sweep or {}):
        try:
            there = world_from(document, split_key(keys, "world"))
            lines = lines_of(design, split_key(keys, "design"))
            points.append(Point(keys, there, tuple(_as_asked(one, permutations, rematch, checks) for one in lines)))
        except InputFault as fault:
            for one in fault.faults:
                faults.add(f"--sweep {_shown(keys)}" if keys else one.where, one.what, one.instead)
    faults.stop()
    return Study(tuple(points), reps, world.seed if seed is None else seed, chunk)


def _as_asked(line: Line, permutations: int, rematch: bool, checks: bool) -> Line:
    """Return a line with what the study asks of every draw."""
    return replace(line, permutations=permutations, rematch=rematch, checks=line.checks if checks else ())


def lines_of(design: Any, changes: Mapping[str, Any]) -> tuple[Line, ...]:
    """Return the lines of a design, an estimator, or estimators by id."""
    if isinstance(design, Estimator):
        design = {str(design.name): design}
    if isinstance(design, Mapping):
        if changes:
            raise InputFault(Fault("", f"design.{next(iter(changes))}: there is no design", "sweep keys of the world"))
        return tuple(
            Line(id=name, method=method, role="primary" if i == 0 else "secondary")
            for i, (name, method) in enumerate(design.items())
        )
    from sos_eval.jobs.power_design import design_lines

    return design_lines(design, changes)


def _shown(keys: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in keys.items())


def _check_target(target: float, diagnosands: Mapping[str, Diagnosand] | None) -> None:
    faults = Faults(InputFault)
    if not 0 < target < 1:
        faults.add("", f"power: {target} is no probability", "write 0.8")
    for name in diagnosands or {}:
        if name in DIAGNOSANDS:
            faults.add("", f"diagnosands: {name!r} is there already", "give yours another name")
    faults.stop()


def explain(study: Study) -> pd.DataFrame:
    """Say how every line of every point is computed, before anything is drawn."""
    rows = []
    for number, point in enumerate(study.points):
        for ready in prepared(study, number)[1]:
            rows.append(
                {
                    **point.keys, "estimator": ready.line.id, "outcome": ready.source.active, "how": ready.path,
                    "why": ready.why, "n_units": ready.panel.n_units, "n_times": ready.panel.n_times,
                    "n_treated_units": int(ready.panel.ever_treated.sum()),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _finish(study: Study, store: Store, target: float, diagnosands: Mapping[str, Diagnosand]) -> Power:
    """Turn the finished chunks into tables."""
    from sos_eval.jobs.power_words import sentences

    rows: list[dict[str, Any]] = []
    drawn: list[RowDraws] = []
    failed: list[dict[str, Any]] = []
    seconds: list[dict[str, float]] = []
    for number, point in enumerate(study.points):
        chunks = store.chunks(number)
        frame, values = _joined(chunks)
        failures: Counter[tuple[str, str, str, str]] = sum((chunk.failures for chunk in chunks), Counter())
        for k, key in enumerate(frame.to_dict("records")):
            draws = row_draws(values[k], float(key["level"]))
            who = key["estimator"], key["outcome"], str(key["inference"]).removesuffix(JOINT)
            lost = sum(n for reason, n in failures.items() if reason[:3] == who)
            named = {str(name): value for name, value in key.items()}
            rows.append({**named, **point.keys, "reps": study.reps, "failures": lost, **diagnose(draws, diagnosands)})
            drawn.append(draws)
        failed += [
            {**dict(zip(("estimator", "outcome", "inference", "reason"), key, strict=True)), **point.keys, "draws": n}
            for key, n in sorted(failures.items())
        ]
        seconds.append(_seconds(chunks))
    swept = list(study.points[0].keys)
    table = pd.DataFrame(rows)
    mdes = _mdes(table, drawn, swept, study, target)
    spent = [(one["draw"], one[line.id]) for one, p in zip(seconds, study.points, strict=True) for line in p.lines]
    explained = explain(study).assign(ms_draw=[one[0] for one in spent], ms_estimate=[one[1] for one in spent])
    summary = _laid_out(table, swept, diagnosands)
    failed_columns = ["estimator", "outcome", "inference", *swept, "reason", "draws"]
    failures_table = pd.DataFrame(failed, columns=failed_columns)
    return Power(summary, mdes, failures_table, sentences(study, summary, mdes, target), explained, store.folder)


def _joined(chunks: Sequence[Chunk]) -> tuple[pd.DataFrame, Any]:
    return chunks[0].rows, np.concatenate([chunk.values for chunk in chunks], axis=1)


def _seconds(chunks: Sequence[Chunk]) -> dict[str, float]:
    """Return milliseconds a draw by what they were spent on."""
    reps = sum(chunk.values.shape[1] for chunk in chunks)
    names = dict.fromkeys(name for chunk in chunks for name in chunk.seconds)
    return {name: 1000 * sum(chunk.seconds.get(name, 0.0) for chunk in chunks) / reps for name in names}


def row_draws(values: Any, level: float) -> RowDraws:
    """Return one row's draws by name."""
    return RowDraws(**{name: values[:, i] for i, name in enumerate(QUANTITIES)}, level=level)


def _laid_out(table: pd.DataFrame, swept: list[str], diagnosands: Mapping[str, Diagnosand]) -> pd.DataFrame:
    """Put columns into the contract's order; ratios are shown as ratios, their errors stay on the log scale."""
    out = table.copy()
    ratio = out["scale"] == "ratio"
    for name in ("true_effect", "mean_estimate"):
        out.loc[ratio, name] = np.exp(out.loc[ratio, name])
    further = [f"{name}_mcse" for name in diagnosands if f"{name}_mcse" not in SHOWN]
    own = [name for name in diagnosands if name not in DIAGNOSANDS]
    columns = [*LEADING, *swept, "reps", *SHOWN, "failures", "estimand", "scale", "level", *own, *further]
    return out[columns]


def _mdes(table: pd.DataFrame, drawn: list[RowDraws], swept: list[str], study: Study, target: float) -> pd.DataFrame:
    """Find minimum detectable effects: between swept effects, or by shifting the draws."""
    others = [key for key in swept if key != EFFECT]
    keys = [*ROW_KEYS, *others]
    found = []
    for number, (key, group) in enumerate(table.groupby(keys, sort=False, dropna=False)):
        named = dict(zip(keys, key if isinstance(key, tuple) else (key,), strict=True))
        if EFFECT in swept and len(group) > 1:
            rng = stream(study.seed, "mdes", number)
            one = by_interpolation(
                group["true_effect"].to_numpy(float), group["power"].to_numpy(float),
                group["reps"].to_numpy(float), target, rng,
            )  # fmt: skip
        else:
            one = _by_shift(study, drawn[int(group.index[0])], named, target)
        sign = -1.0 if group["true_effect"].sum() < 0 else 1.0
        sizes = [np.exp(sign * one_size) if named["scale"] == "ratio" else one_size for one_size in one.sizes]
        named |= {"target_power": target, **dict(zip(("mdes", "mdes_low", "mdes_high"), sizes, strict=True))}
        found.append(named | {"how": one.how, "reason": one.reason})
    columns = [
        *LEADING,
        *others,
        "target_power",
        "level",
        "mdes",
        "mdes_low",
        "mdes_high",
        "estimand",
        "scale",
        "how",
        "reason",
    ]
    return pd.DataFrame(found, columns=columns)


def _by_shift(study: Study, draws: RowDraws, named: Mapping[str, Any], target: float) -> Detectable:
    """Shift the draws where that is valid: additive effects, and intervals that are centred on the estimate."""
    if named["scale"] == "ratio":
        return Detectable(np.nan, np.nan, np.nan, "shift", "a ratio's draws cannot be shifted: sweep world.effect.size")
    if str(named["inference"]).endswith(JOINT):
        return Detectable(np.nan, np.nan, np.nan, "shift", "checks have to be run again: sweep world.effect.size")
    if named["inference"] == "randomization":
        return Detectable(
            np.nan, np.nan, np.nan, "shift", "randomization has to be drawn again: sweep world.effect.size"
        )
    return by_shift(draws, target)
