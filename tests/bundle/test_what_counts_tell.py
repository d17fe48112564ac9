"""Counts tell of other counts: the rest of their denominators, what is new, a part that is taken out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.bundle.errors_told import ERRORS
from sos_eval.bundle.files import read_table
from sos_eval.bundle.told import NESTED, SEARCHED
from sos_eval.report.compose import compose
from sos_eval.report.draw import draw_all
from sos_eval.report.first_page import COARSE
from sos_eval.report.safety import safety_words
from tests.bundle.test_searched import COUNTED, DESIGN

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

PLAIN = DESIGN.replace("  - {id: twfe, method: twfe}\n", "").split("checks:")[0] + DESIGN[DESIGN.index("seed:") :]


def world(folder: Path, n: int, design: str = PLAIN, **columns: np.ndarray) -> Path:
    """Run n treated and n others on columns (2n, 4) in hundreds, but for those that are given."""
    rng = np.random.default_rng(n)
    data = pd.DataFrame([(f"A{u:02d}", 2012 if u < n else 0, 2010 + t) for u in range(2 * n) for t in range(4)])
    data.columns = ["la", "start", "year"]
    data["children"] = rng.integers(9_000, 60_000, (2 * n, 1)).repeat(4, axis=1).ravel()
    data["entries"] = rng.integers(100, 600, len(data))
    data = data.assign(**{name: values.ravel() for name, values in columns.items()})
    data.to_csv(folder / "panel.csv", index=False)
    (folder / "design.yaml").write_text(design)
    return se.run(folder / "design.yaml", out=folder / "out").path


def small(n: int, low: int = 0, high: int = 6) -> np.ndarray:
    return np.random.default_rng(n + 1).integers(low, high, (2 * n, 4))


def is_told(bundle: Path) -> bool:
    """Whether every estimate and mean stands in full."""
    means = read_table(bundle / "tables" / "outcome_paths.csv")["mean"]
    return bool(read_table(bundle / "estimates.csv")["estimate"].notna().all() and means.notna().all())


@pytest.mark.parametrize(("least", "full"), [(0, False), (300, True)])
def test_the_rest_of_the_denominators_is_judged_as_counts_are(least, full, tmp_path):
    """Reviews on time: how many were late is the denominator less the count."""
    reviews = np.random.default_rng(3).integers(700, 900, (8, 4))
    bundle = world(tmp_path, 4, children=reviews, entries=reviews - small(4) - least)
    assert is_told(bundle) == full


@pytest.mark.parametrize(("least", "full"), [(0, False), (200, True)])
def test_what_is_new_of_counts_that_grow_is_judged_as_counts_are(least, full, tmp_path):
    """Ever looked after: who came in a year is the count less the last year's."""
    bundle = world(tmp_path, 4, entries=300 + np.cumsum(small(4) + least, axis=1))
    assert is_told(bundle) == full


@pytest.mark.parametrize(("n", "column", "full"), [(5, "staff", False), (5, "children", True), (12, "staff", True)])
def test_weights_are_judged_as_covariates_are_but_for_denominators(n, column, full, tmp_path):
    design = PLAIN.replace("  time: year\n", f"  time: year\n  weight: {column}\n")
    staff = small(n, 1)[:, :1].repeat(4, axis=1)
    bundle = world(tmp_path, n, design, staff=staff)
    assert is_told(bundle) == full
    assert full or read_table(bundle / "estimates.csv")["estimate"].isna().all()


@pytest.mark.parametrize(("part", "told"), [(0, False), (100, True)])
def test_an_alternative_that_leaves_a_small_part_out_is_not_told(part, told, tmp_path):
    """The shift is made of the part alone."""
    counts = np.random.default_rng(5).integers(300, 600, (8, 4))
    vary = "{with: {panel.outcome.count: girls}, label: girls}"
    design = PLAIN + f"checks: [{{robustness: {{draws: 19, vary: [{vary}]}}}}]\n"
    bundle = world(tmp_path, 4, design, entries=counts, girls=counts - small(4) - part)
    table = read_table(bundle / "tables" / "robustness.csv").set_index("variant")
    assert np.isfinite(table.loc["girls", "estimate"]) == told
    assert told or table.loc["girls", "reason"] == NESTED


