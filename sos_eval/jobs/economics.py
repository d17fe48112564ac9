"""The economics job: a declaration (or a bundle's economics block) becomes a folder with verdict, tables and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle, read_bundle
from sos_eval.bundle.files import csv_text, json_text
from sos_eval.bundle.listing import check_place, list_files
from sos_eval.bundle.unmet import Unmet
from sos_eval.bundle.whole import write_folder
from sos_eval.declare import Document, Path_, build, read_yaml
from sos_eval.economics.cost import effect_from, refuse_other_outcome, test_of_effect
from sos_eval.economics.evaluate import Evaluation, evaluate
from sos_eval.economics.gate.evidence import Evidence, bundle_evidence
from sos_eval.economics.gate.verdict import Verdict
from sos_eval.economics.model.confidence import ConfidenceDistribution
from sos_eval.economics.prepared import prepare
from sos_eval.economics.section import EconomicsFile, EconomicsSection
from sos_eval.economics.summary import finding, outside_tiers
from sos_eval.errors import DesignFault, Fault, Faults, InputFault
from sos_eval.inference.confidence_curve import CURVE
from sos_eval.numerics.random import stream
from sos_eval.terms import __version__

if TYPE_CHECKING:
    from sos_eval.report.theme_file import OwnLook

__all__ = ["EconomicsRun", "evidence_of", "run_economics"]

_MARKER = "gate.json"
_SEED = 20260101


@dataclass(frozen=True, slots=True)
class EconomicsRun:
    """What was written.

    Attributes
    ----------
    folder
        Where.
    verdict, watermark
        The gate's, and the mark of an override.
    finding
        What was found, in a sentence.
    outside
        What is printed outside the tiers, where the evidence grants nothing numeric; empty elsewhere.
    allowed
        What the tier allows, in words.
    unmet
        Figures that could not be made.
    """

    folder: Path
    verdict: Verdict
    watermark: str
    finding: str
    unmet: tuple[Unmet, ...] = ()
    outside: str = ""
    allowed: str = ""


def run_economics(
    source: str | Path, out: str | Path | None = None, *, force: bool = False, seed: int | None = None,
    own: OwnLook | None = None,
) -> EconomicsRun:  # fmt: skip
    """Evaluate a declaration, or the economics block of a finished bundle.

    Parameters
    ----------
    source
        ``x.yaml`` of schema sos-eval/economics/1, or a bundle's folder.
    out
        Folder to write: ``reports/<file name>``, or ``economics-again`` in the bundle, unless given.
    force
        Replace a folder that an earlier run wrote.
    seed
        In place of `psa.seed`, or of the seed of the design that the bundle ran.
    own
        One's own look of figures and page, which the folder keeps; without it the bundle's, or the house's.

    Raises
    ------
    InputFault
        With every fault; nothing has been written.
    """
    from sos_eval.report.render import kept_look

    path = Path(source)
    bundle: ResultBundle | None
    if path.is_dir():
        section, document, where, title, bundle = _from_bundle(path)
        folder = Path(out) if out is not None else path / "economics-again"
    else:
        section, document, title = _from_file(path)
        where, bundle = (), _named_bundle(section, document)
        folder = Path(out) if out is not None else Path("reports") / path.stem
    check_place(folder, _MARKER, "an economic evaluation", force=force)
    test: ConfidenceDistribution | str = ""
    if bundle is not None:
        called = f"the bundle {bundle.path}"
        refuse_other_outcome(section, bundle.estimates, bundle.facts, document, where, called)
        test = test_of_effect(section, bundle.estimates, bundle.facts, _curve(bundle))
        section = effect_from(section, bundle.estimates, str(bundle.path), bundle.facts, test)
    found, own_seed = _evaluated(section, document, where, bundle, test, seed, title)
    outputs = dict(found.outputs)
    outputs["provenance"] = _provenance(section, document, own_seed)
    unmet: list[Unmet] = []
    look = own or (kept_look(bundle) if bundle is not None else None)

    def fill(partial_folder: Path) -> None:
        unmet.extend(_write(partial_folder, outputs, title or path.stem, look))

    write_folder(folder, fill, replace=force)
    said, outside = finding(found.outputs), outside_tiers(found.outputs)
    gate = found.outputs["gate"]
    return EconomicsRun(folder, found.verdict, found.watermark, said, tuple(unmet), outside, str(gate["allowed"]))


def _evaluated(
    section: EconomicsSection,
    document: Document,
    where: Path_,
    bundle: ResultBundle | None,
    test: ConfidenceDistribution | str,
    seed: int | None,
    title: str,
) -> tuple[Evaluation, int]:
    # the block of a design draws from the design's seed, as the run did
    given = [seed, section.psa.seed, document.data.get("seed") if where else None, _SEED]
    chosen = next(one for one in given if one is not None)
    prepared = prepare(section, document, where, test if isinstance(test, ConfidenceDistribution) else None)
    measured = evidence_of(bundle) if bundle is not None else Evidence()
    return evaluate(prepared, measured, partial(stream, chosen), document.where(where), title), chosen


def _from_file(path: Path) -> tuple[EconomicsSection, Document, str]:
    """Read a file of its own."""
    document = read_yaml(path)
    given = document.data.get("schema")
    if given != "sos-eval/economics/1":
        what = f"schema: {given!r} is not one this command reads" if given else "schema: is missing"
        instead = "write schema: sos-eval/economics/1"
        if str(given).startswith("sos-eval/design/"):
            instead = f"it is a design: sos-eval run {path}"
        raise DesignFault(Fault(document.where(("schema",)), what, instead))
    section = build(EconomicsFile, document.data, document)
    assert section is not None
    return section, document, section.title or section.name


def _from_bundle(path: Path) -> tuple[EconomicsSection, Document, Path_, str, ResultBundle]:
    """Read the economics block of a bundle's resolved design."""
    bundle = read_bundle(path)
    document = read_yaml(path / "design.yaml")
    if not document.data.get("economics"):
        what = "the bundle's design declares no economics"
        raise InputFault(
            Fault(str(path / "design.yaml"), what, "add economics: to the design, or name an economics file")
        )
    section = build(EconomicsSection, document.data["economics"], document, ("economics",))
    assert section is not None
    _refuse_files(section, document)
    return section, document, ("economics",), str(document.data.get("title", "")), bundle


