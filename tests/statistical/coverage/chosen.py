"""What the rule of the headline takes: asked of the rule itself, adoption by adoption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sos_eval.inference.auto import Auto, resolve
from sos_eval.inference.design_facts import design_facts
from sos_eval.panel.panel import Panel
from sos_eval.results.estimator import Estimator
from sos_eval.results.fitted import Fitted

WITHHELD = "withheld"

#: One job's methods: name to (share of rejections, or of choices; Monte Carlo error; draws).
Rates = dict[str, tuple[float, float, int]]


def choice(estimator: Estimator, panel: Panel) -> str:
    """Return the name of the method that `auto` puts first."""
    fitted = Fitted("one", "primary", estimator, estimator.complete(panel), panel)
    return str(resolve([Auto()], design_facts(fitted)).methods[0].name)


def chosen(estimator: Estimator, panels: Sequence[Panel]) -> Rates:
    """Shares of what `auto` takes on many adoptions."""
    counts, n = Counter(choice(estimator, panel) for panel in panels), len(panels)
    return {name: (k / n, float(np.sqrt(k / n * (1 - k / n) / n)), n) for name, k in sorted(counts.items())}