def test_a_difference_tells_no_finer_than_the_estimates_beside_it(tmp_path):
    """Another denominator in three authorities: the shift was of the small counts of one."""
    children = np.random.default_rng(6).integers(9_000, 60_000, (12, 1)).repeat(4, axis=1)
    children[0] = 2_100
    counts = np.random.default_rng(7).integers(100, 600, (12, 4))
    counts[0] = [3, 5, 2, 4]
    revised = np.where(np.arange(12)[:, None] < 3, children + 25, children)
    vary = "{exposure: revised, label: revised}"
    design = PLAIN + f"checks: [{{robustness: {{draws: 19, vary: [{vary}]}}}}]\n"
    bundle = world(tmp_path, 6, design, children=children, entries=counts, revised=revised)
    row = read_table(bundle / "tables" / "robustness.csv").set_index("variant").loc["revised"]
    assert np.isfinite(row["estimate"])
    assert row[["shift", "shift_error", "shift_p"]].isna().all()
    check = read_table(bundle / "diagnostics.csv").set_index("name").loc["robustness"]
    assert np.isnan(check["value"])
    assert check["text"] == ERRORS  # whose rule holds it back too
    assert "shift" not in se.read_bundle(bundle).headline["sentence"]


def test_of_an_outcome_that_nobody_estimates_nothing_is_told(tmp_path):
    both = (
        f"outcomes: {{entries: {COUNTED[9:-1]}, role: primary}}, deaths: {COUNTED[9:].replace('entries', 'deaths')}}}"
    )
    design = PLAIN.replace(COUNTED, both).replace("control: never_treated", "control: never_treated, outcome: entries")
    bundle = world(tmp_path, 4, design, deaths=small(4, 1))
    outcomes = se.read_bundle(bundle).facts.panel.outcomes
    assert np.isnan([outcomes["deaths"].mean_treated, outcomes["deaths"].mean_comparison]).all()
    means = read_table(bundle / "tables" / "outcome_paths.csv").set_index("outcome")["mean"].notna()
    assert means["entries"].all()
    assert not means.get("deaths", pd.Series([False])).any()


def test_who_starts_when_is_told_where_no_estimate_is(tmp_path):
    staff = small(5, 1)[:, :1].repeat(4, axis=1)
    bundle = world(tmp_path, 5, PLAIN.replace("  time: year\n", "  time: year\n  weight: staff\n"), staff=staff)
    assert set(read_table(bundle / "estimates.csv")["reason"]) == {SEARCHED}
    assert (bundle / "tables" / "adoption.csv").exists()


def page_of(bundle: Path) -> str:
    """Return page one and what limits the answer, as words."""
    read = se.read_bundle(bundle)
    document = compose(read, draw_all(read, ("svg",), only="answer"))
    return " ".join(str(block) for block in (*document.first_page, *document.body[:12]))


def test_a_page_whose_answer_is_withheld_says_so_and_nothing_that_is_not_so(tmp_path):
    """Weights of 1 to 5: nothing of the answer is told, though it is identified and its path was looked at."""
    staff = small(5, 1)[:, :1].repeat(4, axis=1)
    weighed = PLAIN.replace("  time: year\n", "  time: year\n  weight: staff\n") + "checks: [pretrends]\n"
    said = page_of(world(tmp_path, 5, weighed, staff=staff))
    assert "what its checks found is withheld" in said
    for untrue in (
        COARSE,
        "no check of it could be done",
        "A design that identifies the estimate",
        "was not looked at",
    ):
        assert untrue not in said


def test_a_safety_outcome_that_is_withheld_is_not_called_without_a_range(tmp_path):
    parts = COUNTED[9:]
    girls = f"girls: {parts[:-1].replace('entries', 'girls')}, role: safety, margin: 2}}"
    design = PLAIN.replace(COUNTED, f"outcomes: {{entries: {parts[:-1]}, role: primary}}, {girls}}}")
    design = design.replace("control: never_treated", "control: never_treated, outcome: [entries, girls]")
    counts = np.random.default_rng(5).integers(300, 600, (8, 4))
    bundle = world(tmp_path, 4, design, entries=counts, girls=counts - small(4))
    read = se.read_bundle(bundle)
    (row,) = read.headline["safety"]
    assert row["text"] == "Withheld (disclosure)."
    assert safety_words(row, read.facts)[0] == (
        "whether a rise of 2 per 10,000 or more is excluded is not told: withheld (disclosure)"
    )
