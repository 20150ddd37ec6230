"""Statistics on the command line: of annotations, of configs, mistakes."""

import json

import cv2
import numpy as np
import pytest

from demo.synthetic_faces import write_synthetic_wider_face

DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'


@pytest.fixture
def tool(load_tool):
    return load_tool('analysis_tools/dataset_statistics.py')


@pytest.fixture
def lists(tmp_path):
    """Two lists, of sizes 6 and 16, and 4 and 4."""
    paths = [tmp_path / 'one.txt', tmp_path / 'other.txt']
    paths[0].write_text('7.png 2 1 2 4 9 1 5 5 16 16 1\n')
    paths[1].write_text('8.png 0\n9.png 2 1 2 2 8 1 1 2 2 8 1\n')
    return paths


def cells(out, label):
    label = f'{label:26}'
    (line,) = (x for x in out.splitlines() if x.startswith(label))
    return line[26:].split()


def test_lists(tool, lists, tmp_path, capsys):
    files = [tmp_path / 'new/numbers.json', tmp_path / 'new/sizes.png']
    tool.main(
        [
            *map(str, lists),
            *['--dataset', 'dark_face'],
            *['--json', str(files[0]), '--plot', str(files[1])],
        ]
    )
    out = capsys.readouterr().out
    assert cells(out, '') == 'one other all of them'.split()
    assert cells(out, 'images') == ['1', '2', '3']
    assert cells(out, 'faces') == ['2', '2', '4']
    assert cells(out, 'size, 50 % below, px') == ['11.0', '4.0', '5.0']
    assert cells(out, 'under 8 px') == '50.0 % 100.0 % 75.0 %'.split()
    assert cells(out, 'height over width') == ['1.62', '4.00', '3.12']
    numbers = json.loads(files[0].read_text())
    assert list(numbers) == ['one', 'other', 'all of them']
    assert numbers['all of them']['size_p50'] == 5
    assert cv2.imread(str(files[1])).shape[1] == 14 * 110


def test_config_shows_what_is_trained_with(tool, root, tmp_path, capsys):
    data = tmp_path / 'drawn'
    write_synthetic_wider_face(data, 4, 3, size=(90, 110), progress=False)
    counts = {}
    for split in ('train', 'val'):
        options = [
            f'{split}_dataloader.dataset.{x}'
            for x in (f'data_root={data}', 'min_box_size=14')
        ]
        tool.main(
            [str(root / DEMO), '--split', split, '--cfg-options', *options]
        )
        counts[split] = capsys.readouterr().out
        smallest = float(cells(counts[split], 'size, 1 % below, px')[0])
        assert smallest >= 14
    assert cells(counts['val'], 'images') == ['3']
    text = data / 'wider_face_split/wider_face_val_bbx_gt.txt'
    tool.main([str(text), '--dataset', 'wider_face'])
    lines = text.read_text().splitlines()
    faces = np.array([x.split() for x in lines if x.count(' ') == 9], int)
    faces = faces[faces[:, 2] > 0]  # images without faces have a line of zeros
    out = capsys.readouterr().out
    assert cells(out, 'faces') == [str(len(faces))]
    middle = np.median(np.sqrt(faces[:, 2] * faces[:, 3]))
    assert cells(out, 'size, 50 % below, px') == [f'{middle:.1f}']


def test_mistakes(tool, root, lists, tmp_path, fails):
    dark = ('--dataset', 'dark_face')
    assert 'must end in .png' in fails(tool, *lists, *dark, '--plot', 'a.txt')
    assert 'no such folder' in fails(tool, tmp_path / 'none', *dark)
    lists[0].write_text('7.png 2\n')
    error = fails(tool, *lists, *dark)
    assert f'{lists[0]}:1: 2 faces announced' in error
    assert error.count('\n') == 1
    assert 'does not exist' in fails(tool, root / 'configs/srn/none.py')
    options = ('--cfg-options', 'a=1')
    assert 'works with configs' in fails(tool, *lists, *dark, *options)
    assert 'does not exist' in fails(
        tool,
        root / DEMO,
        '--cfg-options',
        'train_dataloader.dataset.data_root=no',
    )
    file = tmp_path / 'file'
    file.touch()
    error = fails(tool, lists[1], *dark, '--json', file / 'a.json')
    assert 'cannot be written' in error


def test_set_without_a_box(tool, root, tmp_path, fails):
    """Its classes are named, as in a training."""
    cv2.imwrite(str(tmp_path / 'a.jpg'), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / 'val.json').write_text(
        json.dumps(
            dict(
                images=[dict(id=1, file_name='a.jpg', width=9, height=9)],
                annotations=[],
                categories=[dict(id=1, name='Face')],
            )
        )
    )
    config = tmp_path / 'own.py'
    config.write_text(
        f"_base_ = '{root / DEMO}'\n"
        'val_dataloader = dict(dataset=dict(_delete_=True, '
        f"type='CocoDataset', data_root='{tmp_path}', ann_file='val.json', "
        "data_prefix=dict(img=''), metainfo=dict(classes=('face',)), "
        'test_mode=True))\n'
    )
    error = fails(tool, config, '--split', 'val')
    assert (
        'own.py: no image of val has a box: classes asked for: face' in error
    )
    assert 'found: Face' in error


def test_help(help_of):
    assert '--dataset' in help_of('analysis_tools/dataset_statistics.py')
