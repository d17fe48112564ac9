"""Names of procedures where the rule's own are declared too."""

from sos_eval.inference import Analytic, Jackknife, Randomization
from sos_eval.inference.auto import Auto
from sos_eval.inference.naming import named


def test_what_a_rule_puts_first_may_be_declared_as_well():
    """Equal, and another object: a run with auto and analytic, where auto is analytic, ended in a fault of ours."""
    methods = (Randomization(), Analytic(), Jackknife())
    declared = (Auto(), Jackknife(), Analytic(), Randomization(draws=99))
    assert [one.key for one in named(methods, declared)] == ["randomization", "analytic", "jackknife"]


def test_declared_ones_are_named_before_what_a_rule_has_put_in_front():
    methods = (Randomization(statistic="coefficient"), Randomization(draws=99))
    assert [one.key for one in named(methods, methods[1:])][1] == "randomization"
