import re
from base64 import b64decode
from dataclasses import asdict, replace
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise

import pytest

from sos_eval.bundle.bundle import read_bundle, write_bundle
from sos_eval.errors import InputFault
from sos_eval.report.compose import compose
from sos_eval.report.content import Bullets, Heading, Table, Text
from sos_eval.report.draw import draw_all
from sos_eval.report.economics_blocks import economics
from sos_eval.report.first_page import LIMITS, NOT_ASSESSED
from sos_eval.report.methods_blocks import methods, notes
from sos_eval.report.render import render_all
from sos_eval.report.sections import APPENDIX
from sos_eval.report.words import headline_of
from sos_eval.results.facts import CheckFacts, LockFacts, ProcedureFacts
from tests.bundle.handmade import design, diagnostics, estimates, full
from tests.pilots import pilots_facts

EMMIE = ["Effect", "Mechanisms", "Moderators", "Implementation", "Economics"]
EVIL = "<script>alert('x')</script> & \"quotes\" | pipe"


def content(facts=None, **changes):
    """The handmade tables under the headline that the facts make of them."""
    lock = LockFacts("changed", "Changed since it was locked.", ("seed: 1 -> 2",))
    checks = tuple(CheckFacts(*row) for row in diagnostics().itertuples(index=False))
    facts = replace(facts or pilots_facts(), lock=lock, checks=checks)
    return full(headline=headline_of(estimates(), facts), facts=facts, **changes)


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """A bundle with all three reports, every user text hostile."""
    out = tmp_path_factory.mktemp("reported") / "b"
    asked = replace(pilots_facts().question, population=EVIL)
    facts = replace(pilots_facts(), question=asked, notes={"primary": (EVIL,)})
    hostile = design() | {"title": EVIL, "question": asdict(asked)}
    given = content(facts, design=hostile, diagnostics=diagnostics().assign(text=EVIL))
    write_bundle(out, given, render=lambda folder: render_all(folder, ("html", "md", "docx")))
    return read_bundle(out)


