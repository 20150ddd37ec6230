"""The view into the network, against what the network predicts."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from torch import nn

from mmsrn.apis import Faces
from mmsrn.apis.views import resize
from mmsrn.demo.selection import draw_selection, look_inside
from mmsrn.models import prepare_for_inference
from mmsrn.testing.models import thin_model

CONFIG = 'configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'


@pytest.fixture(scope='module')
def model(root):
    """An SRN as the torch backend has it, with random weights."""
    return prepare_for_inference(thin_model(root / CONFIG))


@pytest.fixture(scope='module')
def photo():
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)


def detector_of(model):
    return SimpleNamespace(backend=SimpleNamespace(model=model))


@pytest.mark.parametrize(
    'scale, shape',
    [(160, (120, 160)), ('original', (90, 120)), ([64, 96, 32], (72, 96))],
)
def test_what_passes_is_what_is_predicted(model, photo, scale, shape):
    look = look_inside(detector_of(model), photo, scale)
    assert look.image.shape[:2] == shape
    np.testing.assert_array_equal(look.image, resize(photo, max(shape)))
    np.testing.assert_allclose(look.zoom, max(shape) / 120)

    meta = dict(img_shape=shape, ori_shape=shape, scale_factor=(1.0, 1.0))
    pixels = torch.from_numpy(look.image.transpose(2, 0, 1).copy())
    with torch.no_grad():
        (sample,) = model.test_step(
            dict(inputs=[pixels], data_samples=[DetDataSample(metainfo=meta)])
        )
    found = sample.pred_instances
    kept = np.concatenate([x.kept for x in look.levels])
    scores = np.concatenate([x.second_scores for x in look.levels])[kept]
    boxes = np.concatenate([x.boxes for x in look.levels])[kept]
    assert 0 < kept.sum() < len(kept)
    assert scores.max() == pytest.approx(found.scores.max().item(), abs=1e-5)
    for box in found.bboxes.numpy()[:20]:
        assert abs(boxes - box).max(1).min() < 1e-2


def test_large_photos_are_reduced(model):
    photo = np.zeros((16, 2000, 3), np.uint8)
    look = look_inside(detector_of(model), photo, 'original')
    assert look.image.shape == (10, 1280, 3)
    np.testing.assert_allclose(look.zoom, [0.64, 0.625, 0.64, 0.625])


def test_pictures(model, photo):
    look = look_inside(detector_of(model), photo, 160)
    moved = next(x for x in look.levels if x.moved is not None)
    # A face that an anchor was moved onto.
    best = moved.moved[moved.second_scores.argmax()] / look.zoom
    faces = Faces(best[None].astype(np.float32), np.ones(1), photo)
    for picture in draw_selection(look, faces):
        assert picture.ndim == 3 and picture.dtype == np.uint8
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100


def test_without_stc_and_str(model, photo):
    look = look_inside(detector_of(model), photo, 64)
    off = [replace(x, first_scores=None, moved=None) for x in look.levels]
    faces = Faces(np.zeros((1, 4), np.float32), np.ones(1), photo)
    assert draw_selection(replace(look, levels=off), faces) == (None, None)


@pytest.mark.parametrize(
    'backend, reason',
    [
        (SimpleNamespace(), 'needs PyTorch'),
        (SimpleNamespace(model=nn.Linear(1, 1)), 'is not an SRN'),
    ],
)
def test_says_why_there_is_nothing(backend, reason, photo):
    assert reason in look_inside(SimpleNamespace(backend=backend), photo, 640)
