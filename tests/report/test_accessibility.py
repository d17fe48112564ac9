"""Pages as they come from runs, in a browser: WCAG 2.2 AA by axe-core at two widths, and page one printed.

`make accessibility` runs it; it takes minutes and is none of the fast tests.
"""

from __future__ import annotations

import pytest

from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.report.first_page import LIMITS
from tests.conftest import ROOT
from tests.report.browser import axe_violations, needs, printed_pages

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pages")]

#: What makes a page -> the words of its command; FOLDER is where it goes.
PAGES = {
    "reference": "run designs/sos_pilots_care_entry.yaml --out FOLDER/out",
    "emmie": "run designs/sos_emmie.yaml --out FOLDER/out",
    "matched": "run designs/matched_did_care_entry.yaml --out FOLDER/out",
    "breakeven": "economics designs/economics_sos_breakeven.yaml --out FOLDER/out",
    "strategies": "economics designs/economics_three_strategies.yaml --out FOLDER/out",
    "power": "power designs/matched_did_care_entry.yaml --world synthetic/england.yaml --reps 20 --permutations 0 "
    "--sweep world.effect.size=0,-4 --out FOLDER/out",
    "protocol": "protocol designs/sos_evaluation_2020.yaml --out FOLDER/out/report.html",
    "panel": "panel describe FOLDER/england.csv --out FOLDER/out",
}  # fmt: skip
#: Those with a page one.
FIRST = ("reference", "emmie", "matched")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a page by its name, made when it is first asked for."""
    needs("chromium", "chromium-browser", "google-chrome")
    folder, texts = tmp_path_factory.mktemp("pages"), {}

    def page(name):
        if name not in texts:
            room = folder / name
            (room / "out").mkdir(parents=True)
            if name == "panel":
                assert answered(cli, ["panel", "england", "--out", str(room / "england.csv")], Screen()) == 0
            if name != "protocol":
                (room / "out").rmdir()
            words = [word.replace("FOLDER", str(room)) for word in PAGES[name].split()]
            words = [str(ROOT / word) if word.startswith(("designs/", "synthetic/")) else word for word in words]
            assert answered(cli, words, Screen()) in (0, 3), name
            texts[name] = (room / "out" / "report.html").read_text(encoding="utf-8")
        return texts[name]

    return page


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_violation_of_wcag_22_aa(made, name, width, tmp_path):
    assert axe_violations(made(name), tmp_path, width) == []


@pytest.mark.parametrize(
    ("sound", "broken", "rule"),
    [
        ("--quiet: #4a4a4a", "--quiet: #c4c4c4", "color-contrast"), (' lang="en-GB"', "", "html-has-lang"),
        (' alt="', ' data-alt="', "image-alt"), ("max-width: 66rem", "min-width: 90rem", "wider than the screen"),
    ],
)  # fmt: skip
def test_a_violation_is_seen(made, sound, broken, rule, tmp_path):
    page = made("breakeven")
    assert sound in page
    assert rule in {one["rule"] for one in axe_violations(page.replace(sound, broken), tmp_path, 390)}


@pytest.mark.parametrize("name", FIRST)
def test_page_one_is_printed_on_one_page(made, name, tmp_path):
    first, second, *_ = printed_pages(made(name), tmp_path)
    assert f"{LIMITS}:" in first  # the link that page one ends with
    assert second.split("\n\n")[0].strip().startswith(LIMITS)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_in_itself_and_below_two_megabytes(made, name):
    page = made(name)
    assert len(page.encode()) < 2_000_000
    assert "<script" not in page
