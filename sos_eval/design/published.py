"""The published panels that a plan reads, by their hashes: a lock holds the data that ship, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sos_eval.bundle.provenance import hash_file
from sos_eval.design.design import Design
from sos_eval.panel.england.published import panel_file

__all__ = ["data_differences", "published_hashes"]


def published_hashes(design: Design) -> dict[str, str]:
    """Return the SHA-256 of each published panel that a design reads, by geography; none where --panel replaces it."""
    if "panel.path" in design.overrides:
        return {}
    specs = (design.panel, *(entry.panel for entry in design.estimators))
    read = {spec.geography or "constant" for spec in specs if spec.source == "england"}
    return {geography: hash_file(panel_file(geography)) for geography in sorted(read)}


def data_differences(locked: Mapping[str, str], design: Design) -> Iterator[str]:
    """Say where the package holds other data than when the plan was locked."""
    for geography, sha256 in published_hashes(design).items():
        if locked.get(geography, sha256) != sha256:
            yield f"the published panel of England, {geography}: {locked[geography][:8]} -> {sha256[:8]} (SHA-256)"
