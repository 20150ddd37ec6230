"""A copy that a learned enhancer has brightened."""

import json

import cv2
import numpy as np
import pytest
import torch

from mmsrn.models import CurveEnhancer, enhance_image

CONFIG = """
model = dict(
    type='ImageEnhancer', enhancer=dict(type='CurveEnhancer', channels=4)
)
"""


@pytest.fixture
def tool(load_tool):
    return load_tool('dataset_converters/apply_enhancer.py')


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'enhancer.py'
    path.write_text(CONFIG)
    return path


@pytest.fixture
def enhancer():
    torch.manual_seed(0)
    model = CurveEnhancer(channels=4).eval()
    torch.nn.init.constant_(model.convs[-1].bias, 0.5)  # brighter
    return model


@pytest.fixture
def checkpoint(tmp_path, enhancer):
    path = tmp_path / 'enhancer.pth'
    weights = {f'enhancer.{k}': v for k, v in enhancer.state_dict().items()}
    torch.save({'state_dict': weights}, path)
    return path


def test_every_image(tool, voc, config, checkpoint, enhancer, tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 60, (50, 60, 3), np.uint8)
    cv2.imwrite(str(voc / 'images/two.png'), image)
    dst = tmp_path / 'bright'
    tool.main([str(x) for x in (config, checkpoint, voc, dst)])
    after = cv2.imread(str(dst / 'images/two.png'))
    np.testing.assert_array_equal(after, enhance_image(image, enhancer))
    assert after.mean() > 2 * image.mean()
    assert (dst / 'val.txt').read_text() == (voc / 'val.txt').read_text()
    record = json.loads((dst / 'processing.json').read_text())
    assert record['method'] == 'CurveEnhancer'
    assert record['enhancer']['channels'] == 4
    assert len(record['checkpoint_sha256']) == 64


def test_colors(enhancer):
    """BGR in and out, by the formula on RGB."""
    image = np.zeros((9, 9, 3), np.uint8)
    image[..., 2] = 90  # red
    rgb = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)
    with torch.no_grad():
        (expected,) = enhancer(rgb[None] / 255)
    expected = (255 * expected).round().byte().numpy()[::-1]
    np.testing.assert_array_equal(
        enhance_image(image, enhancer), expected.transpose(1, 2, 0)
    )


def test_errors(tool, voc, config, checkpoint, tmp_path, fails):
    rest = (voc, tmp_path / 'dst')
    options = ('--cfg-options', 'model.enhancer.channels=8')
    wrong = fails(tool, config, checkpoint, *rest, *options)
    assert 'does not fit the enhancer' in wrong
    detector = tmp_path / 'detector.py'
    detector.write_text("model = dict(type='SRN')")
    wrong = fails(tool, detector, checkpoint, *rest)
    assert 'has no model.enhancer' in wrong
    assert 'is not a file' in fails(tool, config, tmp_path / 'none', *rest)
    assert not rest[1].exists()


def test_help(help_of):
    assert 'DST' in help_of('dataset_converters/apply_enhancer.py').upper()
