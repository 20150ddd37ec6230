"""The configs of the ablations: their names, and a training step of each."""

import re
from pathlib import Path

import pytest
from mmdet.registry import MODELS
from mmengine.config import Config

from mmsrn.testing.models import load_model_cfg, thin_model

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / 'configs/ablation').glob('*.py'))
BASES = {
    'widerface': 'srn_r50_fpn_8xb4-130e_widerface',
    'facemask': 'srn_mobilenetv2_fpn_1xb16-10e_facemask',
}
PARTS = ('rfe', 'stc_levels', 'str_levels', 'theta', 'separate_steps')
SIDE = 384  # three cells of P7


def named(path):
    """What the name says, as arguments of the head."""
    words = path.stem.split('_')[0].split('-')
    one_level = [int(x[1]) - 2 for x in words if re.fullmatch(r'p[2-7]', x)]
    theta = [float(x[5:]) for x in words if x.startswith('theta')]
    return dict(
        rfe=dict(type='RFE') if 'rfe' in words else None,
        stc_levels=tuple(one_level or (0, 1, 2)) if 'stc' in words else (),
        str_levels=tuple(one_level or (3, 4, 5)) if 'str' in words else (),
        theta=(theta or [0.99])[0],
        separate_steps='separate' in words,
    )


@pytest.mark.parametrize(
    'off',
    [
        dict(str_levels=()),
        dict(refine_predictor=False),
        dict(stc_levels=(), str_levels=()),
        dict(str_levels=(), separate_steps=True),
    ],
)
@pytest.mark.parametrize('data', BASES)
def test_parts_are_switched_off_in_one_place(off, data):
    """As configs/srn/README.md says: no other setting has to follow."""
    cfg = load_model_cfg(ROOT / f'configs/srn/{BASES[data]}.py')
    cfg.bbox_head.update(off)
    MODELS.build(cfg.bbox_head).init_weights()


def base_of(path):
    name = BASES[path.stem.rsplit('_', 1)[1]]
    return Config.fromfile(ROOT / f'configs/srn/{name}.py')


@pytest.mark.parametrize('path', CONFIGS, ids=lambda x: x.stem)
def test_the_name_says_which_parts_are_on(path):
    head = Config.fromfile(path).model.bbox_head
    head.setdefault('separate_steps', False)
    assert {x: head[x] for x in PARTS} == named(path)
    # The baseline has none, and nothing else has none.
    off = not (head.rfe or head.stc_levels or head.str_levels)
    assert off == path.stem.startswith('baseline_')


@pytest.mark.parametrize('path', CONFIGS, ids=lambda x: x.stem)
def test_nothing_else_differs(path):
    """From the complete SRN, but for what its recipe has for STR alone."""
    cfg, base = Config.fromfile(path), base_of(path)
    for part in PARTS:
        cfg.model.bbox_head.pop(part, None)
        base.model.bbox_head.pop(part, None)
    if 'facemask' in path.stem and not named(path)['str_levels']:
        assert cfg.model.train_cfg.second_step.assigner == base.assigner
        base.model.train_cfg.second_step.assigner = base.assigner
        cfg.pop('second_step')
    assert cfg.to_dict() == base.to_dict()


def test_every_row_of_the_papers_tables_has_a_config():
    parts = [named(x) for x in CONFIGS if 'widerface' in x.stem]
    found = [tuple(x[part] for part in PARTS) for x in parts]
    rfe, stc, str_ = dict(type='RFE'), (0, 1, 2), (3, 4, 5)
    rows = [
        (None, (), ()),
        (None, stc, ()),
        (None, (), str_),
        (None, stc, str_),
        (rfe, stc, str_),
        *[(None, (i,), ()) for i in range(6)],
        *[(None, (), (i,)) for i in range(6)],
    ]
    for row in rows:
        assert found.count((*row, 0.99, False)) == 1
    assert len({str(x) for x in found}) == len(found)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda x: x.stem)
def test_trains_a_step_and_predicts(path, learns_and_predicts):
    log = learns_and_predicts(thin_model(path), SIDE)
    parts = named(path)
    assert ('loss_cls_fs' in log) == bool(parts['stc_levels'])
    assert ('loss_bbox_fs' in log) == bool(parts['str_levels'])
