"""Weights of a small detector, in a file."""

import pytest
import torch


@pytest.fixture(scope='session')
def weights(small_detector, tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'epoch_1.pth'
    torch.save({'state_dict': small_detector.state_dict()}, path)
    return path
