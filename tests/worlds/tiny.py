"""Eight authorities, six years, two cohorts of two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sos_eval.declare import Document
from sos_eval.worlds.world import World, world_from

TINY: dict[str, Any] = {
    "schema": "sos-eval/world/1",
    "name": "tiny",
    "times": {"first": 2011, "last": 2016},
    "authorities": {
        "n": 8,
        "regions": {"North": {"authorities": 4}, "South": {"authorities": 4}},
        "covariates": {"cin_rate": {"mean": 371, "sd": 112, "distribution": "lognormal"}},
    },
    "outcome": {"mean": {"2011": 28.0}, "level_sd": 0.2, "distribution": "poisson"},
    "adoption": {"pattern": "staggered", "treated": 4, "cohorts": {"2013": 1, "2015": 1}},
    "effect": {"size": -3.0},
}


def tiny(**changes: Any) -> World:
    """Return the world with dotted keys changed, two underscores in place of a dot."""
    return world_from(Document(TINY, Path("tiny.yaml")), {k.replace("__", "."): v for k, v in changes.items()})
