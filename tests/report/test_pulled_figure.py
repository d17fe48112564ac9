"""A figure in another size and look: its sides, its letters, its colours, and what is refused."""

import re
import struct

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, to_hex
from matplotlib.image import imsave

from sos_eval.errors import InputFault
from sos_eval.report.contact_sheet import SHEET, every_figure
from sos_eval.report.contrast import contrast
from sos_eval.report.draw import drawing_of, save_figure
from sos_eval.report.figure_look import PAGE_HIGH, FigureSize, TooTight, read_size
from sos_eval.report.fitted import fitted
from sos_eval.report.pulled_figure import FigureOrder, _texts
from sos_eval.report.recolour import recolour
from sos_eval.report.theme import COLOURS, canvas, house_style
from sos_eval.report.theme_file import read_theme

pytestmark = pytest.mark.xdist_group("cases")

DARK = """schema: sos-eval/theme/1
colours: {treated: "#7fdbca", ink: "#f8f8f2", muted: "#b8bcd0", grid: "#3a3d52", background: "#1e2030"}
fonts: {family: DejaVu Serif}
"""


def theme(folder, text=DARK):
    file = folder / "theme.yaml"
    file.write_text(text, encoding="utf-8")
    return read_theme(file)


def test_a_slide_has_its_sides_in_every_format_and_larger_letters(case, tmp_path):
    bundle, order = case("full"), FigureOrder(read_size("slide"))
    svg = save_figure(bundle, "event_study", tmp_path / "a.svg", order).read_text()
    assert 'width="959.76pt" height="540pt"' in svg
    pdf = save_figure(bundle, "event_study", tmp_path / "a.pdf", order).read_bytes()
    assert re.search(rb"/MediaBox \[ 0 0 959\.76\d* 540\.?0*\d* \]", pdf)
    png = save_figure(bundle, "event_study", tmp_path / "a.png", order).read_bytes()
    assert struct.unpack(">II", png[16:24]) == (1466, 825)  # 13.33 and 7.5 inches of 110 dots
    drawing, data = drawing_of(bundle, "adoption")
    pulled = order.draw(drawing, data, bundle)
    assert pulled.scale == pytest.approx(13.33 / 7.2)
    assert pulled.figure.get_size_inches() == pytest.approx([7.2, 7.5 * 7.2 / 13.33])


def test_text_of_a_drawing_is_text_and_it_says_what_it_shows(case, tmp_path):
    svg = save_figure(case("full"), "event_study", tmp_path / "a.svg").read_text()
    title = re.search("<title>(.*?)</title>", svg)[1]
    assert title.startswith("Effect by years since the start")
    assert re.search("<desc>(.*?)</desc>", svg)[1].startswith(title)
    assert "<text" in svg
    assert "Years since the first treated period" in svg


def test_a_theme_changes_every_colour_and_the_font(case, tmp_path):
    order = FigureOrder(None, theme(tmp_path))
    svg = save_figure(case("full"), "event_study", tmp_path / "a.svg", order).read_text()
    assert "#7fdbca" in svg
    assert "DejaVu Serif" in svg
    for house in ("#0072b2", "#1a1a1a", "#595959", "#ffffff", "#ececec", "DejaVu Sans"):
        assert house not in svg, house


def test_the_same_order_gives_the_same_bytes_and_leaves_the_house_as_it_was(case, tmp_path):
    bundle = case("full")
    plain = save_figure(bundle, "flow", tmp_path / "a.svg").read_bytes()
    order = FigureOrder(read_size("slide"), theme(tmp_path))
    for form in ("svg", "pdf", "png"):
        first, second = (save_figure(bundle, "flow", tmp_path / f"{k}.{form}", order).read_bytes() for k in "bc")
        assert first == second, form
    assert save_figure(bundle, "flow", tmp_path / "d.svg").read_bytes() == plain


