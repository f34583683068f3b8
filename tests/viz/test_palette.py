from itertools import combinations

import numpy as np
import pytest

from nascourse.errors import CourseError
from nascourse.spaces.micro import MICRO_OPS
from nascourse.viz.palette import CARD, INK, MUTED, OPERATIONS, SERIES, contrast, ink_on, operation_style

# Viénot, Brettel & Mollon 1999: linear RGB -> LMS, the M cone's answer replaced by what L and S say.
RGB_TO_LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
DEUTERANOPE = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])


def seen(color: str) -> np.ndarray:
    """The colour as a deuteranope sees it, linear RGB 0..1."""
    rgb = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.linalg.inv(RGB_TO_LMS) @ DEUTERANOPE @ RGB_TO_LMS @ linear


def test_the_simulation_leaves_grey_grey_and_takes_red_and_green_for_alike():
    # the matrix is for linear RGB and keeps the neutral axis to within a per cent
    assert seen("#808080") == pytest.approx(np.full(3, 0.2159), abs=0.01)
    red, green = seen("#C00000"), seen("#6F6F00")
    assert np.abs(red - green).max() < 0.1


@pytest.mark.parametrize("styles", [list(OPERATIONS.values()), list(SERIES)], ids=["operations", "series"])
def test_any_two_styles_differ_in_shape_and_in_colour_or_dash_for_a_deuteranope(styles):
    for a, b in combinations(styles, 2):
        assert a.marker != b.marker
        assert a.dash != b.dash or np.abs(seen(a.color) - seen(b.color)).max() > 0.05, (a, b)


def test_labels_are_unique_and_every_micro_operation_has_a_style():
    assert len({style.label for style in OPERATIONS.values()}) == len(OPERATIONS) == 12
    assert set(MICRO_OPS) < set(OPERATIONS)


def test_contrast_of_black_and_white_is_21_and_of_a_known_grey_is_the_published_value():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.005)  # WCAG's lightest grey that passes


def test_text_reads_on_every_tint_and_lines_show_on_the_card():
    for style in (*OPERATIONS.values(), *SERIES):
        assert contrast(INK, style.tint) >= 4.5
        assert contrast(MUTED, style.tint) >= 4.5
        assert contrast(style.color, CARD) >= 3


@pytest.mark.parametrize("level", range(0, 256, 15))
def test_numbers_read_on_any_cell_of_a_heat_map(level):
    fill = f"#{level:02X}{255 - level:02X}{level:02X}"
    assert contrast(ink_on(fill), fill) >= 4.5


def test_an_unknown_operation_is_refused_by_name():
    with pytest.raises(CourseError, match="sep_conv_9x9"):
        operation_style("sep_conv_9x9")
