"""RefineFace and AInnoFace: what each config adds to SRN, and that it learns.

Values are tested with the parts, below tests/test_models.
"""

from pathlib import Path

import pytest
from mmengine.config import Config

from mmsrn.testing.models import thin_model

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / 'configs/srn/srn_r50_fpn_8xb4-130e_widerface.py'
REST = '_r50_fpn_8xb4-130e_widerface'
# Of each config: what it has on.
PARTS = {
    'refineface/srn-sml': {'sml'},
    'refineface/srn-fsm': {'fsm'},
    'refineface/refineface': {'sml', 'fsm'},
    'ainnoface/srn-iou': {'iou'},
    'ainnoface/srn-max-out': {'max-out'},
    'ainnoface/ainnoface': {'iou', 'max-out'},
}
SIDE = 256  # two cells of P7


def path_of(name):
    return ROOT / f'configs/{name}{REST}.py'


def parts_of(model):
    """What a config has on."""
    head = model.bbox_head
    found = dict(
        sml=head.loss_cls.type == 'ScaleAwareMarginLoss',
        fsm=model.get('auxiliary_head') is not None,
        iou='loss_bbox_ss' in head.loss_str,
    )
    found['max-out'] = head.type == 'MaxOutSRNHead'
    return {name for name, on in found.items() if on}


def test_every_config_is_here():
    folders = ('refineface', 'ainnoface')
    files = [x for f in folders for x in (ROOT / f'configs/{f}').glob('*.py')]
    assert sorted(files) == sorted(map(path_of, PARTS))


def test_off_by_default():
    """No other config has a word of them, that of the base least of all."""
    words = (
        'ScaleAwareMarginLoss',
        'auxiliary_head',
        'loss_bbox_ss',
        'MaxOutSRNHead',
    )
    ours = list(map(path_of, PARTS))
    # Its second training, of the weights that ship, takes the loss alone.
    ours += ROOT.glob('configs/srn/srn-giou_*.py')
    others = [x for x in ROOT.glob('configs/**/*.py') if x not in ours]
    assert BASE in others
    assert not [x for x in others if any(w in x.read_text() for w in words)]
    assert parts_of(Config.fromfile(BASE).model) == set()


@pytest.mark.parametrize('name', PARTS)
def test_the_parts_and_nothing_else(name):
    cfg, base = Config.fromfile(path_of(name)), Config.fromfile(BASE)
    assert parts_of(cfg.model) == PARTS[name]
    cfg.model.pop('auxiliary_head', None)
    head, plain = cfg.model.bbox_head, base.model.bbox_head
    head.pop('num_backgrounds', None)
    head.loss_str.pop('loss_bbox_ss', None)
    for option in ('margin', 'base_size', 'power'):
        head.loss_cls.pop(option, None)
    head.type, head.loss_cls.type = plain.type, plain.loss_cls.type
    assert cfg.to_dict() == base.to_dict()


@pytest.mark.parametrize('name', PARTS)
def test_learns_and_predicts(name, learns_and_predicts):
    log = learns_and_predicts(thin_model(path_of(name)), SIDE)
    assert ('loss_fsm' in log) == ('fsm' in PARTS[name])
    steps = {f'loss_{x}' for x in ('cls_fs', 'cls_ss', 'bbox_fs', 'bbox_ss')}
    assert all(log[x] > 0 for x in steps)
