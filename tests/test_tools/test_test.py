"""What the command line of the test does, short of testing."""

import pytest
import torch
from mmengine.config import Config

DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
TTA = """
tta_model = dict(type='DetTTAModel')
tta_pipeline = [dict(type='TestTimeAug', transforms=[])]
"""


@pytest.fixture
def tool(load_tool):
    return load_tool('test.py')


@pytest.fixture
def run(tool, root, runner, checkpoint):
    """Function that runs the tool and returns the config of the runner."""

    def call(*args, config=DEMO):
        tool.main([str(root / config), str(checkpoint), *map(str, args)])
        assert runner.calls.pop() == 'test' and not runner.calls
        return runner.cfg

    return call


def test_help(help_of):
    text = help_of('test.py')
    for option in (
        '--out',
        '--show-dir',
        '--tta',
        '--resume',
        '--fast',
        '--cfg-options',
    ):
        assert option in text


def test_plain(run, checkpoint, runner):
    cfg = run()
    assert cfg.load_from == str(checkpoint)
    assert cfg.work_dir == 'work_dirs/srn_r18-thin_fpn_1xb8-40e_synthetic'
    assert 'draw' not in cfg.default_hooks.visualization
    assert cfg.model.type == 'SRN' and runner.test_evaluator.metrics == []


def test_command_line_of_the_process(
    tool, root, runner, checkpoint, monkeypatch
):
    args = ['test.py', str(root / DEMO), str(checkpoint)]
    monkeypatch.setattr('sys.argv', [*args, '--cfg-options', 'work_dir=x'])
    tool.main()
    assert runner.calls == ['test'] and runner.cfg.work_dir == 'x'


def test_checkpoint_by_address(tool, root, runner, checkpoint, monkeypatch):
    address = 'https://example.org/epoch_1.pth'
    there = torch.load(checkpoint)
    monkeypatch.setattr(
        'mmengine.runner.checkpoint.load_url', lambda url, **_: there
    )
    tool.main([str(root / DEMO), address])
    assert runner.cfg.load_from == address


def test_pictures(run):
    hook = run('--show-dir', 'pictures').default_hooks.visualization
    assert hook.draw and hook.test_out_dir == 'pictures'
    assert 'show' not in hook
    hook = run('--show', '--wait-time', '0.5').default_hooks.visualization
    assert hook.draw and hook.show and hook.wait_time == 0.5


def test_predictions_to_a_file(run, runner, tmp_path):
    run('--out', tmp_path / 'a.pkl')
    (dump,) = runner.test_evaluator.metrics
    assert dump.out_file_path == str(tmp_path / 'a.pkl')


def test_file_of_another_kind(tool, root, checkpoint, fails):
    error = fails(tool, root / DEMO, checkpoint, '--out', 'a.json')
    assert '--out a.json: the name must end in .pkl' in error


def test_files_that_cannot_be_made(tool, root, runner, checkpoint, fails):
    args = (root / DEMO, checkpoint)
    for name in ('a.pkl', checkpoint.parent / 'b.pkl'):
        (checkpoint.parent / 'start' / name).mkdir()
        error = fails(tool, *args, '--out', name)
        assert f'--out {name}: is a folder' in error
    below = checkpoint / 'c.pkl'
    error = fails(tool, *args, '--out', below)
    assert f'--out {below} cannot be written' in error
    error = fails(tool, *args, '--work-dir', checkpoint)
    assert f'work folder {checkpoint} cannot be written' in error
    assert runner.calls == []


def test_config_of_something_else(tool, checkpoint, fails, tmp_path):
    config = tmp_path / 'empty.py'
    config.touch()
    error = fails(tool, config, checkpoint)
    assert 'has no model, test_dataloader, test_cfg, test_evaluator' in error


def test_missing_data(tool, root, runner, checkpoint, fails):
    option = 'test_dataloader.dataset.data_root'
    args = (root / DEMO, checkpoint, '--cfg-options', f'{option}=nowhere')
    error = fails(tool, *args)
    assert 'data folder nowhere' in error and f'{option}=DIR' in error


