"""A report under a disclosure profile says what was withheld, never that it was not asked for or cannot be known."""

import pytest

from sos_eval.report.compose import compose
from sos_eval.report.content import Text
from sos_eval.report.draw import available, draw_all
from sos_eval.report.first_page import GUARDED

pytestmark = pytest.mark.xdist_group("cases")


def test_figures_that_were_withheld_say_so(case):
    _, skipped = available(case("withheld"))
    assert skipped["randomization"].startswith("its table is withheld: with the seed, every draw")
    assert skipped["leave_one_out"].startswith("its table is withheld: each row is about a single unit")
    assert skipped["robustness"] == "the design does not ask for the check robustness"


def test_page_one_names_the_profile_once_and_the_badge_the_true_reason(case):
    document = compose(case("withheld"), draw_all(case("withheld"), ("svg",), only="answer"))
    assert document.badge.startswith("The answer is withheld (disclosure)")
    assert [one.text for one in document.first_page if isinstance(one, Text)].count(GUARDED) == 1
    assert GUARDED not in [one.text for one in compose(case("lower"), draw_all(case("lower"), ("svg",), only="answer"))
                           .first_page if isinstance(one, Text)]  # fmt: skip
