import pytest
from mmdet.registry import MODELS

from mmsrn.models.dense_heads import SRNHead
from mmsrn.models.necks import SRNFPN
from mmsrn.models.utils import is_config_of, without_pretrained


class OwnHead(SRNHead):
    pass


@pytest.mark.parametrize('kind', ['SRNHead', 'mmdet.SRNHead', SRNHead])
def test_names_and_classes(kind):
    assert is_config_of(dict(type=kind), SRNHead)
    assert not is_config_of(dict(type=kind), SRNFPN)


def test_subclass():
    assert is_config_of(dict(type=OwnHead), SRNHead)
    assert not is_config_of(dict(type=SRNHead), OwnHead)


@pytest.mark.parametrize('cfg', [{}, None, [], dict(type='Nothing')])
def test_what_builds_nothing(cfg):
    assert 'Nothing' not in MODELS
    assert not is_config_of(cfg, SRNHead)


def test_without_pretrained():
    weights = dict(type='Pretrained', checkpoint='x.pth')
    normal = dict(type='Normal', layer='Conv2d')
    config = dict(
        backbone=dict(init_cfg=weights),
        heads=[dict(init_cfg=normal), (dict(init_cfg=weights), 3)],
    )
    assert without_pretrained(config) == dict(
        backbone=dict(init_cfg=None),
        heads=[dict(init_cfg=normal), (dict(init_cfg=None), 3)],
    )
    assert config['backbone']['init_cfg'] is weights  # a copy
