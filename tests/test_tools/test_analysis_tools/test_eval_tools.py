"""The two evaluations as a user runs them."""

import csv
import json
import os
import pickle
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from mmsrn.cli.main import main

ZIPS = {
    'golden/widerface/predictions.zip': dict(
        easy=0.9162837569, medium=0.8874792877, hard=0.7314535328
    ),
    'data/widerface/retinaface_mnet_predictions.zip': dict(
        easy=0.8328999735, medium=0.7702529271, hard=0.3953288594
    ),
}
BOX = [10, 20, 30, 40]
CORNERS = [10, 20, 40, 60]


@pytest.fixture
def wider():
    return SimpleNamespace(
        main=lambda args: main(['eval', 'widerface', *args])
    )


@pytest.fixture
def dark():
    return SimpleNamespace(main=lambda args: main(['eval', 'darkface', *args]))


def cell(items):
    column = np.empty((len(items), 1), object)
    for i, item in enumerate(items):
        column[i, 0] = item
    return column


@pytest.fixture
def gt(tmp_path):
    """Ground truth of two images, one of them without faces that count."""
    folder = tmp_path / 'gt'
    folder.mkdir()
    content = dict(
        event_list=cell(['0--Parade']),
        file_list=cell([cell(['a', 'b'])]),
        face_bbx_list=cell([cell([np.array([BOX], np.int32)] * 2)]),
        gt_list=cell([cell([np.ones((1, 1)), np.empty((0, 1))])]),
    )
    for name in ('face', 'easy', 'medium', 'hard'):
        savemat(folder / f'wider_{name}_val.mat', content)
    return folder


def write(folder, **files):
    for name, rows in files.items():
        path = folder / '0--Parade' / f'{name}.txt'
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [name, len(rows), *(' '.join(map(str, x)) for x in rows)]
        path.write_text(''.join(f'{line}\n' for line in lines))
    return folder


@pytest.fixture
def good(tmp_path):
    """The face first, something else after it."""
    rows = [[*BOX, 0.9], [300, 300, 9, 9, 0.1]]
    return write(tmp_path / 'good', a=rows, b=[])


@pytest.fixture
def poor(tmp_path):
    """The other way round."""
    rows = [[*BOX, 0.1], [300, 300, 9, 9, 0.9]]
    return write(tmp_path / 'poor', a=rows, b=[])


def run(tool, *args):
    tool.main([str(x) for x in args])


def test_published_values(wider, shared, tmp_path, capsys):
    gt = shared / 'data/widerface/ground_truth'
    out = tmp_path / 'new/all.json'
    paths = [shared / path for path in ZIPS]
    run(wider, *paths, '--gt', gt, '--json', out)
    found = json.loads(out.read_text())
    for path, values in ZIPS.items():
        result = found[path.rsplit('/', 1)[1][:-4]]
        for name, value in values.items():
            assert result[name] == pytest.approx(value, abs=6e-11)
        assert result['images'] == 3226 and result['warnings'] == []
        assert result['ground_truth'] == 'WIDER FACE val, new version'
    printed = capsys.readouterr()
    assert printed.err == ''
    assert 'faces: easy 7,211, medium 13,319, hard 31,958' in printed.out
    rows = [x.split() for x in printed.out.splitlines()]
    assert [
        'predictions',
        '0.916284',
        '0.887479',
        '0.731454',
        '40,668',
    ] in rows
    assert ['difference', '-0.083384', '-0.117226', '-0.336125'] in rows


def test_published_dark_face(dark, shared, tmp_path, capsys):
    with zipfile.ZipFile(shared / 'golden/darkface/case.zip') as archive:
        archive.extractall(tmp_path)
    out = tmp_path / 'ap.json'
    run(dark, tmp_path / 'A/res', '--gt', tmp_path / 'A/gt', '--json', out)
    assert json.loads(out.read_text())['ap'] == pytest.approx(
        0.6189669362, abs=6e-11
    )
    assert 'warning: res: 7 of 300 images have no' in capsys.readouterr().err


