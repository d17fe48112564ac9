"""The page of a power study: one HTML file that stands by itself, and the figures with their data beside it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd

from sos_eval.bundle.whole import make_folder, write_file
from sos_eval.errors import numeral
from sos_eval.report.content import Block, Bullets, Heading, Picture, ReportDocument, Table, Text
from sos_eval.report.draw import Drawn
from sos_eval.report.html import render_document
from sos_eval.report.power.figures import FIGURES
from sos_eval.report.power.naming import key_words, with_bounds
from sos_eval.report.power.reading import PowerFolder, headline, read_power
from sos_eval.report.pulled_folder import PulledFolder
from sos_eval.report.theme_file import OwnLook
from sos_eval.report.wording import minus_signs
from sos_eval.results.table import overall_rows

__all__ = ["pulled_study", "write_power_report"]

AGAIN = "with --resume: all draws are kept"
SHOWN = {
    "estimator": "Estimator", "inference": "Inference", "true_effect": "True effect", "bias": "Bias",
    "rmse": "RMSE", "sd_estimate": "SD", "mean_std_error": "Mean standard error", "coverage": "Coverage",
    "coverage_mcse": "Its Monte Carlo error", "power": "Power", "power_mcse": "Its Monte Carlo error ",
    "type_s": "Wrong sign", "type_m": "Exaggeration", "failures": "Failed draws",
}  # fmt: skip

MDES = {
    "target_power": "Power", "scale": "Scale", "mdes": "Smallest effect", "mdes_low": "From", "mdes_high": "To",
    "reason": "Why empty",
}  # fmt: skip

EXPLAIN = {
    "estimator": "Estimator", "outcome": "Outcome", "how": "Draws", "why": "Why", "n_units": "Units",
    "n_times": "Periods", "n_treated_units": "Treated units", "ms_draw": "Milliseconds to draw an outcome",
    "ms_estimate": "Milliseconds to estimate", "ms_frame": "Milliseconds to draw the authorities",
}  # fmt: skip

FAMILIES = {
    "estimator": "Estimator", "estimand": "Estimand", "inference": "Inference", "adjustment": "Adjustment",
    "decision": "Reports an effect on", "outcome": "Outcome", "share": "Share of draws",
    "share_mcse": "Its Monte Carlo error", "reason": "Why empty",
}  # fmt: skip

FORMULAS = {
    "estimator": "Estimator", "outcome": "Outcome", "inference": "Inference", "formula": "Formula",
    "std_error": "Its error", "sd_estimate": "SD of estimates", "sd_estimate_mcse": "Its Monte Carlo error",
    "power_by_formula": "Power by formula", "power": "Power", "power_mcse": "Its Monte Carlo error ",
    "mdes_by_formula": "Detectable by formula", "mdes_fall": "Fall found", "mdes_fall_mcse": "Its Monte Carlo error  ",
    "mdes_rise": "Rise found", "mdes_rise_mcse": "Its Monte Carlo error   ", "reason": "Why empty",
}  # fmt: skip

PRETESTS = {
    "estimator": "Estimator", "inference": "Inference", "check": "Test", "trend": "Trend a period before",
    "violation": "Violation", "violation_mcse": "Its Monte Carlo error", "pass_rate": "Passes",
    "false_reassurance": "False reassurance", "pass_rate_mcse": "Monte Carlo error", "bias": "Bias",
    "bias_passing": "Bias, passing", "bias_passing_mcse": "Its Monte Carlo error ", "coverage": "Coverage",
    "coverage_passing": "Coverage, passing", "reason": "Why empty",
}  # fmt: skip


def write_power_report(folder: str | Path, own: OwnLook | None = None) -> Path:
    """Draw a finished study's figures and write ``report.html`` into its folder.

    Parameters
    ----------
    own
        One's own look; without it the house's.

    Returns
    -------
    Path
        The page.
    """
    study = read_power(folder)
    drawn = pulled_study(study).drawn(own)
    room = study.path / "figures"
    make_folder(room, again=AGAIN)
    for name, images in drawn.images.items():
        write_file(room / f"{name}.csv", drawn.data[name], again=AGAIN)
        for form, content in images.items():
            write_file(room / f"{name}.{form}", content, again=AGAIN)
    page = study.path / "report.html"
    write_file(page, render_document(_document(study, drawn), drawn, own), again=AGAIN)
    return page


def pulled_study(study: PowerFolder) -> PulledFolder:
    """Return a study as figures and documents are pulled out of it."""
    figures = {name: (partial(function, study), function) for name, function in FIGURES.items()}
    return PulledFolder.of(study.path, figures, partial(_document, study))


def _document(study: PowerFolder, drawn: Drawn) -> ReportDocument:
    """Say what the study found, in blocks."""
    plan = study.plan
    world = str(plan.get("world_title") or plan["world"])
    name = str(plan.get("title") or world)
    drawn_from = f"{plan['reps']:,} simulated evaluations a point, in {world}{_analysed(study)}"
    first: list[Block] = [Text(study.said(sentence), "answer") for sentence in study.sentences[:6]]
    if len(study.sentences) > 6:
        first.append(Text(f"{len(study.sentences) - 6} more sentences stand in sentences.txt.", "small"))
    first.append(Heading("What this does not show"))
    first.append(Bullets(_limits(study)))
    body: list[Block] = []
    for title, names in _CHAPTERS.items():
        pictures = _pictures(drawn, *names)
        if pictures:
            body += [Heading(title), *pictures]
    body += [Heading("Numbers"), Table(_numbers(study), "Overall effect: a row per estimator, inference and point")]
    body += [Table(_detectable(study), "Smallest effect that would be found so often")]
    if study.families is not None:
        body += [*_together(study, study.families), *_pictures(drawn, "decisions_together")]
    if study.pretests is not None:
        body += [*_reassurance(study, study.pretests), *_pictures(drawn, "draws_that_pass")]
    if study.formulas["std_error"].notna().any():
        body += [*_by_formula(study), *_pictures(drawn, "by_formula")]
    if not study.failures.empty:
        body += [Heading("Failed draws"), Table(_text(study, study.failures), "They count as not finding the effect")]
    body += [
        Heading("How it was computed"),
        Text(_how(study)),
        Table(_computed(study), "Every estimator at every point"),
    ]
    return ReportDocument(f"Power study: {name}", drawn_from, first, body)


def _analysed(study: PowerFolder) -> str:
    """Say which periods of the world were analysed; studies made before that was kept do not say."""
    if "analysed" not in study.plan:
        return ""
    first, last = study.plan["analysed"]
    return f"; analysed: {first:g} to {last:g}"


def _pictures(drawn: Drawn, *names: str) -> list[Block]:
    """Return the named figures that there are."""
    return [Picture(one, drawn.alt[one]) for one in names if one in drawn.images]


def _together(study: PowerFolder, families: pd.DataFrame) -> list[Block]:
    """Say how often several outcomes are found together."""
    table = overall_rows(families)[[*list(FAMILIES)[:3], *study.swept, *list(FAMILIES)[3:]]]
    words = (
        "An evaluation that looks at several outcomes has several chances to report an effect that is not there. "
        "Holm's adjustment holds the chance of any such report at the level, and costs power. A decision that needs "
        "every outcome needs no adjustment. The outcomes of a draw share authorities and starts, and are correlated as "
        "the world declares."
    )
    title = "Decisions over all outcomes of an estimator, in shares of draws"
    return [
        Heading("Several outcomes at once"),
        Text(words),
        Table(_text(study, table).rename(columns={**_swept(study), **FAMILIES}), title),
    ]


def _by_formula(study: PowerFolder) -> list[Block]:
    """Put the simulation beside what theory says."""
    table = study.formulas[[*list(FORMULAS)[:3], *study.swept, *list(FORMULAS)[3:]]]
    words = (
        "Where theory gives the error of an estimate, the spread of the simulated estimates should be the same up to "
        "its Monte Carlo error. Power by formula is that of a normal test of the declared level. Where the simulated "
        "power is higher, look at the size of the test: one that finds effects that are not there finds true ones too. "
        "The formula's detectable effect is one number of a normal test of known error; the fall and the rise that the "
        "declared test finds so often, each in its own direction, come from the draws."
    )
    return [
        Heading("By formula"),
        Text(words),
        Table(_text(study, table).rename(columns=_swept(study) | FORMULAS), "Overall effects"),
    ]


def _reassurance(study: PowerFolder, pretests: pd.DataFrame) -> list[Block]:
    """Say how often pre-trend tests pass where they should not, and what that means."""
    table = headline(pretests)[[*list(PRETESTS)[:3], *study.swept, *list(PRETESTS)[3:]]]
    words = (
        "The violation is what the estimator answers, on average, when it is given the expected outcomes without the "
        "intervention: zero where trends are parallel. Where it is more than four Monte Carlo errors from zero, every "
        "draw in which the test passes reassures falsely. The columns 'passing' are over those draws only. Passing is "
        "no evidence of parallel trends, and choosing estimates by it can make their bias larger (Roth 2022)."
    )
    title = "Tests of trends before the start: a row per test, estimator and point"
    return [
        Heading("Do pre-trend tests reassure falsely?"),
        Text(words),
        Table(_text(study, table).rename(columns=_swept(study) | PRETESTS), title),
    ]


_CHAPTERS = {
    "Would it find the effect?": ("power_curves", "estimator_by_point", "mdes_frontier"),
    "Would it be right?": ("bias_and_coverage", "sampling_distributions"),
}


def _limits(study: PowerFolder) -> tuple[str, ...]:
    """Say what a power study cannot say."""
    return (
        f"It describes evaluations of the declared world {study.plan['world']}, not any real programme.",
        _of_frames(study),
        "Power and coverage carry Monte Carlo error, which is given beside them; a share of wrong signs stands beside "
        "the number of draws that it is a share of.",
        "An effect that the world does not declare (spillover, anticipation, selection) is not in these numbers.",
    )


def _of_frames(study: PowerFolder) -> str:
    """Say what was drawn of authorities and adopters, and for which the numbers hold."""
    frames, reps = study.frames, int(study.plan["reps"])
    if study.plan.get("fixed"):
        return (
            "The authorities and their outcomes are a real panel's and stay as they are; who starts when is drawn anew "
            "every time. The power is conditional on this panel: another one may give another power."
        )
    if frames == 1:
        return (
            "Authorities and who starts when are drawn once: the numbers hold for these. Another draw of them may "
            "differ by more than the Monte Carlo error."
        )
    if frames == reps:
        return "Authorities and who starts when are drawn anew for every simulated evaluation."
    return (
        f"Authorities and who starts when are drawn {frames:,} times, for about {reps / frames:,.0f} simulated "
        f"evaluations each{_apart(study)}. Monte Carlo errors count the draws of authorities; intervals are of t with "
        f"{frames - 1:,} degrees of freedom."
    )


def _apart(study: PowerFolder) -> str:
    """Say how far apart the power is between draws of authorities, at the point where that is most."""
    spread = study.headline["power_frame_sd"].max()
    words = f"; between them power has a standard deviation of up to {100 * spread:.0f} points"
    return "" if spread != spread else words


def _how(study: PowerFolder) -> str:
    plan = study.plan
    return (
        f"Seed {plan['seed']}, {plan['reps']:,} draws at each of {len(plan['points'])} points in chunks of "
        f"{plan['chunk']}; study {plan['hash'][:12]}. The same study gives the same tables on any number of workers."
    )


def _numbers(study: PowerFolder) -> pd.DataFrame:
    """Return the headline rows as text."""
    columns = [name for name in SHOWN if name in study.headline]
    table = study.headline[[*study.line, *study.swept, *columns[2:]]].copy()
    found = (study.headline["power"] * study.headline["reps"]).round()
    table["type_s"] = [_wrong_of(share, of) for share, of in zip(table["type_s"], found, strict=True)]
    return _text(study, table).rename(columns={**_swept(study), "outcome": "Outcome", **SHOWN})


def _wrong_of(share: float, found: float) -> str:
    """Write a share of wrong signs as what it is counted from: so many of the draws that report an effect."""
    return "" if share != share else f"{_cell(share)} ({share * found:.0f} of {found:.0f})"


def _detectable(study: PowerFolder) -> pd.DataFrame:
    """Return the minimum detectable overall effects as text."""
    table = overall_rows(study.mdes)
    others = [name for name in study.swept if name in table]
    named = {**_swept(study), "outcome": "Outcome", **SHOWN, **MDES}
    scales = [study.scale_words(str(o), str(s)) for o, s in zip(table["outcome"], table["scale"], strict=True)]
    table = table.assign(scale=scales)
    return _text(study, table[[*study.line, *others, *MDES]]).rename(columns=named)


def _computed(study: PowerFolder) -> pd.DataFrame:
    """Return how every estimator was computed at every point."""
    how = study.explain["how"].replace({"loop": "one by one", "batch": "all at once"})
    return _text(study, study.explain.assign(how=how)).rename(columns=_swept(study) | EXPLAIN)


def _swept(study: PowerFolder) -> dict[str, str]:
    """Return the swept keys in words."""
    return {name: key_words(name) for name in study.swept}


def _text(study: PowerFolder, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as a reader sees it: words, three significant digits, empty where there is no number."""
    cells = pd.DataFrame({name: [_cell(value) for value in table[name]] for name in table})
    return study.in_words(with_bounds(cells, table, study.unseen))


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return minus_signs(numeral(value) if isinstance(value, float) else str(value))
