"""Prior use in the register's words: read, counted rightly, and other words refused."""

from __future__ import annotations

import pytest

from sos_eval.errors import DataFault
from sos_eval.panel.prior_use import prior_use

HEAD = "unit,first_treated,prior_use\n"


@pytest.mark.parametrize(
    ("text", "known", "words"),
    [
        ("none", False, "none"), ("", False, "none"), ("some", True, "some"), ("Full", True, "full"),
        ("2", True, "2 years"), ("1", True, "1 year"), ("1-3", True, "1 to 3 years"), ("2+", True, "2 years or more"),
        ("0-1", None, "0 to 1 years"), ("0+", None, "0 years or more"), ("0.0", False, "0 years"),
    ],
)  # fmt: skip
def test_entries(text, known, words):
    entry = prior_use(text)
    assert (entry.known, entry.words) == (known, words)


@pytest.mark.parametrize("text", ["none to 1 year", "3-1", "-1", "about 2", "1/2"])
def test_other_words_are_not_read(text):
    assert prior_use(text) is None


def test_not_known_is_not_counted_as_use(small):
    small.write("register.csv", f"{HEAD}001,2013,0-1\n002,2013,2+\n003,2013,none\n")
    small.block["treatment"] = {"adoption": "register.csv", "untreated_means": "unknown"}
    first, second, *_ = small.load().caveats
    assert "is noted for 1 of 3 treated units: 002 (2 years or more)" in first
    assert "Of 1 of 3 treated units it is not known whether they had used it before: 001 (0 to 1 years)" in second


def test_other_words_are_a_fault_with_their_line(small):
    small.write("register.csv", f"{HEAD}001,2013,none to 1 year\n002,2013,2\n")
    small.block["treatment"] = {"adoption": "register.csv"}
    with pytest.raises(DataFault, match=r'prior_use: "none to 1 year" .*line 2.*write none, some, full'):
        small.load()
