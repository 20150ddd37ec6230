"""What the command line of the training does, short of training."""

import pytest
import torch

DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
FULL = 'configs/srn/srn_r50_fpn_8xb4-130e_widerface.py'


@pytest.fixture
def tool(load_tool):
    return load_tool('train.py')


@pytest.fixture
def train(tool, root, runner):
    """Function that runs the tool and returns the config of the runner."""

    def run(config, *args):
        tool.main([str(root / config), *map(str, args)])
        assert runner.calls.pop() == 'train' and not runner.calls
        return runner.cfg

    return run


def test_help(help_of):
    text = help_of('train.py')
    for option in ('--amp', '--auto-scale-lr', '--resume', '--cfg-options'):
        assert option in text


def test_plain(train, root):
    cfg = train(DEMO)
    assert cfg.filename == str(root / DEMO)
    assert cfg.work_dir == 'work_dirs/srn_r18-thin_fpn_1xb8-40e_synthetic'
    assert (cfg.launcher, cfg.resume, cfg.load_from) == ('none', False, None)
    assert cfg.optim_wrapper.type == 'OptimWrapper'
    assert train(FULL).auto_scale_lr.enable is False


def test_command_line_of_the_process(tool, root, runner, monkeypatch):
    args = ['train.py', str(root / DEMO), '--work-dir', 'x']
    monkeypatch.setattr('sys.argv', args)
    tool.main()
    assert runner.calls == ['train'] and runner.cfg.work_dir == 'x'


def test_mixed_precision(train, monkeypatch):
    monkeypatch.setattr('mmengine.device.get_device', lambda: 'cuda')
    cfg = train(DEMO, '--amp').optim_wrapper
    assert (cfg.type, cfg.loss_scale) == ('AmpOptimWrapper', 'dynamic')
    assert cfg.optimizer.type == 'AdamW' and cfg.clip_grad.max_norm == 10


def test_mixed_precision_without_a_gpu(tool, root, runner, fails, monkeypatch):
    monkeypatch.setattr('mmengine.device.get_device', lambda: 'cpu')
    assert '--amp needs a GPU' in fails(tool, root / DEMO, '--amp')
    assert runner.calls == []


def test_scaled_rate(train):
    cfg = train(FULL, '--auto-scale-lr')
    assert cfg.auto_scale_lr == dict(enable=True, base_batch_size=32)
    option = 'auto_scale_lr.base_batch_size=8'
    cfg = train(DEMO, '--auto-scale-lr', '--cfg-options', option)
    assert cfg.auto_scale_lr == dict(enable=True, base_batch_size=8)


@pytest.mark.parametrize('line', ['', 'auto_scale_lr = None'])
def test_no_batch_to_scale_from(tool, root, tmp_path, fails, line):
    config = tmp_path / 'own.py'
    config.write_text(f"_base_ = '{root / DEMO}'\n{line}\n")
    error = fails(tool, config, '--auto-scale-lr')
    assert 'lacks auto_scale_lr = dict(base_batch_size=N)' in error


def test_resume(train, checkpoint):
    load_from = ('--cfg-options', f'load_from={checkpoint}')
    cfg = train(DEMO, '--resume', *load_from)
    # None: mmengine looks for the last one, and starts anew without any.
    assert cfg.resume is True and cfg.load_from is None
    cfg = train(DEMO, '--resume', checkpoint)
    assert cfg.resume is True and cfg.load_from == str(checkpoint)
    cfg = train(DEMO, *load_from)
    assert cfg.resume is False and cfg.load_from == str(checkpoint)


def test_resume_from_nothing(tool, root, fails, tmp_path):
    missing = tmp_path / 'epoch_1.pth'
    error = fails(tool, root / DEMO, '--resume', missing)
    assert f'checkpoint {missing} is not a file; use --resume without' in error


def test_bad_config(tool, root, fails):
    error = fails(tool, str(root / DEMO).replace('thin', 'thick'))
    assert f'does not exist; did you mean {root / DEMO}?' in error
    assert error.count('\n') == 1


def test_bad_options(tool, root, fails):
    error = fails(tool, root / DEMO, '--cfg-options', 'max_epochs')
    assert "--cfg-options takes KEY=VALUE, not 'max_epochs'" in error
    option = 'train_cfg.max_epochs.a=1'
    error = fails(tool, root / DEMO, '--cfg-options', option)
    assert '--cfg-options does not fit the config' in error
    error = fails(tool, root / DEMO, '--cfg-options', 'optim_wraper.a=1')
    assert 'no optim_wraper; did you mean optim_wrapper.a?' in error


def test_what_a_training_starts_from(
    tool, root, runner, checkpoint, tmp_path, fails
):
    text = tmp_path / 'text.pth'
    text.write_text('no checkpoint')
    bare, other = tmp_path / 'bare.pth', tmp_path / 'other.pth'
    torch.save(torch.nn.Linear(2, 1).state_dict(), bare)
    weights = torch.nn.Linear(3, 1).state_dict()
    torch.save({'state_dict': weights, 'meta': {'epoch': 1}}, other)

    def error(*args):
        found = fails(tool, root / DEMO, '--work-dir', tmp_path, *args)
        assert found.count('\n') == 1
        return found

    assert 'text.pth cannot be read' in error('--resume', text)
    option = f'load_from={tmp_path}/none.pth'
    assert 'none.pth cannot be read' in error('--cfg-options', option)
    found = error('--resume', bare)
    assert 'only weights and cannot be resumed; start a new' in found
    assert 'other.pth does not fit' in error('--resume', other)
    # As when the computer went down while the last one was saved.
    (tmp_path / 'last_checkpoint').write_text(str(text))
    assert 'text.pth cannot be read' in error('--resume')
    assert runner.calls == []
    # Weights alone, or those of a part, are good enough to start from.
    for path in (bare, other):
        option = f'load_from={path}'
        tool.main([str(root / DEMO), '--cfg-options', option])
    assert runner.calls == ['train', 'train']


def test_folders(tool, root, runner, tmp_path, fails):
    option = 'val_dataloader.dataset.data_root'
    error = fails(tool, root / DEMO, '--cfg-options', f'{option}=nowhere')
    assert 'data folder nowhere does not exist' in error
    assert f'{option}=DIR' in error
    file = tmp_path / 'file'
    file.touch()
    error = fails(tool, root / DEMO, '--work-dir', file)
    assert f'work folder {file} cannot be written' in error
    assert runner.calls == []


def test_config_of_something_else(tool, fails, tmp_path):
    config = tmp_path / 'empty.py'
    config.touch()
    error = fails(tool, config)
    assert 'has no model, train_dataloader, train_cfg, optim_wrapper' in error
