"""An organisation's look from the design to every page: kept in the bundle, honoured by what is pulled later."""

from __future__ import annotations

import re
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from docx import Document
from docx.oxml.ns import qn
from docx.shared import Cm, RGBColor
from matplotlib.image import imsave

import sos_eval as se
from sos_eval.cli.main import answered, cli
from sos_eval.cli.screen import Screen
from sos_eval.errors import InputFault
from sos_eval.report.content import ReportDocument, Table, Text
from sos_eval.report.docx import _Writer, opened_word
from sos_eval.report.draw import Drawn
from sos_eval.report.theme_file import read_theme
from tests.conftest import ROOT


def call(*words):
    return answered(cli, [str(word) for word in words], Screen())


THEME = """schema: sos-eval/theme/1
colours: {treated: "#005f73", background: "#fffdf5"}
fonts: {family: DejaVu Serif}
logo: parts/logo.png
template: county.docx
style_sheet: county.css
"""
DESIGN = """\
schema: sos-eval/design/1
name: own
panel:
  source: csv
  path: panel.csv
  unit: la
  time: year
  outcome: {count: entries, exposure: children, per: 10000}
  treatment: {first_treated: start}
estimators: [{id: primary, method: callaway_santanna, control: never_treated}]
inference: [{method: analytic}]
seed: 4
checks: [leave_one_out]
report: {formats: [html, docx, md], theme: look/theme.yaml}
"""


def look(folder):
    """Write a theme with logo, template and style sheet."""
    (folder / "parts").mkdir(parents=True)
    (folder / "theme.yaml").write_text(THEME)
    imsave(folder / "parts" / "logo.png", np.full((20, 60, 3), 0.5))
    (folder / "county.css").write_text("h1 { letter-spacing: 0.01em; }\n")
    word = Document()
    word.sections[0].left_margin = Cm(3.3)
    word.sections[0].footer.paragraphs[0].text = "County Council"
    word.styles["Heading 1"].font.color.rgb = RGBColor(0x12, 0x34, 0x56)
    word.add_paragraph("Words of the template that no report holds")
    word.save(folder / "county.docx")
    return folder / "theme.yaml"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    look(folder / "look")
    rng = np.random.default_rng(3)
    data = pd.DataFrame([(f"A{u:02d}", 2012 if u < 5 else 0, 2010 + t) for u in range(12) for t in range(4)])
    data.columns = ["la", "start", "year"]
    data["children"], data["entries"] = 9000 + 37 * data.index, rng.integers(100, 180, len(data))
    data.to_csv(folder / "panel.csv", index=False)
    (folder / "design.yaml").write_text(DESIGN)
    return se.run(folder / "design.yaml", out=folder / "out")


def word_of(file):
    return Document(BytesIO(file.read_bytes()))


def test_the_page_has_colours_font_logo_and_sheet(bundle):
    page = (bundle.path / "report.html").read_text()
    assert "--accent: #005f73;" in page
    assert '--font: "DejaVu Serif"' in page
    assert page.rstrip().count("letter-spacing: 0.01em") == 1
    assert page.count('class="logo" src="data:image/png;base64,') == 1
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert "#005f73" in (bundle.path / "figures" / "estimates.svg").read_text()


def test_the_document_stands_on_the_template(bundle):
    word = word_of(bundle.path / "report.docx")
    assert word.sections[0].left_margin == pytest.approx(Cm(3.3), abs=1000)
    assert word.sections[0].footer.paragraphs[0].text == "County Council"
    assert word.styles["Heading 1"].font.color.rgb == RGBColor(0x12, 0x34, 0x56)
    assert not [one for one in word.paragraphs if "Words of the template" in one.text]
    assert max(shape.width for shape in word.inline_shapes) <= Cm(21.6 - 3.3 - 3.1)
    margins = word.sections[0].left_margin + word.sections[0].right_margin
    for table in word.tables:
        lies = len(table.columns) > 7
        page = word.sections[0].page_height if lies else word.sections[0].page_width
        widths = [cell.width for cell in table.rows[0].cells]
        assert sum(widths) <= page - margins + 5000
        assert [column.width for column in table.columns] == widths  # what LibreOffice reads, and what Word reads
    lying = [one.page_width > one.page_height for one in word.sections]
    assert lying[0] is False
    assert any(lying) == any(len(table.columns) > 7 for table in word.tables)


def test_captions_are_numbered_and_links_lead_to_headings(bundle):
    word = word_of(bundle.path / "report.docx")
    captions = [
        "".join(part.text for part in one._p.iter(qn("w:t"))) for one in word.paragraphs if one.style.name == "Caption"
    ]
    for kind in ("Table", "Figure"):
        numbers = [int(found[1]) for text in captions if (found := re.match(rf"{kind} (\d+)\. ", text))]
        assert numbers == list(range(1, len(numbers) + 1)) != []
    xml = word.element.xml
    anchors, marks = (set(re.findall(rf'{name}="(part_\d+)"', xml)) for name in ("w:anchor", "w:name"))
    assert anchors <= marks
    assert len(marks) > 5
    assert all(row._tr.trPr is not None for table in word.tables for row in table.rows)