def _refuse_files(section: EconomicsSection, document: Document) -> None:
    """Refuse a bundle whose economics reads files: these stand beside the design, and a bundle keeps no copy."""
    pathway, study = section.care_pathway, section.voi.next_study
    named = {
        ("care_pathway", "stays", "path"): pathway.stays.path if pathway is not None and pathway.stays else None,
        ("voi", "next_study", "power"): study.power if study is not None else None,
    }
    faults = Faults(InputFault)
    for key, name in named.items():
        if name and not (document.path.parent / name).exists():
            what = f"economics.{'.'.join(key)}: {name} stands beside the design, and a bundle keeps no copy of it"
            instead = (
                "write the block as a file of its own (schema: sos-eval/economics/1) there, with effect: {bundle: …}"
            )
            faults.add(document.where(("economics", *key)), what, instead)
    faults.stop()


def _named_bundle(section: EconomicsSection, document: Document) -> ResultBundle | None:
    """Open the bundle that the effect is taken from."""
    if section.effect is None or section.effect.bundle is None:
        return None
    if section.effect.estimate is not None:
        what = "effect.estimate: an estimate beside a bundle to take it from"
        raise DesignFault(Fault(document.where(("effect", "estimate")), what, "keep one of them"))
    return read_bundle(document.path.parent / section.effect.bundle)


def _curve(bundle: ResultBundle) -> pd.DataFrame | None:
    """Return the confidence curve of the headline's test; None where the bundle has none."""
    key = bundle.facts.headline
    name = f"{CURVE}{key.estimator}.{key.outcome}.{key.inference.replace(':', '-')}"
    return bundle.tables(name) if name in bundle.table_names else None


def evidence_of(bundle: ResultBundle) -> Evidence:
    """Measure what a bundle on disk shows."""
    tables = {name: bundle.tables(name) for name in bundle.table_names}
    return bundle_evidence(bundle.estimates, bundle.diagnostics, bundle.balance, bundle.facts, tables)


def _provenance(section: EconomicsSection, document: Document, seed: int) -> dict[str, Any]:
    """Say which inputs were used, by their hashes."""
    folder, psa, pathway = document.path.parent, section.psa, section.care_pathway
    stays = pathway.stays.path if pathway is not None and pathway.stays is not None else None
    power = f"{section.voi.next_study.power}/power.csv" if section.voi.next_study is not None else None
    names = [document.path.name, *(name for name in (psa.effects, psa.costs, psa.params, stays, power) if name)]
    hashes = {name: sha256((folder / name).read_bytes()).hexdigest() for name in names}
    return {"sos_eval": __version__, "seed": seed, "sha256": hashes}


def _write(folder: Path, outputs: Mapping[str, Any], title: str, own: OwnLook | None) -> list[Unmet]:
    """Write tables, figures and page into a folder; return the figures that failed."""
    from sos_eval.report.economics_page import write_page
    from sos_eval.report.render import THEME_FOLDER

    for name, value in outputs.items():
        table = isinstance(value, pd.DataFrame)
        text = csv_text(value) if table else json_text(value)
        (folder / f"{name}.{'csv' if table else 'json'}").write_text(text, encoding="utf-8", newline="\n")
    if own is not None:
        own.kept_in(folder / THEME_FOLDER)
    unmet = write_page(folder, title, own)
    list_files(folder)
    return unmet
