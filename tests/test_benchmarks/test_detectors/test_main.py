"""The command, on three drawn photos."""

import json
import os
import subprocess
import sys

import cv2
import pytest

from benchmarks.detectors import __main__ as command
from benchmarks.detectors import contestants
from mmsrn.zoo import DEFAULT_MODEL


@pytest.fixture(autouse=True)
def restored():
    """Settings that the command changes; the cores are all free again."""
    cores, threads = os.sched_getaffinity(0), cv2.getNumThreads()
    variable = os.environ.get('OMP_NUM_THREADS')
    yield
    assert os.sched_getaffinity(0) == cores
    cv2.setNumThreads(threads)
    os.environ.pop('OMP_NUM_THREADS', None)
    if variable is not None:
        os.environ['OMP_NUM_THREADS'] = variable


@pytest.fixture
def detectors(monkeypatch, sees_bright):
    """One finds all faces and the lamp, one only what is very bright."""
    asked = []

    def load(*args):
        asked.append(args)
        assert len(os.sched_getaffinity(0)) == 1
        return [
            contestants.Contestant('ours', sees_bright(100), 0.9),
            contestants.Contestant('CenterFace', sees_bright(240), 0.5),
        ]

    monkeypatch.setattr(contestants, 'load_contestants', load)
    return asked


@pytest.fixture
def error(capsys):
    """Function that runs the command and returns its last line."""

    def run(*args):
        with pytest.raises(SystemExit) as ended:
            command.main([str(x) for x in args])
        assert ended.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    return run


def test_run(drawn_list, detectors, tmp_path, capsys):
    out = tmp_path / 'out'
    command.main(
        [str(drawn_list), str(drawn_list), '--scale', '100']
        + ['--no-faces', str(tmp_path / 'images/street')]
        + ['--false-alarms', '0', '1', '--yunet', 'y.onnx']
        + ['--json', str(out / 'a.json'), '--plot', str(out / 'a.png')]
    )
    assert detectors == [([DEFAULT_MODEL], ['onnx'], ['none'], 100, 'y.onnx')]
    report = json.loads((out / 'a.json').read_text())
    assert [x['name'] for x in report['sets']] == ['drawn', 'drawn'] + [
        'mean of 2 sets'
    ]
    ours, other = report['sets'][0]['detectors']
    # Two faces, a lamp (another one does not count), a face.
    assert ours['AP50'] == pytest.approx((67 * 1 + 34 * 3 / 4) / 101)
    assert ours['recall'] == pytest.approx([2 / 3, 1])
    assert ours['default_recall'] == pytest.approx(2 / 3)
    assert ours['default_false'] == 0
    assert other['AP'] == pytest.approx(67 / 101)
    assert [x['band'] for x in ours['heights']] == ['16-32']
    ours, other = report['no_faces']['detectors']
    assert (ours['alarms'], ours['photos']) == (0, 0)
    assert ours['highest'][0] == [pytest.approx(220 / 255), 'c.png']
    assert other['highest'] == [[0, 'c.png']]
    assert cv2.imread(str(out / 'a.png')) is not None
    text = capsys.readouterr().out
    assert text.count('\n| ours') == 2 * 2 + 1 + 1
    assert 'Average Precision' not in text


def test_dark(drawn_list, detectors, tmp_path):
    out = tmp_path / 'a.json'
    command.main(
        [str(drawn_list), '--light', 'day', 'dark', '--json', str(out)]
        + ['--limit', '1']
    )
    day, dark, _ = json.loads(out.read_text())['sets']
    assert (day['name'], dark['name']) == ('drawn', 'drawn, dark')
    assert day['photos'] == 1
    assert day['detectors'][0]['AP50'] == 1 > dark['detectors'][0]['AP50']


def test_errors(drawn_list, detectors, error, tmp_path):
    assert 'name a labelled SET' in error()
    assert 'needs a labelled' in error('--no-faces', tmp_path, '--plot', 'a')
    assert 'there are' in error(drawn_list, '--threads', 999)
    assert 'false alarms a photo' in error(drawn_list, '--false-alarms', -1)
    assert 'whole number of at least 1' in error(drawn_list, '--scale', 'huge')
    assert 'no such file' in error(tmp_path / 'no.txt')
    (tmp_path / 'none').mkdir()
    assert 'no images' in error('--no-faces', tmp_path / 'none')
    (tmp_path / 'images/party/a.png').write_bytes(b'')
    assert 'party/a.png: is not an image' in error(drawn_list)


def test_unreadable_model(drawn_list, error):
    message = error(drawn_list, '--models', 'no.onnx')
    assert 'no.onnx' in message and 'no such file' in message


def test_help_is_quick(root):
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', '-m', 'benchmarks.detectors']
        + ['--help'],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert 'python -m benchmarks.detectors' in done.stdout
    names = {x.split('|')[-1].strip() for x in done.stderr.splitlines()}
    assert 'argparse' in names and not names & {'torch', 'mmengine'}