def test_on_paper_the_design_as_run_is_named_and_not_printed(bundle):
    said = [one.text for one in word_of(bundle.path / "report.docx").paragraphs]
    assert said[-1] == "The design as it was run, with every default: design.yaml in the folder of results."
    assert (bundle.path / "design.yaml").read_text().strip() in (bundle.path / "report.md").read_text()
    assert (bundle.path / "design.yaml").read_text().splitlines()[3] not in "\n".join(said)


def test_checks_that_nothing_judges_have_no_columns_for_it(bundle):
    heads = [[cell.text for cell in table.rows[0].cells] for table in word_of(bundle.path / "report.docx").tables]
    assert bundle.diagnostics["threshold"].isna().all()
    assert ["Check", "Statistic", "Value", "In words"] in heads


def test_what_is_pulled_later_has_the_look_that_the_bundle_keeps(bundle, tmp_path):
    """The theme beside the design is gone, and the bundle elsewhere."""
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in bundle.path.rglob("*"):
        target = moved / file.relative_to(bundle.path)
        target.mkdir() if file.is_dir() else target.write_bytes(file.read_bytes())
    again = se.read_bundle(moved)
    assert again.report("html", tmp_path / "r.html").read_bytes() == (bundle.path / "report.html").read_bytes()
    assert call("figure", moved, "estimates", "--out", tmp_path / "e.svg") == 0
    assert "#005f73" in (tmp_path / "e.svg").read_text()
    assert sorted(one.name for one in (moved / "theme").iterdir()) == [
        "county.css",
        "county.docx",
        "logo.png",
        "theme.yaml",
    ]


def test_another_template_and_theme_can_be_asked_for(bundle, tmp_path, capsys):
    other = Document()
    other.sections[0].left_margin = Cm(4.4)
    other.save(tmp_path / "other.docx")
    asked = [
        "report",
        bundle.path,
        "--format",
        "docx",
        "--out",
        tmp_path / "r.docx",
        "--template",
        tmp_path / "other.docx",
    ]
    assert call(*asked) == 0
    assert word_of(tmp_path / "r.docx").sections[0].left_margin == pytest.approx(Cm(4.4), abs=1000)
    (tmp_path / "plain.yaml").write_text('schema: sos-eval/theme/1\ncolours: {treated: "#7a1f1f"}\n')
    assert call("report", bundle.path, "--theme", tmp_path / "plain.yaml", "--out", tmp_path / "r.html") == 0
    assert "--accent: #7a1f1f;" in (tmp_path / "r.html").read_text()
    assert call("report", bundle.path, "--template", tmp_path / "other.docx") == 2
    assert "--format docx" in capsys.readouterr().err


def test_a_protocol_has_the_look_that_its_design_names(bundle, tmp_path, capsys):
    design = bundle.path.parent / "design.yaml"
    assert call("protocol", design, "--out", tmp_path / "p.html") == 0
    page = (tmp_path / "p.html").read_text()
    assert "--accent: #005f73;" in page
    assert page.count('class="logo" src="data:image/png;base64,') == 1
    assert page.count('<div class="scroll"') == page.count("<table>") == page.count("</table></div>") > 0
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert call("protocol", design, "--out", tmp_path / "p.docx") == 0
    assert word_of(tmp_path / "p.docx").sections[0].footer.paragraphs[0].text == "County Council"
    (tmp_path / "plain.yaml").write_text('schema: sos-eval/theme/1\ncolours: {treated: "#7a1f1f"}\n')
    assert call("protocol", design, "--theme", tmp_path / "plain.yaml", "--out", tmp_path / "q.html") == 0
    assert "--accent: #7a1f1f;" in (tmp_path / "q.html").read_text()
    assert call("protocol", design, "--theme", tmp_path / "plain.yaml", "--out", tmp_path / "q.md") == 2
    assert "--format html or docx" in capsys.readouterr().err
    assert not (tmp_path / "q.md").exists()


def test_economics_has_the_look_that_is_asked_for_and_keeps_it(tmp_path, capsys):
    (tmp_path / "plain.yaml").write_text(
        'schema: sos-eval/theme/1\ncolours: {treated: "#7a1f1f", comparison: "#123456"}\n'
    )
    declared, out = ROOT / "designs" / "economics_sos_breakeven.yaml", tmp_path / "out"
    assert call("economics", declared, "--out", out, "--theme", tmp_path / "plain.yaml") == 0
    assert "--accent: #7a1f1f;" in (out / "report.html").read_text()
    assert call("figure", out, "economics_break_even", "--out", tmp_path / "b.svg") == 0
    assert {"#7a1f1f", "#123456"} & set(re.findall(r"#[0-9a-f]{6}", (tmp_path / "b.svg").read_text()))
    assert (
        call("economics", "--gate", ROOT / "designs" / "economics_dossier.json", "--theme", tmp_path / "plain.yaml")
        == 2
    )
    assert "--gate writes none" in capsys.readouterr().err


