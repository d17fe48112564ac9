import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle.bundle import write_bundle
from sos_eval.errors import InputFault
from sos_eval.report.draw import available, draw_all, save, save_figure
from sos_eval.report.figure_look import FigureLook, looking
from sos_eval.report.figures.balance_curves import _density, _ecdf
from sos_eval.report.reading import is_reference
from sos_eval.report.theme import COLOURS, image, wrapped
from sos_eval.report.wording import number
from sos_eval.results.method import registered, summary
from tests.bundle.handmade import design, estimates, figure_tables, full

NAMES = [
    "adoption", "answer", "balance", "balance_density", "balance_ecdf", "calibration", "common_cause",
    "dose_response", "effect_distribution", "estimates", "event_study", "flow", "group_effects", "honest_did",
    "leave_one_out", "mediation", "mediation_path", "outcome_paths", "overlap", "randomization", "refuters",
    "robustness", "specification_curve", "synthetic_path", "theory",
]  # fmt: skip


def drawn(figure):
    """Draw a figure once, so that every text has its place."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).draw()
    return figure


def texts(figure):
    """Every text in a figure, tick labels included."""
    from matplotlib.text import Text

    drawn(figure)
    return [one.get_text().replace("\n", " ") for one in figure.findobj(Text) if one.get_text()]


def test_every_figure_of_the_contract_is_registered_with_one_line():
    assert [name for name in registered("figure") if not name.startswith("economics_")] == NAMES
    assert all(summary(drawing) for drawing in registered("figure").values())


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_has_a_title_and_its_words_for_those_who_do_not_see_it(bundle, name):
    figure = bundle.figure(name)
    alt = figure.get_label()
    title = figure.texts[0].get_text().replace("\n", " ")
    assert alt.startswith(title)
    assert len(alt) > len(title) + 5


@pytest.mark.parametrize("name", NAMES)
def test_nothing_reaches_over_the_edge(bundle, name):
    """Every visible text lies inside the canvas, to a pixel."""
    from matplotlib.text import Text

    figure = drawn(bundle.figure(name))
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and _is_shown(text, figure):
            box = text.get_window_extent()
            assert box.x0 >= -1, text
            assert box.y0 >= -1, text
            assert box.x1 <= figure.bbox.width + 1, text
            assert box.y1 <= figure.bbox.height + 1, text


def _is_shown(text, figure):
    """Leave out tick labels beyond the axis limits, which are not drawn."""
    for axes in figure.axes:
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            for tick in axis.get_major_ticks():
                if text in (tick.label1, tick.label2):
                    return text is tick.label1 and min(limits) <= tick.get_loc() <= max(limits)
    return True


def test_the_same_bundle_gives_the_same_bytes(bundle):
    """No dates and no random ids, in any format, whoever saves it."""
    for form in ("svg", "png", "pdf"):
        first, second = (image(bundle.figure("event_study"), form) for _ in range(2))
        assert first == second
        assert len(first) > 5_000


def test_a_figure_saved_by_its_user_is_the_same_too(bundle, tmp_path):
    """But for the words on it for readers who do not see it, which the house adds to its own."""
    bundle.figure("flow").savefig(tmp_path / "a.svg")
    own = image(bundle.figure("flow"), "svg")
    words = re.search(rb"\n <title>.*?</title>\n <desc>.*?</desc>", own, re.DOTALL)
    assert words
    bare = own.replace(words.group(), b"").replace(b' role="img"', b"", 1)
    assert (tmp_path / "a.svg").read_bytes() == bare


def test_an_empty_bundle_gives_reasons_and_no_figure(bare):
    names, skipped = available(bare)
    assert names == []
    assert set(skipped) >= set(NAMES)
    assert "randomization inference" in skipped["randomization"]
    with pytest.raises(InputFault, match=r"no figure 'overlap': .*available: none"):
        bare.figure("overlap")


def test_an_unknown_figure_gets_the_nearest_name(bundle):
    with pytest.raises(InputFault, match="no figure is called 'event_studdy'; did you mean \"event_study\""):
        bundle.figure("event_studdy")


def test_each_figure_is_saved_with_its_data(bundle, tmp_path):
    save(draw_all(bundle, ("png",)), tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == [f"{name}.csv" for name in NAMES]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [f"{name}.png" for name in NAMES]
    assert len(pd.read_csv(tmp_path / "event_study.csv")) == 9


def test_event_study_shows_the_headlines_inference_and_the_reference(bundle):
    data = registered("figure")["event_study"].data(bundle)
    assert set(data["inference"]) == {"randomization"}
    assert data.loc[is_reference(data), "event_time"].tolist() == [-1.0]
    assert "Diamond: the reference period" in bundle.figure("event_study").get_label()


def test_event_study_falls_back_on_an_inference_that_has_intervals(tmp_path):
    """Permutation often gives none by event time; then the conventional ones are shown and named."""
    table = estimates()
    table.loc[(table["inference"] == "randomization") & (table["aggregation"] == "event_time"),
              ["conf_low", "conf_high", "band_low", "band_high"]] = np.nan  # fmt: skip
    bundle = write_bundle(tmp_path / "b", full(estimates=table))
    assert set(registered("figure")["event_study"].data(bundle)["inference"]) == {"analytic"}
    figure = bundle.figure("event_study")
    assert any("conventional cluster-robust" in text for text in texts(figure))
    assert "Where fewer than 20 are treated, conventional intervals and bands are too narrow" in figure.get_label()


def test_before_and_after_differ_without_colour(bundle):
    """Hollow circles against filled squares."""
    lines = bundle.figure("event_study").axes[0].get_lines()
    marks = {(line.get_marker(), line.get_markerfacecolor()) for line in lines if line.get_marker() in ("o", "s")}
    assert marks == {("o", "white"), ("s", COLOURS[0])}


def test_years_carry_their_convention_and_flagged_times_their_reason(bundle):
    figure = bundle.figure("outcome_paths")
    assert "Year to March" in texts(figure)
    assert "left out" in texts(figure)
    assert "2018 (new recording rule)" in figure.get_label()
    assert "2013 (boundaries changed)" in figure.get_label()
    assert any("Treated (n = 4)" in text for text in texts(figure))


def test_an_estimate_that_is_not_identified_is_shown_with_its_reason(bundle):
    assert any("not identified: one cluster" in text for text in texts(bundle.figure("estimates")))


def test_long_labels_are_broken_and_stay_on_the_canvas(tmp_path):
    """Labels of eighty letters; none reaches over the left edge."""
    label = "Two-way fixed effects on the rate, weighted by child population, without the pandemic"
    design = full().design | {"estimators": [{"id": "primary", "method": "twfe", "label": label}]}
    figure = drawn(write_bundle(tmp_path / "b", full(design=design)).figure("estimates"))
    boxes = [tick.get_window_extent() for axes in figure.axes for tick in axes.get_yticklabels() if tick.get_text()]
    assert min(box.x0 for box in boxes) >= 0


def test_a_scale_without_an_interval_is_left_to_the_table(tmp_path):
    """A permutation gives a rate ratio its interval and the same difference per 10,000 none: one mark is enough."""
    more = estimates().iloc[[0, 0]].assign(estimator="p", role="secondary")
    more.iloc[1, more.columns.get_indexer(["scale", "conf_low", "conf_high"])] = ["ratio", np.nan, np.nan]
    bundle = write_bundle(tmp_path / "b", full(estimates=pd.concat([estimates(), more])))
    assert len(registered("figure")["estimates"].data(bundle)) == 6
    labels = [tick.get_text() for axes in bundle.figure("estimates").axes for tick in axes.get_yticklabels()]
    assert len([label for label in labels if label.startswith("p\npermutation")]) == 1


def test_only_the_headline_is_marked(bundle):
    data = registered("figure")["estimates"].data(bundle)
    assert data.loc[data["headline"], ["estimator", "inference"]].to_numpy().tolist() == [["primary", "randomization"]]


def test_randomization_says_p_with_its_simulation_error(bundle):
    """sqrt(0.43 × 0.57 / 999) = 0.0157."""
    assert "p = 0.430 (simulation error ± 0.016)" in bundle.figure("randomization").get_label()


def test_many_adopters_are_counted_instead_of_drawn(tmp_path):
    many = pd.DataFrame({
        "unit": [str(i) for i in range(80)], "label": [str(i) for i in range(80)],
        "first_treated": [2012.0] * 43 + [2014.0] * 37, "embedded": np.nan, "stopped": np.nan, "status": "treated",
    })  # fmt: skip
    bundle = write_bundle(tmp_path / "b", full(tables={"adoption": many}))
    figure = bundle.figure("adoption")
    assert {"43", "37"} <= set(texts(figure))
    assert figure.get_size_inches()[1] < 5


def test_a_hundred_units_left_out_keep_the_figure_readable(tmp_path):
    table = figure_tables()["leave_one_out"]
    long = pd.concat([table.assign(unit=table["unit"] + str(k), change=table["change"] * (k + 1)) for k in range(12)])
    bundle = write_bundle(tmp_path / "b", full(tables={"leave_one_out": long}))
    figure = bundle.figure("leave_one_out")
    assert "The 124 authorities that move it less are in the data file" in figure.get_label()


def test_user_text_is_never_read_as_mathematics(bundle, tmp_path):
    """A dollar sign in a reason or a name does not start a formula, nor end the run."""
    flow = full().flow.assign(reason="costs $5 and $_bad")
    adopters = figure_tables()["adoption"].assign(label="St $Helens_$")
    made = write_bundle(
        tmp_path / "b",
        full(
            flow=flow, tables=figure_tables() | {"adoption": adopters}, headline=bundle.headline,
            estimates=bundle.estimates,
        ),
    )  # fmt: skip
    assert len(draw_all(made, ("svg",)).images) == len(NAMES)


def test_drawing_leaves_other_peoples_settings_alone(bundle):
    import matplotlib as mpl

    before = mpl.rcParams["font.size"], mpl.rcParams["svg.hashsalt"]
    image(bundle.figure("flow"), "svg")
    assert (mpl.rcParams["font.size"], mpl.rcParams["svg.hashsalt"]) == before


def test_listing_figures_does_not_load_matplotlib():
    code = "import sys, sos_eval.results.method as m; m.registered('figure'); print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_titles_are_broken_evenly():
    lines = wrapped("one two three four five six seven eight nine ten eleven twelve thirteen", 3.0, size=11.0).split(
        "\n"
    )
    assert max(map(len, lines)) - min(map(len, lines)) < 12


def test_one_figure_into_a_file(bundle, tmp_path):
    """The file's ending says the format; a wrong one or a folder that is not there is the user's fault."""
    assert save_figure(bundle, "flow", tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(InputFault, match="cannot draw as 'gif'; write one of: svg, png, pdf"):
        save_figure(bundle, "flow", tmp_path / "f.gif")
    with pytest.raises(InputFault, match="nowhere does not exist; make it first"):
        save_figure(bundle, "flow", tmp_path / "nowhere" / "f.png")


def test_several_outcomes_do_not_run_into_one_another(tmp_path):
    """Titles, headings and axis labels of three outcomes by two estimators: no two texts overlap."""
    tables = [estimates().assign(outcome=name, estimator=who) for name in ("a" * 30, "b b " * 12, "c") for who in "xy"]
    figure = drawn(write_bundle(tmp_path / "b", full(estimates=pd.concat(tables))).figure("event_study"))
    words = [figure.texts[0]]
    for axes in figure.axes:
        words += [axes._left_title, axes.xaxis.label, axes.yaxis.label]
    boxes = [one.get_window_extent() for one in words if one.get_text()]
    assert len(boxes) == 15
    overlapping = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    assert overlapping == []


@pytest.mark.xdist_group("cases")
def test_event_study_of_a_run_has_one_base_and_permuted_intervals_after_the_start(case):
    """A path that goes on at 2 a year is a line; short differences before long ones would draw a kink at the start."""
    bundle = case("diverging")
    data = registered("figure")["event_study"].data(bundle)
    own = data[data["outcome"] == "entry"].set_index("event_time")
    steps = np.diff(own["estimate"])
    assert own.index.tolist() == [-5, -4, -3, -2, -1, 0, 1, 2, 3]
    assert steps == pytest.approx(2.0, abs=1.0)
    assert set(own.loc[0:, "inference"]) == {"randomization"}
    assert set(own.loc[:-2, "inference"]) == {"analytic"}
    rows = bundle.estimates.query("aggregation == 'event_time' and outcome == 'entry' and event_time >= 0")
    assert own.loc[0:, "estimate"].to_numpy() == pytest.approx(rows["estimate"].to_numpy(), abs=1e-12)
    note = bundle.figure("event_study").get_label()
    assert "conventional intervals and bands are too narrow" in note


def test_estimators_of_an_outcome_share_an_axis(tmp_path):
    wide = estimates().assign(estimator="wide", estimate=lambda table: 10 * table["estimate"])
    bundle = write_bundle(tmp_path / "b", full(estimates=pd.concat([estimates(), wide])))
    limits = {tuple(axes.get_ylim()) for axes in bundle.figure("event_study").axes if axes.get_visible()}
    assert len(limits) == 1


@pytest.mark.xdist_group("cases")
def test_each_scale_of_the_robustness_picture_has_an_axis_around_its_own_no_difference(case):
    """A run with an alternative on ratios: ratios around 1, differences around 0."""
    bundle = case("two scales")
    table = registered("figure")["robustness"].data(bundle)
    assert set(table["scale"]) == {"rate_per", "ratio"}
    marks = {}
    for axes in bundle.figure("robustness").axes:
        dotted = [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() == "None"]
        marks[axes.get_title(loc="left") or axes.get_title()] = dotted
    assert marks == {"Difference, per 10,000": [0.0], "Rate ratio": [1.0]}
    (text,) = bundle.diagnostics.query("name == 'robustness' and outcome == 'entry'")["text"]
    assert text.startswith("2 of 2 alternatives could be estimated. “start 1 period earlier” gives ")


@pytest.mark.parametrize("width", [350])
def test_the_answer_is_legible_on_a_telephone(bundle, width):
    """Shown `width` pixels wide, its smallest letters are 9 pixels high or more."""
    from matplotlib.text import Text

    figure = drawn(bundle.figure("answer"))
    shrunk = min(width / (96 * figure.get_size_inches()[0]), 1.0)
    sizes = [one.get_fontsize() for one in figure.findobj(Text) if one.get_text().strip() and one.get_visible()]
    assert min(sizes) * 96 / 72 * shrunk >= 9


@pytest.mark.parametrize(("fall", "rise"), [(-30, 40), (-2, 40), (-40, 2), (-1, 1)])
def test_the_words_beside_a_mark_do_not_reach_over_no_difference(bundle, fall, rise):
    """Where a mark is close to no difference its words stand on the far side, and still on the canvas."""
    values = {"estimate": 1.0, "low": -20.0, "high": 22.0, "no difference": 0.0}
    values |= {"detectable fall": fall, "detectable rise": rise}
    table = pd.DataFrame({"what": list(values), "value": list(values.values()), "unit": "children a year"})
    figure = drawn(registered("figure")["answer"].draw(table, bundle))
    (axes,) = figure.axes
    zero = axes.transData.transform((0, 0))[0]
    words = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert words["a fall that\nwould be found"].x1 < zero < words["a rise that\nwould be found"].x0
    assert words["a fall that\nwould be found"].x0 >= 0
    assert words["a rise that\nwould be found"].x1 <= figure.bbox.width


@pytest.mark.parametrize("width", [2.2, 2.6, 3.2])
@pytest.mark.parametrize(("fall", "rise"), [(-30, 40), (-2, 40), (-1, 1)])
def test_the_words_beside_a_mark_stay_on_a_narrow_canvas(bundle, fall, rise, width):
    """Large letters of another font on half a page: both words were cut at the edge."""
    values = {"estimate": 1.0, "low": -20.0, "high": 22.0, "no difference": 0.0}
    values |= {"detectable fall": fall, "detectable rise": rise}
    table = pd.DataFrame({"what": list(values), "value": list(values.values()), "unit": "children a year"})
    with looking(FigureLook(width=width, style={"font.family": "DejaVu Serif"})):
        figure = drawn(registered("figure")["answer"].draw(table, bundle))
        words = [text for text in figure.axes[0].texts if "found" in text.get_text()]
        boxes = [text.get_window_extent() for text in words]
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= figure.bbox.width
    assert not boxes[0].overlaps(boxes[1])


def test_curves_of_balance_by_hand():
    """Weights 1, 2 and 1 at 3, 1 and 2: shares .5, .75 and 1; a density integrates to one about the weighted mean."""
    x, y = _ecdf(np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0]))
    assert x.tolist() == [1, 1, 2, 2, 3, 3]
    assert y.tolist() == [0, 0.5, 0.5, 0.75, 0.75, 1]
    x, y = _density(np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0]))
    assert np.trapezoid(y, x) == pytest.approx(1, abs=0.01)
    assert np.trapezoid(x * y, x) == pytest.approx(1.75, abs=0.02)


@pytest.mark.parametrize(("breakdown", "lines"), [(np.nan, 0), (0.25, 1)])
def test_a_breakdown_value_is_marked_only_where_there_is_one(bundle, breakdown, lines):
    drawing = registered("figure")["honest_did"]
    (axes,) = drawing.draw(drawing.data(bundle).assign(breakdown=breakdown), bundle).axes
    whole_height = [line for line in axes.lines if list(line.get_ydata()) == [0, 1]]
    assert len(whole_height) == lines
    assert sum("M = 0.25" in text.get_text() for text in axes.texts) == lines
    assert sum(line.get_marker() == "v" for line in axes.lines) == 1  # the end that is not known


def test_the_curve_marks_the_headline_alone_and_has_a_row_for_every_option(bundle):
    drawing = registered("figure")["specification_curve"]
    table = drawing.data(bundle)
    assert table["at"].tolist() == sorted(table["at"])
    assert table.loc[table["headline"], "variant"].tolist() == ["as declared"]
    curve, below = drawing.draw(table, bundle).axes
    assert curve.get_ylabel().startswith("Change in per cent")
    labels = [text.get_text() for text in below.get_yticklabels()]
    assert labels == ["Scale", "difference", "ratio", "Years", "to 2019", "to 2017"]
    marks = [len(line.get_xdata()) for line in below.lines if line.get_marker() == "s"]
    assert marks == [2, 2, 2, 2]


def test_a_figure_shows_itself_in_a_notebook(bundle):
    shown = bundle.figure("estimates")
    assert shown._repr_png_() == image(shown, "png")


def test_calibration_shows_what_the_model_did_not_see_beside_what_it_fitted(bundle):
    figure = bundle.figure("calibration")
    said = " ".join(texts(figure))
    assert {"Held out", "As fitted"} <= {*texts(figure)}
    line = bundle.tables("calibration_line").set_index("chance")
    assert f"slope {line.loc['held_out', 'slope']:.2f}" in said
    tenths = bundle.tables("calibration").query("chance == 'held_out'")
    marks = figure.axes[0].collections[-1].get_offsets()
    np.testing.assert_allclose(marks, tenths[["expected", "observed"]], rtol=1e-12)


def test_event_time_of_matched_rows_is_counted_from_the_window(bundle, tmp_path):
    """Their 0 is the first year after full embedding, and the window's own rows are out."""
    axes = bundle.figure("event_study").axes
    assert axes[-1].get_xlabel() == "Years since the first treated period"
    entries = [{"id": "primary", "method": "matched_did", "role": "primary"}]
    made = write_bundle(tmp_path / "out", full(design=design() | {"estimators": entries}))
    figure = made.figure("event_study")
    assert figure.axes[-1].get_xlabel() == "Years around the window"
    assert "0 the first after it closed; dashed, the window itself" in figure.get_label()
    assert "the window itself" not in bundle.figure("event_study").get_label()


def test_alt_text_says_the_figures_own_numbers(bundle):
    """Those who do not see a figure read what it shows, not its marks alone."""
    table = registered("figure")["leave_one_out"].data(bundle).dropna(subset=["estimate"]).sort_values("estimate")
    names = table.get("label", table["unit"]).astype(str)
    low, high = (f"{number(table['estimate'].iloc[k])} (without {names.iloc[k]})" for k in (0, -1))
    assert f"from {low} to {high}." in bundle.figure("leave_one_out").get_label()
    value = registered("figure")["answer"].data(bundle).set_index("what")["value"]
    ends = f"range {number(value['low'])} to {number(value['high'])}."
    assert f"Estimate {number(value['estimate'])}, {ends}" in bundle.figure("answer").get_label()
    assert "rows to " in bundle.figure("flow").get_label()
    table = registered("figure")["event_study"].data(bundle)
    early = table[(table["event_time"] < 0) & ~is_reference(table)]["estimate"]
    assert (
        f"before the start {number(early.min())} to {number(early.max())}" in bundle.figure("event_study").get_label()
    )
    assert table.loc[is_reference(table), "estimate"].eq(0).any()
