"""The tool that labels photos."""

import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from mmsrn import FaceDetector
from mmsrn.evaluation.readers import read_wider_face_txt

TOOL = 'dataset_converters/pseudo_label.py'


@pytest.fixture
def tool(load_tool):
    return load_tool(TOOL)


@pytest.fixture
def teacher(root):
    """The file that needs no torch."""
    return root / 'mmsrn/zoo/srn_mobilenetv2.onnx'


@pytest.fixture
def folder(tmp_path):
    """Six photos of nothing."""
    random = np.random.default_rng(0)
    for i in range(6):
        path = tmp_path / f'photos/{i % 2}/{i}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = random.integers(0, 256, (9, 12, 3), np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, (256, 192)))
    return tmp_path / 'photos'


def test_names(tool, folder):
    names = tool.find(str(folder))
    assert list(names)[0] == '0/0.png' and len(names) == 6
    assert list(tool.find(f'{folder}/0/*.png'))[0] == './0.png'
    assert list(tool.find(f'{folder}/*/1.png')) == ['1/1.png']
    assert list(tool.find(f'{folder}/1/3.png')) == ['./3.png']


def test_rule(tool):
    def rule(*args):
        parser = tool.make_parser()
        names = ['photos', '--teacher', 'a', '--teacher', 'b', '--out', 'x']
        return tool.make_rule(parser.parse_args([*names, *args]))

    made = rule()
    assert made.sure == (0.6, 0.6) and made.unsure == (0.3, 0.3)
    assert (made.agree, made.iou, made.min_size) == (2, 0.5, 4)
    made = rule('--sure', '0.5', '0.8', '--agree', '1', '--min-size', '6')
    assert made.sure == (0.5, 0.8) and made.agree == 1 and made.min_size == 6


def test_errors(tool, folder, teacher, tmp_path, fails, monkeypatch):
    def message(*args, photos=folder, out=tmp_path / 'list.txt', who=teacher):
        text = fails(tool, photos, '--teacher', who, '--out', out, *args)
        assert text.count('\n') == 1
        return text

    (tmp_path / 'empty').mkdir()
    assert 'no images' in message(photos=tmp_path / 'empty')
    assert 'no such file' in message(photos=tmp_path / 'none')
    assert 'no image matches this pattern' in message(photos=f'{folder}/*.gif')
    assert 'of the zoo' in message(who='nobody')
    assert 'none.pth is no file' in message(who=f'{__file__}:none.pth')
    wrong = message('--sure', 0.3, '--unsure', 0.4)
    assert '--sure 0.3: must be from unsure, 0.4, to 1' in wrong
    assert '--agree 2: must be from 1' in message('--agree', 2)
    assert '2 scores' in message('--sure', 0.3, 0.4)
    assert 'given twice' in message('--teacher', teacher)
    assert 'does not exist' in message(out=tmp_path / 'no/list.txt')
    own = tmp_path / 'own.txt'
    own.write_text('by hand')
    assert 'it is not overwritten' in message(out=own)
    assert not list(tmp_path.glob('list*'))


def test_help(help_of):
    text = help_of(TOOL)
    assert '--unsure' in text and 'yunet:FILE' in text


def command(root, folder, teacher, out, workers=1):
    return [
        *(sys.executable, root / 'tools' / TOOL, folder, '--scale', '256+512'),
        *('--teacher', teacher, '--out', out, '--workers', str(workers)),
        *('--sure', '0.12', '--unsure', '0.1'),
    ]


@pytest.mark.slow
def test_killed_and_started_again(root, folder, teacher, tmp_path):
    """The list and its record do not tell."""
    (folder / '1/broken.jpg').write_bytes(b'no photo')
    env = dict(os.environ, PYTHONPATH=str(root))
    out, record = tmp_path / 'a.txt', tmp_path / 'a.txt.teachers.jsonl'
    for lines in (2, 4):
        run = subprocess.Popen(command(root, folder, teacher, out), env=env)
        while not record.is_file() or record.read_bytes().count(b'\n') < lines:
            assert run.poll() is None
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert not out.exists()
    whole = tmp_path / 'b.txt'
    for name, workers in ((out, 1), (whole, 2)):
        done = subprocess.run(
            command(root, folder, teacher, name, workers),
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1, done.stderr
        assert '1 of 7 photos could not be used' in done.stderr
        assert 'is not an image' in done.stderr
        assert '6 photos' in done.stdout
    assert out.read_bytes() == whole.read_bytes()
    images = read_wider_face_txt(out)
    assert len(images) == 6 and any(x.faces for x in images)
    assert cv2.imread(f'{out}.jpg').shape == (418, 2400, 3)
    # What the detector itself says.
    detector = FaceDetector(teacher, score_thr=0.1, scale=(256, 512))
    for image in images:
        found = detector.detect(str(folder / image.name))
        assert len(image.faces) <= len(found)
        invalid = [x[7] for x in image.faces]
        assert invalid == sorted(invalid)  # the best first
