"""The page's frame in a browser: nothing is wider than the screen, figures fit and enlarge, captions wrap."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

from sos_eval.report.draw import draw_all
from sos_eval.report.html import render_html

pytestmark = pytest.mark.xdist_group("cases")

_BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
_MEASURE = """<script>
const wide = x => x.getBoundingClientRect();
const said = {
  page: document.documentElement.scrollWidth, screen: document.documentElement.clientWidth,
  figures: [...document.images].map(x => wide(x).right),
  captions: [...document.querySelectorAll("caption span")].map(x => wide(x).right),
  frames: [...document.querySelectorAll(".scroll")].map(x => wide(x).right),
  enlarged: (location.hash = "figure-answer", wide(document.querySelector("figure:target img")).width),
  closes: getComputedStyle(document.querySelector("figure:target .close")).display,
};
document.body.innerHTML = "<pre id=said></pre>"; document.querySelector("#said").textContent = JSON.stringify(said);
</script></body>"""


@pytest.fixture(scope="module")
def page(case):
    bundle = case("full")
    return render_html(bundle, draw_all(bundle, ("svg",)))


@pytest.fixture(scope="module")
def measured(page, tmp_path_factory):
    """What a browser measures on the page in a frame 390 pixels wide."""
    if not _BROWSER:
        pytest.skip("no Chromium here")
    folder = tmp_path_factory.mktemp("frame")
    (folder / "page.html").write_text(page.replace("</body>", _MEASURE), encoding="utf-8")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--hide-scrollbars"]
    frame = '<iframe id="f" src="page.html" width="390" height="800" style="border:0"></iframe>'
    tell = "<script>f.onload = () => { document.title = f.contentDocument.querySelector('#said').textContent }</script>"
    (folder / "frame.html").write_text(f"<!doctype html><title>-</title>{frame}{tell}", encoding="utf-8")
    command = [
        _BROWSER,
        *options,
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
        (folder / "frame.html").as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(unescape(re.search("<title>(.*?)</title>", done.stdout).group(1)))


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
    assert 'class="long"' in page
