"""What a power study says in plain English."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import numeral
from sos_eval.montecarlo.families import ADJUSTMENTS, DECISIONS
from sos_eval.montecarlo.line.pretest import TESTS
from sos_eval.montecarlo.point import numbered
from sos_eval.montecarlo.study import Study
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Outcome
from sos_eval.results.table import overall_rows
from sos_eval.worlds.draw import draw_outcomes

__all__ = ["aims", "article", "chances", "in_letters", "joint_findings", "reassurances", "study_sentences"]

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
            "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty")  # fmt: skip
#: Shares of the time that people say with other words than ``one time in so many``, up to so many.
_CHANCES = (
    (0.0, "practically never"), (0.4, "two times in five"), (0.5, "half of the time"), (0.6, "three times in five"),
    (1.0, "practically always"),
)  # fmt: skip
ONE_IN = 100

#: Share of evaluations from which on an effect of the wrong sign is said.
WRONG = 0.005
#: Frames of authorities, and draws on all of them, over which the level without the intervention is averaged.
_LEVEL_FRAMES, _LEVEL_DRAWS = 20, 100
#: Swept keys whose values the sentence says in its own words.
TOLD = ("world.effect.size", "world.adoption.treated")


def chances(share: float) -> str:
    """Say a probability as people do: the nearest of a few fractions."""
    rare = [(1 / n, f"one time in {in_letters(n)}") for n in range(3, ONE_IN + 1)]
    usual = [(1 - 1 / n, f"{in_letters(n - 1)} times in {in_letters(n)}") for n in range(3, ONE_IN + 1)]
    return min((*_CHANCES, *rare, *usual), key=lambda chance: abs(chance[0] - share))[1]


def in_letters(n: int) -> str:
    """Say a small number in letters."""
    return _NUMBERS[n] if n < len(_NUMBERS) else str(n)


def study_sentences(study: Study, summary: pd.DataFrame) -> tuple[str, ...]:
    """Say what the primary line would miss at every point."""
    swept = list(study.points[0].keys)
    said = []
    for i, point in enumerate(study.points):
        ready = study.at(i).lines[0]
        rows = summary[(summary["estimator"] == ready.line.id) & (summary["outcome"] == ready.source.active)]
        for name in swept:
            rows = rows[rows[name] == point.keys[name]]
        if rows.empty:
            continue
        row = overall_rows(rows).iloc[0]
        starts = ready.reference.estimate.panel.first_treated
        starts = starts[np.isfinite(starts)]
        years = int((ready.panel.times >= starts.min()).sum()) if len(starts) else 0
        several = len(set(summary["outcome"][summary["estimator"] == ready.line.id])) > 1
        on = f" on {ready.source.active}" if several else ""
        every = int(ready.source.ever_treated.sum())
        where = _where(point.keys, _who(len(starts), every), years)
        said.append(_sentence(row, where, _level(study, i), on, _over(study)))
    return tuple(said)


def aims(study: Study, summary: pd.DataFrame, mdes: pd.DataFrame) -> tuple[str, ...]:
    """Hold what the primary line detects against the smallest change worth having, for every sweep but the effect's."""
    ready = study.at(0).lines[0]
    first = summary[(summary["estimator"] == ready.line.id) & (summary["outcome"] == ready.source.active)]
    if study.worthwhile is None or first.empty:
        return ()
    row = overall_rows(first).iloc[0]
    same = ["estimator", "outcome", "aggregation", "inference", "estimand", "scale"]
    rows = mdes[(mdes[same] == row[same]).all(axis=1)]
    keys = [name for name in study.points[0].keys if name in mdes.columns]
    least, unit = float(study.worthwhile), _unit(ready.source.outcome)
    level = _level(study, 0)
    return tuple(_aim(one, keys, least, level, unit) for _, one in rows.iterrows())