def test_a_protocol_without_a_theme_is_on_a4(tmp_path):
    (tmp_path / "d.yaml").write_text(
        DESIGN.replace("report: {formats: [html, docx, md], theme: look/theme.yaml}\n", "")
    )
    assert call("protocol", tmp_path / "d.yaml", "--out", tmp_path / "p.docx") == 0
    section = word_of(tmp_path / "p.docx").sections[0]
    assert (section.page_width, section.page_height) == (
        pytest.approx(Cm(21), abs=1000),
        pytest.approx(Cm(29.7), abs=1000),
    )


def test_a_template_without_the_styles_is_refused_by_name(bundle, tmp_path, capsys):
    bare = Document()
    for name in ("Caption", "List Bullet"):
        style = bare.styles[name]
        style.element.getparent().remove(style.element)
    bare.save(tmp_path / "bare.docx")
    (tmp_path / "text.docx").write_text("no document")
    for name, said in (
        ("bare.docx", "has no style List Bullet, Caption"),
        ("text.docx", "cannot be read as a Word document"),
    ):
        assert call("report", bundle.path, "--format", "docx", "--template", tmp_path / name) == 2
        assert said in " ".join(capsys.readouterr().err.split())
    assert call("report", bundle.path, "--format", "docx", "--template", tmp_path / "away.docx") == 2
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("sheet", "said"),
    [
        ('@import "https://example.org/a.css";', "@import"),
        ("h1 { background: url(https://example.org/a.png); }", "url(https://example.org/a.png"),
        ("h1 { background: url('//example.org/a.png'); }", "url('//example.org/a.png'"),
        ("</style><script>alert(1)</script>", "</style"),
    ],
)
def test_a_style_sheet_that_loads_something_is_refused(sheet, said, tmp_path):
    (tmp_path / "a.css").write_text(sheet)
    (tmp_path / "theme.yaml").write_text("schema: sos-eval/theme/1\nstyle_sheet: a.css\n")
    with pytest.raises(InputFault, match=re.escape(said)):
        read_theme(tmp_path / "theme.yaml")


def test_a_logo_that_is_no_picture_is_the_themes_fault(tmp_path):
    (tmp_path / "logo.png").write_text("no picture")
    (tmp_path / "theme.yaml").write_text("schema: sos-eval/theme/1\nlogo: logo.png\n")
    with pytest.raises(InputFault, match=r"theme.yaml:2: logo: logo.png cannot be read as a picture"):
        read_theme(tmp_path / "theme.yaml")


def test_data_urls_are_no_loading(tmp_path):
    (tmp_path / "a.css").write_text("h1 { background: url(data:image/png;base64,AAAA); }")
    (tmp_path / "theme.yaml").write_text("schema: sos-eval/theme/1\nstyle_sheet: a.css\n")
    assert "data:image/png" in read_theme(tmp_path / "theme.yaml").css


def test_a_theme_that_is_away_ends_check_and_run_before_the_work(bundle, tmp_path, capsys):
    design = DESIGN.replace("look/theme.yaml", "away.yaml").replace("panel.csv", str(bundle.path.parent / "panel.csv"))
    (tmp_path / "design.yaml").write_text(design)
    assert call("check", tmp_path / "design.yaml") == 2
    assert call("run", tmp_path / "design.yaml", "--out", tmp_path / "out") == 2
    assert "away.yaml" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("rows", "lying"), [(4, False), (5, True)])
def test_a_wide_table_of_few_rows_stands_upright_with_its_heads_in_the_first_column(rows, lying):
    frame = pd.DataFrame({f"measure {k}": [f"{k}.{row}" for row in range(rows)] for k in range(9)})
    writer = _Writer(opened_word(), Drawn())
    writer.write(ReportDocument("T", "b", [Text("first")], [Table(frame, "wide")]))
    assert any(one.page_width > one.page_height for one in writer.word.sections) == lying
    (table,) = writer.word.tables
    assert len(table.columns) == (9 if lying else rows + 1)
    assert [cell.text for cell in table.rows[1].cells][:2] == (["0.0", "1.0"] if lying else ["Measure 1", "1.0"])


def test_no_number_of_a_wide_table_breaks():
    """Eighteen columns of millions: letters shrink until each column has its longest word."""
    frame = pd.DataFrame({f"quantity {k}": [f"{1_000_000 * (k + 1):,}"] * 6 for k in range(18)})
    writer = _Writer(opened_word(), Drawn())
    writer.write(ReportDocument("T", "b", [Text("first")], [Table(frame, "wide")]))
    (table,) = writer.word.tables
    points = {run.font.size.pt for cell in table.rows[1].cells for run in cell.paragraphs[0].runs}
    assert len(points) == 1
    assert 4.5 <= points.pop() < 6.5
    small = pd.DataFrame({"a": ["1"], "b": ["2"]})
    writer.table(small, "narrow")
    assert {run.font.size.pt for run in writer.word.tables[1].rows[1].cells[0].paragraphs[0].runs} == {7.5}
