"""The tables of a power study, from its finished chunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.montecarlo.chunk import Chunk
from sos_eval.montecarlo.diagnosands import DIAGNOSANDS, Diagnosand, RowDraws, diagnose
from sos_eval.montecarlo.families import family_rows, family_table
from sos_eval.montecarlo.finished import Power
from sos_eval.montecarlo.formulas import formula_rows, formula_table
from sos_eval.montecarlo.line.draws import QUANTITIES
from sos_eval.montecarlo.line.rows import JOINT, LEADING
from sos_eval.montecarlo.mdes import detectable
from sos_eval.montecarlo.plan import explain
from sos_eval.montecarlo.pretests import pretest_rows, pretest_table
from sos_eval.montecarlo.store import Store
from sos_eval.montecarlo.study import Study
from sos_eval.montecarlo.words import aims, joint_findings, reassurances, study_sentences
from sos_eval.numerics.clusters import spread_between

__all__ = ["columns_of", "finish", "row_draws"]

#: What the contract's table shows, in its order; the further Monte Carlo errors follow.
SHOWN = (
    "true_effect", "mean_estimate", "bias", "bias_mcse", "rmse", "sd_estimate", "mean_std_error", "coverage",
    "coverage_mcse", "power", "power_mcse", "type_s", "type_m",
)  # fmt: skip

#: How many frames the draws are on, and the standard deviation of power between them; the last columns.
FRAMED = ("frames", "power_frame_sd")


def finish(study: Study, store: Store, target: float, diagnosands: Mapping[str, Diagnosand]) -> Power:
    """Turn the finished chunks into tables."""
    rows: list[dict[str, Any]] = []
    drawn: list[RowDraws] = []
    failed: list[dict[str, Any]] = []
    seconds: list[dict[str, float]] = []
    pretested: list[dict[str, Any]] = []
    together: list[dict[str, Any]] = []
    by_formula: list[dict[str, Any]] = []
    for number, point in enumerate(study.points):
        chunks = store.chunks(number)
        frame, values = _joined(chunks)
        failures: Counter[tuple[str, str, str, str]] = sum((chunk.failures for chunk in chunks), Counter())
        keys = [{str(name): value for name, value in key.items()} for key in frame.to_dict("records")]
        of_point = [row_draws(values[k], float(key["level"]), study.clusters) for k, key in enumerate(keys)]
        for key, draws in zip(keys, of_point, strict=True):
            who = key["estimator"], key["outcome"], str(key["inference"]).removesuffix(JOINT)
            lost = sum(n for reason, n in failures.items() if reason[:3] == who)
            found = diagnose(draws, diagnosands) | _of_frames(study, draws)
            rows.append({**key, **point.keys, "reps": study.reps, "failures": lost, **found})
        by_formula += formula_rows(study.at(number), rows[len(drawn) :], of_point, target)
        drawn += of_point
        pretested += _pretests(study, number, chunks, keys, of_point)
        together += [{**row, **point.keys, "reps": study.reps} for row in family_rows(keys, of_point)]
        failed += [
            {**dict(zip(("estimator", "outcome", "inference", "reason"), key, strict=True)), **point.keys, "draws": n}
            for key, n in sorted(failures.items())
        ]
        seconds.append(_seconds(chunks))
    swept = list(study.points[0].keys)
    table = pd.DataFrame(rows)
    mdes = detectable(table, drawn, swept, study, target)
    spent = [
        (ms["frame"], ms["draw"], ms[line.id]) for ms, p in zip(seconds, study.points, strict=True) for line in p.lines
    ]
    of_frame, draw, line = (list(one) for one in zip(*spent, strict=True))
    explained = explain(study).assign(ms_draw=draw, ms_estimate=line, ms_frame=of_frame)
    summary = _laid_out(table, swept, diagnosands)
    failed_columns = ["estimator", "outcome", "inference", *swept, "reason", "draws"]
    failures_table = pd.DataFrame(failed, columns=failed_columns)
    pretests = pretest_table(pretested, swept)
    families, formulas = family_table(together, swept), formula_table(by_formula, swept)
    said = (
        *study_sentences(study, summary), *aims(study, summary, mdes), *joint_findings(study, families),
        *reassurances(study, pretests),
    )  # fmt: skip
    return Power(summary, mdes, failures_table, said, explained, pretests, families, formulas, store.folder)


def _of_frames(study: Study, draws: RowDraws) -> dict[str, float]:
    """Say how many frames the draws are on, and how far apart the power is between them."""
    spread = np.nan if draws.frames is None else spread_between(draws.rejects.astype(float), draws.frames)
    return dict(zip(FRAMED, (study.frames, spread), strict=True))


def _pretests(
    study: Study, number: int, chunks: Sequence[Chunk], keys: Sequence[Mapping[str, Any]], drawn: Sequence[RowDraws]
) -> list[dict[str, Any]]:
    """Diagnose the pre-trend tests of a point's rows that have some."""
    planned = {(ready.line.id, ready.source.active): ready.pretest for ready in study.at(number).lines}
    if not any(planned.values()):
        return []
    tested = np.concatenate([chunk.pretests for chunk in chunks if chunk.pretests is not None], axis=1)
    there = {**study.points[number].keys, "reps": study.reps}
    rows: list[dict[str, Any]] = []
    for key, draws, tests in zip(keys, drawn, tested, strict=True):
        if plan := planned[key["estimator"], key["outcome"]]:
            rows += pretest_rows({**key, **there}, draws, tests, plan.reasons)
    return rows


def _joined(chunks: Sequence[Chunk]) -> tuple[pd.DataFrame, Any]:
    return chunks[0].rows, np.concatenate([chunk.values for chunk in chunks], axis=1)


def _seconds(chunks: Sequence[Chunk]) -> dict[str, float]:
    """Return milliseconds a draw by what they were spent on."""
    reps = sum(chunk.values.shape[1] for chunk in chunks)
    names = dict.fromkeys(name for chunk in chunks for name in chunk.seconds)
    return {name: 1000 * sum(chunk.seconds.get(name, 0.0) for chunk in chunks) / reps for name in names}


def row_draws(values: Any, level: float, frames: NDArray[np.intp] | None = None) -> RowDraws:
    """Return one row's draws by name."""
    return RowDraws(**{name: values[:, i] for i, name in enumerate(QUANTITIES)}, level=level, frames=frames)


def _laid_out(table: pd.DataFrame, swept: list[str], diagnosands: Mapping[str, Diagnosand]) -> pd.DataFrame:
    """Put columns into the contract's order; ratios are shown as ratios, their errors stay on the log scale."""
    out = table.copy()
    ratio = out["scale"] == "ratio"
    for name in ("true_effect", "mean_estimate"):
        out.loc[ratio, name] = np.exp(out.loc[ratio, name])
    return out[[*LEADING, *swept, *columns_of(diagnosands)[len(LEADING) :]]]


def columns_of(diagnosands: Mapping[str, Diagnosand]) -> list[str]:
    """Return the columns of `power.csv` in their order, without those of swept keys."""
    further = [f"{name}_mcse" for name in diagnosands if f"{name}_mcse" not in SHOWN]
    users = [name for name in diagnosands if name not in DIAGNOSANDS]
    return [*LEADING, "reps", *SHOWN, "failures", "estimand", "scale", "level", *users, *further, *FRAMED]
