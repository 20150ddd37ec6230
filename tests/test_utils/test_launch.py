"""What training and testing share on the command line."""

import argparse
import os
from types import SimpleNamespace

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
        (
            'train_dataloader.dataset.pipeline.99.type=x',
            'Index 99 exceeds the length',
        ),
        (
            'train_dataloader.dataset.pipeline.a.type=x',
            'list indices must be integers',
        ),
        ('train_cfg.max_epochs.a=1', 'cannot inherit from base'),
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


def test_misspelt_setting(root, load, error_of):
    options = ('--cfg-options', 'optim_wraper.optimizer.lr=1')
    message = error_of(load, root / DEMO, *options)
    assert message == (
        '--cfg-options optim_wraper.optimizer.lr: the config has no '
        'optim_wraper; did you mean optim_wrapper.optimizer.lr?'
    )


def test_setting_without_effect(root, load, capsys):
    load(root / DEMO, '--cfg-options', 'theta=0.5', 'load_from=a.pth')
    error = capsys.readouterr().err
    assert error.startswith('tool: warning: theta has no effect')
    assert 'set model.bbox_head.theta' in error and error.count('\n') == 1


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
        *('train_dataloader.batch_size=3', 'train_cfg.max_epochs=3'),
    )
    assert cfg.launcher == 'slurm' and os.environ['LOCAL_RANK'] == '2'
    assert cfg.train_dataloader.batch_size == 3
    assert cfg.train_cfg.max_epochs == 3
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


@pytest.mark.parametrize(
    'text, reason',
    [
        ('model = dict(', 'SyntaxError: '),
        ("_base_ = 'nowhere.py'", 'nowhere.py'),
        ('a = b', "NameError: name 'b' is not defined"),
        ("custom_imports = dict(imports=['nowhere'])", 'ImportError: '),
    ],
)
def test_config_that_cannot_be_loaded(
    load, tmp_path, error_of, monkeypatch, text, reason
):
    own = tmp_path / 'own.py'
    own.write_text(text)
    message = error_of(load, own)
    assert message.startswith(f'config {own}: cannot be loaded: ')
    assert reason in message
    monkeypatch.setenv('MMSRN_TRACEBACK', '1')
    with pytest.raises(Exception, match='nowhere|defined|closed'):
        load(own)


def test_data_folders(parser, tmp_path, error_of):
    def check(dataset):
        cfg = Config(dict(val_dataloader=dict(dataset=dataset)))
        launch.check_data(parser, cfg, ('train', 'val'))

    missing = dict(type='A', data_root=str(tmp_path / 'no'))
    there = dict(type='A', data_root=str(tmp_path))
    for wrong in (missing, dict(type='R', datasets=[there, missing])):
        message = error_of(check, wrong)
        assert message.startswith(f'data folder {tmp_path}/no does not exist')
        assert 'val_dataloader.dataset.data_root=DIR' in message
    check(there)
    check(dict(type='R', dataset=there))
    check(dict(type='A'))
    check(dict(type='A', data_root='s3://bucket/set'))
    check(dict(missing, backend_args=dict(backend='petrel')))


# --- what config and data cause, and what not --------------------------------


@pytest.fixture
def end(parser, error_of):
    """Function that returns the line something ends with."""

    def call(function):
        with launch.one_line_errors(parser, 'own.py'):
            function()

    return lambda function: error_of(call, function)


@pytest.mark.parametrize(
    'model, reason',
    [
        (dict(type='Nonsense'), 'Nonsense is not in the mmdet::model regis'),
        (dict(type='RFE'), "missing 1 required positional argument: 'in_"),
        (dict(type='RFE', in_channels=8, a=1), "keyword argument 'a'"),
        (dict(type='RFE', in_channels=7), '7'),
        (dict(in_channels=8), 'must contain the key "type"'),
    ],
)
def test_model_that_cannot_be_built(end, model, reason, monkeypatch):
    from mmdet.registry import MODELS

    message = end(lambda: MODELS.build(model))
    assert message.startswith('own.py: ') and reason in message
    assert 'Please' not in message and 'MMSRN_TRACEBACK=1' in message
    monkeypatch.setenv('MMSRN_TRACEBACK', '1')
    with pytest.raises((KeyError, TypeError, ValueError)):
        end(lambda: MODELS.build(model))


def test_model_whose_first_weights_do_not_fit(end):
    from mmengine.runner import Runner

    class Model:
        def init_weights(self):
            raise ValueError('checkpoint a.pth holds no enhancer')

    runner = SimpleNamespace(model=Model())
    message = end(lambda: Runner._init_model_weights(runner))
    assert message.startswith('own.py: checkpoint a.pth holds no enhancer')


def raise_from(error):
    """Class of a part that has a bug."""

    class Part:
        def __init__(self):
            raise error

    return Part


@pytest.mark.parametrize(
    'error',
    [
        KeyError('a'),
        TypeError("'NoneType' object is not iterable"),
        AttributeError('a'),
        RuntimeError('CUDA out of memory'),
        AssertionError(),
        IndexError('list index out of range'),
    ],
)
def test_bugs_keep_their_traceback(parser, error):
    from mmdet.registry import MODELS

    with pytest.raises(type(error)):
        with launch.one_line_errors(parser, 'own.py'):
            MODELS.build(dict(type=raise_from(error)))
    for bug in (error, ValueError('a'), OSError(2, 'a')):  # not in a part
        with pytest.raises(type(bug)):
            with launch.one_line_errors(parser, 'own.py'):
                raise bug


@pytest.mark.parametrize('workers', [0, 1])
@pytest.mark.parametrize('size', [0, 500])
def test_damaged_image(end, tmp_path, workers, size):
    import cv2
    import numpy as np
    from mmcv.transforms import LoadImageFromFile
    from torch.utils.data import DataLoader

    image = tmp_path / 'image.jpg'
    cv2.imwrite(str(image), np.arange(12_000).reshape(40, 100, 3) % 256)
    load = LoadImageFromFile()

    class Images:
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return load(dict(img_path=str(image)))

    loader = DataLoader(Images(), num_workers=workers)
    list(loader)
    image.write_bytes(image.read_bytes()[:size])
    message = end(lambda: list(loader))
    assert message.startswith('own.py: an image cannot be read: ')
    assert 'tools/misc/verify_dataset.py' in message
    if size:
        assert str(image) in message


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
