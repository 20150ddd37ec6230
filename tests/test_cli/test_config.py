"""Configs as the command line asks for them."""

import argparse
import os

import pytest
from mmengine.config import Config

from mmsrn.cli.arguments import add_common_arguments
from mmsrn.cli.config import check_data, load_config, read_config

DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'


@pytest.fixture
def load(monkeypatch):
    """Function that loads a config as the tools do."""
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    parser.add_argument('--work-dir')
    add_common_arguments(parser)

    def run(*args):
        return load_config(parser.parse_args(map(str, args)), ())

    yield run
    os.environ.pop('LOCAL_RANK', None)


def test_mistyped_config(root, error_of):
    name = 'configs/srn/srn_r50_fpn_8xb4_130e_widerface.py'
    message = error_of(read_config, name)
    right = root / 'configs/srn/srn_r50_fpn_8xb4-130e_widerface.py'
    assert right.is_file()
    expected = f'config {name} does not exist; did you mean {right}?'
    assert message == expected


def test_other_bad_configs(root, tmp_path, error_of):
    def error(path):
        return error_of(read_config, str(path))

    assert error('qqq') == f'config qqq does not exist; see {root / "configs"}'
    assert 'is a folder; ' in error(tmp_path)
    text = tmp_path / 'config.txt'
    text.touch()
    assert 'its name must end in .py, .json, .yaml, .yml' in error(text)


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


def test_misspelt_setting(root, load, error_of):
    options = ('--cfg-options', 'optim_wraper.optimizer.lr=1')
    message = error_of(load, root / DEMO, *options)
    assert message == (
        '--cfg-options optim_wraper.optimizer.lr: the config has no '
        'optim_wraper; did you mean optim_wrapper.optimizer.lr?'
    )


def test_setting_without_effect(root, load, capsys, monkeypatch):
    monkeypatch.setattr('sys.argv', ['/x/tool'])
    load(root / DEMO, '--cfg-options', 'theta=0.5', 'load_from=a.pth')
    error = capsys.readouterr().err
    assert error.startswith('tool: warning: theta has no effect')
    assert 'set model.bbox_head.theta' in error and error.count('\n') == 1


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


def test_data_folders(tmp_path, error_of):
    def check(dataset):
        cfg = Config(dict(val_dataloader=dict(dataset=dataset)))
        check_data(cfg, ('train', 'val'))

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
