"""The documents as pages: every link leads somewhere, and a page needs nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house import site
from tests.house.site import pages, write_site


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "pages"
    assert write_site(folder) == len(pages())
    return folder


def test_every_link_leads_to_a_page_a_heading_or_a_file(written):
    ids = {file: set(re.findall(r'id="([^"]+)"', file.read_text())) for file in written.rglob("*.html")}
    n = 0
    for file in ids:
        for target in re.findall(r'(?:href|src)="([^"]+)"', file.read_text()):
            if re.match("[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            there = (file.parent / path).resolve() if path else file
            assert there.is_file(), f"{file.name}: {target}"
            assert not anchor or anchor in ids[there], f"{file.name}: {target}"
            n += 1
    assert n > len(ids) ** 2 / 2


def test_a_page_has_no_script_and_asks_for_nothing_from_elsewhere(written):
    for file in written.rglob("*.html"):
        text = file.read_text()
        assert "<script" not in text.replace("&lt;script", "")
        assert not re.search(r'<(?:img|link|iframe)[^>]+(?:src|href)="[a-z]+:', text)
        assert re.search("<title>[^<]+: sos_eval</title>", text)


def test_a_link_that_leads_nowhere_is_told_with_its_line(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# A\n\nSee [b](docs/b.md#c) and [there](docs/b.md#nowhere).\n")
    (tmp_path / "docs" / "b.md").write_text(
        "# B\n\n## C\n\n## C\n\n[second](#c-1), [none](../no.md), [out](https://a.org)\n"
    )
    monkeypatch.setattr(site, "ROOT", tmp_path)
    monkeypatch.setattr(site, "_FIRST", ("README.md",))
    monkeypatch.setattr(site, "_LAST", ())
    with pytest.raises(SystemExit) as told:
        write_site(tmp_path / "pages")
    assert str(told.value).splitlines() == [
        "README.md:3: docs/b.md#nowhere leads nowhere", "docs/b.md:7: ../no.md leads nowhere",
    ]  # fmt: skip
    assert not (tmp_path / "pages").exists()