def test_outputs(wider, gt, good, poor, tmp_path, capsys):
    files = [tmp_path / f'out/x.{x}' for x in ('json', 'csv', 'png')]
    args = ['--json', files[0], '--csv', files[1], '--plot', files[2]]
    run(wider, good, poor, '--gt', gt, *args, '--names', 'ours', 'theirs')
    content = json.loads(files[0].read_text())
    assert [x['hard'] for x in content.values()] == [1, 0.5]
    assert content['ours']['faces'] == dict(easy=1, medium=1, hard=1)
    with open(files[1], newline='') as file:
        table = list(csv.DictReader(file))
    assert [x['prediction'] for x in table] == ['ours', 'theirs']
    assert [x['easy'] for x in table] == ['1.0', '0.5']
    with Image.open(files[2]) as picture:
        assert picture.width > 2 * picture.height > 600  # three panels
    out = capsys.readouterr().out
    assert ['difference', '-0.500000', '-0.500000', '-0.500000'] in [
        x.split() for x in out.splitlines()
    ]
    # One result: its numbers are at the top.
    run(wider, good, '--gt', gt.parent / 'gt', '--json', files[0])
    assert json.loads(files[0].read_text())['hard'] == 1


def test_extras(wider, gt, poor, tmp_path, capsys):
    out = tmp_path / 'x.json'
    run(wider, poor, '--gt', gt, '--extras', 'all', '--json', out)
    found = json.loads(out.read_text())
    assert found['hard_iou95'] == 0.5 and found['hard_fp@95'] == 1
    assert found['hard_height_32-64'] == 1
    assert (found['easy_low'], found['easy_high']) == (0.5, 0.5)
    assert found['worst_images'] == [
        dict(name='0--Parade/a', missed=0, false_positives=1)
    ]
    printed = capsys.readouterr().out
    assert 'hard_fp@95' in printed and '1  0--Parade/a' in printed


def dump(path, *images, **more):
    content = [
        dict(
            more,
            img_path=f'/data/0--Parade/{name}.jpg',
            pred_instances=dict(
                bboxes=torch.tensor([x[:4] for x in rows]).reshape(-1, 4),
                scores=torch.tensor([x[4] for x in rows]),
                labels=torch.zeros(len(rows), dtype=torch.long),
            ),
        )
        for name, rows in images
    ]
    path.write_bytes(pickle.dumps(content))
    return path


def test_layouts_agree(wider, dark, gt, good, tmp_path):
    """A folder, its zip, mmdet's dump and COCO json, and the zip to send."""
    rows = [[*map(float, CORNERS), 0.9], [300.0, 300.0, 309.0, 309.0, 0.1]]
    pickled = dump(tmp_path / 'x.pkl', ('a', rows), ('b', []))
    coco = tmp_path / 'x.json'
    results = [
        dict(image_id=7, bbox=box, score=score, category_id=1)
        for box, score in ((BOX, 0.9), ([300, 300, 9, 9], 0.1))
    ]
    coco.write_text(json.dumps(results))
    ann = tmp_path / 'ann.json'
    images = [
        dict(id=i, file_name=f'0--Parade/{name}.jpg')
        for i, name in ((7, 'a'), (8, 'b'))
    ]
    ann.write_text(json.dumps(dict(images=images)))
    sent = tmp_path / 'sent.zip'
    run(wider, pickled, '--format-only', sent)
    out = tmp_path / 'out.json'
    for path in (good, pickled, coco, sent):
        more = ['--ann-file', ann] if path == coco else []
        run(wider, path, '--gt', gt, '--json', out, *more)
        found = json.loads(out.read_text())
        assert (found['hard'], found['detections']) == (1, 2), path
        assert found['warnings'] == []
    # DARK FACE: the same dump, labels by the name alone.
    labels = tmp_path / 'label'
    labels.mkdir()
    (labels / 'a.txt').write_text('1\n10 20 40 60\n')
    (labels / 'b.txt').write_text('0\n')
    run(dark, pickled, '--format-only', sent, '--gt', labels)
    with zipfile.ZipFile(sent) as archive:
        text = archive.read('a.txt').decode()
    assert text.splitlines()[1] == '300 300 309 309 0.10000000149011612'
    for path in (pickled, sent):
        run(dark, path, '--gt', labels, '--json', out)
        assert json.loads(out.read_text())['ap'] == 1


