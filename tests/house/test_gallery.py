"""The gallery shows every figure that there is, and its pictures are there."""

from __future__ import annotations

import re

from tests.conftest import ROOT
from tests.house.gallery import PAGE, POWER, drawings


def test_every_figure_stands_in_the_gallery_once_with_its_words():
    text = PAGE.read_text(encoding="utf-8")
    names = re.findall(r"^## (\w+)$", text, re.MULTILINE)
    assert len(names) == len(set(names))
    assert set(drawings()) <= set(names) <= {*drawings(), *POWER}
    assert len(set(names) & set(POWER)) >= 4  # of power studies those that one study has
    shown = dict(re.findall(r"!\[([^\]]+)\]\(gallery/(\w+)\.png\)", text))
    assert sorted(shown.values()) == sorted(names)
    assert all(len(words) > 20 for words in shown)
    pictures = [file for file in (ROOT / "docs" / "gallery").iterdir()]
    assert sorted(file.stem for file in pictures) == sorted(names)
    assert all(file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for file in pictures)
    assert sum(file.stat().st_size for file in pictures) < 2_000_000
