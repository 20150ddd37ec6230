"""What a training is resumed from, and what is said of it."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmsrn.cli.resume import last_checkpoint, something_left


@pytest.fixture
def saved(tmp_path):
    """Function that makes a work folder whose last checkpoint is named."""

    def make(name, noted=None, files=('epoch_2.pth',)):
        folder = tmp_path / name
        folder.mkdir()
        for file in files:
            (folder / file).touch()
        if noted is None:
            noted = folder / files[-1]
        (folder / 'last_checkpoint').write_text(str(noted))
        return folder

    return make


def test_last_checkpoint(saved, tmp_path, error_of):
    folder = saved('a')
    assert last_checkpoint(str(folder)) == str(folder / 'epoch_2.pth')
    # A copy has its own, and so has a folder that was moved.
    copy = saved('b', folder / 'epoch_2.pth')
    assert last_checkpoint(copy) == str(copy / 'epoch_2.pth')
    moved = saved('c', '/gone/epoch_2.pth')
    assert last_checkpoint(moved) == str(moved / 'epoch_2.pth')
    # Checkpoints may be saved elsewhere, as out_dir of the hook says.
    other = saved('d', folder / 'epoch_2.pth', ['best.pth'])
    assert last_checkpoint(other) == str(folder / 'epoch_2.pth')
    gone = saved('e', '/gone/epoch_3.pth')
    error = error_of(last_checkpoint, gone)
    assert '/gone/epoch_3.pth, which does not exist' in error
    assert '--resume FILE' in error
    assert last_checkpoint(tmp_path) is None


def test_computer_that_went_down_while_it_was_noted(saved, error_of):
    files = ['epoch_2.pth', 'epoch_10.pth', 'epoch_9.pth', 'best_a.pth']
    folder = saved('a', '', files)
    assert last_checkpoint(folder) == str(folder / 'epoch_10.pth')
    assert last_checkpoint(saved('b', '\n', ['best_a.pth'])) is None
    (folder / 'last_checkpoint').write_bytes(b'\xff\xfe')
    assert 'cannot be read' in error_of(last_checkpoint, folder)


CONFIG = dict(
    train_cfg=dict(by_epoch=True, max_epochs=10),
    optim_wrapper=dict(
        optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4)
    ),
    param_scheduler=[
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=5),
        dict(type='MultiStepLR', milestones=[8], gamma=0.1),
    ],
    work_dir='work',
)


def checkpoint(epoch, groups=1, **settings):
    """As mmengine saves it after some epochs with falling rates."""
    kept = dict(lr=0.01, momentum=0.9, weight_decay=1e-4) | settings
    weights = [torch.zeros(1, requires_grad=True) for _ in range(groups)]
    optimizer = torch.optim.SGD(
        [
            dict(params=[w], lr=kept['lr'] * (i + 1))
            for i, w in enumerate(weights)
        ],
        **kept,
    )
    for group in optimizer.param_groups:
        group['initial_lr'] = group['lr']
        group['lr'] *= 0.37
    state = optimizer.state_dict()
    if groups > 1:  # then mmengine keeps what all come from
        base = dict(kept, initial_lr=kept['lr'])
        state['base_param_settings'] = base | dict(lr=kept['lr'] * 0.37)
    return dict(
        meta=dict(epoch=epoch, iter=20 * epoch),
        optimizer=state,
        param_schedulers=[dict(start_factor=0.1), dict(gamma=0.1)],
    )


@pytest.fixture
def told(capsys):
    """Function that returns whether something is left, and what is said."""

    def ask(start, **changes):
        cfg = Config(CONFIG)
        cfg.merge_from_dict(changes)
        left = something_left(cfg, start)
        return left, *capsys.readouterr()

    return ask


@pytest.mark.parametrize('groups', [1, 3])
def test_where_it_goes_on(told, groups):
    left, out, err = told(('a/epoch_4.pth', checkpoint(4, groups)))
    assert left and err == ''
    assert out.startswith('resuming from a/epoch_4.pth, epoch 4 of 10, ')
    assert out.count('\n') == 1


@pytest.mark.parametrize('groups', [1, 3])
def test_settings_that_are_ignored(told, groups):
    rate = {'optim_wrapper.optimizer.lr': 0.02}
    start = 'a/epoch_4.pth', checkpoint(4, groups)
    left, _, err = told(start, **rate)
    assert left and err.count('\n') == 1
    assert 'warning: --resume keeps optim_wrapper.optimizer.lr=0.01 ' in err
    assert 'ignores 0.02 of the config' in err
    assert '--cfg-options load_from=a/epoch_4.pth' in err
    # Which the number of images may change, too.
    assert told(start, **rate, auto_scale_lr=dict(enable=True))[2] == ''
    _, _, err = told(
        start,
        **{'optim_wrapper.optimizer.weight_decay': 0},
        **{'param_scheduler.1.gamma': 0.5},
    )
    assert err.count('\n') == 2
    assert 'optimizer.weight_decay=0.0001' in err
    assert 'param_scheduler.1.gamma=0.1' in err


def test_nothing_is_left(told):
    left, out, _ = told(('a/epoch_10.pth', checkpoint(10)))
    assert not left and 'epoch 10 of 10' in out
    assert 'the training is complete; to continue, add --cfg-opt' in out
    assert 'train_cfg.max_epochs=N' in out
    more = {'train_cfg.max_epochs': 20}
    assert told(('a/epoch_10.pth', checkpoint(10)), **more)[0]
    loop = dict(by_epoch=False, max_iters=200)
    cfg = Config(dict(CONFIG, train_cfg=loop))
    assert not something_left(cfg, ('a', checkpoint(10)))
    assert something_left(cfg, ('a', checkpoint(9)))


def test_beginning(told, monkeypatch):
    left, out, err = told(None)
    assert left and err == ''
    assert out == (
        'work has no checkpoint yet; the training starts from the beginning\n'
    )
    monkeypatch.setenv('RANK', '1')  # one process speaks for all
    assert told(None) == (True, '', '')


def test_checkpoint_without_optimizer(told):
    start = 'a', dict(meta=dict(epoch=1, iter=3))
    assert told(start)[2] == ''


def test_work_folder_of_a_path(saved):
    assert last_checkpoint(Path(saved('a'))).endswith('epoch_2.pth')
