"""RFE behind other necks."""

import pytest
import torch
from mmdet.registry import MODELS

from mmsrn.models.necks import RFENeck
from mmsrn.utils import register_all_modules


@pytest.mark.parametrize('shared', [True, False])
def test_chained_after_an_mmdet_neck(shared):
    register_all_modules()
    neck = MODELS.build(
        [
            dict(type='FPN', in_channels=[8, 16], out_channels=16, num_outs=3),
            dict(type='RFENeck', in_channels=16, num_levels=3, shared=shared),
        ]
    )
    neck.init_weights()
    outs = neck((torch.randn(1, 8, 16, 16), torch.randn(1, 16, 8, 8)))
    assert [x.shape[-1] for x in outs] == [16, 8, 4]
    assert len(neck[1].blocks) == (1 if shared else 3)
    for name, p in neck[1].named_parameters():
        if name.endswith('weight'):
            assert p.std() < 0.02, name


def test_every_level_has_its_block():
    neck = RFENeck(8, 2)
    x = torch.randn(1, 8, 4, 4)
    first, second = neck((x, x))
    torch.testing.assert_close(first, neck.blocks[0](x))
    torch.testing.assert_close(second, neck.blocks[1](x))
    assert not torch.equal(first, second)


def test_map_that_was_not_built():
    x = torch.randn(1, 8, 4, 4)
    assert RFENeck(8, 2)((None, x))[0] is None


def test_wrong_number_of_maps():
    with pytest.raises(ValueError, match='put out 1 maps'):
        RFENeck(8, 2)((torch.zeros(1, 8, 4, 4),))