def test_a_figure_that_has_no_room_is_refused_with_what_it_needs(case, tmp_path):
    with pytest.raises(InputFault, match="has no room for estimates, even with letters of 6 points: "):
        save_figure(case("full"), "estimates", tmp_path / "a.svg", FigureOrder(FigureSize(1.0, 1.0)))
    assert not (tmp_path / "a.svg").exists()


def test_half_a_page_has_room_for_every_estimate_with_its_words(case, tmp_path):
    """Beside labels and numbers nothing was left for the axis, and it was refused: they stand over its lines."""
    bundle = case("full")
    svg = save_figure(bundle, "estimates", tmp_path / "a.svg", FigureOrder(read_size("half"))).read_text()
    texts = re.findall(r"<text[^>]*>(?:<tspan[^>]*>)?([^<]*)", svg)
    wide = save_figure(bundle, "estimates", tmp_path / "b.svg", FigureOrder(read_size("page"))).read_text()
    told = [text for text in re.findall(r"<text[^>]*>(?:<tspan[^>]*>)?([^<]*)", wide) if re.match("[−0-9.]+ \\(", text)]
    assert told
    assert all(any(text in line for line in texts) for text in told)
    with pytest.raises(InputFault, match=r"lines would lie on one another|inches of height"):
        save_figure(bundle, "estimates", tmp_path / "c.svg", FigureOrder(FigureSize(2.5, 1.0)))


def many(data, column, n):
    """The rows of a figure n times, under names of their own."""
    return pd.concat([data.assign(**{column: data[column] + f" {k}"}) for k in range(n)], ignore_index=True)


@pytest.mark.parametrize(
    ("name", "column", "size"),
    [("event_study", "estimator", "half"), ("outcome_paths", "outcome", "half"), ("estimates", "outcome", "page")],
)
def test_many_panels_are_as_high_as_a_page_at_most_and_the_note_counts_the_others(case, name, column, size):
    """Six panels at half a page were 26 inches high."""
    bundle = case("full")
    drawing, data = drawing_of(bundle, name)
    pulled = FigureOrder(read_size(size)).draw(drawing, many(data, column, 9), bundle)
    assert pulled.figure.get_size_inches()[1] * pulled.scale <= PAGE_HIGH + 0.05
    assert "in the data file" in pulled.figure.get_label().lower()


def test_a_figure_higher_than_a_page_is_refused_with_the_height_that_it_takes():
    def tall():
        with house_style():
            return canvas("Tall", height=20.0)[0]

    with pytest.raises(InputFault, match=r"high, a page has 9\.7; a larger size, or its height: --size 3\.3x") as told:
        FigureOrder(FigureSize(3.3)).laid_out("tall", tall)
    assert FigureOrder(read_size(str(told.value).rsplit(" ", 1)[-1])).laid_out("tall", tall)


@pytest.mark.parametrize("name", ["event_study", "adoption", "flow"])
def test_a_title_stands_below_a_logo_that_leaves_it_too_little(case, tmp_path, name):
    """At half a page with larger letters the logo lay on the title."""
    imsave(tmp_path / "logo.png", np.zeros((10, 40, 3)))
    own = theme(tmp_path, "schema: sos-eval/theme/1\nlogo: logo.png\nsizes: {text: 11}\n")
    bundle = case("full")
    pulled = FigureOrder(FigureSize(3.3), own).draw(*drawing_of(bundle, name), bundle)
    shown = FigureCanvasAgg(pulled.figure)
    shown.draw()
    logo, title = pulled.figure.axes[-1], pulled.figure.texts[0]
    assert logo.images
    assert not logo.get_window_extent().overlaps(title.get_window_extent(shown.get_renderer()))


def test_kinds_on_a_map_have_the_themes_colours(tmp_path):
    """The best of two strategies over a grid had the house's colours beside a legend in one's own."""
    with house_style():
        figure, axes = canvas("Map", height=2.0)
        shown = axes[0].pcolormesh([[0, 1], [1, 0]], cmap=ListedColormap(COLOURS[:2]))
        third = axes[0].pcolormesh([[0, 2], [1, 0]], cmap=ListedColormap([COLOURS[4], COLOURS[0]]))
        scale = axes[0].pcolormesh([[0.0, 0.5]], cmap="viridis")
    recolour(figure, theme(tmp_path).theme.colours)
    assert to_hex(shown.get_cmap()(0)) == "#7fdbca"
    kept = COLOURS[4].lower()  # the theme names no fifth
    assert [to_hex(third.get_cmap()(kind)) for kind in (0, 1)] == [kept, "#7fdbca"]
    assert scale.get_cmap().name == "viridis"


