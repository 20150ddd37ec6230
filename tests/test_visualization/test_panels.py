"""Boxes land on the pixels they should."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from mmsrn.visualization import rasterise
from mmsrn.visualization.panels import (
    draw_box,
    level_name,
    limit_to,
    show_image,
)


def canvas(image, zoom=4):
    """Figure that is nothing but the enlarged image."""
    size = [side * zoom / 100 for side in image.shape[1::-1]]
    figure = Figure(size, dpi=100)
    axis = figure.add_axes((0, 0, 1, 1))
    show_image(axis, image, 'nearest')
    return figure, axis


@pytest.mark.parametrize('zoom', [1, 3])
def test_image_is_shown_pixel_by_pixel(zoom):
    image = np.random.default_rng(0).integers(256, size=(10, 20, 3))
    figure, _ = canvas(image, zoom)
    pixels = rasterise(figure)
    expected = image[..., ::-1].repeat(zoom, 0).repeat(zoom, 1)  # BGR
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, expected)


def test_grey_image_is_clipped():
    image = np.array([[-5.0, 0.0], [100.0, 999.0]])
    pixels = rasterise(canvas(image)[0])[2::4, 2::4]
    assert pixels[..., 0].tolist() == [[0, 0], [100, 255]]


def test_box():
    figure, axis = canvas(np.full((40, 60, 3), 128))
    draw_box(axis, np.array([10, 5, 30, 25]), '#ff0000', width=2)
    limit_to(axis, np.zeros((40, 60)))
    pixels = rasterise(figure)
    red = (pixels == [0, 0, 255]).all(2)
    y, x = red.nonzero()
    assert [x.min(), y.min()] == pytest.approx([40, 20], abs=2)
    assert [x.max(), y.max()] == pytest.approx([120, 100], abs=2)
    # An outline with a dark rim, which stands out on any image.
    assert (pixels[30:90, 50:110] == 128).all()
    assert pixels[60, 36:45].min() < 128 and (pixels[60, :30] == 128).all()


def test_box_beyond_the_image():
    image = np.full((40, 60, 3), 128)
    figure, axis = canvas(image)
    draw_box(axis, np.array([50, 30, 90, 70]), '#ff0000')
    limit_to(axis, image)
    pixels = rasterise(figure)
    assert pixels.shape == (160, 240, 3)
    assert pixels[140, 200].tolist() == [0, 0, 255]


def test_dashes():
    figure, axis = canvas(np.zeros((40, 60, 3)))
    draw_box(axis, np.array([5, 5, 55, 35]), '#ffffff', style='--')
    line = rasterise(figure)[20, 24:216, 0]  # the upper edge
    assert line.max() == 255 and line.min() < 64


def test_level_name():
    assert [level_name(i) for i in (0, 5)] == ['P2', 'P7']
