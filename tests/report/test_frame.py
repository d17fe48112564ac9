"""The page's frame in a browser: nothing is wider than the screen, figures fit and enlarge, captions wrap."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from sos_eval.report import html
from sos_eval.report.contrast import contrast
from sos_eval.report.draw import draw_all
from sos_eval.report.html import render_html
from tests.report.browser import in_frame

pytestmark = pytest.mark.xdist_group("cases")

_MEASURE = """
const wide = x => x.getBoundingClientRect();
SAY({
  page: document.documentElement.scrollWidth, screen: document.documentElement.clientWidth,
  figures: [...document.images].map(x => wide(x).right),
  captions: [...document.querySelectorAll("caption span")].map(x => wide(x).right),
  frames: [...document.querySelectorAll(".scroll")].map(x => wide(x).right),
  enlarged: (location.hash = "figure-answer", wide(document.querySelector("figure:target img")).width),
  closes: getComputedStyle(document.querySelector("figure:target .close")).display,
})"""


@pytest.fixture(scope="module")
def page(case):
    bundle = case("full")
    return render_html(bundle, draw_all(bundle, ("svg",)))


@pytest.fixture(scope="module")
def measured(page, tmp_path_factory):
    """What a browser measures on the page in a frame 390 pixels wide."""
    return in_frame(page, _MEASURE, tmp_path_factory.mktemp("frame"))


def test_nothing_is_wider_than_a_telephone(measured):
    assert measured["screen"] == 390
    assert measured["page"] == 390
    assert len(measured["figures"]) > 5
    assert len(measured["captions"]) > 5
    for kind in ("figures", "captions", "frames"):
        assert max(measured[kind]) <= 390, kind


def test_a_figure_enlarges_and_closes(measured):
    assert measured["enlarged"] > 500
    assert measured["closes"] != "none"


def test_every_picture_can_be_enlarged_and_closed_by_its_links(page):
    names = re.findall('<figure id="figure-([^"]+)"', page)
    assert len(names) == len(set(names)) == page.count("<img ")
    for name in names:
        assert f'href="#figure-{name}"' in page
        assert f'href="#place-{name}"' in page
        assert f'id="place-{name}"' in page


def test_the_page_is_whole_in_itself_and_small(page):
    assert len(page.encode()) < 2_000_000
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    assert "url(" not in page


def test_a_wide_table_says_that_it_goes_on_and_long_words_have_room(page):
    wide = [table for table in re.findall("<table>.*?</thead>", page, re.DOTALL) if table.count('scope="col"') > 4]
    assert wide
    assert all("Scroll sideways" in table for table in wide)
    assert 'class="l"' in page
    assert '<td class="n">' in page  # numbers and short words stand on one line


class Outline(HTMLParser):
    """What a screen reader walks through: headings, pictures, table heads, links with their words, ids."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.open = [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(len(self.tags) - 1)

    def handle_endtag(self, tag):
        while self.open and self.tags[self.open.pop()][0] != tag:
            pass

    def handle_data(self, data):
        for at in self.open:
            self.words[at] = self.words.get(at, "") + data

    def of(self, *names):
        return [(attrs, self.words.get(at, "").strip()) for at, (tag, attrs) in enumerate(self.tags) if tag in names]


def violations(text):
    """Every structural fault of a page that would keep a reader out (WCAG 2.2 A and AA, as far as text shows it)."""
    page = Outline(text)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    links = page.of("a")
    faults = [f"{levels.count(1)} h1"] if levels.count(1) != 1 or levels[0] != 1 else []
    faults += [f"h{a} before h{b}" for a, b in pairwise(levels) if b > a + 1]
    faults += [f"id {name} twice" for name in {name for name in ids if ids.count(name) > 1}]
    faults += ["no lang"] * (not any(attrs.get("lang") for attrs, _ in page.of("html")))
    faults += ["no title"] * (not any(words for _, words in page.of("title")))
    faults += ["picture without alt"] * sum(not (attrs.get("alt") or "").strip() for attrs, _ in page.of("img"))
    faults += ["head without scope"] * sum(attrs.get("scope") not in ("col", "row") for attrs, _ in page.of("th"))
    faults += ["table without caption"] * (len(page.of("table")) - len(page.of("caption")))
    faults += ["link without words"] * sum(not words for _, words in links)
    faults += [f"link to {a['href']}" for a, _ in links if a["href"].startswith("#") and a["href"][1:] not in ids]
    focus = [attrs for _, attrs in page.tags if attrs.get("tabindex") == "0"]
    faults += ["focus without a name"] * sum(not (attrs.get("aria-label") and attrs.get("role")) for attrs in focus)
    faults += ["region without a name"] * sum(not attrs.get("aria-label") for attrs, _ in page.of("nav", "section"))
    return faults


def test_the_page_has_no_structural_fault(page):
    assert violations(page) == []


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        (' lang="en-GB"', ""), (' scope="col"', ""), ('alt="', 'x="'), ("<h1>", "<h3>"), ("<caption>", "<b>"),
        ('<h3 id="', '<h4 id="'), ('role="region"', ""), ('id="place-answer"', ""),
    ],
)  # fmt: skip
def test_a_structural_fault_is_seen(page, sound, broken):
    assert sound in page
    assert violations(page.replace(sound, broken)) != []


def test_the_palette_of_the_page_can_be_read():
    """Every colour of text has 4.5 on what is behind it."""
    css = (Path(html.__file__).parent / "page.css").read_text(encoding="utf-8")
    names = dict(re.findall(r"--(\w+): ([^;]+);", css))
    css = re.sub(r"var\(--(\w+)\)", lambda used: names[used[1]], css)
    texts = {f"#{c if len(c) == 6 else ''.join(2 * x for x in c)}" for c in re.findall(r"[ {]color: #([0-9a-f]+)", css)}
    assert {"#1a1a1a", "#00558a", "#4a4a4a"} <= texts
    for colour in texts - {"#ffffff"}:
        assert min(contrast(colour, back) for back in ("#ffffff", "#eef5fa", "#f6f6f6")) >= 4.5, colour
    assert contrast("#ffffff", "#1a1a1a") >= 4.5  # the button that closes a figure
