"""Whole runs of the tools, ours and mmdet's, on eight drawn images."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import mmdet
import numpy as np
import pytest
import torch
from scipy.io import savemat

from mmsrn.evaluation.readers import read_wider_face_txt

DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
MMDET_TOOLS = Path(mmdet.__file__).parent / '.mim/tools'


@pytest.fixture
def options(eight_images):
    """Settings that let the demo's config train on the drawn images."""
    return [
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'default_hooks.checkpoint.interval=1',
        'default_hooks.logger.interval=1',
        *(
            f'{loader}_dataloader.dataset.data_root={eight_images}/'
            for loader in ('train', 'val', 'test')
        ),
    ]


@pytest.mark.slow
def test_tools_of_mmdet(run, options, tmp_path):
    """They take a shipped config as it is, which names what it needs."""
    args = ['--work-dir', tmp_path]
    options += ['train_cfg.val_interval=1', 'tta_pipeline.2.max_size=300']
    out = run(MMDET_TOOLS / 'train.py', DEMO, *args, *options).stdout
    losses = [float(x) for x in re.findall(r' loss: ([\d.]+)', out)]
    assert len(losses) == 1 and losses[0] > 0
    checkpoint = tmp_path / 'epoch_1.pth'
    assert (
        'bbox_head.conv_cls.weight'
        in (torch.load(checkpoint, weights_only=False)['state_dict'])
    )
    (scalars,) = tmp_path.glob('*/vis_data/scalars.json')
    lines = [json.loads(x) for x in scalars.read_text().splitlines()]
    (numbers,) = [x for x in lines if 'pascal_voc/mAP' in x]
    original = 'O: original size, single scale'
    assert {'val/protocol': original, 'step': numbers['step']} in lines
    for tta, protocol in (
        ((), original),
        (['--tta'], 'M: multi-scale and flip, max_size 300, box voting at'),
    ):
        folder = tmp_path / f'test{len(tta)}'
        args = ['--work-dir', folder, *tta]
        out = run(MMDET_TOOLS / 'test.py', DEMO, checkpoint, *args, *options)
        (metrics,) = folder.glob('*/*.json')
        metrics = json.loads(metrics.read_text())
        assert 0 <= metrics['pascal_voc/mAP'] <= 1
        assert metrics['protocol'].startswith(protocol)
        assert f'protocol: {protocol}' in out.stdout


@pytest.mark.slow
def test_resume_with_nothing_and_scaled_rate(run, options, tmp_path):
    out = run(
        'tools/train.py',
        DEMO,
        *('--work-dir', tmp_path, '--resume', '--auto-scale-lr'),
        *(*options, 'auto_scale_lr.base_batch_size=32'),
    ).stdout
    assert 'resumed epoch' not in out
    saved = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)
    assert saved['meta']['epoch'] == 1
    # A batch of 8 at the demo's rate of 0.004 for 32.
    (group,) = saved['optimizer']['param_groups']
    assert group['initial_lr'] == pytest.approx(0.004 * 8 / 32)


def write_mat(folder, images):
    """The faces of a text file as the official ground truth."""
    events = {}
    for image in images:
        events.setdefault(Path(image.name).parts[0], []).append(image)

    def cell(items):
        column = np.empty((len(items), 1), object)
        for i, item in enumerate(items):
            column[i, 0] = item
        return column

    def of_images(value):
        return cell([cell([value(x) for x in e]) for e in events.values()])

    content = dict(
        event_list=cell(list(events)),
        file_list=of_images(lambda x: Path(x.name).stem),
        face_bbx_list=of_images(lambda x: np.int32([f[:4] for f in x.faces])),
        gt_list=of_images(lambda x: 1.0 + np.arange(len(x.faces))[:, None]),
    )
    folder.mkdir()
    for name in ('face', 'easy', 'medium', 'hard'):
        savemat(folder / f'wider_{name}_val.mat', content)


@pytest.mark.slow
def test_best_by_the_official_metric(run, eight_images, options, tmp_path):
    """In a training, and the same numbers from the file of results."""
    images = read_wider_face_txt(
        eight_images / 'wider_face_split/wider_face_val_bbx_gt.txt'
    )
    gt = tmp_path / 'gt'
    write_mat(gt, images)
    config = tmp_path / 'config.py'
    config.write_text(
        f"_base_ = '{Path(DEMO).absolute()}'\n"
        "val_evaluator = dict(_delete_=True, type='WiderFaceMetric', "
        f"gt_dir='{gt}')\n"
        'test_evaluator = val_evaluator\n'
        "default_hooks = dict(checkpoint=dict(save_best='wider_face/hard'))\n"
    )
    args = ['--work-dir', tmp_path]
    options.append('train_cfg.val_interval=1')
    run('tools/train.py', config, *args, *options)
    best = tmp_path / 'best_wider_face_hard_epoch_1.pth'
    out = tmp_path / 'out.pkl'
    run('tools/test.py', config, best, *args, '--out', out, *options)
    (numbers,) = tmp_path.glob('*/*.json')
    numbers = json.loads(numbers.read_text())
    table = tmp_path / 'table.json'
    run(
        *('tools/analysis_tools/eval_widerface.py', out),
        *('--gt', gt, '--json', table),
    )
    table = json.loads(table.read_text())
    assert table['detections'] > 0
    # After one epoch the boxes lie beside the faces, which the command says.
    assert all('hardly any box' in x for x in table['warnings'])
    for name in ('easy', 'medium', 'hard'):
        assert numbers[f'wider_face/{name}'] == table[name]
    assert (
        numbers['protocol']
        == table['protocol']
        == ('O: original size, single scale')
    )


@pytest.mark.slow
def test_split_without_annotations(run, eight_images, weights, tmp_path):
    """The zip that the server of WIDER FACE takes, as docs/evaluation.md."""
    folder = tmp_path / 'wider'
    shutil.copytree(eight_images / 'WIDER_val', folder / 'WIDER_test')
    names = [
        str(x.relative_to(folder / 'WIDER_test/images'))
        for x in sorted((folder / 'WIDER_test/images').glob('*/*'))
    ]
    (folder / 'wider_face_split').mkdir()
    split = 'wider_face_split/wider_face_test_filelist.txt'
    (folder / split).write_text('\n'.join(names))
    config = tmp_path / 'config.py'
    config.write_text(
        f"_base_ = '{Path(DEMO).absolute()}'\n"
        "test_evaluator = dict(_delete_=True, type='WiderFaceMetric')\n"
    )
    out = tmp_path / 'new/wider_face_test'
    run(
        *('tools/test.py', config, weights, '--tta'),
        *('--work-dir', tmp_path / 'work', '--cfg-options'),
        f'test_dataloader.dataset.data_root={folder}/',
        f'test_dataloader.dataset.ann_file={split}',
        'test_dataloader.dataset.data_prefix.img=WIDER_test/images/',
        'test_evaluator.format_only=True',
        f'test_evaluator.outfile_prefix={out}',
        'tta_pipeline.2.max_size=300',
    )
    stems = [x.rsplit('.', 1)[0] for x in names]
    with zipfile.ZipFile(f'{out}.zip') as archive:
        assert archive.namelist() == [f'{x}.txt' for x in stems]
        for stem in stems:
            lines = archive.read(f'{stem}.txt').decode().splitlines()
            assert lines[0] == stem.split('/')[1]
            assert int(lines[1]) == len(lines) - 2 > 0
            for line in lines[2:]:
                x, y, width, height, score = map(float, line.split())
                assert min(x, y) >= 0 and min(width, height, score) > 0