def test_fast(run):
    (hook,) = run('--fast').custom_hooks
    assert hook == dict(type='PrepareForInferenceHook')
    assert 'custom_hooks' not in run()


def test_augmentation(run, root, tmp_path):
    config = tmp_path / 'own.py'
    config.write_text(f"_base_ = '{root / DEMO}'\n{TTA}")
    cfg = run('--tta', config=config)
    assert cfg.model.type == 'DetTTAModel' and cfg.model.module.type == 'SRN'
    (step,) = cfg.test_dataloader.dataset.pipeline
    assert step.type == 'TestTimeAug'
    assert run(config=config).model.type == 'SRN'


def test_augmentation_that_the_config_lacks(
    tool, root, checkpoint, fails, tmp_path
):
    cfg = Config.fromfile(root / DEMO)
    cfg.pop('tta_model')
    cfg.pop('tta_pipeline')
    cfg.dump(tmp_path / 'own.py')
    error = fails(tool, tmp_path / 'own.py', checkpoint, '--tta')
    assert error.strip().endswith('lacks tta_model and tta_pipeline')


def test_results_are_kept(run, root, tmp_path):
    config = tmp_path / 'own.py'
    config.write_text(f"_base_ = '{root / DEMO}'\n{TTA}")
    loops = {
        args: run(*args, config=config).test_cfg
        for args in ((), ('--tta',), ('--resume',), ('--tta', '--resume'))
    }
    assert loops[()] == dict(type='TestLoop')
    for args, loop in loops.items():
        if args:
            resume = '--resume' in args
            assert loop == dict(type='ResumableTestLoop', resume=resume)


def test_loop_that_cannot_resume(run, tool, root, checkpoint, fails, tmp_path):
    config = tmp_path / 'own.py'
    config.write_text(
        f"_base_ = '{root / DEMO}'\ntest_cfg = dict(type='OtherLoop')\n{TTA}"
    )
    error = fails(tool, config, checkpoint, '--resume')
    assert f'--resume: test_cfg of {config} is a OtherLoop, which' in error
    assert run('--tta', config=config).test_cfg.type == 'OtherLoop'


def test_checkpoint_is_read_and_loaded_once(
    tool, root, runner, checkpoint, monkeypatch
):
    reads, loads = [], []
    read, load = tool.open_checkpoint, runner.model._load_from_state_dict
    monkeypatch.setattr(
        tool, 'open_checkpoint', lambda x: reads.append(x) or read(x)
    )
    runner.model._load_from_state_dict = lambda *args: (
        loads.append(1) or load(*args)
    )
    monkeypatch.setattr(
        'mmengine.runner.runner._load_checkpoint',
        lambda *_, **__: pytest.fail('mmengine reads it again'),
    )
    tool.main([str(root / DEMO), str(checkpoint)])
    assert (reads, len(loads)) == ([str(checkpoint)], 1)
    assert runner.hooks == ['after_load_checkpoint']  # averages need it
    for name, value in torch.load(checkpoint)['state_dict'].items():
        assert runner.model.state_dict()[name].equal(value)


def test_missing_checkpoint(tool, root, runner, fails, tmp_path):
    missing = tmp_path / 'epoch_9.pth'
    error = fails(tool, root / DEMO, missing)
    assert f'checkpoint {missing} is not a file; training saves' in error
    assert runner.calls == []
    assert fails(tool, root / DEMO)  # none given at all


def test_checkpoint_of_another_model(tool, root, runner, fails, tmp_path):
    other = tmp_path / 'other.pth'
    torch.save({'state_dict': torch.nn.Linear(3, 1).state_dict()}, other)
    error = fails(tool, root / DEMO, other)
    assert f'checkpoint {other} does not fit {root / DEMO}: ' in error
    assert 'size mismatch for weight' in error and error.count('\n') == 1
    other.write_text('no checkpoint')
    error = fails(tool, root / DEMO, other)
    assert f'checkpoint {other} cannot be read' in error
    assert error.count('\n') == 1 and runner.calls == []


def test_bad_config(tool, fails, checkpoint, tmp_path):
    error = fails(tool, tmp_path, checkpoint)
    assert f'config {tmp_path} is a folder' in error
