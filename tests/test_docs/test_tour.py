"""The notebook runs as it is, and the drawings of SRN say what is true."""

import json
import logging
import runpy
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).resolve().parents[2] / 'docs'
pytestmark = pytest.mark.slow


def test_tour(monkeypatch):
    """All cells run; what is saved is of the same kind and small."""
    monkeypatch.chdir(DOCS)
    path = DOCS / 'tour.ipynb'
    notebook = json.loads(path.read_text('utf-8'))
    cells = [x for x in notebook['cells'] if x['cell_type'] == 'code']
    saved = [[set(y.get('data', y)) for y in x['outputs']] for x in cells]
    run_cells = runpy.run_path('run_tour.py')['run_cells']
    try:
        names = run_cells(notebook)
    finally:
        logging.disable(logging.NOTSET)
    fresh = [[set(y.get('data', y)) for y in x['outputs']] for x in cells]
    assert saved == fresh and {'image/jpeg', 'text/plain'} in sum(saved, [])
    assert path.stat().st_size < 400_000
    (truth,) = names['truth'].settings['all'].faces
    assert len(truth) == 22 and abs(len(names['faces']) - 22) < 3
    assert names['result'].ap['all'] > 0.9
    assert 0 < names['loss'].item() < 100
    assert names['detector'].bbox_head.retina_cls.weight.grad.any()


def test_pyramid(monkeypatch):
    """Anchors are those that the generator puts on a map; no text overlaps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from mmdet.registry import TASK_UTILS
    from mmengine.config import Config

    from mmsrn.utils import register_all_modules

    register_all_modules()
    script = runpy.run_path(str(DOCS / 'draw_pyramid.py'))
    head = Config.fromfile(script['CONFIG']).model.bbox_head
    sizes = script['anchor_sizes'](head)
    grids = TASK_UTILS.build(head.anchor_generator).grid_priors(
        [(1, 1)] * 6, device='cpu'
    )
    for text, anchors in zip(sizes, grids, strict=True):
        sides = (anchors[:, 2:] - anchors[:, :2] + 1).round().int().tolist()
        assert text == ', '.join(f'{w} x {h}' for w, h in sides)
    figure = script['draw_pyramid'](sizes, head.stc_levels, head.str_levels)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = [x for x in figure.axes[0].texts if x.get_text()]
    boxes = [x.get_window_extent(canvas.renderer) for x in texts]
    assert len(boxes) > 40
    assert not [a for a, b in combinations(boxes, 2) if a.overlaps(b)]
    page = figure.bbox
    assert all(page.contains(*x.min) and page.contains(*x.max) for x in boxes)


def test_tracks_of_the_selection():
    """Boxes belong to one anchor, which the first step moved onto the face."""
    from types import SimpleNamespace

    script = runpy.run_path(str(DOCS / 'draw_selection.py'))
    face = np.array([100, 100, 160, 180], float)
    offsets = [[30, 0], [20, 0], [10, 0], [300, 0]]
    starts = face + np.tile(offsets, 2)
    level = SimpleNamespace(
        anchors=starts, moved=starts.copy(), boxes=starts.copy()
    )
    level.moved[:3] = face + 2
    level.boxes[:3] = face
    selection = SimpleNamespace(levels=[SimpleNamespace(moved=None), level])
    (track,) = script['_tracks'](selection, face[None])
    np.testing.assert_array_equal(track, [starts[1], face + 2, face, face])
