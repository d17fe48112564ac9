"""`sos-eval synthesise`: by hand, what is refused, bundles of runs, and what it writes."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from docx import Document
from openpyxl import Workbook

from sos_eval.bundle.files import read_table
from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.jobs.synthesise import run_synthesis
from sos_eval.report.named_tables import named_tables
from sos_eval.report.synthesis_figures import forest, funnel, without_each
from sos_eval.synthesis.random_effects import pooled
from sos_eval.synthesis.robust import robust
from tests.cli.bad_inputs import DESIGN, panel
from tests.conftest import without_pages


def call(*args):
    return answered(cli, [str(one) for one in args], Screen())


def table(path, rows, columns=("study", "estimate", "std_error", "scale")):
    pd.DataFrame(rows, columns=list(columns)).to_csv(path, index=False)
    return path


def test_equal_errors_by_hand(tmp_path):
    # four differences with error 1: their mean is 3, the variance of the four 20/3, of which 1 is error
    studies = table(
        tmp_path / "s.csv", [(name, y, 1.0, "difference") for name, y in zip("abcd", [0, 2, 4, 6], strict=True)]
    )
    head = run_synthesis([studies], None).models.iloc[0]
    assert head["estimate"] == pytest.approx(3)
    assert head["tau2"] == pytest.approx(20 / 3 - 1)
    assert head["std_error"] == pytest.approx(np.sqrt(20 / 3 / 4))
    t = 3.182446305284263  # t of three degrees of freedom at .975
    assert head["conf_high"] == pytest.approx(3 + t * np.sqrt(20 / 12))
    assert head["predicted_high"] == pytest.approx(3 + t * np.sqrt(20 / 12 + 17 / 3))


def test_ratios_are_pooled_as_logs_and_shown_as_ratios(tmp_path):
    rows = [("a", 0.5, np.nan, 0.25, 1.0, "ratio"), ("b", np.log(2), 0.3, np.nan, np.nan, "log")]
    columns = ("study", "estimate", "std_error", "conf_low", "conf_high", "scale")
    answer = run_synthesis([table(tmp_path / "s.csv", rows, columns)], None)
    implied = np.log(4) / (2 * 1.959963984540054)
    ours = pooled(np.log([0.5, 2]), np.array([implied**2, 0.09]))
    assert answer.models["estimate"].iloc[0] == pytest.approx(np.exp(ours.coef[0]))
    assert answer.models["std_error"].iloc[0] == pytest.approx(ours.std_error[0])
    assert answer.notes[0].startswith("1 standard errors are those that intervals imply")
    assert np.isnan(answer.models["predicted_low"].iloc[0])  # two studies say nothing of a third


def test_a_study_keeps_the_interval_that_it_gives(tmp_path):
    """Its own is of t or of random draws: estimate plus and minus 1.96 errors is drawn where it gives none."""
    rows = [("a", 1.0, 1.0, -1.5, 4.0, 0.95), ("b", 2.0, 1.0, np.nan, np.nan, np.nan), ("c", 3.0, 1.0, 1.3, 4.7, 0.9)]
    columns = ("study", "estimate", "std_error", "conf_low", "conf_high", "conf_level")
    shown = run_synthesis(
        [table(tmp_path / "s.csv", [(*row, "difference") for row in rows], (*columns, "scale"))], None
    )
    z = 1.959963984540054
    np.testing.assert_allclose(shown.studies["conf_low"], [-1.5, 2 - z, 3 - z])
    np.testing.assert_allclose(shown.studies["conf_high"], [4.0, 2 + z, 3 + z])
    others = ["normal, from std_error"] * 2  # the last is of another level
    assert shown.studies["interval"].tolist() == ["the study's own", *others]


def test_the_sentence_says_unit_and_what_three_studies_hardly_tell(tmp_path):
    rows = [(name, y, 1.0, "rate_per", 10000, "Entries") for name, y in zip("abc", [-2.0, -1.0, -3.0], strict=True)]
    columns = ("study", "estimate", "std_error", "scale", "per", "outcome")
    answer = run_synthesis([table(tmp_path / "s.csv", rows, columns)], None)
    assert answer.models["tau2"].iloc[0] == 0  # the variance of the three is that of their errors
    assert "the mean difference in entries is -2 per 10,000 (95% interval" in answer.sentence
    assert "this range is the mean's own, as no variance" in answer.sentence
    assert "hardly known from 3 studies (variance between them: 0, 95% interval: 0 to 38.5)" in answer.sentence
    same = [(name, y, 0.1, "difference") for name, y in zip("abc", [0.5, 0.51, 0.49], strict=True)]
    answer = run_synthesis([table(tmp_path / "u.csv", same)], None)
    assert answer.models[["tau2_low", "tau2_high"]].iloc[0].tolist() == [0, 0]  # Q is under its lower limit without any
    assert (
        "hardly known from 3 studies (variance between them: 0, no variance is in its 95% interval" in answer.sentence
    )
    rows = [(str(k), [-3.0, 3.0][k % 2], 0.1, "difference") for k in range(20)]
    answer = run_synthesis([table(tmp_path / "t.csv", rows)], None)
    assert "hardly known" not in answer.sentence
    assert answer.small["reason"].tolist() == ["not done: all studies have one standard error, so that none is smaller"]


@pytest.mark.parametrize(
    ("effects", "said"),
    [
        ([-1.0, 1.0], "do not tell whether there is a difference: the interval of their mean holds none"),
        ([-100.0, -100.1], "lies below no difference; what a new setting would find they do not tell"),
        ([-9.0, -2.0, -5.0, -7.0, -3.0], "lies below no difference; in a new setting no difference, or one the other"),
        ([9.0, 9.1, 9.2, 9.1], "lies above no difference, and so does the range"),
    ],
)
def test_the_verdict_says_what_the_mean_is_told_from(tmp_path, effects, said):
    rows = [(f"s{k}", y, 1.0, "difference") for k, y in enumerate(effects)]
    answer = run_synthesis([table(tmp_path / "s.csv", rows)], None)
    assert said in answer.verdict
    assert any("allow no such range" in one for one in answer.not_shown) == (len(effects) == 2)


def test_why_two_studies_have_so_wide_an_interval_is_said(tmp_path):
    """One degree of freedom: t is 12.7 at .975, the normal quantile 1.96."""
    two = table(tmp_path / "s.csv", [("a", 1.0, 1.0, "difference"), ("b", 2.0, 1.0, "difference")])
    (said,) = [note for note in run_synthesis([two], None).notes if note.startswith("The interval is this wide")]
    assert "1 degree of freedom" in said
    assert "12.7 standard errors each way, where many studies have 1.96" in said
    assert not any("this wide" in note for note in run_synthesis([two], None, interval="normal").notes)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_per_cent_is_read_as_written_and_told(tmp_path, kind):
    """12% is 12 beside 3%, whether it is text or how a workbook shows .12."""
    plain = table(tmp_path / "plain.csv", [("a", 12.0, 1.0, "difference"), ("b", 3.0, 1.0, "difference")])
    shown = tmp_path / f"s.{kind}"
    if kind == "csv":
        table(shown, [("a", "12%", 1.0, "difference"), ("b", "3%", 1.0, "difference")])
    else:
        book = Workbook()
        for row in (
            ("study", "estimate", "std_error", "scale"),
            ("a", 0.12, 1.0, "difference"),
            ("b", 0.03, 1.0, "difference"),
        ):
            book.active.append(row)
        book.active["B2"].number_format = book.active["B3"].number_format = "0%"
        book.save(shown)
    answer = run_synthesis([shown], None)
    assert answer.models["estimate"].tolist() == run_synthesis([plain], None).models["estimate"].tolist()
    assert 'estimate: written like "12%", which is read as 12' in answer.notes


def test_studies_that_share_authorities_have_errors_by_cluster(tmp_path):
    y, cluster = [0.1, 0.3, -0.2, 0.5, 0.2, 0.0, 0.4], list("aabbcde")
    rows = [(str(i), one, 0.2, "difference", group) for i, (one, group) in enumerate(zip(y, cluster, strict=True))]
    columns = ("study", "estimate", "std_error", "scale", "cluster")
    answer = run_synthesis([table(tmp_path / "s.csv", rows, columns)], None)
    ours = robust(np.array(y), np.full(7, 0.04), np.array(cluster))
    head = answer.models.iloc[0]
    assert head["std_error"] == pytest.approx(ours.std_error[0])
    assert head["df"] == pytest.approx(ours.df[0])
    assert head["interval"] == "by cluster (CR2)"
    assert np.isnan(head["predicted_low"])
    assert answer.small["reason"].iloc[0].startswith("not done")
    assert answer.without["left_out"].tolist() == [str(i) for i in range(7)]


FAULTS = {
    "one study": ([("a", 1, 1, "log")], "one study is no synthesis; add studies"),
    "scales": ([("a", 1, 1, "log"), ("b", 1, 1, "difference")], "scale: difference and log are never pooled"),
    "two kinds of difference": ([("a", 1, 1, "count"), ("b", 1, 1, "rate_per")], "count and rate_per are never pooled"),
    "no such scale": ([("a", 1, 1, "ration"), ("b", 1, 1, "ratio")], "scale: 'ration' is none; did you mean \"ratio\""),
    "zero variance": ([("a", 1, 0, "log"), ("b", 1, 1, "log")], "std_error: is not above zero, line 2"),
    "no error": ([("a", 1, None, "log"), ("b", 1, 1, "log")], "no std_error, and no interval, line 2"),
    "a negative ratio": ([("a", 1, 1, "ratio"), ("b", -1, 1, "ratio")], "estimate: a ratio is above zero, line 3"),
    "twice": ([("a", 1, 1, "log"), ("a", 2, 1, "log")], "study: 'a' stands on more than one line"),
    "no share": ([("a", 1, 1, "log", 95), ("b", 1, 1, "log", 0.9)], "conf_level: is no share, line 2"),
    "outside": (
        [("a", -1, None, "log", None, 3, 4), ("b", 1, 1, "log")],
        "estimate: lies outside its interval, line 2",
    ),
    "unlike": (
        [("a", 0.9, 5, "log", None, 0.8, 1.0), ("b", 1, 1, "log")],
        "std_error: is not the one that the interval",
    ),
    "too far": ([("a", 800, 1, "log"), ("b", 1, 1, "log")], "beyond what can be weighed beside the others, line 2"),
    "too small": (
        [("a", 1, 1e-200, "log"), ("b", 1, 1, "log")],
        "beyond what can be weighed beside the others, line 3",
    ),
    "unnamed": ([("", 1, 1, "log"), ("b", 1, 1, "log")], "study: is empty, line 2"),
    "text": ([("a", "high", 1, "log"), ("b", 1, 1, "log")], "estimate: text in a number column, 'high', line 2"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_refused(tmp_path, capsys, name):
    rows, said = FAULTS[name]
    columns = ("study", "estimate", "std_error", "scale", "conf_level", "conf_low", "conf_high")
    rows = [(*row, *[None] * (7 - len(row))) for row in rows]
    assert call("synthesise", table(tmp_path / "s.csv", rows, columns), "--out", tmp_path / "out") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_empty_cluster_is_a_study_s_own(tmp_path):
    rows = [
        (name, y, 0.2, "log", cluster)
        for name, y, cluster in zip("abcde", [0, 1, 0, 1, 2], ["x", "x", None, None, None], strict=True)
    ]
    answer = run_synthesis(
        [table(tmp_path / "s.csv", rows, ("study", "estimate", "std_error", "scale", "cluster"))], None
    )
    assert answer.models["clusters"].iloc[0] == 4


def test_what_is_asked_for_is_shown(tmp_path, capsys):
    rows = [(str(i), i % 3, 0.3, "log", "ab"[i % 2], 1e9 + i) for i in range(9)]
    studies = table(tmp_path / "s.csv", rows, ("study", "estimate", "std_error", "scale", "kind", "size"))
    assert call("synthesise", studies, "--group", "kind", "--moderator", "size", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["group"] for row in told["groups"]] == ["a", "b"]
    assert [row["term"] for row in told["moderators"]] == ["at size 1000000004", "size"]


def test_several_outcomes_are_chosen_from(tmp_path, capsys):
    rows = [(study, out, 1 + i, 1, "log") for study in "abc" for i, out in enumerate(("Entry", "Return"))]
    studies = table(tmp_path / "s.csv", rows, ("study", "outcome", "estimate", "std_error", "scale"))
    assert call("synthesise", studies) == 2
    assert 'Entry, Return are not one outcome; choose one: --outcome "Entry"' in capsys.readouterr().err
    assert call("synthesise", studies, "--outcome", "Return") == 0
    assert "Over 3 studies the mean ratio in return is 7.39" in capsys.readouterr().out


def test_identical_effects_leave_the_plain_interval_without_an_error(tmp_path):
    rows = [(study, 1.0, 0.5, "log") for study in "abc"]
    models = run_synthesis([table(tmp_path / "s.csv", rows)], None).models
    plain = models[models["interval"] == "hartung_knapp"]
    assert plain["std_error"].isna().all()
    assert plain["reason"].str.startswith("all effects are identical").all()
    assert models["std_error"].iloc[0] == pytest.approx(0.5 / np.sqrt(3))


def test_a_moderator_needs_studies_and_no_gaps(tmp_path, capsys):
    rows = [(study, i, 1, "log", kind) for i, (study, kind) in enumerate(zip("abc", "xyz", strict=True))]
    studies = table(tmp_path / "s.csv", rows, ("study", "estimate", "std_error", "scale", "kind"))
    assert call("synthesise", studies, "--moderator", "kind") == 2
    assert "kind leaves fewer than two degrees of freedom among 3 studies" in capsys.readouterr().err
    assert call("synthesise", studies, "--group", "kin") == 2
    assert "--group: no column 'kin'; did you mean \"kind\"" in capsys.readouterr().err


def test_all_that_is_written_is_one_folder_and_the_same_bytes(tmp_path, capsys):
    rows = [(str(i), np.sin(i), 0.2 + i / 20, "difference") for i in range(12)]
    studies = table(tmp_path / "s.csv", rows)
    for out in ("one", "two"):
        assert call("synthesise", studies, "--out", tmp_path / out, "--quiet") == 0
    made = (file for file in (tmp_path / "one").rglob("*") if file.is_file())
    names = sorted(str(file.relative_to(tmp_path / "one")) for file in made)
    assert {"studies.csv", "synthesis.csv", "leave_one_out.csv", "small_studies.csv", "forest.svg", "funnel.svg"} < set(
        names
    )
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert pd.read_csv(tmp_path / "one" / "small_studies.csv")["p_value"].notna().all()
    assert call("synthesise", studies, "--out", tmp_path / "one") == 2
    assert call("synthesise", studies, "--out", tmp_path / "one", "--force") == 0
    assert json.loads((tmp_path / "one" / "synthesis.json").read_text())["schema"] == "sos-eval/synthesis/1"
    assert call("economics", tmp_path / "one") == 2
    assert "a synthesis, not a result bundle; pull from it with `sos-eval report`" in capsys.readouterr().err


def test_its_page_and_figures_are_pulled_as_a_bundles_are(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(f"study {i}", np.sin(i), 0.2 + i / 20, "difference") for i in range(4)]
    assert call("synthesise", table(tmp_path / "s.csv", rows), "--out", "syn") == 0
    capsys.readouterr()
    assert call("figure", "syn") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["forest", "funnel", "without_each"]
    page = Path("syn/report.html").read_text()
    sentence = json.loads(Path("syn/synthesis.json").read_text())["sentence"]
    assert sentence in page
    assert page.count("<img ") == 3
    assert "reml" not in page  # methods are in words
    assert call("figure", "syn", "forest", "--size", "half", "--out", "f.svg") == 0
    assert "study 3" in Path("f.svg").read_text()  # text as text
    for form in ("docx", "md", "html"):
        assert call("report", "syn", "--format", form, "--out", f"r.{form}") == 0
        assert call("report", "syn", "--format", form, "--out", f"r.{form}") == 2
    assert sentence in [one.text for one in Document("r.docx").paragraphs]
    assert Path("r.figures/forest.png").is_file()
    Path("syn/studies.csv").write_text("study\n")
    capsys.readouterr()
    assert call("report", "syn") == 2
    assert "studies.csv" in capsys.readouterr().err


built_once = pytest.mark.xdist_group("syntheses")  # one process, so that no bundle is made twice


THEORY = """\
theory:
  treatment: practice
  outcome: entries
  nodes: {practice: {label: Practice}, entries: {label: Entries}}
  edges: [[practice, entries]]
  statements: [{context: Where staff stay, mechanism: plans are the family's own, outcome: fewer entries}]
"""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Three runs: the second on other authorities, the third on those of the first."""
    base, made = tmp_path_factory.mktemp("bundles"), []
    for name, prefix in (("first", "A"), ("second", "B"), ("third", "A")):
        rows = pd.read_csv(StringIO(panel()), dtype=str)
        rows.assign(la=prefix + rows["la"]).to_csv(base / "panel.csv", index=False)
        (base / f"{name}.yaml").write_text(DESIGN.replace("name: small", f"name: {name}") + THEORY)
        with without_pages():
            assert call("run", base / f"{name}.yaml", "--out", base / name, "--quiet") in (0, 3)
        made.append(base / name)
    return made


@built_once
def test_bundles_of_other_authorities_are_pooled(bundles):
    answer = run_synthesis(bundles[:2], None)
    heads = [json.loads((one / "headline.json").read_text()) for one in bundles[:2]]
    np.testing.assert_allclose(answer.studies["estimate"], [head["estimate"] for head in heads])
    assert answer.models["clusters"].iloc[0] == 2


@built_once
def test_what_bundles_say_letter_by_letter_stands_study_by_study(bundles, tmp_path):
    """And every theory's statements beside what its study found."""
    run_synthesis(bundles[:2], tmp_path / "syn")
    emmie = read_table(tmp_path / "syn" / "emmie.csv")
    assert emmie["letter"].tolist() == ["Effect", "Mechanism", "Moderator", "Implementation", "Economics"] * 2
    for bundle in bundles[:2]:
        own = read_table(bundle / "tables" / "evidence.emmie.csv")["evidence"]
        assert emmie.loc[emmie["study"] == bundle.name, "evidence"].tolist() == own.tolist()
    statements = read_table(tmp_path / "syn" / "statements.csv")
    assert statements["statement"].tolist() == ["Where staff stay: plans are the family's own → fewer entries"] * 2
    studies = read_table(tmp_path / "syn" / "studies.csv")
    assert statements["estimate"].tolist() == studies["estimate"].tolist()
    page = (tmp_path / "syn" / "report.html").read_text()
    assert "Implementation: How was it put into practice?" in page
    assert "fewer entries" in page
    assert "A small evaluation (first)" in page
    assert "What this does not show" in page
    tables = named_tables(tmp_path / "syn")
    printed = tables.printed("leave_one_out", tables.table("leave_one_out"), chosen=False)
    assert printed["without"].tolist() == ["A small evaluation (first)", "A small evaluation (second)"]
    models = tables.printed("synthesis", tables.table("synthesis"), chosen=False)
    assert models["interval"].iloc[0] == "Hartung-Knapp, modified"


@built_once
def test_bundles_that_share_authorities_are_one_piece_of_evidence(bundles, capsys):
    assert call("synthesise", bundles[0], bundles[2]) == 2
    assert "they are one piece of evidence, and are not pooled" in capsys.readouterr().err
    answer = run_synthesis(bundles, None)
    assert answer.models["clusters"].iloc[0] == 2
    assert any("first and third share" in note.replace("third and first", "first and third") for note in answer.notes)


@built_once
def test_a_bundle_is_one_study_and_keeps_to_itself(bundles, capsys):
    assert call("synthesise", bundles[0], bundles[0], bundles[1]) == 2
    assert "is named twice: it is one study" in capsys.readouterr().err
    assert call("synthesise", *bundles[:2], "--out", bundles[0] / "inner") == 2
    assert not (bundles[0] / "inner").exists()
    outcome = run_synthesis(bundles[:2], None).studies["outcome"].iloc[0]
    chosen = run_synthesis(bundles[:2], None, outcome=outcome)
    assert len(chosen.studies) == 2


def test_studies_of_different_interventions_are_not_one_without_a_word(tmp_path, capsys):
    rows = [("a", -1.0, 1.0, "difference", "Signs of Safety"), ("b", -2.0, 1.0, "difference", "Family Safeguarding")]
    named = ("study", "estimate", "std_error", "scale", "intervention")
    assert call("synthesise", table(tmp_path / "s.csv", rows, named), "--out", tmp_path / "two") == 0
    said = "different interventions, and the mean is of none of them: Signs of Safety (a); Family Safeguarding (b)"
    assert said in capsys.readouterr().out
    assert said in (tmp_path / "two" / "report.html").read_text()
    same = [(*row[:4], "Signs of Safety") for row in rows]
    assert call("synthesise", table(tmp_path / "t.csv", same, named), "--out", tmp_path / "one") == 0
    assert "different interventions" not in capsys.readouterr().out
    assert read_table(tmp_path / "one" / "studies.csv")["intervention"].tolist() == ["Signs of Safety"] * 2


def test_a_scale_of_ratios_can_be_read_off_however_narrow(tmp_path):
    rows = [(f"s{k}", value, 0.04, "log") for k, value in enumerate((0.02, -0.05, 0.08))]
    answer = run_synthesis([table(tmp_path / "s.csv", rows)], None)
    head = answer.models.iloc[0]
    drawn = (forest(answer.studies, head), funnel(answer.studies, head), without_each(answer.without, head))
    for figure in drawn:
        (axes,) = figure.axes
        low, high = axes.get_xlim()
        assert sum(low <= tick <= high for tick in axes.get_xticks()) >= 3
