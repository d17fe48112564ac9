"""Files in other programs: every table of a bundle in pdflatex, documents and workbooks in LibreOffice.

Slow, and skipped with the program's name where it is not.
"""

from __future__ import annotations

import re
import subprocess

import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.report.first_page import LIMITS
from sos_eval.report.named_tables import named_tables
from tests.conftest import ROOT
from tests.report.browser import needs

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("programs")]

HEAD = r"""\documentclass{article}
\usepackage[T1]{fontenc}\usepackage{textcomp}\usepackage{booktabs}\usepackage{longtable}\usepackage{array}
\usepackage[paperwidth=200cm,paperheight=100cm,margin=1cm]{geometry}
\begin{document}
"""


def call(*words):
    assert answered(cli, [str(word) for word in words], Screen()) in (0, 3), words


def run(*words, folder):
    return subprocess.run(list(map(str, words)), cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle with effects, mechanisms, moderators, implementation and economics."""
    folder = tmp_path_factory.mktemp("made") / "out"
    call("run", ROOT / "designs" / "sos_emmie.yaml", "--out", folder)
    return folder


def as_pdf(file, folder):
    """Return each page of a document as LibreOffice lays it out, and the sizes of its pages."""
    office, reader, teller = needs("soffice", "libreoffice"), needs("pdftotext"), needs("pdfinfo")
    done = run(office, f"-env:UserInstallation={(folder / 'office').as_uri()}", "--headless", "--convert-to", "pdf",
               "--outdir", folder, file, folder=folder)  # fmt: skip
    out = folder / f"{file.stem}.pdf"
    assert out.is_file(), done.stderr
    pages = run(reader, "-layout", out, "-", folder=folder).stdout.split("\f")
    told = run(teller, "-f", "1", "-l", str(len(pages) - 1), out, folder=folder).stdout
    return pages, re.findall(r"size:\s+([\d.]+) x ([\d.]+)", told)


def test_every_table_of_a_bundle_compiles_in_one_document(made, tmp_path):
    program = needs("pdflatex")
    names = list(named_tables(made).makers)
    assert len(names) > 20
    for name in names:
        call("table", made, name, "--out", tmp_path / f"{name}.tex")
    body = "\n\\clearpage\n".join(f"\\input{{{name}.tex}}" for name in names)
    (tmp_path / "all.tex").write_text(f"{HEAD}{body}\n\\end{{document}}\n", encoding="utf-8")
    done = run(program, "-interaction=nonstopmode", "-halt-on-error", "all.tex", folder=tmp_path)
    assert done.returncode == 0, done.stdout[-1500:]
    assert "Missing character" not in done.stdout


def test_a_report_in_word_is_a4_with_page_one_on_one_page(made, tmp_path):
    call("report", made, "--format", "docx", "--out", tmp_path / "report.docx")
    pages, sizes = as_pdf(tmp_path / "report.docx", tmp_path)
    assert f"{LIMITS}:" in pages[0]  # the link that page one ends with
    assert pages[1].strip().startswith(LIMITS)
    assert {tuple(sorted(round(float(side)) for side in size)) for size in sizes} == {(595, 842)}
    words = " ".join("\n".join(pages).split())
    for whole in ("permutation of who was treated", "conventional cluster-robust", "Callaway and Sant'Anna"):
        assert whole in words  # in the table whose columns were too narrow for them


def test_a_protocol_in_word_is_a4_and_its_tables_fit(tmp_path):
    call("protocol", ROOT / "designs" / "sos_pilots_care_entry.yaml", "--out", tmp_path / "plan.docx")
    pages, sizes = as_pdf(tmp_path / "plan.docx", tmp_path)
    assert {(round(float(a)), round(float(b))) for a, b in sizes} == {(595, 842)}
    first = " ".join(pages[0].split())
    assert "Delivery organisations [to be written: delivery organisations]" in first  # on one line, unbroken
    assert len(pages) - 1 <= 8


def test_a_workbook_opens_and_its_cells_are_numbers(made, tmp_path):
    office = needs("soffice", "libreoffice")
    call("table", made, "effects", "--out", tmp_path / "effects.xlsx")
    run(office, f"-env:UserInstallation={(tmp_path / 'office').as_uri()}", "--headless", "--convert-to", "fods",
        "--outdir", tmp_path, tmp_path / "effects.xlsx", folder=tmp_path)  # fmt: skip
    cells = re.findall(r'office:value-type="(\w+)"', (tmp_path / "effects.fods").read_text(encoding="utf-8"))
    assert cells.count("float") > 20
