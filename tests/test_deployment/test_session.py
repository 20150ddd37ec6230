"""ONNX Runtime takes no more than it may."""

import os

import pytest

from mmsrn.deployment.session import usable_cores


@pytest.mark.parametrize(
    'limit, expected', [('', 4), ('1', 1), ('3', 3), ('9', 4), ('0', 4)]
)
def test_usable_cores(limit, expected, monkeypatch):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda x: {0, 1, 5, 6})
    monkeypatch.setenv('OMP_NUM_THREADS', limit)
    assert usable_cores() == expected
