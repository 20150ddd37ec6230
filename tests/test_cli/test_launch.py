"""From a config to a run."""

import pytest
from mmengine.config import Config

from mmsrn.cli import launch


def test_checkpoint(tmp_path, error_of):
    def check(path):
        launch.check_checkpoint(str(path), 'train one')

    for path in (tmp_path, tmp_path / 'epoch_1.pth'):
        expected = f'checkpoint {path} is not a file; train one'
        assert error_of(check, path) == expected
    check('https://example.org/epoch_1.pth')
    (tmp_path / 'epoch_1.pth').touch()
    check(tmp_path / 'epoch_1.pth')


def test_augmentation_at_test_time(error_of):
    cfg = Config(
        dict(
            model=dict(type='SRN', depth=3),
            tta_model=dict(type='DetTTAModel', tta_cfg=dict(max_per_img=7)),
            test_dataloader=dict(
                dataset=dict(type='A', dataset=dict(type='B', pipeline=[1]))
            ),
        )
    )
    message = error_of(launch.apply_tta, cfg, 'own.py')
    assert message == '--tta: own.py lacks tta_pipeline'
    assert cfg.model.type == 'SRN'
    cfg.tta_pipeline = [dict(type='TestTimeAug')]
    launch.apply_tta(cfg, 'own.py')
    assert cfg.model == dict(
        type='DetTTAModel',
        tta_cfg=dict(max_per_img=7),
        module=dict(type='SRN', depth=3),
    )
    outer = cfg.test_dataloader.dataset
    assert 'pipeline' not in outer
    assert outer.dataset.pipeline == [dict(type='TestTimeAug')]


@pytest.fixture
def started(monkeypatch):
    """Backends that were started; no process group is made."""
    started = []
    monkeypatch.setattr('torch.distributed.init_process_group', started.append)
    monkeypatch.setattr('mmengine.runner.Runner.from_cfg', lambda cfg: cfg)
    return started


@pytest.mark.parametrize(
    'launcher, device, backends',
    [
        ('pytorch', 'cpu', ['gloo']),
        ('pytorch', 'cuda', []),
        ('slurm', 'cpu', ['gloo']),
        ('slurm', 'cuda', []),
        ('none', 'cpu', []),
    ],
)
def test_processes(monkeypatch, started, launcher, device, backends):
    monkeypatch.setattr('mmengine.device.get_device', lambda: device)
    for name in ('PROCID', 'NTASKS', 'LOCALID'):
        monkeypatch.setenv(f'SLURM_{name}', '0')
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_PORT'):
        monkeypatch.setenv(name, '1')
    monkeypatch.setenv('MASTER_ADDR', '127.0.0.1')
    cfg = launch.build_runner(Config(dict(launcher=launcher)))
    assert started == backends
    # None: mmengine's own wrapper, which wants one GPU each.
    wrapper = cfg.get('model_wrapper_cfg')
    assert (wrapper is not None) == bool(backends)
    if backends:
        assert wrapper.type == 'MMDistributedDataParallel'
        assert wrapper.device_ids is None


def test_wrapper_of_the_config_is_kept(monkeypatch, started):
    monkeypatch.setattr('mmengine.device.get_device', lambda: 'cpu')
    own = dict(type='MMDistributedDataParallel', find_unused_parameters=True)
    cfg = Config(dict(launcher='pytorch', model_wrapper_cfg=own))
    assert launch.build_runner(cfg).model_wrapper_cfg == own


def test_runner_of_the_config(monkeypatch):
    from mmengine.registry import RUNNERS

    made = []

    def build(cfg):
        made.append(cfg)
        return 'runner'

    monkeypatch.setattr(RUNNERS, 'build', build)
    cfg = Config(dict(launcher='none', runner_type='Own'))
    assert launch.build_runner(cfg) == 'runner' and made == [cfg]
