import pytest

from sos_eval.bundle.bundle import write_bundle
from sos_eval.errors import InputFault
from sos_eval.report.tabulate import table_text
from sos_eval.results.method import registered, summary
from tests.bundle.handmade import full


def test_the_tables_of_the_contract_are_registered_with_one_line():
    assert list(registered("table")) == ["balance", "converted", "diagnostics", "effects", "flow", "headline", "models"]
    assert all(summary(maker) for maker in registered("table").values())


def test_effects_take_overall_rows_of_every_estimator_and_inference(bundle):
    table = bundle.table("effects")
    assert table[["estimator", "inference"]].to_numpy().tolist() == [
        ["primary", "randomization"], ["primary", "analytic"], ["poisson", "analytic"], ["twfe", "analytic"],
    ]  # fmt: skip


def test_csv_keeps_every_digit_and_the_others_round_for_the_eye(bundle):
    table = bundle.table("effects").assign(estimate=1 / 3)
    assert "0.3333333333333333" in table_text(table, "csv")
    for form in ("md", "tex", "html"):
        assert "0.333" in table_text(table, form)
        assert "0.3333333" not in table_text(table, form)


@pytest.mark.parametrize(("form", "escaped"), [("md", "a\\|b &lt;i>"), ("html", "a|b &lt;i&gt;"), ("tex", "50\\%")])
def test_user_text_cannot_break_a_table(tmp_path, form, escaped):
    bundle = write_bundle(tmp_path / "b", full(flow=full().flow.assign(reason="a|b <i> 50%")))
    assert escaped in table_text(bundle.table("flow"), form)


def test_the_headline_as_a_table(bundle):
    said = dict(bundle.table("headline").to_numpy().tolist())
    assert said["sentence"] == bundle.headline["sentence"]
    assert said["verdict"] == "inconclusive"
    assert said["natural_units.low"] == bundle.headline["natural_units"]["low"]
    assert said["must_not_say"] == "; ".join(bundle.headline["must_not_say"])


def test_numbers_of_page_one_stand_in_a_table_by_hand(bundle):
    """1.9 fewer per 10,000 of a level of 33.4 (31.5 and 1.9 more) are 5.69%; of 55,500 children 10.5.

    With 4.1 more the level without it is 27.4: observed stays as it was.
    """
    table = bundle.table("converted").set_index("what")
    assert table.loc["estimate"].tolist() == pytest.approx([-1.9, -100 * 1.9 / 33.4, -1.9, -10.545], abs=1e-12)
    assert table.loc["high"].tolist() == pytest.approx([4.1, 100 * 4.1 / 27.4, 4.1, 4.1 * 5.55], abs=1e-12)
    assert table.loc["no difference"].tolist() == [0.0, 0.0, 0.0, 0.0]
    said = bundle.headline["conversions"]
    assert "(their mean after the start, 31.5 per 10,000, less the difference: 33.4 per 10,000 at the estimate)" in said
    assert "People: the difference times the mean exposure of an authority and year, 55,500, over 10,000." in said


def test_unknown_tables_and_formats_get_the_nearest(bundle):
    with pytest.raises(InputFault, match='did you mean "effects"'):
        bundle.table("efects")
    with pytest.raises(InputFault, match="no format 'xls'"):
        table_text(bundle.table("flow"), "xls")
