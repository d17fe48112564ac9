"""The answer of several studies together: one number where they allow it, and how far they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import DataFault, Fault, NotIdentified, listed, nearest, numeral
from sos_eval.synthesis.random_effects import Heterogeneity, Interval, Pooling, between_limits, pooled
from sos_eval.synthesis.robust import Robust, robust
from sos_eval.synthesis.small_studies import FEWEST, egger
from sos_eval.synthesis.studies import Studies, chosen
from sos_eval.synthesis.verdict import few_degrees, not_shown, verdict_of_mean

__all__ = ["Synthesis", "synthesise"]

Array = NDArray[np.float64]

#: Below this, the p of a robust test is not relied on (Tipton 2015).
LEAST_DF = 4.0
DEPENDENT = "studies share authorities: errors are by cluster of studies (CR2), and no prediction interval is given"
FEW_DF = "fewer than 4 degrees of freedom: neither the interval nor p is reliable"
FEW_STUDIES = f"not done: fewer than {FEWEST} studies cannot tell a trend in small studies from chance"
ALIKE = "not done: all studies have one standard error, so that none is smaller"
ONE_CLUSTER = "every study shares authorities with another: they are one piece of evidence, and are not pooled"
IDENTICAL = "all effects are identical: this error is zero, and says nothing; use modified_hartung_knapp"
FEW_LEFT = "fewer than two studies"
OWN, OF_ERROR = "the study's own", "normal, from std_error"
#: From how many times a wider range of a new setting on, at the upper limit of tau2, it is said to be hardly known.
_HARDLY_KNOWN = 2.0


@dataclass(frozen=True, slots=True)
class Synthesis:
    """What several studies say together.

    Attributes
    ----------
    studies
        A row per study with its weight.
    models
        Pooled effects: the headline, then other estimators of the variance between studies and other intervals.
    without
        The headline's model without each study.
    groups, moderators
        Effects within groups; coefficients of a meta-regression. Empty where none was asked for.
    small
        The test for small studies, or why it was not done.
    emmie, statements
        What studies say by the letters of EMMIE; their statements of context, mechanism and outcome beside what each
        found. Empty where studies are a table's.
    sentence, verdict
        The headline in words, and whether it is told from no difference.
    notes, not_shown
        What limits it, and what it does not show.
    """

    studies: pd.DataFrame
    models: pd.DataFrame
    without: pd.DataFrame
    groups: pd.DataFrame
    moderators: pd.DataFrame
    small: pd.DataFrame
    sentence: str
    verdict: str
    not_shown: tuple[str, ...]
    notes: tuple[str, ...]
    emmie: pd.DataFrame
    statements: pd.DataFrame


def synthesise(
    studies: Studies,
    *,
    heterogeneity: Heterogeneity = "reml",
    interval: Interval = "modified_hartung_knapp",
    group: str | None = None,
    moderator: str | None = None,
    level: float = 0.95,
) -> Synthesis:
    """Pool studies by random effects.

    Raises
    ------
    NotIdentified
        All studies hang together by authorities that they share.
    DataFault
        A group or moderator that is not in the table, or has gaps.
    """
    if len(set(studies.cluster)) < 2:
        raise NotIdentified(Fault("", ONE_CLUSTER, "synthesise studies of different authorities"))
    options: dict[str, Any] = {"heterogeneity": heterogeneity, "interval": interval, "level": level}
    head = _model(studies, "headline", **options)
    others = [
        _model(studies, "sensitivity", heterogeneity=how, interval=which, level=level)
        for how in get_args(Heterogeneity) for which in get_args(Interval)
        if (how, which) != (heterogeneity, interval) and (studies.independent or which == interval)
    ]  # fmt: skip
    models = pd.DataFrame([head, *others])
    notes = (
        *_different(studies),
        *studies.notes,
        *([] if studies.independent else [DEPENDENT]),
        *([head["reason"]] if head["reason"] else []),
        *([wide] if (wide := few_degrees(head)) else []),
    )
    small = _small(studies, level)
    rows = _study_rows(studies, heterogeneity, level)
    statements = studies.statements
    if len(statements):
        statements = statements.merge(rows[["study", "estimate", "conf_low", "conf_high"]], on="study")
    return Synthesis(
        rows, models, _without(studies, options),
        pd.DataFrame() if group is None else _groups(studies, group, options),
        pd.DataFrame() if moderator is None else _moderators(studies, moderator, options),
        small, _sentence(studies, head), verdict_of_mean(head), not_shown(head, rows, str(small["reason"].iloc[0])),
        notes, studies.emmie, statements,
    )  # fmt: skip


def _model(
    studies: Studies, role: str, *, heterogeneity: Heterogeneity, interval: Interval, level: float
) -> dict[str, Any]:
    """Return one pooled effect as a row; errors by cluster where studies share authorities."""
    plain = pooled(studies.effects, studies.variances, heterogeneity=heterogeneity, interval=interval, level=level)
    low, high = between_limits(studies.effects, studies.variances, level)
    row: dict[str, Any] = {
        "role": role, "outcome": studies.outcome, "scale": "ratio" if studies.ratio else "difference",
        "unit": studies.unit,
        "heterogeneity": heterogeneity, "interval": interval, "studies": len(studies.names),
        "clusters": len(set(studies.cluster)), "conf_level": level, "tau2": plain.tau2, "tau2_low": low,
        "tau2_high": high, "i2": plain.i2, "q": plain.q, "q_p": plain.q_p,
    }  # fmt: skip
    if studies.independent:
        ends = {"predicted_low": plain.predicted_low, "predicted_high": plain.predicted_high}
        return row | _effect(studies, plain) | {name: float(studies.shown(end)) for name, end in ends.items()}
    found = robust(studies.effects, studies.variances, studies.cluster, heterogeneity=heterogeneity, level=level)
    reason = FEW_DF if found.df[0] < LEAST_DF else ""
    limits = {"interval": "by cluster (CR2)", "predicted_low": np.nan, "predicted_high": np.nan}
    return row | _effect(studies, found) | limits | {"reason": reason}


def _effect(studies: Studies, found: Pooling | Robust, j: int = 0) -> dict[str, Any]:
    """Return a coefficient as it is read: estimate and ends of ratios as ratios, the error of their logs."""
    df = float(np.broadcast_to(found.df, len(found.coef))[j])
    numbers = {"estimate": found.coef[j], "conf_low": found.low[j], "conf_high": found.high[j]}
    shown = {name: float(studies.shown(value)) for name, value in numbers.items()}
    error = {"std_error": float(found.std_error[j]), "df": df if np.isfinite(df) else np.nan}
    reason = IDENTICAL if np.isnan(found.std_error[j]) else ""
    return shown | error | {"p_value": float(found.p_value[j]), "reason": reason}


def _study_rows(studies: Studies, heterogeneity: Heterogeneity, level: float) -> pd.DataFrame:
    """Lay out what each study found with the interval that it gives, else one of its error, and its weight."""
    from scipy.special import ndtri

    spread = ndtri((1 + level) / 2) * np.sqrt(studies.variances)
    low, high = studies.effects - spread, studies.effects + spread
    own = np.zeros(len(low), bool)
    if len(studies.own):
        given = studies.own[["conf_low", "conf_high"]].to_numpy(float)
        own = np.isfinite(given).all(1) & np.isclose(studies.own["conf_level"], level)
        low, high = np.where(own, given[:, 0], low), np.where(own, given[:, 1], high)
    weights = pooled(studies.effects, studies.variances, heterogeneity=heterogeneity).weights
    whose = _interventions(studies)
    return pd.DataFrame({
        "study": studies.names, **({"title": studies.further["title"].tolist()} if "title" in studies.further else {}),
        **({"intervention": whose} if any(whose) else {}),
        "outcome": studies.outcome, "scale": "ratio" if studies.ratio else "difference",
        "estimate": studies.shown(studies.effects), "std_error": np.sqrt(studies.variances),
        "conf_low": studies.shown(low), "conf_high": studies.shown(high),
        "interval": np.where(own, OWN, OF_ERROR), "weight": weights, "cluster": studies.cluster,
    })  # fmt: skip


def _interventions(studies: Studies) -> list[str]:
    """Return what each study evaluates, (k,); empty where it does not say."""
    if "intervention" not in studies.further:
        return [""] * len(studies.names)
    return ["" if pd.isna(one) else str(one).strip() for one in studies.further["intervention"]]


def _different(studies: Studies) -> list[str]:
    """Say so where studies are of different interventions, with whose each is."""
    whose: dict[str, list[str]] = {}
    for name, one in zip(studies.names, _interventions(studies), strict=True):
        whose.setdefault(one or "not said", []).append(name)
    if len(whose) < 2:
        return []
    said = "; ".join(f"{one} ({listed(names)})" for one, names in whose.items())
    return [f"The studies are of different interventions, and the mean is of none of them: {said}"]


def _without(studies: Studies, options: dict[str, Any]) -> pd.DataFrame:
    """Pool without each study in turn; where studies share authorities, with errors by cluster."""
    rows: list[dict[str, Any]] = []
    for k, name in enumerate(studies.names):
        rest = chosen(studies, np.arange(len(studies.names)) != k)
        if len(rest.names) < 2 or len(set(rest.cluster)) < 2:
            rows.append({"left_out": name, "reason": FEW_LEFT})
            continue
        row = _model(rest, "", **options)
        kept = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "tau2", "i2", "reason")
        rows.append({"left_out": name, **{key: row[key] for key in kept}})
    return pd.DataFrame(rows)


def _column(studies: Studies, name: str, option: str) -> pd.Series:
    """Return a column of the table without gaps.

    Raises
    ------
    DataFault
        It is not there, or has gaps.
    """
    if name not in studies.further:
        held = [str(one) for one in studies.further]
        raise DataFault(Fault("", f"{option}: no column {name!r}", nearest(name, held)))
    column = studies.further[name]
    if column.isna().any():
        lacking = listed([one for one, gap in zip(studies.names, column.isna(), strict=True) if gap])
        raise DataFault(Fault("", f"{option}: {name} is empty for {lacking}", "fill it, or leave these studies out"))
    return column


def _groups(studies: Studies, name: str, options: dict[str, Any]) -> pd.DataFrame:
    """Pool within groups, each with a variance between studies of its own, and test that they differ."""
    column, rows = _column(studies, name, "--group").astype(str).to_numpy(), []
    for word in dict.fromkeys(column):
        part = chosen(studies, column == word)
        row: dict[str, Any] = {"group": word, "studies": len(part.names)}
        if len(part.names) < 2 or len(set(part.cluster)) < 2:
            rows.append(row | {"reason": FEW_LEFT})
            continue
        found = _model(part, "", **options)
        kept = ("estimate", "std_error", "conf_low", "conf_high", "df", "p_value", "tau2", "i2", "reason")
        rows.append(row | {key: found[key] for key in kept})
    return pd.DataFrame(rows)


def _moderators(studies: Studies, name: str, options: dict[str, Any]) -> pd.DataFrame:
    """Regress effects on a moderator: a number, or indicators of all but the first category.

    Coefficients are on the working scale: logs of ratios of ratios, or differences of differences.
    """
    column = _column(studies, name, "--moderator")
    numeric = pd.to_numeric(column, errors="coerce")
    if numeric.notna().all():
        centre = float(numeric.mean())  # so that the constant is among the studies, whatever the moderator's origin
        values, labels = numeric.to_numpy(float)[:, None] - centre, [name]
        constant = f"at {name} {centre:.10g}"
    else:
        words = list(dict.fromkeys(column.astype(str)))
        values = (column.astype(str).to_numpy()[:, None] == np.array(words[1:])).astype(float)
        labels, constant = [f"{name}: {word} less {words[0]}" for word in words[1:]], f"{name}: {words[0]}"
    spread = values.std(0)
    scaled = (values - values.mean(0)) / np.where(spread > 0, spread, 1.0)
    design = np.column_stack([np.ones(len(column)), values])
    if len(column) - design.shape[1] < 2 or np.linalg.matrix_rank(scaled) < values.shape[1]:
        what = f"--moderator: {name} leaves fewer than two degrees of freedom among {len(column)} studies"
        raise DataFault(Fault("", what, "name a moderator with fewer categories, or add studies"))
    if studies.independent:
        found: Pooling | Robust = pooled(studies.effects, studies.variances, design, **options)
    else:
        shared = {key: options[key] for key in ("heterogeneity", "level")}
        found = robust(studies.effects, studies.variances, studies.cluster, design, **shared)
    df = np.broadcast_to(found.df, len(found.coef))
    return pd.DataFrame({
        "term": [constant, *labels], "coefficient": found.coef, "std_error": found.std_error, "conf_low": found.low,
        "conf_high": found.high, "df": np.where(np.isfinite(df), df, np.nan), "p_value": found.p_value,
        "tau2": found.tau2, "reason": np.where(df < LEAST_DF, FEW_DF, ""),
    })  # fmt: skip


def _small(studies: Studies, level: float) -> pd.DataFrame:
    """Test whether small studies say something else, from ten independent studies on."""
    if len(studies.names) < FEWEST or not studies.independent:
        why = FEW_STUDIES if len(studies.names) < FEWEST else "not done: studies share authorities"
        return pd.DataFrame([{"test": "egger", "reason": why}])
    if np.allclose(studies.variances, studies.variances[0], rtol=1e-9, atol=0.0):
        return pd.DataFrame([{"test": "egger", "reason": ALIKE}])
    found = egger(studies.effects, studies.variances, level)
    ends = {"limit": found.limit, "limit_low": found.limit_low, "limit_high": found.limit_high}
    shown = {name: float(studies.shown(end)) for name, end in ends.items()}
    row = {"test": "egger", "statistic": found.statistic, "df": found.df, "p_value": found.p_value}
    return pd.DataFrame([row | shown | {"reason": ""}])


def _sentence(studies: Studies, head: dict[str, Any]) -> str:
    """Say the headline: the mean, its range, and where a new setting's effect would lie."""
    kind = "ratio" if studies.ratio else "difference"
    unit = f" {studies.unit}" if studies.unit else ""
    about = f" in {studies.outcome.lower()}" if studies.outcome else ""
    mean, low, high = (numeral(head[name]) for name in ("estimate", "conf_low", "conf_high"))
    within = f"{head['conf_level']:.0%} interval: {low} to {high}"
    said = f"Over {len(studies.names)} studies the mean {kind}{about} is {mean}{unit} ({within})"
    if head["reason"]:
        return f"{said}; {head['reason']}."
    if pd.isna(head["predicted_low"]):
        return f"{said}."
    ends = " to ".join(numeral(head[name]) for name in ("predicted_low", "predicted_high"))
    where = f"in a new setting like these the true {kind} would be expected to lie in {ends}{unit}"
    return f"{said}; {where}.{_between(studies, head)}"


def _between(studies: Studies, head: dict[str, Any]) -> str:
    """Say so where the studies hardly tell how far settings differ, on which a new setting's range rests."""
    tau2, low, high = (float(head[name]) for name in ("tau2", "tau2_low", "tau2_high"))
    error = float(head["std_error"]) ** 2
    if 0 < high < np.inf and np.sqrt((error + high) / (error + tau2)) < _HARDLY_KNOWN:
        return ""
    logs = " of logs" if studies.ratio else ""
    within = f"{head['conf_level']:.0%} interval: {numeral(low)} to {numeral(high)}"
    within = within if np.isfinite(high) else "without an upper limit"
    within = f"no variance is in its {head['conf_level']:.0%} interval, so alike are they" if high == 0 else within
    same = "is the mean's own, as no variance between settings was seen, and " if tau2 == 0 else ""
    return (
        f" How far settings differ is hardly known from {len(studies.names)} studies (variance between them{logs}: "
        f"{numeral(tau2)}, {within}): this range {same}may be much too narrow."
    )
