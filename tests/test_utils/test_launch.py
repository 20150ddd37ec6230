"""What training and testing share on the command line."""

import argparse
import os

import pytest
from mmengine.config import Config

from mmsrn.utils import launch

DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser(prog='tool')
    parser.add_argument('config')
    parser.add_argument('--work-dir')
    launch.add_common_arguments(parser)
    return parser


@pytest.fixture
def load(parser, monkeypatch):
    """Function that loads a config as the tools do."""
    monkeypatch.delenv('LOCAL_RANK', raising=False)

    def run(*args):
        return launch.load_config(parser, parser.parse_args(map(str, args)))

    yield run
    os.environ.pop('LOCAL_RANK', None)


@pytest.fixture
def error_of(capsys):
    """Function that returns the single line a call ends with."""

    def run(function, *args):
        with pytest.raises(SystemExit) as ended:
            function(*args)
        assert ended.value.code == 2
        out, err = capsys.readouterr()
        assert err.startswith('tool: error: ') and err.count('\n') == 1
        return err.removeprefix('tool: error: ').strip()

    return run


# --- settings on the command line --------------------------------------------


def test_options(parser):
    args = parser.parse_args(
        ['c', '--cfg-options', 'a=1', 'b.c=[x,(2,3)]', 'd="e=f"']
        + ['--cfg-options', 'g=1,2', 'h=True', 'i=1e-3', 'j=None']
    )
    assert args.cfg_options == {
        'a': 1,
        'b.c': ['x', (2, 3)],
        'd': 'e=f',
        'g': [1, 2],
        'h': True,
        'i': 1e-3,
        'j': None,
    }
    assert parser.parse_args(['c']).cfg_options is None


@pytest.mark.parametrize('value', ['a', '=3'])
def test_option_that_is_no_setting(parser, error_of, value):
    args = ['c', '--cfg-options', 'b=1', value]
    message = error_of(parser.parse_args, args)
    assert message == f'--cfg-options takes KEY=VALUE, not {value!r}'


def test_unbalanced_brackets(parser, error_of):
    message = error_of(parser.parse_args, ['c', '--cfg-options', 'a=[1,2'])
    assert message.startswith('--cfg-options: Imbalanced brackets')


@pytest.mark.parametrize(
    'option, reason',
    [
        ('train_pipeline.99.type=x', 'Index 99 exceeds the length'),
        ('train_pipeline.first.type=x', 'list indices must be integers'),
        ('max_epochs.a=1', 'cannot inherit from base'),
    ],
)
def test_option_that_does_not_fit(root, load, error_of, option, reason):
    message = error_of(load, root / DEMO, '--cfg-options', option)
    assert message.startswith('--cfg-options does not fit the config: ')
    assert reason in message and len(message) < 250


def test_number_of_things(parser, capsys):
    parser.add_argument('--num', type=launch.positive)
    assert parser.parse_args(['c', '--num', '12']).num == 12
    for text in ('0', '-3', '1.5', 'many'):
        with pytest.raises(SystemExit):
            parser.parse_args(['c', f'--num={text}'])
        error = capsys.readouterr().err
        expected = f'--num: expected a whole number from 1 on, not {text!r}'
        assert error.endswith(f'argument {expected}\n')


@pytest.mark.parametrize('spelling', ['--local_rank', '--local-rank'])
def test_both_spellings_of_the_rank(parser, spelling):
    assert parser.parse_args(['c', f'{spelling}=3']).local_rank == 3
    assert parser.parse_args(['c']).local_rank == 0


