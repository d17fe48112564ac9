"""Figures of the EMMIE chapters: what is drawn is what the tables hold."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from scipy.special import stdtrit

import sos_eval as se
from sos_eval.report.content import Table
from sos_eval.report.drawing import NothingToShow
from sos_eval.report.figure_look import FigureSize
from sos_eval.report.pulled_figure import FigureOrder
from sos_eval.report.sections import _implied
from sos_eval.report.wording import number
from sos_eval.results.method import registered
from sos_eval.worlds.source import data_of, draw_once
from sos_eval.worlds.world import load_world
from tests.conftest import drawn_once
from tests.jobs.test_theory import WORLD, load


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refuted")
    asked = "checks: [{refuters: {draws: 39, repeats: 3, strengths: [0.2, 0.4]}}]\nseed: 1\n"
    return se.run(load(folder, ("seed: 1\n", asked)), out=folder / "out")


def test_refuters_show_every_draw_and_the_estimate(bundle):
    data = registered("figure")["refuters"].data(bundle)
    assert data["refuter"].nunique() == 2
    assert len(data) == sum(len(bundle.tables(f"refuters.{name}")) for name in ("placebo_treatment", "dummy_outcome"))
    assert (data["observed"] == bundle.headline["estimate"]).all()
    assert "nothing to find" in bundle.figure("refuters").get_label()


def test_no_arrow_of_the_theory_passes_through_a_box(bundle):
    """An arrow from row to row keeps clear of the boxes of every row that it passes; it ends where its nodes stand."""
    data = registered("figure")["theory"].data(bundle)
    boxes, pieces = data[data["kind"] == "node"].set_index("name"), data[data["kind"] == "arrow"]
    passed = 0
    for name, arrow in pieces.groupby("name"):
        cause, moved = name.split(" -> ")
        places = [*zip(arrow["x"], arrow["y"], strict=True), (arrow["x_end"].iloc[-1], arrow["y_end"].iloc[-1])]
        assert places[0] == tuple(boxes.loc[cause, ["x", "y"]])
        assert places[-1] == tuple(boxes.loc[moved, ["x", "y"]])
        assert [y for _, y in places] == list(np.arange(places[0][1], places[-1][1] - 1, -1))
        for x, y in places[1:-1]:
            row = boxes[boxes["y"] == y]["x"]
            assert (abs(row - x) >= 0.5).all()  # a box is one wide
            passed += len(row)
    assert passed
    bundle.figure("theory").savefig(BytesIO())


def test_boxes_of_the_theory_and_its_implications_are_in_words(bundle):
    """Nodes without a label go by their name, plainly; rows of independences by what nodes are called."""
    boxes = [text.get_text().replace("\n", " ") for text in bundle.figure("theory").axes[0].texts]
    assert boxes
    assert not [text for text in boxes if "_" in text or not text[0].isupper()]
    table = next(one for one in _implied(bundle) if isinstance(one, Table) and "left" in one.frame)
    assert not [cell for name in ("left", "right", "given") for cell in table.frame[name] if "_" in cell]


def test_the_contour_starts_from_an_estimate_that_is_whole(bundle):
    data = registered("figure")["common_cause"].data(bundle)
    grid = data.pivot_table(index="with_outcome", columns="with_treatment", values="share_left")
    assert grid.index.tolist() == [0, 0.2, 0.3, 0.4]  # none, the two strengths declared, and that of the sentence
    assert grid.shape == (4, 4)
    assert (grid.loc[0.0] == 1).all()
    assert (grid[0.0] == 1).all()
    assert grid.loc[0.4, 0.4] == bundle.tables("refuters.common_cause")["share_left"].iloc[-1]
    shown = bundle.figure("common_cause")
    assert "common cause" in shown.get_label()
    renderer = FigureCanvasAgg(shown).get_renderer()
    inside = shown.axes[0].get_window_extent(renderer).padded(1)
    labels = [text.get_window_extent(renderer) for text in shown.axes[0].texts if "%" in text.get_text()]
    lines = shown.axes[0].collections[0]
    drawn = {f"{100 * share:.0f}%" for share, parts in zip(lines.levels, lines.allsegs, strict=True) if parts}
    assert drawn == {text.get_text().strip() for text in shown.axes[0].texts}  # the outermost, a short one, had none
    assert all(
        inside.x0 <= one.x0 <= one.x1 <= inside.x1 and inside.y0 <= one.y0 <= one.y1 <= inside.y1 for one in labels
    )


def test_a_design_that_does_not_ask_says_so(tmp_path):
    bare = se.run(load(tmp_path), out=tmp_path / "out")
    for name in ("refuters", "common_cause", "group_effects", "effect_distribution", "mediation"):
        with pytest.raises(NothingToShow, match=r"the design does not|no effect was split"):
            registered("figure")[name].data(bare)


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """A dose of 1 + z / 2, z the standardised deprivation: trust 2 a dose, -1 through it and -0.5 beside it.

    The design counts per 1,000 what the world has per 10,000.
    """
    edges = "[[practice, trust, 2.0], [trust, outcome, -0.5]]"
    changes = {
        "n: 40": "n: 90", "authorities: 40": "authorities: 90", "treated: 8": "treated: 45",
        "{size: 0}": "{size: -0.5, moderator: {idaci: 0.5}}", "[[practice, trust, 1.0], [trust, outcome, -1.0]]": edges,
    }  # fmt: skip
    path = "  mediation: [{through: trust, ignorability: by construction}]\n  statements:"
    asked = ("seed: 1\n", "moderators: [{by: idaci_half, draws: 19}]\nseed: 1\n")
    folder = tmp_path_factory.mktemp("split")
    design = load(folder, ("  statements:", path), asked, ("per: 10000", "per: 1000"), ("  covariates: [idaci]\n", ""))
    world = WORLD
    for old, new in changes.items():
        assert old in world
        world = world.replace(old, new)
    (folder / "w.yaml").write_text(world)
    with drawn_once():
        return se.run(design, out=folder / "out")


def test_mediation_under_hidden_causes(split):
    assert len(registered("figure")["mediation"].data(split)) == 19
    assert "if causes are hidden" in split.figure("mediation").get_label()
    split.figure("mediation").savefig(BytesIO())
    parts = split.tables("mechanisms.mediation").set_index("quantity")["estimate"]
    assert parts["total_effect"] == pytest.approx(parts["pure_natural_direct"] + parts["total_natural_indirect"])
    assert "tables/mechanisms.sensitivity.csv" in (split.path / "report.html").read_text()


def _lying_on_another(figure):
    shown = FigureCanvasAgg(figure)
    shown.draw()
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    boxes = [text.get_window_extent(shown.get_renderer()) for text in texts]
    return [texts[k].get_text() for k, one in enumerate(boxes) if any(map(one.overlaps, boxes[:k]))]


def test_the_path_shows_links_and_parts_and_no_text_lies_on_another(split):
    drawing = registered("figure")["mediation_path"]
    rows = drawing.data(split).set_index("arrow")
    parts, joint = split.tables("mechanisms.mediation").set_index("quantity"), split.tables("mechanisms.joint").iloc[0]
    ends = ["estimate", "conf_low", "conf_high"]
    assert rows.loc["first link", ends].tolist() == split.tables("mechanisms.first_link")[ends].iloc[0].tolist()
    assert rows.loc["second link", ends].tolist() == joint[["link", "link_low", "link_high"]].tolist()
    assert rows.loc["beside it", ends].tolist() == parts.loc["pure_natural_direct", ends].tolist()
    assert rows.loc["through it", ends].tolist() == parts.loc["total_natural_indirect", ends].tolist()
    half = stdtrit(87, 0.975) * joint["link_error"]  # 90 units, three coefficients
    assert joint["link_high"] - joint["link"] == pytest.approx(half)
    for width in (7.2, 3.3):
        assert not _lying_on_another(FigureOrder(FigureSize(width)).draw(drawing, drawing.data(split), split).figure)
    assert "mediation_path" in (split.path / "report.html").read_text()


def test_long_words_keep_clear_of_arrows_and_labels(split):
    """Boxes have three lines at most, and every arrow begins and ends outside them."""
    drawing = registered("figure")["mediation_path"]
    long = drawing.data(split)
    words = {name: f"{name}, as told in a yearly survey of families and workers in all authorities"
             for name in {*long["start"], *long["end"], *long["mediator"]}}  # fmt: skip
    long = long.replace({name: words for name in ("mediator", "start", "end")})
    for width in (7.2, 3.3):
        shown = FigureOrder(FigureSize(width)).draw(drawing, long, split).figure
        assert not _lying_on_another(shown)
        boxes = [text for text in shown.axes[0].texts if text.get_zorder() == 4]
        assert len(boxes) == 3
        assert all(text.get_text().split("\nThrough")[0].count("\n") == 2 for text in boxes)
        for text in shown.axes[0].texts:
            for box in boxes if (arrow := getattr(text, "arrow_patch", None)) else ():
                assert (
                    not box.get_bbox_patch()
                    .get_window_extent()
                    .overlaps(arrow.get_path().get_extents(arrow.get_transform()))
                )


def test_a_path_that_is_not_split_says_why(bundle):
    shown = bundle.figure("mediation_path")
    assert "Beside it\nnot estimated" in [text.get_text() for text in shown.axes[0].texts]
    assert "Grey: not estimated (no split is declared)." in shown.get_label()


def test_groups_links_and_parts_stand_beside_what_is_true_of_them(split):
    units = data_of(draw_once(load_world(split.path.parent / "w.yaml"), 1)).drop_duplicates("la_code")
    idaci, treated = units["idaci"], units["first_treated"] > 0
    dose, high = 1 + (idaci - idaci.mean()) / idaci.std(ddof=0) / 2, idaci > idaci.median()
    low_dose, high_dose, mean = dose[treated & ~high].mean(), dose[treated & high].mean(), dose[treated].mean()
    assert high_dose > low_dose + 0.5
    truth = split.tables("true_effects").fillna({"subgroup": ""})
    truth = truth.set_index(truth["subgroup"].str.replace(r" \(.*\)", "", regex=True))
    expected = {
        "": -0.15 * mean, "idaci half 1": -0.15 * low_dose, "idaci half 2": -0.15 * high_dose,
        "idaci_half: difference": -0.15 * (high_dose - low_dose),
    }  # fmt: skip
    assert truth["true_effect"].to_dict() == pytest.approx(expected)
    assert truth.loc["", "declared_effect"] == pytest.approx(-0.15 * mean)
    told = split.tables("mechanisms.true_effects").set_index("quantity")
    through, beside = -0.1 * mean, -0.05 * mean
    assert told["true_effect"].to_dict() == pytest.approx({
        "first_link": 2 * mean, "second_link": -0.05, "total_effect": -0.15 * mean, "pure_natural_direct": beside,
        "total_natural_indirect": through, "total_natural_direct": beside, "pure_natural_indirect": through,
        "controlled_direct": beside, "interaction_reference": 0.0, "interaction_mediated": 0.0,
    })  # fmt: skip
    itself = {"first_link", "second_link", "total_effect"}  # of effects that differ a part is a mixture
    assert set(told.index[told["averaged"] == "as the estimate averages"]) == itself
    page = (split.path / "report.html").read_text()
    for known in expected.values():
        assert f">{number(known, 3)}</td>" in page
    assert page.count(">True effect</th>") == 4  # of the whole, of groups, of the first link, of the parts
    assert ">True link</th>" in page
