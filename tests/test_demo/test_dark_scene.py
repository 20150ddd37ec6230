"""The drawn picture of a street at night."""

import numpy as np

from demo.dark_scene import draw_dark_scene


def test_it_is_dark_and_has_lamps():
    image = draw_dark_scene(3, (90, 120))
    assert image.shape == (90, 120, 3) and image.dtype == np.uint8
    assert 5 < image.mean() < 60 and image.max() > 200
    assert (image == draw_dark_scene(3, (90, 120))).all()
    assert (image != draw_dark_scene(4, (90, 120))).any()
