"""What all tests of this folder share."""

import numpy as np
import pytest
import torch

from mmsrn.deployment.session import start_session


@pytest.fixture(scope='module', autouse=True)
def one_thread():
    """On which networks as small as these run fastest."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope='session')
def noise():
    """Function that gives photos of noise."""

    def draw(photos, height, width, seed=0):
        rng = np.random.default_rng(seed)
        return rng.integers(0, 256, (photos, height, width, 3), np.uint8)

    return draw


@pytest.fixture(scope='session')
def run():
    """Function that returns what an ONNX model gives for photos."""

    def run(model, images):
        session = start_session(model.SerializeToString())
        return session.run(None, {'images': images})

    return run