@pytest.mark.parametrize("text", ["large", "0x4", "6.5", "6.5x4in", "1000x4", "-6x4", "6.5x4.x"])
def test_a_size_that_is_none_is_refused(text):
    with pytest.raises(InputFault, match="inches"):
        read_size(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colours: {treatd: '#000000'}", "treatd"),
        ("colours: {ink: red}", "red is no colour"),
        ("colours: {ink: '#eeeeee'}", "#eeeeee on #ffffff cannot be read: its contrast is 1.16"),
        ("fonts: {family: No Such Font At All}", "fonts.family: no font 'No Such Font At All' on this machine"),
        ("logo: away.png", "logo: no picture away.png"),
        ("sizes: {text: 2}", "sizes.text"),
    ],
)
def test_a_theme_that_is_wrong_is_refused_by_line_and_key(tmp_path, text, said):
    with pytest.raises(InputFault, match=re.escape(said)) as refused:
        theme(tmp_path, f"schema: sos-eval/theme/1\n{text}\n")
    assert "theme.yaml:2" in str(refused.value)


def test_a_contrast_that_many_cannot_read_is_said(tmp_path):
    assert theme(tmp_path).theme.unreadable == []
    pale = theme(tmp_path, 'schema: sos-eval/theme/1\ncolours: {ink: "#777777"}\n')
    assert pale.theme.unreadable == [
        "colours.ink: #777777 on #ffffff has a contrast of 4.48; many cannot read it below 4.5"
    ]
    assert contrast("#767676", "#ffffff") == pytest.approx(4.542, abs=1e-3)  # the known grey that is just enough


def test_every_figure_comes_with_its_data_and_a_sheet(case):
    files, unmet = every_figure(case("full"), FigureOrder(read_size("page")), "svg")
    names = {file.removesuffix(".svg") for file in files if file.endswith(".svg")}
    assert not unmet
    assert {"answer", "event_study", "flow"} <= names
    assert {f"{name}.csv" for name in names} | {f"{name}.svg" for name in names} | {SHEET} == set(files)


def test_a_figure_without_room_stops_no_other(case):
    files, unmet = every_figure(case("full"), FigureOrder(FigureSize(3.0, 3.0)), "svg")
    assert unmet
    assert SHEET in files
    assert not {f"{line.name}.svg" for line in unmet} & set(files)


@pytest.mark.parametrize("name", ["outcome_paths", "event_study"])
def test_at_half_a_page_no_text_lies_on_another(case, name):
    """Titles were printed over the legend, years over one another, and docs' own example was refused."""
    bundle = case("full")
    pulled = FigureOrder(FigureSize(3.3)).draw(*drawing_of(bundle, name), bundle)
    shown = FigureCanvasAgg(pulled.figure)
    shown.draw()
    texts = [text for text in _texts(pulled.figure) if text.axes is None or text not in text.axes.texts]
    boxes = [text.get_window_extent(shown.get_renderer()) for text in texts]
    assert len(boxes) > 8
    for k, one in enumerate(boxes):
        assert not any(one.shrunk(0.98, 0.9).overlaps(other.shrunk(0.98, 0.9)) for other in boxes[:k]), texts[k]


def test_labels_that_lie_on_one_another_are_refused():
    """Positions of categories are not thinned: nobody would know which is which."""
    with house_style():
        figure, axes = canvas("Many", height=1.0)
        axes[0].plot(range(12))
        axes[0].set_xticks(range(12), ["a long category"] * 12)
        with pytest.raises(TooTight, match="would lie on"):
            fitted(figure, grows=True)