def test_unknown_launcher(parser, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(['c', '--launcher', 'ssh'])
    assert "invalid choice: 'ssh'" in capsys.readouterr().err


# --- paths -------------------------------------------------------------------


def test_mistyped_config(parser, root, error_of):
    name = 'configs/srn/srn_r50_fpn_1xb32_130e_widerface.py'
    message = error_of(launch.check_config, parser, name, root)
    right = root / 'configs/srn/srn_r50_fpn_1xb32-130e_widerface.py'
    assert right.is_file()
    expected = f'config {name} does not exist; did you mean {right}?'
    assert message == expected


def test_other_bad_configs(parser, root, tmp_path, error_of):
    def error(path):
        return error_of(launch.check_config, parser, str(path), root)

    assert error('qqq') == f'config qqq does not exist; see {root / "configs"}'
    assert 'is a folder; ' in error(tmp_path)
    text = tmp_path / 'config.txt'
    text.touch()
    assert 'its name must end in .py, .json, .yaml, .yml' in error(text)
    assert launch.check_config(parser, str(root / DEMO), root) is None


def test_checkpoint(parser, tmp_path, error_of):
    def check(path):
        launch.check_checkpoint(parser, str(path), 'train one')

    for path in (tmp_path, tmp_path / 'epoch_1.pth'):
        expected = f'checkpoint {path} is not a file; train one'
        assert error_of(check, path) == expected
    check('https://example.org/epoch_1.pth')
    (tmp_path / 'epoch_1.pth').touch()
    check(tmp_path / 'epoch_1.pth')


def test_folder_to_write_to(parser, tmp_path, error_of, monkeypatch):
    def check(path):
        launch.check_writable(parser, path, f'--out {path}')

    check(tmp_path / 'new/folder')
    assert not any((tmp_path / 'new/folder').iterdir())
    check(str(tmp_path))
    file = tmp_path / 'file'
    file.touch()
    for path in (file, file / 'below'):
        message = error_of(check, path)
        assert message.startswith(f'--out {path} cannot be written: ')

    def refuse(dir):
        raise PermissionError(13, 'Permission denied', str(dir))

    monkeypatch.setattr('tempfile.TemporaryFile', refuse)
    assert 'Permission denied' in error_of(check, tmp_path)


# --- the config --------------------------------------------------------------


def test_work_folder(root, load, tmp_path):
    name = 'srn_r18-thin_fpn_1xb8-40e_synthetic'
    assert load(root / DEMO).work_dir == f'work_dirs/{name}'
    own = tmp_path / 'own.py'
    own.write_text(f"_base_ = '{root / DEMO}'\nwork_dir = 'elsewhere'\n")
    assert load(own).work_dir == 'elsewhere'
    assert load(own, '--work-dir', 'x').work_dir == 'x'
    option = ('--cfg-options', 'work_dir=y')
    assert load(own, *option).work_dir == 'y'


def test_settings_reach_the_config(root, load, monkeypatch):
    cfg = load(
        root / DEMO,
        *('--launcher', 'slurm', '--local-rank', '2', '--cfg-options'),
        *('train_dataloader.batch_size=3', 'train_pipeline.4.type=x'),
    )
    assert cfg.launcher == 'slurm' and os.environ['LOCAL_RANK'] == '2'
    assert cfg.train_dataloader.batch_size == 3
    assert cfg.train_pipeline[4].type == 'x'
    monkeypatch.setenv('LOCAL_RANK', '1')  # torchrun's own wins
    load(root / DEMO)
    assert os.environ['LOCAL_RANK'] == '1'


def test_config_that_does_not_name_mmsrn(load, tmp_path):
    """Built from mmsrn's parts all the same."""
    from mmdet.registry import MODELS

    own = tmp_path / 'own.py'
    own.write_text("model = dict(type='RFE', in_channels=8)\n")
    assert MODELS.build(load(own).model).reduce.in_channels == 8


def test_augmentation_at_test_time():
    cfg = Config(
        dict(
            model=dict(type='SRN', depth=3),
            tta_model=dict(type='DetTTAModel', tta_cfg=dict(max_per_img=7)),
            test_dataloader=dict(
                dataset=dict(type='A', dataset=dict(type='B', pipeline=[1]))
            ),
        )
    )
    assert launch.apply_tta(cfg) == ['tta_pipeline']
    assert cfg.model.type == 'SRN'
    cfg.tta_pipeline = [dict(type='TestTimeAug')]
    assert launch.apply_tta(cfg) == []
    assert cfg.model == dict(
        type='DetTTAModel',
        tta_cfg=dict(max_per_img=7),
        module=dict(type='SRN', depth=3),
    )
    outer = cfg.test_dataloader.dataset
    assert 'pipeline' not in outer
    assert outer.dataset.pipeline == [dict(type='TestTimeAug')]


# --- the runner --------------------------------------------------------------


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
        ('slurm', 'cpu', []),
        ('none', 'cpu', []),
    ],
)
def test_processes(monkeypatch, started, launcher, device, backends):
    monkeypatch.setattr('mmengine.device.get_device', lambda: device)
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