def _level(study: Study, number: int) -> float:
    """Return what is expected of a point's treated without the intervention, from their starts on, in its primary line.

    Authorities are drawn anew, and so it is averaged over frames of them: of one frame it is another number.
    """
    frames = min(study.frames, _LEVEL_FRAMES)
    found = []
    for frame in range(frames):
        there, rng = study.on(number, frame), stream(study.seed, "level", *numbered(frame))
        ready = there.lines[0]
        if not isinstance(ready, str):
            draws = draw_outcomes(study.points[number].world, there.frame, rng, _LEVEL_DRAWS // frames)
            found.append(ready.truth.untreated(draws.about(ready.drawn)))
    return float(np.mean(found)) if found else np.nan


def _unit(outcome: Outcome) -> str:
    """Return the unit of a change worth having: ``per 10,000``; nothing where the outcome is no rate."""
    return f" per {outcome.per:,.10g}" if outcome.scale == "rate_per" else ""


def _aim(row: pd.Series, keys: Sequence[str], worthwhile: float, untreated: float, unit: str) -> str:
    """Say whether a change of the smallest size worth having is found as often as aimed at."""
    there = ", ".join(f"{key} {row[key]}" for key in keys)
    which = f"The smallest change worth having is {worthwhile:g}{unit}"
    where, often = f" ({there})" if there else "", f"in {float(row['target_power']):.0%} of evaluations"
    size, *ends = (_as_difference(float(row[name]), row, untreated) for name in ("mdes", "mdes_low", "mdes_high"))
    low, high = sorted(ends) if np.isfinite(ends).all() else ends
    if not np.isfinite(size):
        why = row["reason"] or "no size is known"
        return f"{which}{where}; whether it would be found {often} is not known: {why}."
    found = f"this design finds {numeral(size)}{unit} ({_span(low, high)}) {often}"
    if low <= worthwhile <= high:
        return f"{which}{where}; {found}, which is as large up to Monte Carlo error."
    verdict = "so one as small would be missed more often" if size > worthwhile else "so it is found more often"
    return f"{which}{where}; {found}, {verdict}."


def _span(low: float, high: float) -> str:
    """Say an interval; an end that no simulated effect reaches is open."""
    if np.isnan(high):
        return "of unknown error" if np.isnan(low) else f"{numeral(low)} or more"
    return f"up to {numeral(high)}" if np.isnan(low) else f"{numeral(low)} to {numeral(high)}"


def _as_difference(size: float, row: pd.Series, untreated: float) -> float:
    """Return a detectable size as a difference: a ratio through the level without it, a log as a fall."""
    shares = {"ratio": abs(size - 1), "log": float(-np.expm1(-size))}
    return shares[str(row["scale"])] * untreated if row["scale"] in shares else size


def _who(treated: int, every: int) -> str:
    """Say how many are treated, and of how many where the estimate leaves some out."""
    of = f" of {in_letters(every)}" if every > treated else ""
    return f"{in_letters(treated)}{of} treated {'authority' if every == 1 else 'authorities'}"


def _where(keys: Mapping[str, Any], who: str, years: int) -> str:
    """Say the design in short, and the swept keys that a reader does not see from the rest of the sentence."""
    swept = [f"{key} {value}" for key, value in keys.items() if key not in TOLD]
    since = f"{in_letters(years)} {'year' if years == 1 else 'years'} since the first start"
    return f"With {who} and {since}" + (f" ({', '.join(swept)})" if swept else "")


def article(size: str) -> str:
    """Return a or an, as the number is read out."""
    whole = size.strip("%").split(".")[0]
    return "an" if whole in ("11", "18") or (whole.startswith("8") and len(whole) < 3) else "a"


def _over(study: Study) -> str:
    """Say how many draws of authorities a power is over, where that is not one a draw."""
    if study.fixed:
        return "given the panel's own authorities"
    if study.frames == study.reps:
        return ""
    return f"over {in_letters(study.frames)} draws of authorities" if study.frames > 1 else "on one draw of authorities"


def _sentence(row: pd.Series, where: str, untreated: float, on: str, over: str = "") -> str:
    """Say one row; its effect as a share of what is expected of the treated without it."""
    effect, share = float(row["true_effect"]), float(row["power"])
    how = f"{row['estimator']}{on}, {row['inference']} inference"
    no_effect = effect == 1 if row["scale"] == "ratio" else effect == 0
    if no_effect:
        independent = int(row["frames"]) if row["frames"] > 1 else int(row["reps"])
        error = (
            f" (Monte Carlo error {_error(share, float(row['power_mcse']), independent)}{f', {over}' if over else ''})"
        )
        return f"{where}, {how} would report an effect that is not there in {share:.1%} of evaluations{error}."
    if np.isnan(effect):
        whom = "a world knows the effect on those that start, and this estimate is about others too"
        said = f"{where}, {how} would report an effect in {share:.1%} of evaluations"
        return f"{said}; how large it is is not known: {whom}."
    relative = {"ratio": effect - 1, "rate_per": effect / untreated, "log": float(np.expm1(effect))}
    change = relative.get(str(row["scale"]))
    size = numeral(abs(effect)) if change is None else f"{abs(change):.0%}"
    fall = "fall" if (effect < 1 if row["scale"] == "ratio" else effect < 0) else "rise"
    mcse = float(row["power_mcse"])
    wrong = share * float(row["type_s"]) if row["type_s"] > 0 else 0.0  # found, and of the wrong sign
    missed = chances(1 - (share - wrong))
    seen = f"{article(size)} {size} {fall}"
    other = "rise" if fall == "fall" else "fall"
    instead = f", and report a {other} in {_rare(wrong)} of evaluations" if wrong >= WRONG else ""
    independent = int(row["frames"]) if row["frames"] > 1 else int(row["reps"])
    given = f", {over}" if over else ""
    shown = f"power {share:.0%}, Monte Carlo error {_error(share, mcse, independent)}{given}"
    lost = f"; {int(row['failures'])} of {int(row['reps'])} draws could not be estimated" if row["failures"] else ""
    return f"{where}, you would miss {seen} {missed}{instead} ({shown}; {how}{lost})."


def _rare(share: float) -> str:
    """Return a share in whole per cent, below one as such."""
    return "fewer than 1%" if share < 0.01 else f"{share:.0%}"


def _error(share: float, mcse: float, reps: int) -> str:
    """Say a share's Monte Carlo error; of none or all of n independent draws, what the true share may be (3 in n)."""
    return f"{mcse:.1%}" if 0 < share < 1 else f"not estimable: true share within {min(3 / reps, 1):.1%} of it"


def joint_findings(study: Study, families: pd.DataFrame) -> tuple[str, ...]:
    """Say how often the primary estimator finds some and all of its outcomes, at every point."""
    swept = list(study.points[0].keys)
    rows = overall_rows(families[families["estimator"] == study.points[0].lines[0].id])
    if rows.empty:
        return ()
    kind = ["estimand", "inference"]
    first = rows[(rows[kind] == rows[kind].iloc[0]).all(axis=1)]
    points = first.groupby(swept, sort=False) if swept else [((), first)]
    return tuple(_joint_finding(part, swept) for _, part in points)


def _joint_finding(rows: pd.DataFrame, swept: Sequence[str]) -> str:
    """Say one point of `families.csv`."""
    shares = {(row["adjustment"], row["decision"]): row for row in rows.to_dict("records") if not row["outcome"]}
    some, every, wrong = ([shares[adjustment, name] for adjustment in ADJUSTMENTS] for name in DECISIONS[:3])
    row = some[0]
    where = f"With {', '.join(f'{name} {row[name]}' for name in swept)}, of" if swept else "Of"
    text = (
        f"{where} its {in_letters(int(row['outcomes']))} outcomes {row['estimator']} would report an effect on at "
        f"least one in {some[0]['share']:.0%} of evaluations and on every one in {every[0]['share']:.0%}; with Holm's "
        f"adjustment for looking at several, {some[1]['share']:.0%} and {every[1]['share']:.0%}"
    )
    if wrong[0]["share"] != wrong[0]["share"]:
        return f"{text}."
    return (
        f"{text}. It would report one that is not there in {wrong[0]['share']:.1%} (Monte Carlo error "
        f"{wrong[0]['share_mcse']:.1%}), with the adjustment in {wrong[1]['share']:.1%}."
    )


def reassurances(study: Study, pretests: pd.DataFrame) -> tuple[str, ...]:
    """Say how often the primary line's joint pre-trend test passes at every point where trends are not parallel."""
    swept = list(study.points[0].keys)
    rows = pretests[(pretests["estimator"] == study.points[0].lines[0].id) & (pretests["check"] == TESTS[0])]
    first = overall_rows(rows).drop_duplicates(["outcome", *swept])
    return tuple(_reassurance(row, swept) for row in first.to_dict("records") if row["false_reassurance"] >= 0)


def _reassurance(row: Mapping[Hashable, Any], swept: Sequence[str]) -> str:
    """Say one row of `pretests.csv`."""
    scale = " on the log scale" if row["scale"] in ("ratio", "log") else ""
    steady = "" if row["trend"] != row["trend"] else f" by {numeral(row['trend'])} a period before the start and"
    where = f"With {', '.join(f'{name} {row[name]}' for name in swept)}" if swept else "Here"
    first = (
        f"{where} trends are not parallel: without any effect the treated move away from their comparison{steady} by "
        f"{numeral(row['violation'])} in what {row['estimator']} estimates{scale}; the joint pre-trend test "
        "passes all the "
        f"same in {row['false_reassurance']:.0%} of draws (Monte Carlo error {row['false_reassurance_mcse']:.1%})"
    )
    if row["bias_passing"] != row["bias_passing"]:
        return f"{first}."
    return (
        f"{first}. Among those that pass the mean bias is {numeral(row['bias_passing'])} "
        f"({numeral(row['bias_passing_mcse'], 2)}) "
        f"and {row['coverage_passing']:.0%} of intervals hold the truth; over all draws {numeral(row['bias'])} "
        f"({numeral(row['bias_mcse'], 2)}) and {row['coverage']:.0%}."
    )