def test_protocol(wider, gt, good, poor, tmp_path, capsys, monkeypatch):
    """Beside every number: given, as the test wrote it, or not given."""
    drawn = []
    monkeypatch.setattr(
        'mmsrn.visualization.draw_pr_panels',
        lambda panels, note: drawn.append(note) or SimpleNamespace(
            savefig=lambda path, dpi: path.write_bytes(b'png')
        ),
    )  # fmt: skip
    rows = [[*map(float, CORNERS), 0.9]]
    tested = dump(tmp_path / 'x.pkl', ('a', rows), ('b', []), protocol='O: 1')
    files = [tmp_path / f'x.{x}' for x in ('json', 'csv', 'png')]
    args = ['--gt', gt, '--json', files[0], '--csv', files[1]]
    args += ['--plot', files[2]]

    def protocols(*more):
        run(wider, *more, *args)
        content = json.loads(files[0].read_text())
        content = content if len(more) > 1 else {'': content}
        with open(files[1], newline='') as file:
            table = [x['protocol'] for x in csv.DictReader(file)]
        assert table == [x['protocol'] for x in content.values()]
        printed = capsys.readouterr()
        assert drawn[-1] in printed.out
        return table, drawn[-1], printed.err

    found = protocols(good)
    assert found == (['not given'], 'protocol: not given', '')
    found = protocols(tested, good)
    assert found[0] == ['O: 1', 'not given']
    assert found[1] == 'protocol of x: O: 1\nprotocol of good: not given'
    args += ['--protocol', 'V: 640']
    found = protocols(good, poor)
    assert found == (['V: 640'] * 2, 'protocol: V: 640', '')
    args.append('O: 1')
    assert 'warning: the test protocols differ' in protocols(good, poor)[2]


def test_annotations_as_ground_truth(wider, good, tmp_path, capsys):
    text = tmp_path / 'gt.txt'
    text.write_text(
        f'0--Parade/a.jpg\n2\n{" ".join(map(str, BOX))} 2 0 0 0 0 0\n'
        '90 90 0 0 0 0 0 0 0 0\n'  # no area: does not count
        '0--Parade/b.jpg\n0\n'
    )
    out = tmp_path / 'x.json'
    args = ['--extras', 'attribute', '--json', out]
    run(wider, good, '--gt', text, *args)
    found = json.loads(out.read_text())
    assert found['all'] == found['all_blur_heavy'] == 1
    assert found['all_height_32-64'] == 1 and found['faces'] == {'all': 1}
    assert found['ground_truth'] == 'annotations gt.txt'


def test_warnings(wider, gt, good, capsys, tmp_path):
    (good / '0--Parade/b.txt').write_text('')
    out = tmp_path / 'x.json'
    run(wider, good, '--gt', gt, '--json', out)
    printed = capsys.readouterr()
    assert 'b.txt:1: the file is empty' in printed.err
    assert ': warning: good: 1 of 2 prediction files' in printed.err
    (text,) = json.loads(out.read_text())['warnings']
    assert text in printed.err


def test_warnings_of_a_zip_to_send(wider, gt, good, tmp_path, capsys, fails):
    args = [good, '--gt', gt, '--format-only', tmp_path / 'sent.zip']
    (good / '0--Parade/b.txt').write_text('')
    run(wider, *args)
    assert ': warning: 1 of 2 prediction files' in capsys.readouterr().err
    (good / '0--Parade/b.txt').unlink()
    run(wider, *args)
    error = capsys.readouterr().err
    assert 'no predictions (first: 0--Parade/b) and get no file' in error
    assert f'{good}: 1 of 2 images have no' in fails(wider, *args, '--strict')


