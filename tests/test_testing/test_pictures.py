"""Pictures that a detector finds something in."""

import numpy as np
import pytest

from mmsrn.testing.pictures import draw_picture


def draw(seed, size=(97, 131)):
    return draw_picture(np.random.default_rng(seed), *size)


@pytest.mark.parametrize('size', [(64, 64), (97, 131), (33, 200)])
def test_contract(size):
    picture = draw(0, size)
    assert picture.shape == (*size, 3) and picture.dtype == np.uint8
    assert picture.std() > 20


def test_same_state_same_picture():
    assert np.array_equal(draw(3), draw(3))
    assert not np.array_equal(draw(3), draw(4))


def test_a_detector_has_much_to_say_of_it():
    """Else a comparison of two programs would compare nothing."""
    from mmsrn.apis.backends.torch_backend import TorchBackend
    from mmsrn.deployment.parity import torch_candidates
    from mmsrn.zoo import find_model

    path = find_model('srn_mobilenetv2', 'torch')
    model = TorchBackend(path, device='cpu').model
    for candidates in torch_candidates(model, np.stack([draw(0), draw(1)])):
        assert len(candidates) > 50
