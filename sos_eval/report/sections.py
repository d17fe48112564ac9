"""The report after page one: a function per EMMIE heading, and provenance."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.bundle.files import yaml_text
from sos_eval.report.content import Block, Bullets, Code, Heading, Picture, Table, Text
from sos_eval.report.draw import Drawn
from sos_eval.report.methods_blocks import methods, notes, together
from sos_eval.report.plan import since_the_lock
from sos_eval.report.reading import estimator_label, method_label, outcome_label, scale_label
from sos_eval.report.tables.effects import summaries
from sos_eval.report.tabulate import shown
from sos_eval.report.wording import alike, minus_signs, number, p_number

__all__ = ["effect", "implementation", "mechanisms", "moderators", "provenance"]

_BALANCE = {
    "covariate": "Covariate", "stage": "Stage", "mean_treated": "Mean, treated", "mean_comparison": "Mean, comparison",
    "std_mean_diff": "Standardised difference", "variance_ratio": "Variance ratio", "n_treated": "Treated",
    "n_comparison": "Comparison", "ess_comparison": "Comparison, effective number",
}  # fmt: skip


def effect(bundle: ResultBundle, drawn: Drawn) -> list[Block]:
    """Return the E of EMMIE: how it was estimated, all estimates side by side, comparison group, checks."""
    return [
        Heading("Effect"),
        Heading("How it was estimated", 3),
        *methods(bundle),
        Heading("Every estimate side by side", 3),
        *_pictures(drawn, "estimates"),
        Table(_effects(bundle), "Overall effects: every estimator and every procedure in the design"),
        *notes(bundle),
        Heading("Over time", 3),
        *_pictures(drawn, "outcome_paths", "event_study"),
        Heading("The comparison group", 3),
        *_comparison(bundle),
        *_pictures(drawn, "flow", "balance", "overlap"),
        *_balance(bundle),
        Heading("Checks", 3),
        *_checks(bundle),
        *_pictures(drawn, "randomization", "leave_one_out", "robustness"),
    ]


def _pictures(drawn: Drawn, *names: str) -> list[Block]:
    return [Picture(name, drawn.alt[name]) for name in names if name in drawn.images]


def _balance(bundle: ResultBundle) -> list[Block]:
    table = bundle.balance
    if table.empty:
        return []
    frame = shown(table[list(_BALANCE)]).rename(columns=_BALANCE)
    return [Table(frame, "Covariates before and after the comparison group was built")]


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


def _comparison(bundle: ResultBundle) -> list[Block]:
    declared = bundle.design.get("comparison")
    method = declared.get("method", "none") if isinstance(declared, dict) else "none"
    if method == "none":
        return [
            Text("All untreated units that the design keeps stand in for the treated; none were matched or weighted.")
        ]
    on = declared.get("on") or [] if isinstance(declared, dict) else []
    named = f" on {', '.join(map(str, on))}" if on else ""
    return [Text(f"Built by the method {method}{named}, before any outcome after the first start was read.")]


def _checks(bundle: ResultBundle) -> list[Block]:
    """Return the checks with what they said; those without a declared threshold inform."""
    table = bundle.diagnostics
    if table.empty:
        return [Text("The design declares no checks.")]
    judged = {True: "passed", False: "failed", None: "informs"}
    frame = pd.DataFrame({
        "Check": [str(name) for name in table["name"]], "Outcome": [outcome_label(bundle, o) for o in table["outcome"]],
        "Statistic": [str(name).replace("_", " ") for name in table["statistic"]],
        "Value": [number(value) for value in table["value"]], "Threshold": [number(v) for v in table["threshold"]],
        "Verdict": [judged[passed] for passed in table["passed"]],
        "In words": [minus_signs(str(text)) for text in table["text"]],
    }, dtype=object)  # fmt: skip
    frame = _without_constant(frame, "Outcome")
    return [Table(frame, "Checks; without a declared threshold a check informs and neither passes nor fails")]


def mechanisms(bundle: ResultBundle) -> list[Block]:
    """Return the first M of EMMIE."""
    theory = bundle.design.get("theory")
    if not theory:
        return _not_evaluated(
            "Mechanisms",
            "It would need a programme theory declared in the design under “theory” (edges and statements), and "
            "outcomes measured along it.",
        )
    statements = [str(text) for text in (theory.get("statements") or [])] if isinstance(theory, dict) else []
    blocks: list[Block] = [Heading("Mechanisms"), Text("The programme theory as declared; it was not tested here.")]
    return [*blocks, *([Bullets(tuple(statements))] if statements else [])]


def moderators(bundle: ResultBundle) -> list[Block]:
    """Return the second M of EMMIE: effects by subgroup where there are any."""
    rows = bundle.estimates[bundle.estimates["subgroup"] != ""]
    if rows.empty:
        return _not_evaluated(
            "Moderators",
            "It would need a declaration under “moderators” (for whom the effect may differ, such as deprivation "
            "fifths), and enough treated units in each group.",
        )
    names = ["subgroup", "estimator", "outcome", "inference", "estimate", "conf_low", "conf_high", "p_value", "reason"]
    return [
        Heading("Moderators"),
        Table(shown(rows[names]), "Effects by subgroup; differences between groups are not tests"),
    ]


def implementation(bundle: ResultBundle, drawn: Drawn) -> list[Block]:
    """Return the I of EMMIE: who started when, and fidelity where it was measured."""
    blocks: list[Block] = [Heading("Implementation"), *_pictures(drawn, "adoption")]
    if bundle.design.get("implementation"):
        return [*blocks, Text("Fidelity as declared in the design; see the tables of the bundle.")]
    needed = "It would need a fidelity or dose measured per unit and period, declared under “implementation”."
    return [*blocks, Text(f"How well it was put into practice was not evaluated. {needed}")]


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
    return [*blocks, Code(yaml_text(bundle.design), "The design as it was run")]


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