def test_boxes_in_the_other_form(wider, dark, tmp_path, capsys):
    text = tmp_path / 'gt.txt'
    text.write_text('0--Parade/a.jpg\n1\n100 200 40 60 0 0 0 0 0 0\n')
    rows = [[100, 200, 140, 260, 0.9], [300, 300, 309, 309, 0.1]]
    run(wider, write(tmp_path / 'corners', a=rows), '--gt', text)
    assert 'seem to be x1 y1 x2 y2, but this layout has x y w h: turned ' in (
        capsys.readouterr().err
    )
    labels, found = tmp_path / 'label', tmp_path / 'res'
    for folder in (labels, found):
        folder.mkdir()
    (labels / 'a.txt').write_text('1\n100 200 140 260\n')
    (found / 'a.txt').write_text('100 200 40 60 0.9\n5 5 1 1 0.1\n')
    run(dark, found, '--gt', labels)
    error = capsys.readouterr().err
    assert 'negative width or height' in error
    assert 'seem to be x y w h, but this layout has x1 y1 x2 y2' in error


def test_errors(wider, dark, gt, good, poor, tmp_path, fails):
    """One line, with the place and what to do, for everything wrong."""
    cut = tmp_path / 'cut.zip'
    cut.write_bytes(b'PK\x03\x04')
    bad = write(tmp_path / 'bad', a=[['1', '2', 'x', '4', '.5']], b=[])
    file = good / '0--Parade/a.txt'
    cases = [
        ([good], '--gt DIR is required'),
        ([tmp_path / 'no', '--gt', gt], 'no: no such file or folder'),
        ([good, '--gt', tmp_path / 'no'], 'wider_face_val.mat: no such file'),
        ([cut, '--gt', gt], 'cut.zip: neither a folder nor a readable zip'),
        ([bad, '--gt', gt], 'bad/0--Parade/a.txt:3: expected x y w h score'),
        ([tmp_path / 'gt', '--gt', gt], 'no result of an image of the ground'),
        ([file, '--gt', gt], 'a.txt: neither a folder nor a readable zip'),
        ([good, good, '--gt', gt, '--names', 'x'], '1 names for 2 results'),
        ([good, poor, '--gt', gt, '--names', 'x', 'x'], 'the same name'),
        ([good, '--gt', gt, '--protocol', 'V', 'O'], '2 protocols for 1 resu'),
        ([good, '--gt', gt, '--plot', 'x.jpg'], 'must end in .png, .pdf'),
        ([good, '--gt', gt, '--json', file / 'x'], 'cannot be written'),
        ([good, '--gt', gt, '--plot', file / 'x.png'], 'cannot be written'),
        ([cut, '--gt', gt, '--csv', cut], 'cut.zip: is read too, and would'),
        ([good, '--format-only', 'x.txt'], 'must end in .zip'),
        ([good, '--format-only', 'x.zip'], 'name the ground truth too (--gt)'),
        ([good, poor, '--format-only', 'x.zip'], 'takes one PRED'),
    ]
    for args, what in cases:
        error = fails(wider, *args)
        assert what in error and error.count('\n') == 1, args
    (good / '0--Parade/b.txt').write_text('')
    error = fails(wider, good, '--gt', gt, '--strict')
    assert 'b.txt:1: the file is empty' in error
    (good / '0--Parade/b.txt').unlink()
    error = fails(wider, good, '--gt', gt, '--strict')
    assert f'{good}: 1 of 2 images have no predictions' in error
    error = fails(dark, good, '--gt', tmp_path / 'none')
    assert 'none: no such folder; the ground truth is a folder' in error


@pytest.mark.parametrize('tool', ['eval_widerface', 'eval_darkface'])
def test_help(help_of, tool):
    text = help_of(f'analysis_tools/{tool}.py')
    assert 'examples:' in text and '--format-only' in text


def test_without_mmdet(root, gt, good):
    """No detector is needed to evaluate one."""
    code = (
        'import sys, runpy\n'
        "for name in ('torch', 'mmcv', 'mmdet', 'mmengine', 'cv2'):\n"
        '    sys.modules[name] = None\n'
        f"sys.argv = ['x', {str(good)!r}, '--gt', {str(gt)!r}]\n"
        f'runpy.run_path({str(root / "tools/analysis_tools")!r} '
        "+ '/eval_widerface.py', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(root)),
    )
    assert done.returncode == 0, done.stderr
    assert '1.000000' in done.stdout
