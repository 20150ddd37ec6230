"""Whole data sets, enhanced: layout, resuming, refusals, bad images."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from demo.dark_scene import draw_dark_scene
from mmsrn import __version__
from mmsrn.cli.main import main
from mmsrn.enhance import linear_gain, msrcr
from mmsrn.utils.image_folder import process_folder


@pytest.fixture
def fails(mmsrn):
    """Function that runs the command and returns the error it ends with."""

    def run(*args):
        done = mmsrn('enhance', *args)
        assert done.status == 2
        return done.err

    return run


@pytest.fixture
def src(tmp_path):
    """DARK FACE layout, with a JPEG, a grey image and a list beside it."""
    root = tmp_path / 'dark'
    for i in (1, 2):
        name = root / f'image/{i}.png'
        name.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(name), draw_dark_scene(i, (40, 60)))
        (root / 'label').mkdir(exist_ok=True)
        (root / f'label/{i}.txt').write_text(f'1\n{i} 2 9 9\n')
    (root / 'more/deep').mkdir(parents=True)
    jpeg = draw_dark_scene(3, (40, 60))
    cv2.imwrite(str(root / 'more/deep/3.JPG'), jpeg)
    cv2.imwrite(str(root / 'more/grey.png'), jpeg[..., 0])
    (root / 'train.txt').write_text('1\n2\n')
    (root / '.cache').mkdir()
    (root / '.cache/hidden.png').write_bytes(b'')
    return root


def names(folder):
    return {str(x.relative_to(folder)) for x in folder.rglob('*')}


def run(src, dst, *args):
    options = ['--method', 'linear_gain', '--workers', '1', *args]
    return main(['enhance', str(src), str(dst), *options])


def test_complete_copy(src, tmp_path, capsys):
    dst = tmp_path / 'new/out'
    args = [
        '--param',
        'gain=3',
        '--param',
        'offset=1',
        '--jpeg-quality',
        '100',
    ]
    assert run(src, dst, *args) == 0
    visible = {x for x in names(src) if not x.startswith('.')}
    assert names(dst) == visible | {'processing.json'}
    for name in ('image/1.png', 'image/2.png', 'more/grey.png'):
        before = cv2.imread(str(src / name), cv2.IMREAD_UNCHANGED)
        after = cv2.imread(str(dst / name), cv2.IMREAD_UNCHANGED)
        assert (after == linear_gain(before, 3, 1)).all()
    jpeg = cv2.imread(str(src / 'more/deep/3.JPG'))
    after = cv2.imread(str(dst / 'more/deep/3.JPG'))
    assert (dst / 'more/deep/3.JPG').read_bytes()[:2] == b'\xff\xd8'
    assert cv2.PSNR(after, linear_gain(jpeg, 3, 1)) > 30
    text = 'label/2.txt'
    assert (dst / text).read_text() == (src / text).read_text()
    assert json.loads((dst / 'processing.json').read_text()) == {
        'kind': 'enhanced',
        'method': 'linear_gain',
        'params': {'gain': 3, 'offset': 1},
        'jpeg_quality': 100,
        'version': __version__,
        'source': str(src.resolve()),
        'source_processing': None,
    }
    out = capsys.readouterr().out
    assert '4 images made, 0 already there, 3 other files copied' in out


def test_what_is_there_is_skipped(src, tmp_path, capsys):
    dst = tmp_path / 'out'
    run(src, dst)
    kept = dst / 'image/1.png'
    kept.write_bytes(b'kept')  # and newer than its source
    (dst / 'image/2.png').unlink()
    (dst / 'label/2.txt').unlink()
    # What a run that was killed while it wrote leaves behind.
    left = dst / 'image/.2.4711-140235001.png', dst / 'label/.2.47-11.txt'
    for path in left:
        path.touch()
    (dst / 'image/.note').touch()
    later = time.time_ns() + 10**9
    os.utime(src / 'more/grey.png', ns=(later, later))  # a new original
    assert run(src, dst) == 0
    assert kept.read_bytes() == b'kept'
    assert cv2.imread(str(dst / 'image/2.png')) is not None
    assert not any(x.exists() for x in left)
    assert (dst / 'image/.note').exists()
    out = capsys.readouterr().out
    assert '2 images made, 2 already there, 1 other files copied' in out


def test_killed_and_resumed(root, src, tmp_path):
    """No file is half written, no process is left, and the rest follows."""
    for i in range(10, 40):
        cv2.imwrite(
            str(src / f'image/{i}.png'), draw_dark_scene(i % 3, (150, 200))
        )
    dst = tmp_path / 'out'
    command = [sys.executable, '-m', 'mmsrn', 'enhance', str(src), str(dst)]
    command += ['--method', 'msrcr', '--param', 'blur=exact', 'form=gimp']
    env = os.environ | {'PYTHONPATH': str(root)}
    first = subprocess.Popen(
        [*command, '--workers', '2'], env=env, start_new_session=True
    )
    end = time.monotonic() + 60
    while len(list(dst.glob('image/*.png'))) < 3 and time.monotonic() < end:
        assert first.poll() is None
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    while time.monotonic() < end:  # its workers end by themselves
        try:
            os.killpg(first.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        pytest.fail('a worker outlived the run')
    done = {x.name: x.stat().st_mtime_ns for x in dst.glob('image/[!.]*')}
    assert 3 <= len(done) < 32
    assert all(cv2.imread(str(dst / 'image' / x)) is not None for x in done)
    second = subprocess.run(command, env=env, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    assert f'{len(done) + 0} already there' in second.stdout
    for name, when in done.items():
        assert (dst / 'image' / name).stat().st_mtime_ns == when
    visible = {x for x in names(src) if not x.startswith('.')}
    assert names(dst) == visible | {'processing.json'}
    image = cv2.imread(str(src / 'image/39.png'))
    found = cv2.imread(str(dst / 'image/39.png'))
    assert (found == msrcr(image, 'gimp', blur='exact')).all()


def test_interrupted(root, src, tmp_path):
    """Ctrl-C, even while the workers start, is one line and no traceback."""
    dst = tmp_path / 'out'
    run = subprocess.Popen(
        [
            sys.executable,
            '-m',
            'mmsrn',
            'enhance',
            str(src),
            str(dst),
            '--method',
            'lime',
        ],
        env=os.environ | {'PYTHONPATH': str(root)},
        start_new_session=True,
        # In the background of a shell the tests, and so it, would ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not (dst / 'label/2.txt').exists() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.1)  # the first worker is importing
    os.killpg(run.pid, signal.SIGINT)
    error = run.communicate(timeout=60)[1]
    assert run.returncode == 2
    assert 'interrupted; run the same command to continue' in error
    assert error.count('\n') == 1
    assert not [x for x in names(dst) if Path(x).name.startswith('.')]


@pytest.mark.parametrize(
    'args, text',
    [
        (['--param', 'gain=2'], "{'gain': 2, 'offset': 0.0} now"),
        (['--method', 'clahe'], 'linear_gain before, clahe now'),
        (['--jpeg-quality', '80'], 'jpeg_quality: 95 before, 80 now'),
    ],
)
def test_no_mixture(fails, src, tmp_path, args, text):
    dst = tmp_path / 'out'
    run(src, dst)
    before = {x: (dst / x).stat().st_mtime_ns for x in names(dst)}
    error = fails(src, dst, '--method', 'linear_gain', *args)
    assert f'{dst}: was made with' in error and text in error
    assert {x: (dst / x).stat().st_mtime_ns for x in names(dst)} == before


def test_no_mixture_of_versions(fails, src, tmp_path, monkeypatch):
    dst = tmp_path / 'out'
    run(src, dst)
    monkeypatch.setattr('mmsrn.utils.image_folder.__version__', '9.9')
    error = fails(src, dst, '--method', 'linear_gain')
    assert f'version: {__version__} before, 9.9 now' in error


def test_unreadable_images(src, tmp_path, capsys):
    bad = src / 'image/bad.png'
    bad.write_text('no picture')
    data = (src / 'more/deep/3.JPG').read_bytes()
    (src / 'more/half.jpg').write_bytes(data[: len(data) // 2])
    dst = tmp_path / 'out'
    assert run(src, dst) == 1
    error = capsys.readouterr().err
    assert '2 images could not be read' in error
    assert f'{bad}: ' in error and 'half.jpg: ' in error
    assert not (dst / 'image/bad.png').exists()
    assert not (dst / 'more/half.jpg').exists()
    # All others are done, and a repaired one is all that is left to do.
    shutil.copy(src / 'image/1.png', bad)
    (src / 'more/half.jpg').unlink()
    assert run(src, dst) == 0
    assert '1 images made, 4 already there' in capsys.readouterr().out


def test_record_tells_what_the_form_takes(src, tmp_path):
    dst = tmp_path / 'out'
    options = ['--method', 'msrcr', '--workers', '1']
    assert main(['enhance', str(src), str(dst), *options]) == 0
    params = json.loads((dst / 'processing.json').read_text())['params']
    assert params == dict(
        form='jobson',
        sigmas=[15, 80, 250],
        alpha=125,
        low_clip=0.01,
        high_clip=0.99,
        dynamic=None,
        blur='fast',
    )
    # The same, said in other words.
    options += ['--param', 'alpha=125']
    assert main(['enhance', str(src), str(dst), *options]) == 0


def test_links(src, tmp_path):
    """Folders that lie elsewhere are followed; circles are refused."""
    (tmp_path / 'disk').mkdir()
    shutil.copy(src / 'image/1.png', tmp_path / 'disk/a.png')
    (src / 'linked').symlink_to(tmp_path / 'disk')
    assert run(src, tmp_path / 'out') == 0
    assert not (tmp_path / 'out/linked').is_symlink()
    assert cv2.imread(str(tmp_path / 'out/linked/a.png')) is not None
    (src / 'more/loop').symlink_to(src)
    with pytest.raises(SystemExit):
        run(src, tmp_path / 'out2')


def test_folders(fails, src, tmp_path):
    usual = ('--method', 'gamma')
    error = fails(tmp_path / 'no', tmp_path / 'out', *usual)
    assert f'{tmp_path}/no: no such folder' in error
    file = tmp_path / 'file'
    file.write_text('')
    assert 'is not a folder' in fails(file, tmp_path / 'out', *usual)
    assert 'the source itself' in fails(src, src, *usual)
    for dst in (src / 'out', src.parent):
        assert 'contain each other' in fails(src, dst, *usual)
    link = tmp_path / 'link'
    link.symlink_to(src)
    assert 'contain each other' in fails(src, link / 'out', *usual)
    other = tmp_path / 'other'
    other.mkdir()
    (other / 'mine').touch()
    assert 'but no processing.json' in fails(src, other, *usual)
    assert names(other) == {'mine'}
    assert 'has no image' in fails(other, tmp_path / 'out', *usual)
    assert not (tmp_path / 'out').exists()
    run(src, tmp_path / 'done')
    error = fails(tmp_path / 'done', tmp_path / 'out', *usual)
    assert 'is already enhanced' in error
    (tmp_path / 'done/processing.json').write_text('[]')
    error = fails(src, tmp_path / 'done', *usual)
    assert 'is not a record' in error


def test_what_cannot_be_written(fails, src, tmp_path):
    """The run ends at the first such file: a full disk fills no list."""
    dst = tmp_path / 'out'
    run(src, dst)
    shutil.rmtree(dst / 'image')
    (dst / 'image').write_text('a file in the way')
    error = fails(src, dst, '--method', 'linear_gain')
    assert f'{dst}/image' in error and error.count('\n') == 1


def test_full_disk(src, tmp_path, monkeypatch):
    """What was not wholly written is not there."""

    def write(path, data):
        with open(path, 'wb') as file:
            file.write(data[:10])
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('pathlib.Path.write_bytes', write)
    dst = tmp_path / 'out'
    with pytest.raises(OSError, match=f'{dst}/image/1.png: No space left'):
        process_folder(src, dst, lambda x, name: x, dict(kind='copied'))
    assert list((dst / 'image').iterdir()) == []


def test_two_runs_at_once(fails, src, tmp_path):
    dst = tmp_path / 'out'
    run(src, dst)
    held = os.open(dst, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    error = fails(src, dst, '--method', 'linear_gain')
    os.close(held)
    assert f'another run is writing to {dst}' in error


def test_wrong_arguments(fails, src, tmp_path):
    dst = tmp_path / 'out'
    for args, text in (
        (['--method', 'gama'], 'did you mean gamma'),
        (['--method', 'gamma', '--param', 'gamma'], 'form NAME=VALUE'),
        (
            ['--method', 'gamma', '--param', 'gain=2'],
            'unknown parameter of gamma',
        ),
        (['--method', 'gamma', '--param', 'gamma=0'], 'above 0, not 0'),
        (['--method', 'gamma', '--jpeg-quality', '101'], 'invalid choice'),
        (['--method', 'gamma', '--workers', '0'], 'of at least 1'),
        ([], '--method'),
    ):
        assert text in fails(src, dst, *args)
        assert not dst.exists()


def test_rotated_photo(tmp_path):
    """Pixels are turned as EXIF says, which is how mmcv reads them."""
    from PIL import Image

    from mmsrn.utils.image_files import read_image

    file = tmp_path / 'a.jpg'
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((30, 50, 3), np.uint8)
    Image.fromarray(pixels).save(file, exif=exif)
    assert read_image(file).shape == (50, 30, 3)
