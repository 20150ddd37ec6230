"""Resized photos have the faces that MMDetection finds in them."""

import copy

import cv2
import numpy as np
import pytest
import torch
from mmdet.apis import inference_detector, init_detector
from mmengine.config import Config

from mmsrn import FaceDetector
from mmsrn.deployment.parity import compare
from mmsrn.utils import register_all_modules
from mmsrn.zoo import find_model

register_all_modules()

CONFIG = (
    'configs/srn/srn-giou_mobilenetv2_fpn_amp-1xb16-20e_facemask-low-light.py'
)
#: To 640 pixels, their sides grow or shrink by factors that differ. In small
#: ones, the pixel that NMS adds to a side weighs much, in large ones little.
SIZES = [(61, 97), (523, 700), (1203, 900)]


@pytest.fixture(params=SIZES, ids=str)
def photo(request, tmp_path):
    """File of a face."""
    data = pytest.importorskip('skimage.data')
    face = data.astronaut()[:256, 96:352, ::-1]
    path = str(tmp_path / 'photo.png')
    cv2.imwrite(path, cv2.resize(face, request.param[::-1]))
    return path


def assert_same(faces, found):
    """All that both find, before any threshold of users."""
    ours, theirs = (
        np.column_stack([boxes, scores, np.zeros(len(scores))])
        for boxes, scores in (
            (faces.boxes, faces.scores),
            (found.bboxes, found.scores),
        )
    )
    assert len(ours) > 20 and compare(ours, theirs).within(1e-4)


def test_shipped_weights(root, photo):
    weights = str(find_model('srn_mobilenetv2', 'torch'))
    model = init_detector(str(root / CONFIG), weights, device='cpu')
    detector = FaceDetector(weights, device='cpu', score_thr=0)
    found = inference_detector(model, photo).pred_instances
    assert_same(detector.detect(photo), found)


@pytest.mark.parametrize('backend', ['onnx', 'torch'])
def test_backends(
    backend, root, photo, small_detector, small_config, exported, tmp_path
):
    config, path = None, tmp_path / 'small.onnx'
    path.write_bytes(exported.SerializeToString())
    if backend == 'torch':
        config, path = small_config, tmp_path / 'small.pth'
        torch.save(dict(state_dict=small_detector.state_dict()), path)
    detector = FaceDetector(
        path, config, backend=backend, device='cpu', scale=640, score_thr=0
    )
    model = copy.deepcopy(small_detector)
    model.cfg = Config.fromfile(root / CONFIG)  # which resizes
    found = inference_detector(model, photo).pred_instances
    assert_same(detector.detect(photo), found)
