import pytest
from mmdet.registry import MODELS

from mmsrn.models.dense_heads import SRNHead
from mmsrn.models.necks import SRNFPN
from mmsrn.models.utils import is_config_of


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
