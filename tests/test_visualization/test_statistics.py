"""Pictures of statistics show the numbers they are given."""

import numpy as np

from mmsrn.visualization import draw_statistics, rasterise


def test_curves():
    sizes, counts = np.array([4.0, 8.0, 8.0, 32.0]), np.array([0, 1, 3])
    figure = draw_statistics({'mine': (sizes, counts)}, marks=[8])
    shares, below, numbers = figure.axes
    assert shares.patches[0].get_xy()[:, 1].max() == 50  # two of four
    assert below.lines[0].get_xydata().tolist() == [
        [4, 25],
        [8, 75],
        [32, 100],
    ]
    expected = np.array([1, 2, 3]) / 3 * 100
    assert np.allclose(numbers.lines[0].get_ydata(), expected)
    assert [x.get_text() for x in below.get_legend().get_texts()] == ['mine']
    assert below.lines[1].get_xdata() == [8, 8]
    assert rasterise(figure).std() > 0


def test_sets_without_faces():
    empty = (np.empty(0), np.array([0, 0]))
    for sets in (
        {},
        {'a': empty},
        {'a': empty, 'b': (np.ones(1), np.ones(1))},
    ):
        assert rasterise(draw_statistics(sets)).ndim == 3