class Page(HTMLParser):
    """Collects tags with their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(reported):
    return Page((reported.path / "report.html").read_text(encoding="utf-8"))


def test_the_page_stands_by_itself(reported, page):
    """No script, no address outside the file: every image is a data URI, every link an anchor within."""
    text = (reported.path / "report.html").read_text(encoding="utf-8")
    assert page.of("script") == []
    assert page.of("link") == []
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.of("img"))
    assert all(link["href"].startswith("#") for link in page.of("a") if "download" not in link)
    held = {link["download"]: link["href"] for link in page.of("a") if "download" in link}
    assert len(held) > 5
    for name, href in held.items():  # what a click saves is the figure's own data
        data = b64decode(href.removeprefix("data:text/csv;charset=utf-8;base64,"), validate=True)
        assert data == (reported.path / "figures" / name).read_bytes()
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert "url(" not in text


def test_what_comes_from_data_is_escaped(reported, page):
    text = (reported.path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(") >= 5
    assert "".join(page.text).count(EVIL) >= 5


def test_the_page_can_be_read_without_seeing_it(page):
    """A language, one h1, headings without gaps, words for every image, scopes and a caption for every table."""
    assert page.of("html") == [{"lang": "en-GB"}]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(len(image["alt"]) > 20 for image in page.of("img"))
    assert all(cell["scope"] in ("col", "row") for cell in page.of("th"))
    assert len(page.of("caption")) == len(page.of("table")) >= 3
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in page.of("a") if "download" not in link} <= set(ids)


def test_page_one_answers_a_director(bundle, drawn):
    """Lock state with what was changed, answer, range, safety, and a way to what limits the answer."""
    document = compose(read_bundle_of(bundle), drawn)
    words = [one.text for one in document.first_page if isinstance(one, Text | Heading)]
    words += [item for one in document.first_page if isinstance(one, Bullets) for item in one.items]
    assert any("95% interval" in text and "children a year" in text for text in words)
    assert words[2].startswith("This evaluation cannot tell whether Signs of Safety changed")
    assert words[3] == NOT_ASSESSED
    assert document.first_page[-1].heading == LIMITS
    assert "Changed since it was locked. What differs: seed: 1 -> 2." in words
    assert document.badge == "Inconclusive; a declared check failed; not as locked"


def read_bundle_of(bundle):
    """The full bundle with a real headline."""
    write_bundle(bundle.path.parent / "headed", content(), force=True)
    return read_bundle(bundle.path.parent / "headed")


def test_the_body_follows_emmie_and_says_what_is_missing(bundle, drawn):
    document = compose(bundle, drawn)
    headings = [one.text for one in document.body if isinstance(one, Heading) and one.level == 2]
    assert headings == [LIMITS, *EMMIE, APPENDIX, "Provenance"]
    write_bundle(bundle.path.parent / "bare", content(tables={}), force=True)
    bare = compose(read_bundle(bundle.path.parent / "bare"), drawn)
    after = {one.text: bare.body[i + 1] for i, one in enumerate(bare.body) if isinstance(one, Heading)}
    for name in ("Mechanisms", "Moderators", "Economics"):
        assert after[name].text.startswith("Not evaluated. It would need")
    assert any(one == Heading("Exploratory: where the effect may differ", 3) for one in document.body)


def test_every_estimate_is_in_the_table_and_none_is_hidden(bundle, drawn):
    document = compose(bundle, drawn)
    table = next(one for one in document.body if isinstance(one, Table) and one.caption.startswith("Overall")).frame
    assert len(table) == 4
    assert table["p"].tolist() == ["0.43", "0.080", "0.31", ""]
    assert table["Note"].tolist()[-1] == "one cluster is treated"


def test_an_empty_bundle_still_reports_and_lists_what_was_not_drawn(bare):
    document = compose(bare, draw_all(bare, ("svg",)))
    bullets = [item for one in document.body if isinstance(one, Bullets) for item in one.items]
    assert any("randomization: the design does not ask" in item for item in bullets)
    assert bare.report("html", bare.path / "x.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_all_formats_say_the_same_sentences(reported):
    """Each sentence is written once: the headline stands in the page, the Markdown and the Word file alike."""
    from docx import Document

    sentence = reported.headline["sentence"]
    word = Document(BytesIO((reported.path / "report.docx").read_bytes()))
    paragraphs = [one.text for one in word.paragraphs]
    assert sentence in paragraphs
    assert EVIL in paragraphs[0]
    assert f"> {sentence}" in (reported.path / "report.md").read_text(encoding="utf-8")
    headings = [one.text for one in word.paragraphs if one.style.name == "Heading 1"]
    assert [name for name in headings if name in EMMIE] == EMMIE
    described = [shape._inline.docPr.get("descr") for shape in word.inline_shapes]
    assert len(described) == (reported.path / "report.md").read_text(encoding="utf-8").count("](figures/") > 10
    assert all(len(text) > 20 for text in described)


def test_markdown_does_not_let_data_become_markup(reported):
    text = (reported.path / "report.md").read_text(encoding="utf-8").split("The design as it was run")[0]
    assert "<script" not in text.replace("\\<script", "")
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in tables]
    assert all(width > 2 for width in widths)
    assert "](figures/estimates.png)" in text


def test_the_same_bundle_gives_the_same_page(reported, tmp_path):
    again = reported.report("html", tmp_path / "again.html")
    assert again.read_bytes() == (reported.path / "report.html").read_bytes()


def test_writing_one_report_leaves_the_bundles_figures_alone(reported, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in (reported.path / "figures").iterdir()}
    reported.report("md", tmp_path / "x.md")
    assert before == {path: path.stat().st_mtime_ns for path in (reported.path / "figures").iterdir()}


def test_wrong_formats_and_places_are_the_users_fault(reported, tmp_path):
    with pytest.raises(InputFault, match="no report format 'pdf'; write one of: html, docx, md"):
        reported.report("pdf")
    with pytest.raises(InputFault, match="nowhere does not exist; make it first"):
        reported.report("md", tmp_path / "nowhere" / "x.md")


def test_economics_shows_the_gates_verdict_and_what_would_lift_it(tmp_path, drawn):
    """An override's mark comes first; a criterion is named in words."""
    gate = {
        "watermark": "OVERRIDE: not evidence", "tier": "E1", "allowed": "a break-even effect",
        "lift": {"G2": "more authorities"},
        "evidence": {"G2": {"name": "treated_clusters", "tier": "E1", "notes": ["x"]}},
    }  # fmt: skip
    parts = {
        "gate": gate,
        "headline": {"reason": "tier E1 grants none"},
        "summary": estimates()[["estimator", "estimate"]],
    }
    bundle = write_bundle(tmp_path / "b", full(economics=parts))
    blocks = economics(bundle, drawn)
    assert blocks[1] == Text("OVERRIDE: not evidence", "answer")
    assert "Tier granted by the evidence: E1. It allows: a break-even effect." in blocks[3].text
    assert Bullets(("G2 treated clusters: more authorities",)) in blocks
    assert Text("No headline: tier E1 grants none.") in blocks
    captions = [one.caption for one in blocks if isinstance(one, Table)]
    assert captions[0] == "Main results"
    assert captions[-1].startswith("The evidence, criterion by criterion")


def test_methods_tell_options_rule_and_how_chance_was_judged(tmp_path):
    """Options with their defaults, what a variant changes, draws and strata; a note that all share stands once."""
    entries = [
        {"id": "primary", "role": "primary", "method": "poisson_did", "label": "Poisson", "control": "never_treated"},
        {"id": "late", "role": "sensitivity", "method": "twfe", "with": {"panel.window.to": 2025}},
    ]
    details = {"draws": 4999, "complete": False, "strata": [{"stratum": "half 1", "treated": 2}],
               "assignments": 175460300730}  # fmt: skip
    facts = replace(
        pilots_facts(), procedures=(ProcedureFacts("primary", "entry", "randomization", details),),
        notes={"primary": ("7 rows left out",), "late": ("7 rows left out", "slow")},
    )  # fmt: skip
    bundle = write_bundle(tmp_path / "b", content(facts, design=design() | {"estimators": entries}))
    *rest, table = methods(bundle)
    assert rest[0].text.startswith("The answer is the estimate “Poisson”, judged by the ")
    assert rest[0].text.endswith("1 further estimate was declared beside it: 1 sensitivity.")
    assert table.frame["Options"].tolist() == ["control: never_treated", ""]
    assert table.frame["Differs from the design in"].tolist() == ["", "panel.window.to: 2025"]
    lines = next(one.items for one in rest if isinstance(one, Bullets))
    assert lines[:3] == (
        "Draws made: 4,999.",
        "Every possible assignment was made: no.",
        "Strata: stratum half 1, treated 2.",
    )
    assert lines[3] == "Possible assignments: 175,460,300,730."
    assert notes(bundle) == [Bullets(("All: 7 rows left out.", "late (two-way fixed effects): slow."))]
