"""The report after page one: a function per EMMIE heading, and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.files import yaml_text
from sos_eval.panel.own_names import in_parts
from sos_eval.report.content import Block, Bullets, Code, Heading, Picture, Table, Text
from sos_eval.report.discovery_blocks import discovery_blocks
from sos_eval.report.donor_blocks import donor_weights
from sos_eval.report.draw import Drawn
from sos_eval.report.family_blocks import families
from sos_eval.report.flow_words import left_out
from sos_eval.report.group_blocks import balance_table_of, group_words, groups_of_rows
from sos_eval.report.implementation_blocks import practice_blocks
from sos_eval.report.mediation_blocks import first_link_blocks, mediation_blocks
from sos_eval.report.methods_blocks import methods, notes, together
from sos_eval.report.plan import since_the_lock
from sos_eval.report.reading import estimator_label, method_label, outcome_label, scale_label, table_of, unit_words
from sos_eval.report.tables.effects import summaries
from sos_eval.report.tabulate import shown, with_p
from sos_eval.report.truth_blocks import beside_the_truth, with_true_effects
from sos_eval.report.wording import alike, count, in_units, listing, minus_signs, number, p_number, plain_words
from sos_eval.results.check import ENTRY
from sos_eval.results.doses import doses_told
from sos_eval.results.theory import cited_words

__all__ = ["APPENDIX", "appendix", "effect", "implementation", "mechanisms", "moderators", "provenance"]

APPENDIX, _MOST_STARTS = "How it was estimated", 6
#: Checks whose sentences open the chapter on checks.
_TELLING = (
    "path.joint", "pretrends.joint", "honest_did.relative_magnitudes", "honest_did.smoothness", "placebo_time.largest",
    "placebo_outcome.largest", "placebo_units", "leave_one_out", "robustness", "specification_curve",
)  # fmt: skip


def effect(bundle: ResultBundle, drawn: Drawn) -> list[Block]:
    """Return the E of EMMIE: what was found, all estimates side by side, over time, comparison group, checks."""
    return [
        Heading("Effect"),
        *_found(bundle),
        *_pictures(drawn, "estimates"),
        Table(_effects(bundle), "Overall effects: every estimator and every procedure in the design"),
        *families(bundle),
        *beside_the_truth(bundle),
        Heading("Over time", 3),
        *_pictures(drawn, "synthetic_path", "outcome_paths", "event_study", "dose_response"),
        Heading("The comparison group", 3),
        *group_words(bundle),
        *donor_weights(bundle),
        *_pictures(drawn, "flow", "balance", "balance_density", "balance_ecdf", "overlap", "calibration"),
        *_left_out(bundle),
        *balance_table_of(bundle),
        *groups_of_rows(bundle),
        Heading("Checks", 3),
        *_checks(bundle),
        *_pictures(
            drawn,
            "randomization",
            "honest_did",
            "leave_one_out",
            "robustness",
            "specification_curve",
            "refuters",
            "common_cause",
        ),
    ]


def _found(bundle: ResultBundle) -> list[Block]:
    """Say the declared estimate, and between what the other estimates of the same outcome and scale lie."""
    headline = bundle.headline
    said = [str(headline.get("range") or headline.get("sentence") or "")]
    rows = summaries(bundle.estimates)
    for name in ("outcome", "scale"):
        rows = rows[rows[name] == headline.get(name)]
    rows = rows[(rows["estimator"] != headline.get("estimator")) & rows["estimate"].notna()]
    # each once, by however many procedures it is judged
    others = rows.drop_duplicates(["estimator", "aggregation", "estimand"])["estimate"]
    if len(others):
        unit = scale_label(bundle, str(headline["outcome"]), str(headline["scale"]))
        own, low, high = alike([float(headline["estimate"]), others.min(), others.max()])
        where = f"runs from {low} to {high}" if len(others) > 1 else f"is {low}"
        what = f"the {len(others)} other estimates" if len(others) > 1 else "the other estimate"
        said.append(
            f"On the same scale ({unit}), other units and periods included, {what} of this outcome "
            f"{where.replace('runs', 'run')}; this one is {own}."
        )
    said += _alternatives(bundle)
    return [Text(" ".join(text for text in said if text))] if any(said) else []


def _alternatives(bundle: ResultBundle) -> list[str]:
    """Say from where to where the declared alternatives of the check `robustness` go, and where they stand."""
    _, table = table_of(bundle, "robustness")
    if table.empty or not {"scale", "against"} <= set(table):
        return []
    rows = table.iloc[1:]
    own_data = rows["against"].isna() | rows["against"].eq("")
    alike_data = rows["scale"].eq(str(bundle.headline.get("scale"))) & own_data
    values = rows.loc[alike_data, "estimate"].dropna()
    if values.empty:
        return []
    low, high = alike([float(values.min()), float(values.max())])
    where = f"from {low} to {high}" if len(values) > 1 else f"to {low}"
    return [f"Alternatives on the design's own data take it {where} (chapter Checks)."]


def appendix(bundle: ResultBundle) -> list[Block]:
    """Return how it was estimated: words first, the declared options as a table after them."""
    return [Heading(APPENDIX), *methods(bundle), *notes(bundle)]


def _pictures(drawn: Drawn, *names: str) -> list[Block]:
    return [Picture(name, drawn.alt[name]) for name in names if name in drawn.images]


def _effects(bundle: ResultBundle) -> pd.DataFrame:
    """Return the overall effects for the eye."""
    rows = [_effect_row(bundle, row) for _, row in summaries(bundle.estimates).iterrows()]
    names = ["Estimator", "Role", "Outcome", "Scale", "Procedure", "Estimate", "Interval", "p", "Treated", "Note"]
    return _without_constant(pd.DataFrame(rows, columns=names, dtype=object), "Outcome")


def _without_constant(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Leave out a column that says the same in every row."""
    return table.drop(columns=column) if len(set(table[column])) <= 1 else table


