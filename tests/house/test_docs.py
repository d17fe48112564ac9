"""What is listed is generated, or equals what is registered."""

from __future__ import annotations

import re

from sos_eval.results.method import registered
from tests.conftest import ROOT
from tests.house.generated import PAGES
from tests.reference.table import FILES

METHODS = ("estimator", "comparison", "inference", "check", "discovery")


def test_methods_page_describes_every_method_and_no_other():
    described = re.findall(r"^## `?([a-z0-9_]+)`?\s*$", (ROOT / "docs" / "methods.md").read_text(), re.MULTILINE)
    have = {name for kind in METHODS for name in registered(kind)}
    assert len(described) == len(set(described))
    assert set(described) == have


def test_every_estimator_has_its_place_in_the_page_on_choosing():
    named = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "choosing.md").read_text(encoding="utf-8")))
    assert set(registered("estimator")) <= named


def test_generated_pages_are_up_to_date():
    old = [name for name, make in PAGES.items() if (ROOT / name).read_text(encoding="utf-8") != make()]
    assert old == [], "run `make docs`"


def test_links_between_pages_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text())]
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_makefile_lists_what_the_readme_names():
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z][a-z-]+)", (ROOT / "README.md").read_text()))
    assert named - targets == set()


def test_the_examples_of_the_power_page_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "power.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    exec("\n".join(blocks), {})


def test_the_page_of_references_adds_up():
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    told = re.search(r"^(.*) numbers are stored in (.*) files: (.*) are compared, 0 .*; (.*) are left out", page, re.M)
    whole, *parts = (int(one.replace(",", "")) for one in told.groups())
    tables = [re.findall(r"^\| (\w+) \| ([\d,]+) \|", one, re.MULTILINE) for one in page.split("## Left out")]
    sums = [sum(int(count.replace(",", "")) for _, count in rows) for rows in tables]
    assert [len(tables[0]), *sums, sum(sums)] == [*parts, whole]
    assert [name for name, _ in tables[0]] == list(FILES)
    assert {name for name, _ in tables[1]} <= set(FILES)
