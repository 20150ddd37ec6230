"""The demo keeps what is not its own, and goes on from what is."""

import json

import pytest
import torch
from mmdet.visualization import DetLocalVisualizer

from demo import run_demo

ARGS = ('--images', '2', '--epochs', '1')


@pytest.fixture
def fails(capsys):
    """Function that runs the demo and returns the error it ends with."""

    def run(*args):
        with pytest.raises(SystemExit) as ended:
            run_demo.main([str(x) for x in args])
        assert ended.value.code == 2
        return capsys.readouterr().err

    return run


@pytest.fixture
def no_work(monkeypatch):
    """Ends a demo where it would draw."""

    def end(*args, **kwargs):
        raise RuntimeError('would draw')

    monkeypatch.setattr(run_demo, 'write_synthetic_wider_face', end)


@pytest.mark.parametrize('folder', ['train', 'data'])
@pytest.mark.parametrize('options', [[], ['--fresh']])
def test_folders_of_others(no_work, tmp_path, fails, folder, options):
    precious = tmp_path / folder / 'precious.txt'
    precious.parent.mkdir()
    precious.touch()
    error = fails('--work-dir', tmp_path, *options)
    assert f'{precious.parent} was not made by the demo' in error
    assert error.count('\n') == 1 and precious.is_file()


def test_folders_of_the_demo(no_work, tmp_path):
    mine = (
        tmp_path / 'train/demo_state.json',
        tmp_path / 'data/' / run_demo.MARKER,
    )
    for file in mine:
        file.parent.mkdir()
        file.write_text('{}')
    args = ['--work-dir', str(tmp_path)]
    with pytest.raises(RuntimeError, match='would draw'):
        run_demo.main(args)
    assert all(file.is_file() for file in mine)
    with pytest.raises(RuntimeError, match='would draw'):
        run_demo.main([*args, '--fresh'])
    assert not any(tmp_path.iterdir())
    (tmp_path / 'train').mkdir()  # empty
    with pytest.raises(RuntimeError, match='would draw'):
        run_demo.main(args)


def test_folder_that_is_a_file(no_work, tmp_path, fails):
    file = tmp_path / 'file'
    file.touch()
    for path in (file, file / 'below'):
        error = fails('--work-dir', path)
        assert f'--work-dir {path} cannot be written: ' in error
        assert error.count('\n') == 1


@pytest.mark.parametrize('text', ['{"fingerprint": "a', '[1]', '\0', None])
def test_unreadable_state(tmp_path, text):
    file = tmp_path / 'demo_state.json'
    if text is not None:
        file.write_text(text)
    assert run_demo.read_state(file) == {}
    run_demo.write_state(file, {'seconds': 3.0})
    assert run_demo.read_state(file) == {'seconds': 3.0}


@pytest.fixture
def new_visualizer():
    """mmengine has one in a process, which writes where it wrote first."""
    DetLocalVisualizer._instance_dict.clear()
    yield
    DetLocalVisualizer._instance_dict.clear()


@pytest.mark.slow
def test_fresh_and_again(new_visualizer, tmp_path, capsys):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    args = ['--work-dir', str(tmp_path), *ARGS]
    run_demo.main(args)
    weights = tmp_path / 'train/epoch_1.pth'
    state = tmp_path / 'train/demo_state.json'
    assert json.loads(state.read_text())['finished'] is True
    assert (tmp_path / 'report.html').is_file()
    trained = weights.stat().st_mtime_ns
    capsys.readouterr()
    run_demo.main(args)
    assert 'Not training again' in capsys.readouterr().out
    assert weights.stat().st_mtime_ns == trained
    ap = json.loads((tmp_path / 'metrics.json').read_text())['ap50']
    assert 0 <= ap <= 1
    torch.set_num_threads(before)
