"""1x1 convolutions on one thread."""

import pytest
import torch
from torch import nn

from mmsrn.models.selective.sparse import runs_on_rows
from mmsrn.models.utils.pointwise_conv import (
    PointwiseConv2d,
    use_pointwise_convs,
)


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    'changes',
    [
        {},
        dict(bias=False),
        dict(groups=4),
        dict(stride=2),
        dict(stride=(1, 3)),
    ],
    ids=str,
)
def test_gives_the_same(one_thread, changes):
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 12, 1, **changes)
    for x in (torch.randn(1, 8, 9, 7), torch.randn(3, 8, 1, 1)):
        wanted = conv(x)
        use_pointwise_convs(conv)
        assert type(conv) is PointwiseConv2d
        torch.testing.assert_close(conv(x), wanted)
        conv.__class__ = nn.Conv2d


def test_goes_to_onednn(one_thread):
    """That is what it is for; the definition alone does not."""
    conv, x = nn.Conv2d(64, 64, 1), torch.randn(1, 64, 40, 40)

    def operations():
        with torch.no_grad(), torch.profiler.profile() as profile:
            conv(x)
        return {event.key for event in profile.key_averages()}

    if not torch.backends.mkldnn.is_available():
        pytest.skip('torch is built without oneDNN')
    use_pointwise_convs(conv)
    assert 'aten::mkldnn_convolution' in operations()


def test_others_stay():
    model = nn.Sequential(
        nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 1, padding=1), nn.Conv2d(4, 4, 1)
    )
    use_pointwise_convs(model)
    kinds = [type(x) for x in model]
    assert kinds == [nn.Conv2d, nn.Conv2d, PointwiseConv2d]
    assert runs_on_rows(model[2])
