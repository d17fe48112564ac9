"""`docs/inference.md`: the rule and the matrix, made by fitting every registered estimator."""

from __future__ import annotations

import numpy as np

from sos_eval.comparison import DeclaredSets, build
from sos_eval.comparison.people import People
from sos_eval.errors import InputFault
from sos_eval.inference.auto import RULE
from sos_eval.inference.matrix import standing
from sos_eval.results.method import registered, summary
from tests.comparison.people_panel import SETS, many
from tests.estimators.test_aipw import children
from tests.fakes import fit, panel_of

CHOOSERS = ("auto",)
TEXT = """# Inference

The first declared method is the headline, fixed before outcomes are read; what the rule made of it stands in
`results.json` and `provenance.json`. Made by `make docs`; how each method computes is in [methods](methods.md).

## What there is

{offered}

## The rule

{rule}

`auto` never takes `subcluster_wild_bootstrap`. With weights by row it rejected a true null about as often as it should
with 2 to 20 treated on the published panel's noise ([methods](methods.md)); weights by authority did so from
five on alone. It is worth declaring beside a randomization test with two to four treated. Weights by unit or child were
not measured, so that declared first with fewer than 20 treated or comparison clusters it comes behind a randomization
test, as plain cluster-robust errors do.

On `continuous_did` `auto` takes the studentised permutation test until 40 treated clusters decide every row of the
curve, as its doses weigh them: about 95 treated where doses are spread evenly. With 40 treated cluster-robust errors
hold for the average effect and reject one true null in twelve for the slope ([methods](methods.md)). Under a
permutation test effects by dose have intervals, slopes a p alone; cluster-robust rows with bands stand beside them.

## Estimator by inference

*defined*: from the estimate as it stands; *by refitting*: everything is estimated again; *refused*: rows have a reason
in place of an error. With fewer than two treated clusters everything is refused, except what takes untreated clusters
for treated: randomization of the coefficient, `conley_taber` and `ferman_pinto`.

{matrix}

{notes}
"""


def demonstration():
    """Counts of 24 units in eight years, two cohorts of four."""
    rng = np.random.default_rng(0)
    exposure = np.repeat(rng.uniform(5_000, 90_000, (24, 1)), 8, axis=1)
    starts = np.where(np.arange(24) < 4, 2004.0, np.where(np.arange(24) < 8, 2006.0, np.inf))
    return panel_of(rng.poisson(exposure * 0.003).astype(float), starts, exposure=exposure)


def matched_people():
    """People of two pilots and two comparators, matched within declared sets."""
    method = DeclaredSets(sets=SETS, people=People(on=("x", "kind")))
    return build(method, method.restricted(many())).panel


def dosed():
    """The demonstration panel with a dose of each unit's own."""
    panel = demonstration()
    return panel.with_columns(dose=1.0 + panel.unit_codes % 5)


def few_children():
    """Twelve children an authority: a fit of random effects is slow."""
    return children(each=12)


#: What methods need in place of the demonstration panel.
PANELS = {"aipw": children, "continuous_did": dosed, "matched_did": matched_people, "multilevel": few_children}


def fits():
    """Every registered estimator on the demonstration panel, or why it refuses it."""
    found = {}
    for name, method in registered("estimator").items():
        try:
            found[name] = fit(method(), PANELS.get(name, demonstration)())
        except InputFault as fault:
            found[name] = fault.faults[0].what
    return found


def page():
    methods = [name for name in registered("inference") if name not in CHOOSERS]
    lines = ["| estimator | " + " | ".join(f"`{name}`" for name in methods) + " |", "|---" * (len(methods) + 1) + "|"]
    notes = []
    for name, fitted in fits().items():
        if isinstance(fitted, str):
            lines.append(f"| `{name}` | " + " | ".join("not fitted here" for _ in methods) + " |")
            notes.append(f"`{name}` refuses the demonstration panel: {fitted}")
            continue
        cells = []
        for method in methods:
            found = standing(method, fitted)
            note = f"{'refused' if found.status == 'refused' else found.note}: {found.note}"
            if found.note and note not in notes:
                notes.append(note)
            cells.append(found.status + (f" ({notes.index(note) + 1})" if found.note else ""))
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    told = "\n".join(f"{k + 1}. {note.split(': ', 1)[1] if ': ' in note else note}" for k, note in enumerate(notes))
    offered = "\n".join(f"- `{name}`: {summary(method)}" for name, method in registered("inference").items())
    return TEXT.format(offered=offered, rule=RULE, matrix="\n".join(lines), notes=told)
