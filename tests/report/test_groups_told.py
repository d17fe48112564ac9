"""What page one says of the comparison group: who is left out of it, and whether it was made alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sos_eval.report.figures.randomization import _note
from sos_eval.report.first_page import weighed
from sos_eval.report.group_blocks import why_no_balance
from sos_eval.report.verdict import effect_of
from sos_eval.report.words import range_text
from tests.report.cases import run_case

SETS = "{method: declared, sets: {L00: [L10, L11], L01: [L12], L02: [L13], L03: [L14], L04: [L15], L05: [L38]}}"


@pytest.mark.slow
def test_adopters_in_no_declared_set_are_left_out_by_number_and_reason(tmp_path, unsized):
    """Eight begin: five are in sets, L05's comparators are gone from the data, L06 and L07 are in none."""
    keys = {"comparison": f"  exclude: {{units: [L38], why: gone}}\ncomparison: {SETS}", "checks": "", "draws": "99"}
    bundle = run_case(tmp_path, **keys)
    said = bundle.headline["basis"]
    assert said.startswith(
        "The answer rests on 5 authorities with a recorded start of Signs of Safety, compared with 6 "
    )
    assert (
        "3 of 8 with a recorded start are left out, 2 because they are in no matched set and 1 because no comp" in said
    )


def _apart(made):
    """Those that begin lie between the others' levels, near their mean: their nearest by size lie above them."""
    begins = made["start"].notna()
    unit = made["la_code"].str[1:].astype(int)
    size = unit.where(begins, unit.where(unit < 16, unit + 100)) % 8 + 20.0 * (unit >= 16)
    level = 30.0 + begins * unit + (~begins & (unit < 16)) * 8.0 + (unit >= 16) * (unit - 24) / 3
    return made.assign(size=size, entries=(level + 0.01 * (made["year"] % 3)) * made["children"] / 1e4)


@pytest.mark.slow
def test_what_a_match_left_apart_is_not_said_to_be_made_alike(tmp_path):
    keys = {
        "comparison": "  covariates: [size]\n  measured: {size: 2010}\n"
        "comparison: {method: mahalanobis, on: [size, outcome_pre], exact: [size]}",
        "checks": "path, pretrends", "draws": "99",
    }  # fmt: skip
    bundle = run_case(tmp_path, _apart, **keys)
    rows = bundle.balance.set_index(["covariate", "stage"])["std_mean_diff"].abs()
    before, after = rows["outcome_pre", "before"], rows["outcome_pre", "after"]
    assert after > max(before, 0.1)
    lines = bundle.diagnostics.set_index("name")["text"]
    for name in ("pretrends.joint", "path.joint"):
        assert lines[[name]].str.contains("matched on earlier outcomes, but not made alike").all()
    said = " ".join(weighed(bundle))
    assert f"in the outcome before the start {before:.2g} before, {after:.2g} after" in said
    assert (
        "less like the treated authorities than the untreated authorities that it was built from, counted alike" in said
    )
    assert "were made alike" not in said
    assert "part again" not in said


def _twins(made):
    """Each of the eight that begin has a twin of nearly its level among the others."""
    unit = made["la_code"].str[1:].astype(int)
    level = 30.0 + unit.where(unit >= 16, unit % 8) + 0.001 * unit + 0.01 * ((unit * made["year"]) % 7)
    return made.assign(entries=level * made["children"] / 1e4)


def test_what_a_match_made_alike_is_said_to_be(tmp_path):
    keys = {
        "comparison": "comparison: {method: nearest, on: [outcome_pre], distance: outcome_pre}",
        "checks": "pretrends", "draws": "99",
    }  # fmt: skip
    bundle = run_case(tmp_path, _twins, **keys)
    rows = bundle.balance.set_index(["covariate", "stage"])["std_mean_diff"].abs()
    assert rows["outcome_pre", "after"] < min(rows["outcome_pre", "before"], 0.1)
    said = " ".join(weighed(bundle))
    assert "Outcomes that were made alike part again" in said
    assert "was not looked at: no check of it could be done, since the comparison group was made alike on e" in said
    assert "balance.unlike" not in set(bundle.diagnostics["name"])


def test_a_path_that_pretrends_alone_saw_is_on_page_one(tmp_path):
    """Those that begin drift a little: the joint test is silent, the slope is told."""
    bundle = run_case(tmp_path, slope=0.2, checks="pretrends", draws="99")
    lines = bundle.diagnostics[bundle.diagnostics["outcome"] == "entry"].set_index("name")
    assert lines.loc["pretrends.joint", "value"] >= 0.05
    slope = lines.loc["pretrends.slope", "value"]
    way = "up" if slope > 0 else "down"
    said = " ".join(weighed(bundle))
    assert (
        f"Before the start the treated moved {way} by {abs(slope):.3g} per 10,000 a year against their comparison; "
        in said
    )


def test_a_p_of_counted_draws_is_never_told_as_zero(tmp_path):
    """The smallest p that 1,999 draws can give is one of 2,000: the observed one is counted."""
    bundle = run_case(tmp_path, effect=-5.0, checks="", draws="1999")
    p = bundle.facts.headline.overall(bundle.estimates)["p_value"]
    assert p == 1 / 2000
    table = bundle.tables("primary.randomization")
    note = _note(bundle, table["statistic"].to_numpy(float), 1.0)
    assert note.startswith(
        "p = 0.0005 (simulation error ± 0.0005): a result at least as far from zero came up in fewer "
    )


def test_an_end_that_rounds_to_nothing_is_not_told_as_zero_on_one_side(tmp_path):
    bundle = run_case(tmp_path, checks="", draws="99")
    effect = effect_of(bundle.facts.headline.overall(bundle.estimates), bundle.facts.outcome, None)
    near = replace(effect, scale="value", estimate=-0.0116, low=-0.0251, high=3.9e-6, low_error=0.0, high_error=0.0)
    said = range_text(near, None, outcome=bundle.facts.outcome, units=("authority", "authorities"),
                      question=bundle.facts.question, every="a year")  # fmt: skip
    assert "0.0251 lower to less than 0.0001 higher" in said


def _two_begin(made):
    """Two that begin, fewer than the profile shows, with a size to be matched on."""
    start = made["start"].where(made["la_code"] < "L02")
    return made.assign(start=start, size=made["la_code"].str[1:].astype(int) % 8 + 0.5)


def test_balance_that_a_profile_holds_back_is_said_to_be_withheld(tmp_path):
    comparison = "  covariates: [size]\n  measured: {size: 2010}\ncomparison: {method: nearest, on: [size]}"
    keys = {"comparison": comparison, "checks": "", "draws": "99", "profile": "\ndisclosure: {profile: dfe}"}
    bundle = run_case(tmp_path, _two_begin, **keys)
    assert bundle.balance["std_mean_diff"].isna().all()
    assert why_no_balance(bundle) == "balance of the headline's comparison group is withheld (disclosure.csv)"
    assert "no comparison group was built" not in (bundle.path / "report.html").read_text(encoding="utf-8")
