"""The page and the figures of an economic evaluation: about the strategy decided on, in two names for two things."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
from click.testing import CliRunner

from sos_eval.cli.main import cli, main
from sos_eval.economics.evaluate import money_words
from sos_eval.economics.gate.dossier import gate_rule
from sos_eval.jobs.economics import run_economics
from sos_eval.report.content import Table, Text
from sos_eval.report.draw import available, draw_all
from sos_eval.report.economics_blocks import economics
from sos_eval.report.economics_page import EconomicsFolder
from sos_eval.report.economics_texts import texts
from sos_eval.report.figures.economics_first import colours_of
from sos_eval.report.named_tables import named_tables
from sos_eval.results.method import registered
from tests.conftest import ROOT
from tests.economics.test_model import declared

THREE = ROOT / "designs" / "economics_three_strategies.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return run_economics(THREE, tmp_path_factory.mktemp("three") / "out").folder


@pytest.fixture(scope="module")
def blocks(folder):
    found = EconomicsFolder(folder)
    return economics(found, draw_all(found, ("svg",), only="economics_gate"))


def table_of(blocks, start):
    (found,) = [one for one in blocks if isinstance(one, Table) and one.caption.startswith(start)]
    return found


def written(tmp_path, **changes):
    file = tmp_path / "own.yaml"
    file.write_text(json.dumps({"schema": "sos-eval/economics/1", "name": "own", **declared(**changes)}))
    return run_economics(file, tmp_path / "out")


def test_the_gate_is_a_table_of_the_folder(folder):
    table = named_tables(folder).table("gate")
    assert table["criterion"].tolist()[::11] == ["G1 design level", "G12 transparency"]


def test_groups_and_what_would_turn_the_decision_are_about_the_strategy_named(folder, blocks):
    groups = table_of(blocks, "By group of children")
    assert groups.caption.startswith("By group of children (Consultation only) (GBP, ")
    all_rows = pd.read_csv(folder / "equity.csv")
    assert set(all_rows["strategy"]) == {"Consultation only", "Full programme"}
    own = all_rows[(all_rows["strategy"] == "Consultation only") & (all_rows["subgroup"] == "all groups")].iloc[0]
    assert groups.frame["incremental net benefit"].iloc[-1] == f"{own['incremental_net_benefit']:,.0f}"
    # the same as the model's own at expected values
    base = pd.read_csv(folder / "scenarios.csv").query("scenario == 'base case' and strategy == 'Consultation only'")
    assert own["incremental_net_benefit"] == pytest.approx(base["incremental_net_benefit"].iloc[0])
    turns = table_of(blocks, "What would turn the decision")
    assert "(Consultation only)" in turns.caption
    switches = turns.frame.set_index("parameter")["switches"]
    assert switches["cost: family teams"].startswith("from Full programme to Consultation only at")
    assert switches["effect"].count("; from Consultation only to Usual practice at") == 1


def test_information_is_in_numbers_on_the_page_with_the_decisions_it_counts(folder, blocks):
    for name, start in (("evpi", "Value of perfect information, for a decision"),
                        ("evpi_population", "Value of perfect information, for all")):  # fmt: skip
        shown = table_of(blocks, start).frame
        held = pd.read_csv(folder / f"{name}.csv").query("threshold == 20000")
        assert shown["EVPI"].tolist() == [f"{held['evpi'].iloc[0]:,.0f}"]
    assert "note" in table_of(blocks, "Value of knowing parameters, for a decision").frame
    assert "only the decisions after it has ended are counted" in table_of(blocks, "The next study").caption
    assert table_of(blocks, "What is assumed").frame["assumption"].str.contains("years of full effect").any()


def test_a_lower_bound_and_all_decisions_are_said_where_studies_are_valued(tmp_path):
    study = {"name": "stays", "parameter": "weeks", "sizes": [50], "sd": 40, "fixed_cost": 5}
    done = written(tmp_path, care_pathway__weeks_se=6, voi={"studies": [study], "decisions_per_year": 3, "years": 2},
                   gate={"override": "E2", "why": "to see"})  # fmt: skip
    shown = EconomicsFolder(done.folder)
    assert (
        "all decisions from today are counted"
        in table_of(economics(shown, draw_all(shown, ("svg",), only="economics_studies")), "Proposed studies").caption
    )
    table = pd.read_csv(done.folder / "evsi.csv")
    assert set(table["counts"]) == {"all decisions from today, as if the result were there at once"}
    assert table["decisions"].tolist() == pytest.approx([6.0] * len(table))
    # the figure of EVPPI names the groups whose value is a lower bound
    evppi = pd.DataFrame({
        "parameters": ["a", "a", "b", "b"], "threshold": [0.0, 1.0] * 2, "evppi": 1.0, "std_error": 0.1,
        "note": ["", "by boosted trees out of fold, a lower bound: the splines find less", "", ""],
    })  # fmt: skip
    evppi.to_csv(done.folder / "evppi.csv", index=False)
    alt = draw_all(EconomicsFolder(done.folder), ("svg",), only="economics_evppi").alt["economics_evppi"]
    assert alt.endswith("A lower bound: a.")


def test_where_nothing_numeric_is_granted_the_page_and_the_terminal_say_what_is_printed_all_the_same(tmp_path):
    done = written(tmp_path)
    assert done.verdict.tier == "E0"
    said = "What is printed all the same stands outside the tiers: it follows from costs and care alone."
    assert done.outside == said
    # a number stands there, so nothing says that none does
    assert done.allowed == "no number that rests on an effect, but the list of missing inputs"
    assert json.loads((done.folder / "gate.json").read_text())["allowed"] == done.allowed
    assert "nothing numeric" not in (done.folder / "report.html").read_text()
    shown = EconomicsFolder(done.folder)
    texts = [one.text for one in economics(shown, draw_all(shown, ("svg",), only="none")) if isinstance(one, Text)]
    assert texts[0].startswith("Break-even only: the evidence gate grants E0, so no estimate of the effect is used.")
    assert said in texts[1]
    assert "no evidence of effect" not in " ".join(texts)
    shown = CliRunner().invoke(cli, ["economics", str(tmp_path / "own.yaml"), "--out", str(tmp_path / "again")])
    assert said in shown.output
    assert "E0: no number that rests on an effect" in shown.output
    assert "nothing numeric" not in shown.output


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_a_figure_of_an_evaluation_of_its_own_is_drawn_in_any_format(folder, tmp_path, form):
    out = tmp_path / f"tornado.{form}"
    shown = CliRunner().invoke(cli, ["figure", str(folder), "economics_tornado", "--out", str(out), "--size", "slide"])
    assert shown.exit_code == 0, shown.output
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    assert out.read_bytes().startswith(starts[form])


def test_the_figures_of_an_evaluation_are_its_own(folder, tmp_path, capsys):
    names, skipped = available(EconomicsFolder(folder))
    assert {"economics_tornado", "economics_next_study", "economics_break_even"} <= set(names)
    assert all(name.startswith("economics_") for name in (*names, *skipped))
    shown = CliRunner().invoke(cli, ["figure", str(folder), "--all", "--format", "png", "--out", str(tmp_path / "all")])
    assert shown.exit_code == 0, shown.output
    assert {f"{name}.png" for name in names} <= {file.name for file in (tmp_path / "all").iterdir()}
    with pytest.raises(SystemExit) as left:
        main(["figure", str(folder), "event_study"])
    assert left.value.code == 2
    assert "no figure is called 'event_study'" in capsys.readouterr().err


def test_a_folder_that_was_changed_is_not_drawn(tmp_path, capsys):
    done = written(tmp_path, gate={"override": "E2", "why": "to see"})
    (done.folder / "tornado.csv").write_text("parameter\n")
    with pytest.raises(SystemExit) as left:
        main(["figure", str(done.folder), "economics_tornado", "--out", str(tmp_path / "x.png")])
    assert left.value.code == 2
    assert "tornado.csv" in capsys.readouterr().err


def test_a_folder_of_an_earlier_version_is_still_read(folder, tmp_path):
    # before strategies had rows of their own: break-even and highest cost were the whole programme's
    old = tmp_path / "old"
    shutil.copytree(folder, old)
    kept = {"breakeven": ["counting", "quantity", "value", "low", "high", "text"], "max_programme_cost": ["fall"],
            "summary": ["threshold", "value"], "tornado": ["parameter", "low", "high"]}  # fmt: skip
    for name, columns in kept.items():
        table = pd.read_csv(old / f"{name}.csv")
        if name == "breakeven":
            table = table[table["strategy"] == "Full programme"]
        table[columns].to_csv(old / f"{name}.csv", index=False)
    found = EconomicsFolder(old)
    drawn = draw_all(found, ("svg",), only="economics_break_even")
    assert drawn.unmet == []
    assert "run sos-eval economics again" in drawn.skipped["economics_break_even"]
    texts = [one.text for one in economics(found, drawn) if isinstance(one, Text)]
    assert texts[1].startswith(
        "To pay for itself the whole programme would have to avert 8.2% of entries to care, 171 a"
    )


def test_every_table_of_money_says_which_money_it_is(folder, blocks):
    said = "GBP, prices of 2024-25, 6 years counted"
    for start in ("Main results", "Value for money", "When the money falls", "Costs and consequences", "By group",
                  "The next study"):  # fmt: skip
        assert f"({said})" in table_of(blocks, start).caption
    assert f"({said}, not discounted)" in table_of(blocks, "Budget impact").caption
    assert said not in table_of(blocks, "What is assumed").caption
    shown = CliRunner().invoke(cli, ["table", str(folder), "incremental", "--format", "md"])
    assert f"In {said}." in shown.output, shown.output
    # where no frame is declared the page does not say pounds as if they were
    assert money_words(None) == "currency, price year and years counted are not declared"


def test_a_strategy_has_one_colour_in_every_figure(folder):
    colours = colours_of(EconomicsFolder(folder))
    assert list(colours) == ["Usual practice", "Consultation only", "Full programme"]
    shown = {}
    for name in ("economics_break_even", "economics_budget", "economics_acceptability"):
        drawing, own = registered("figure")[name], EconomicsFolder(folder)
        figure = drawing.plot(drawing.data(own), own)
        shown[name] = dict(zip(*reversed(figure.axes[0].get_legend_handles_labels()), strict=True))
    from matplotlib.colors import to_hex

    for name in list(colours)[1:]:
        line = shown["economics_break_even"][f"declared cost: {name}"]
        assert to_hex(line.get_color()).upper() == colours[name]
        assert to_hex(shown["economics_budget"][name].patches[0].get_facecolor()).upper() == colours[name]
        assert to_hex(shown["economics_acceptability"][name].get_color()).upper() == colours[name]
    savings = to_hex(shown["economics_break_even"]["all savings"].get_color()).upper()
    assert savings not in colours.values()


def test_the_figure_of_the_next_study_says_that_its_best_size_is_at_the_edge(folder):
    own = EconomicsFolder(folder)
    assert own.economics["next_study"].query("best == 1")["years"].tolist() == [4]
    alt = draw_all(own, ("svg",), only="economics_next_study").alt["economics_next_study"]
    assert "large ring: the largest value, at the edge of the sweep (a size beyond it may be better); small" in alt


def test_a_column_of_text_that_is_empty_throughout_is_text(tmp_path, folder):
    # a headline has no condition, and no size a note: read back, both columns are numbers that are missing
    assert texts(pd.Series([float("nan")] * 2)) == ["", ""]
    assert texts(pd.Series(["at an edge", None])) == ["at an edge", ""]
    own = tmp_path / "own"
    shutil.copytree(folder, own)
    for name, column in (("summary", "condition"), ("next_study", "note"), ("evppi", "note")):
        pd.read_csv(own / f"{name}.csv").assign(**{column: float("nan")}).to_csv(own / f"{name}.csv", index=False)
    found = EconomicsFolder(own)
    drawn = draw_all(found, ("svg",), only="economics_next_study")
    assert drawn.unmet == []
    assert "edge of the sweep" not in drawn.alt["economics_next_study"]
    assert "condition" not in table_of(economics(found, drawn), "Main results").frame


def test_nobody_meets_a_code_on_the_page(blocks):
    """Parameters, standing, rates, facts of the gate: in words, wherever the page has a table."""
    tables = [one for one in blocks if isinstance(one, Table)]
    heads = {str(name) for one in tables for name in one.frame.columns}
    assert not [name for name in heads if "_" in name or name in ("icer", "evpi", "inc cost")]
    cells = {str(cell) for one in tables for cell in one.frame.to_numpy().ravel()}
    codes = [*gate_rule()["fields"], "green_book", "gdp_ons", "cost[", "weekly[", "mix["]
    said = [code for code in codes if "_" in code or "[" in code]
    own = table_of(blocks, "Scenarios at expected values").frame["changes"]  # keys that the evaluator wrote
    assert not [(code, cell) for code in said for cell in cells - set(own) if code in cell]
    assert "not dominated" in cells
    assert "ND" not in cells
