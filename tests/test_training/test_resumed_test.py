"""Tests of real processes that are killed, and resumed, lose nothing."""

import json
import pickle
import shutil
import signal

import pytest
from mmengine.config import Config

TTA = 'configs/_base_/tta/multi_scale_1400.py'

# Imported by the config of the test that is to die.
KILLER = """
import os
import signal

from mmdet.registry import HOOKS
from mmengine.hooks import Hook


@HOOKS.register_module()
class Killer(Hook):
    priority = 'LOWEST'

    def after_test_iter(self, runner, batch_idx, **_):
        if batch_idx == 1:
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope='module')
def config(make_config, root, tmp_path_factory):
    """Multi-scale test of five images."""
    folder = tmp_path_factory.mktemp('test')
    path = make_config(folder / 'config.py', 1)
    cfg = Config.fromfile(path)
    tta = Config.fromfile(root / TTA)
    tta.tta_pipeline[2].max_size = 300
    cfg.merge_from_dict(
        dict(tta_model=tta.tta_model, tta_pipeline=tta.tta_pipeline)
    )
    cfg.custom_hooks = [dict(type='ProtocolHook')]
    cfg.dump(path)
    return path


@pytest.fixture(scope='module')
def start(run, config, weights):
    """Function that runs the test; returns predictions and metrics."""

    def test(work_dir, *args, other=config, path='', **kwargs):
        out = work_dir / 'out.pkl'
        out.unlink(missing_ok=True)
        done = run(
            'tools/test.py',
            *(other, weights, '--tta', '--work-dir', work_dir, '--out', out),
            *args,
            path=path,
            **kwargs,
        )
        if done.returncode:
            assert not out.exists()
            return done
        numbers = max(work_dir.glob('2*/2*.json')).read_text()
        return pickle.loads(out.read_bytes()), json.loads(numbers), done

    return test


@pytest.fixture(scope='module')
def uninterrupted(start, tmp_path_factory):
    return start(tmp_path_factory.mktemp('uninterrupted'))


@pytest.fixture(scope='module')
def killed(start, config, tmp_path_factory):
    """Work folder of a test that was killed after two images."""
    folder = tmp_path_factory.mktemp('killed')
    (folder / 'killer.py').write_text(KILLER)
    cfg = Config.fromfile(config)
    cfg.custom_imports.imports.append('killer')
    cfg.custom_hooks.append(dict(type='Killer'))
    cfg.dump(folder / 'dies.py')
    done = start(folder, other=folder / 'dies.py', path=folder, check=False)
    assert done.returncode == -signal.SIGKILL, done.stdout
    kept = sorted(x.name for x in folder.glob('test_results/*/*.safetensors'))
    assert kept == ['000000.safetensors', '000001.safetensors']
    return folder


@pytest.mark.slow
@pytest.mark.parametrize('processes', [None, 2])
def test_killed_and_resumed(start, killed, uninterrupted, tmp_path, processes):
    """Also by another number of processes."""
    shutil.copytree(killed / 'test_results', tmp_path / 'test_results')
    args = ['--launcher', 'pytorch'] if processes else []
    found, numbers, done = start(
        tmp_path, '--resume', *args, processes=processes
    )
    assert 'Resuming: 2 of 5 images are finished' in done.stdout
    expected, expected_numbers, _ = uninterrupted
    assert len(found) == len(expected) == 5
    for one, other in zip(found, expected):
        assert one['img_path'] == other['img_path']
        for key, value in other['pred_instances'].items():
            assert one['pred_instances'][key].equal(value)
        assert one['protocol'] == other['protocol']
    for key, value in expected_numbers.items():
        if 'time' not in key:
            assert numbers[key] == value
    assert numbers['protocol'].startswith('M: multi-scale and flip, max_size')
