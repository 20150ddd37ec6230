"""Settings without effect are noticed, others are left alone."""

import pytest
from mmengine.config import Config

from mmsrn.utils.settings import no_effect, unknown_setting

FULL = 'configs/srn/srn_r50_fpn_8xb4-130e_widerface.py'
DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'


@pytest.fixture
def cfg(root):
    return Config.fromfile(root / FULL)


@pytest.mark.parametrize(
    'key, hint',
    [
        ('optim_wraper.optimizer.lr', '; did you mean optim_wrapper.optim'),
        ('custom_hook', '; did you mean custom_hooks?'),
        ('randomnes.seed', '; did you mean randomness.seed?'),
        ('zzz', ''),
    ],
)
def test_misspelt(cfg, key, hint):
    found = unknown_setting(cfg, key)
    assert found.startswith(f'the config has no {key.split(".")[0]}{hint}')
    assert ('did you mean' in found) == bool(hint)


@pytest.mark.parametrize(
    'key',
    [
        'model.bbox_head.theta',
        'load_from',
        'resume',
        'randomness.seed',
        'custom_hooks',
        'find_unused_parameters',
        'tta_model.type',
        'experiment_name',
        'work_dir',
    ],
)
def test_known(cfg, key):
    assert unknown_setting(cfg, key) is None and no_effect(cfg, key) is None


LOADERS = 'train_dataloader', 'val_dataloader', 'test_dataloader'


@pytest.mark.parametrize(
    'key, places',
    [
        ('theta', ['model.bbox_head.theta']),
        ('batch_size', ['train_dataloader.batch_size']),
        ('num_workers', ['train_dataloader.num_workers']),
        ('crop_size', ['train_dataloader.dataset.pipeline.6.scale']),
        ('data_root', [f'{x}.dataset.data_root' for x in LOADERS]),
        ('base_lr', ['optim_wrapper.optimizer.lr']),
        ('max_epochs', ['train_cfg.max_epochs']),
        (
            'train_pipeline.6.scale',
            ['train_dataloader.dataset.pipeline.6.scale'],
        ),
    ],
)
def test_variables_of_the_file(cfg, key, places):
    assert unknown_setting(cfg, key) is None
    remark = no_effect(cfg, key)
    assert remark.startswith(f'{key} has no effect on the command line')
    assert sorted(remark.split('; set ')[1].split(', ')) == sorted(places)


def test_variable_of_another_config(root):
    remark = no_effect(Config.fromfile(root / DEMO), 'crop_size')
    assert 'train_dataloader.dataset.pipeline.3.crop_size' in remark


def test_variable_without_a_place():
    cfg = Config(dict(model=dict(type='SRN'), own=3))
    assert no_effect(cfg, 'own').endswith('set the place that uses it')
