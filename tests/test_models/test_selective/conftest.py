"""Fixtures of the tests of dense heads."""

import pytest
import torch

gpu = pytest.param(
    'cuda',
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(
            not torch.cuda.is_available(), reason='needs a CUDA device'
        ),
    ],
)


@pytest.fixture(params=['cpu', gpu])
def device(request):
    """A device that computes float32 as float32."""
    settings = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [x.allow_tf32 for x in settings]
    for x in settings:
        x.allow_tf32 = False
    yield request.param
    for x, value in zip(settings, before):
        x.allow_tf32 = value