def _effect_row(bundle: ResultBundle, row: pd.Series) -> list[str]:
    best, low, high = alike([row["estimate"], row["conf_low"], row["conf_high"]])
    return [
        estimator_label(bundle, row["estimator"]), row["role"], outcome_label(bundle, row["outcome"]),
        scale_label(bundle, row["outcome"], row["scale"]), method_label(bundle, row["inference"]), best,
        f"{low} to {high}" if low and high else "", p_number(row["p_value"]), f"{int(row['n_treated_units'])}",
        str(row["reason"]),
    ]  # fmt: skip


def _checks(bundle: ResultBundle) -> list[Block]:
    """Return the checks with what they said; those without a declared threshold inform."""
    table = bundle.diagnostics
    if table.empty:
        return [Text("The design declares no checks.")]
    table = _told_once(table)
    judged = {True: "passed", False: "failed", None: "informs"}
    units = unit_words(bundle)
    frame = pd.DataFrame({
        "Check": [_check_name(name) for name in table["name"]],
        "Outcome": [outcome_label(bundle, o) for o in table["outcome"]],
        "Statistic": [str(name).replace("_", " ") for name in table["statistic"]],
        "Value": [number(value) for value in table["value"]], "Threshold": [number(v) for v in table["threshold"]],
        "Verdict": [judged[passed] for passed in table["passed"]],
        "In words": [in_units(minus_signs(str(text)), units) for text in table["text"]],
    }, dtype=object)  # fmt: skip
    opening = Bullets(tuple(dict.fromkeys(in_units(minus_signs(text), units) for text in _seen(bundle))))
    return [
        *([opening] if opening.items else []),
        Text(_judged(bundle.diagnostics)),
        Table(_without_constant(frame if table["threshold"].notna().any() else _unjudged(frame), "Outcome"), "Checks"),
    ]


