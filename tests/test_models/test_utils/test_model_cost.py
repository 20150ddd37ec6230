"""Parameters and operations: by hand, and against another counter."""

import pytest
import torch
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from mmengine.analysis import FlopAnalyzer
from mmengine.config import Config
from mmengine.model import BaseModel

from mmsrn.models.utils.model_cost import count
from mmsrn.testing.models import load_model_cfg, random_batch
from mmsrn.utils import register_all_modules

register_all_modules()


class OneLayer(BaseModel):
    """A layer of 4 channels behind a convolution."""

    def __init__(self, **layer):
        super().__init__(dict(type='DetDataPreprocessor', pad_size_divisor=8))
        self.stem = torch.nn.Conv2d(3, 4, 1, bias=False)
        self.layer = ConvModule(4, 8, 3, padding=1, **layer)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return self.layer(self.stem(inputs))


OFFSETS = 4 * 9 * 27  # weights that tell where a deformable one looks


@pytest.mark.parametrize(
    'layer, weights',
    [
        (dict(), 4 * 9 * 8),
        (dict(groups=4), 9 * 8),
        # Neither norms nor activations count.
        (dict(norm_cfg=dict(type='BN')), 4 * 9 * 8),
        (dict(norm_cfg=dict(type='GN', num_groups=2)), 4 * 9 * 8),
        (dict(conv_cfg=dict(type='DCNv2')), 4 * 9 * 8 + OFFSETS),
        (dict(conv_cfg=dict(type='DCNv2'), groups=2), 2 * 9 * 8 + OFFSETS),
    ],
)
def test_by_hand(layer, weights):
    MODELS.register_module('OneLayer', force=True, module=OneLayer)
    cfg = Config(dict(model=dict(type='OneLayer', **layer)))
    found = count(cfg, (13, 10))  # which are padded to 16 x 16
    assert found.operations == 16 * 16 * (3 * 4 + weights)
    model = OneLayer(**layer)
    assert found.parameters == sum(x.numel() for x in model.parameters())


def test_against_another_counter(root):
    config = root / 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
    cfg = Config(dict(model=load_model_cfg(config)))
    params, operations = count(cfg, (64, 96))
    model = MODELS.build(cfg.model).eval()
    assert params == sum(x.numel() for x in model.parameters())
    data = model.data_preprocessor(random_batch(1, (64, 96)))
    other = FlopAnalyzer(model, (data['inputs'],)).unsupported_ops_warnings(
        False
    )
    assert operations == other.by_operator()['conv']


def test_whole_second_stage_is_counted(root):
    """With few or many regions, and the RPN in front of it."""
    name = 'faster-rcnn_r50_fpn_srn-rpn_1x_coco'
    cfg = Config(
        dict(model=load_model_cfg(root / f'configs/mixing/{name}.py'))
    )
    cfg.model.backbone.depth = 18
    cfg.model.neck.in_channels = [64, 128, 256, 512]
    operations = {}
    for regions in (10, 20, 30):
        cfg.model.test_cfg.rpn.max_per_img = regions
        operations[regions] = count(cfg, (64, 64)).operations
    per_region = 256 * 49 * 1024 + 1024 * 1024 + 1024 * (81 + 320)
    steps = [operations[x + 10] - operations[x] for x in (10, 20)]
    assert steps == [10 * per_region] * 2
    rest = operations[10] - 10 * per_region
    cfg.model.rpn_head.stacked_convs = 5
    more = count(cfg, (64, 64)).operations - operations[30]
    # Both subnets on the second-step maps, one of them on the first-step.
    cells = 16**2 + 8**2 + 4**2 + 2**2 + 1
    assert more == 9 * 256 * 256 * 3 * cells < rest