def _unjudged(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out what judges the checks: the sentence over the table says that nothing does."""
    return frame.drop(columns=["Threshold", "Verdict"])


def _left_out(bundle: ResultBundle) -> list[Block]:
    """Return a table of the units that take no part, by name, with the reason; nothing where all do."""
    table = pd.DataFrame() if bundle.flow.empty else left_out(bundle)
    return [] if table.empty else [Table(table, f"{unit_words(bundle)[1].capitalize()} that take no part, and why")]


def _told_once(table: pd.DataFrame) -> pd.DataFrame:
    """Keep one line of a check's parts that were not done for the same reason, named by the check alone."""
    family = table["name"].str.split(".").str[0]
    silent = table["value"].isna() & table["text"].ne("")
    again = table.assign(name=family).duplicated(["name", "outcome", "estimator", "text"], keep=False) & silent
    said = table.assign(name=table["name"].where(~again, family))
    return said[~(again & said.duplicated(["name", "outcome", "estimator", "text"]))]


def _seen(bundle: ResultBundle) -> list[str]:
    """Return what the checks of the headline's estimate found, the path first: the sentences that say most."""
    table, key = bundle.diagnostics, bundle.facts.headline
    own = table[table["estimator"].isin(["", key.estimator]) & table["outcome"].isin(["", key.outcome])]
    return [str(text) for name in _TELLING for text in own.loc[own["name"] == name, "text"]]


def _check_name(name: object) -> str:
    """Return a check's name in words: ``path.joint`` reads ``path: joint``."""
    own, _, entry = str(name).partition(ENTRY)
    said = own.replace(".", ": ").replace("_", " ")
    return f"{said} ({entry.replace('_', ' ')})" if entry else said


def _judged(table: pd.DataFrame) -> str:
    """Say how many of the checks were judged, and what the others are for."""
    passed, failed = (sum(one is verdict for one in table["passed"]) for verdict in (True, False))
    informs = len(table) - passed - failed
    parts = [
        (failed, "failed"),
        (passed, "passed"),
        (informs, "without a threshold: they inform, and neither pass nor fail"),
    ]
    said = listing([f"{n} {how}" for n, how in parts if n])
    return f"Of {count(len(table), 'line')} of the checks, {said}."


def mechanisms(bundle: ResultBundle, drawn: Drawn) -> list[Block]:
    """Return the first M of EMMIE: how it is meant to work, and what of that the data could test."""
    if not bundle.design.get("theory"):
        return _not_evaluated(
            "Mechanisms",
            "It would need a programme theory declared in the design under “theory” (edges and statements), and "
            "outcomes measured along it.",
        )
    theory, declared = bundle.facts.theory, bundle.design["theory"]
    cited = cited_words(str(declared.get("title") or ""), str(declared.get("source") or ""))
    said = [Text(text) for text in (theory.trends, theory.identification, theory.implications) if text]
    statements = [Bullets(theory.statements)] if theory.statements else []
    return [
        Heading("Mechanisms"),
        Heading("How it is meant to work", 3),
        *([Text(cited)] if cited else []),
        *statements,
        *_pictures(drawn, "theory"),
        *said,
        *_implied(bundle),
        *first_link_blocks(bundle),
        *_pictures(drawn, "mediation_path"),
        *mediation_blocks(bundle, _pictures(drawn, "mediation")),
    ]


def _node_words(cell: str, words: Mapping[str, str]) -> str:
    """Return nodes, one after another, in words."""
    return ", ".join(words.get(node, plain_words(node)) for node in str(cell).split(", "))


def _implied(bundle: ResultBundle) -> list[Block]:
    """Return which implications of the graph were tested, and what would measure the nodes that are not."""
    tested, nodes = bundle.tables("theory.implications"), bundle.tables("theory.nodes")
    blocks: list[Block] = []
    if len(tested) and tested["p_value"].notna().any():
        names = ["left", "right", "given", "correlation", "n_units", "p_adjusted"]
        words = dict(zip(nodes["node"].astype(str), nodes["words"].astype(str), strict=True)) if len(nodes) else {}
        own = shown(with_p(tested.loc[tested["p_value"].notna(), names]))
        own = own.assign(**{name: [_node_words(cell, words) for cell in own[name]] for name in names[:3]})
        blocks.append(Table(own, "Independences that the graph implies and the panel can test"))
    if len(nodes) and not (nodes["measured"] == "yes").all():
        lacking = nodes.loc[nodes["measured"] == "no", ["words", "role", "needs"]]
        blocks.append(Table(shown(lacking), "What is not measured, and what would measure it"))
    return blocks


def moderators(bundle: ResultBundle, drawn: Drawn) -> list[Block]:
    """Return the second M of EMMIE: effects by subgroup where there are any, and what was looked for."""
    others = (bundle.estimates["subgroup"] != "") & np.isnan(doses_told(bundle.estimates))  # a dose is no subgroup
    rows = bundle.estimates[others]
    looked = discovery_blocks(bundle, _pictures(drawn, "group_effects", "effect_distribution"))
    if rows.empty and looked:
        return [Heading("Moderators"), *looked]
    if rows.empty:
        return _not_evaluated(
            "Moderators",
            "It would need a declaration under “moderators” (for whom the effect may differ, such as deprivation "
            "fifths), and enough treated units in each group.",
        )
    names = ["subgroup", "estimator", "outcome", "inference", "estimate", "conf_low", "conf_high", "p_value", "reason"]
    told = with_true_effects(bundle, rows[[*names, "scale"]]).drop(columns="scale")
    labelled = _labelled(bundle, told)
    same = [name for name in ("estimator", "outcome") if len(set(labelled[name])) == 1]  # told once, in the caption
    of_all = ", ".join(str(labelled[name].iloc[0]) for name in same)
    return [
        Heading("Moderators"),
        Table(shown(with_p(labelled.drop(columns=same))), f"Effects by subgroup{f': {of_all}' if same else ''}"),
        *_difference_tests(bundle),
        *looked,
    ]


def _anticipated(bundle: ResultBundle) -> int:
    """Return how many periods before the start the headline counts as moved already."""
    first: dict[str, Any] = bundle.design["estimators"][0]
    return int(first.get("anticipation") or 0)


def _difference_tests(bundle: ResultBundle) -> list[Block]:
    """Return the one test of each moderator, and which difference it would have found."""
    table = bundle.tables("moderators")
    if table.empty:
        return [Text("Differences between groups are not tested.")]
    said = "Each moderator has one test: random adoptions within groups, of the same effect in all."
    said += " Their p values are not adjusted for their number." if len(table) > 1 else ""
    missed = "A difference smaller than the detectable one is missed more often than one time in five."
    if any(in_parts(str(name))[1] for name in table["by"]):
        missed += " Halves and thirds are of a unit's mean before the first start" + (
            f", the {count(early, 'period')} of declared anticipation among them."
            if (early := _anticipated(bundle))
            else ", which the intervention had not moved."
        )
    scale = scale_label(bundle, bundle.facts.headline.outcome, str(table["scale"].iloc[0]))
    told = table.assign(by=[plain_words(str(name)) for name in table["by"]], scale=scale)
    return [
        Text(f"{said} {missed}"),
        Table(shown(with_p(told)), "Whether the effect differs between groups"),
        *_pairs(bundle, scale),
    ]


def _pairs(bundle: ResultBundle, scale: str) -> list[Block]:
    """Return every difference of two groups where there are more."""
    table = bundle.tables("moderators.pairs")
    if table.empty:
        return []
    said = "p and detectable differences of pairs hold for all pairs of a moderator together."
    words = {name: [plain_words(str(one)) for one in table[name]] for name in ("first", "second", "by")}
    told = table.assign(**words, scale=scale)
    return [Text(said), Table(shown(with_p(told)), "Differences of two groups, second less first")]


def _labelled(bundle: ResultBundle, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of effects with labels in place of the design's names."""
    return rows.assign(
        subgroup=[plain_words(str(name)) for name in rows["subgroup"]],
        estimator=[estimator_label(bundle, str(name)) for name in rows["estimator"]],
        outcome=[outcome_label(bundle, str(name)) for name in rows["outcome"]],
        inference=[method_label(bundle, str(name)) for name in rows["inference"]],
    )


def implementation(bundle: ResultBundle, drawn: Drawn) -> list[Block]:
    """Return the I of EMMIE: who started when, and fidelity where it was measured."""
    blocks: list[Block] = [Heading("Implementation"), *_began(bundle), *_pictures(drawn, "adoption")]
    blocks += _programmes(bundle)
    if bundle.design.get("implementation"):
        return [*blocks, *practice_blocks(bundle)]
    needed = "It would need a fidelity or dose measured per unit and period, declared under “implementation”."
    return [*blocks, Text(f"How well it was put into practice was not evaluated. {needed}")]


def _began(bundle: ResultBundle) -> list[Block]:
    """Say how many have a recorded start, and when."""
    panel = bundle.facts.panel
    if not (panel.n_treated_units and panel.cohorts):
        return []
    starts = [panel.written(start) for start in panel.cohorts if panel.written(start)]
    when = f"in {listing(starts)}" if len(starts) <= _MOST_STARTS else f"between {starts[0]} and {starts[-1]}"
    who, have = count(panel.n_treated_units, *unit_words(bundle)), "has" if panel.n_treated_units == 1 else "have"
    return [Text(f"{who} of those compared {have} a recorded start {when}.")]


def _programmes(bundle: ResultBundle) -> list[Block]:
    """Return which other programmes ran where and when; nothing where no list of them was declared."""
    if "programmes" not in bundle.table_names:
        return []
    names, marks = {"label": "Unit", "status": "Here", "programme": "Programme"}, {1.0: "●", 0.0: ""}
    matrix = bundle.tables("programmes").drop(columns=["unit", "first_treated"]).rename(columns=names)
    for period in matrix.columns[len(names) :]:
        matrix[period] = [marks.get(value, "?") for value in matrix[period]]
    words = "Other programmes, by year: ● running, ? start not known (tables/programmes.csv)"
    return [Table(matrix.astype(str), words)]


def _not_evaluated(title: str, needs: str) -> list[Block]:
    return [Heading(title), Text(f"Not evaluated. {needs}")]


def provenance(bundle: ResultBundle, drawn: Drawn) -> list[Block]:
    """Return where it comes from: lock, seed, hashes, versions, times, what could not be drawn, the design."""
    found = bundle.provenance
    blocks: list[Block] = [Heading("Provenance"), Table(_facts(found), "Seed, hashes and versions")]
    blocks += since_the_lock(bundle.facts.lock)
    if drawn.skipped:
        blocks += [Heading("Figures that were not drawn", 3)]
        blocks.append(Bullets(tuple(together(drawn.skipped.items()))))
    return [*blocks, Code(yaml_text(bundle.design), "The design as it was run", "design.yaml")]


def _facts(found: dict[str, Any]) -> pd.DataFrame:
    design, data = found.get("design") or {}, found.get("data") or []
    rows = [("Made", found.get("made")), ("Seed", found.get("seed")), ("Design", design.get("file")),
            ("Design, SHA-256", design.get("sha256"))]  # fmt: skip
    rows += [(f"Data: {item.get('file')}", item.get("sha256")) for item in data]
    rows += [("Code, SHA-256", found.get("code_sha256"))]
    rows += [(f"Version of {name}", version) for name, version in (found.get("versions") or {}).items()]
    rows += [(f"Seconds: {step}", number(seconds)) for step, seconds in (found.get("timings") or {}).items()]
    kept = [(name, str(value)) for name, value in rows if value not in (None, "")]
    return pd.DataFrame(kept, columns=["What", "Value"], dtype=object)
