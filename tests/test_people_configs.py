"""The recipe of the default weights: its sources, and a run in miniature."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from safetensors.torch import load_file

from mmsrn.zoo import DEFAULT_MODEL, list_models

ROOT = Path(__file__).resolve().parents[1]
PATHS = sorted((ROOT / 'configs/srn').glob('*_people.py'))
SIDE = 96
# x, y, w, h; blur, expression, illumination, invalid, occlusion, pose
FACES = '2\n20 20 40 50 0 0 0 0 0 0\n70 10 8 10 0 0 0 1 0 0\n'
VOC = (
    '<annotation><filename>{name}.png</filename><object><name>mask</name>'
    '<bndbox><xmin>20</xmin><ymin>20</ymin><xmax>60</xmax><ymax>70</ymax>'
    '</bndbox></object></annotation>'
)


@pytest.fixture(scope='module')
def sources():
    cfg = Config.fromfile(PATHS[0])
    return dict(cfg.shares)


@pytest.fixture(scope='module')
def data(tmp_path_factory, sources):
    """Two photos of each source, and those to validate on."""
    folder = tmp_path_factory.mktemp('people')
    random = np.random.default_rng(0)
    for source in sources:
        (folder / 'images' / source).mkdir(parents=True)
        names = []
        for i in range(2):
            photo = random.integers(0, 256, (SIDE, 120, 3), np.uint8)
            names.append(f'{source}/{i}.png')
            cv2.imwrite(str(folder / 'images' / names[-1]), photo)
        text = ''.join(f'{name}\n{FACES}' for name in names)
        for split in ('train', 'val'):
            (folder / f'{source}_{split}_bbx_gt.txt').write_text(text)
    voc = folder / 'voc'
    for part in ('images', 'annotations'):
        (voc / part).mkdir(parents=True)
    for name in 'ab':
        cv2.imwrite(str(voc / f'images/{name}.png'), photo)
        (voc / f'annotations/{name}.xml').write_text(VOC.format(name=name))
    (voc / 'train.txt').write_text('a\nb\n')
    return folder


def datasets_of(cfg):
    """Configs of the sources, mosaics or not."""
    parts = cfg.train_dataloader.dataset.datasets
    return [part.get('dataset', part) for part in parts]


def shrink(cfg, data, work_dir):
    """The same run with crops of 96 pixels and two photos a source."""
    for dataset in [*datasets_of(cfg), cfg.val_dataloader.dataset]:
        voc = dataset.type == 'VOCFaceDataset'
        dataset.data_root = str(data / 'voc' if voc else data)
    for part in cfg.train_dataloader.dataset.datasets:
        for transform in part.pipeline:
            for key in ('scale', 'crop_size', 'size', 'img_scale'):
                if key in transform:
                    transform[key] = (SIDE, SIDE)
    for name in ('train', 'val', 'test'):
        cfg[f'{name}_dataloader'].num_workers = 0
        cfg[f'{name}_dataloader'].persistent_workers = False
    cfg.train_dataloader.batch_size = 2
    cfg.train_cfg.max_iters = cfg.train_cfg.val_interval = 3
    cfg.param_scheduler = cfg.param_scheduler[:1]  # the other begins later
    cfg.load_from = str(ROOT / 'mmsrn/zoo/srn_mobilenetv2.safetensors')
    cfg.work_dir = str(work_dir)
    cfg.randomness = dict(seed=0)
    return cfg


@pytest.mark.parametrize('path', PATHS, ids=lambda x: x.stem)
def test_trains_and_is_judged(path, data, tmp_path):
    runner = Runner.from_cfg(shrink(Config.fromfile(path), data, tmp_path))
    runner.train()
    losses = runner.message_hub.log_scalars
    for name in ('cls_fs', 'cls_ss', 'bbox_ss'):
        assert losses[f'train/loss_{name}'].current() > 0
    assert np.isfinite(losses['train/loss'].current())
    assert 'val/coco/bbox_mAP' in losses


def test_each_source_has_its_share(sources):
    cfg = Config.fromfile(PATHS[0])
    files = [x.data_root + x.ann_file for x in datasets_of(cfg)]
    assert files == [
        'data/facemask/train.txt'
        if x == 'facemask'
        else f'data/people/{x}_train_bbx_gt.txt'
        for x in sources
    ]
    ratio = cfg.train_dataloader.sampler.source_ratio
    assert ratio == list(sources.values())


@pytest.mark.parametrize('path', PATHS, ids=lambda x: x.stem)
def test_the_name_says_what_the_config_does(path):
    cfg = Config.fromfile(path)
    batch, iters = re.search(
        r'_amp-1xb(\d+)-(\d+)i_people', path.stem
    ).groups()
    assert cfg.train_dataloader.batch_size == int(batch)
    assert cfg.train_cfg.max_iters == int(iters)
    assert cfg.optim_wrapper.type == 'BFloat16OptimWrapper'
    losses = cfg.model.bbox_head.loss_str
    assert losses.loss_bbox_ss.type == 'GIoULoss'


def test_the_default_weights_name_the_last_step():
    config = ROOT / list_models()[DEFAULT_MODEL]['config']
    assert config in PATHS
    assert 'iter_' in Config.fromfile(config).load_from


def test_the_default_weights_are_pruned_as_the_last_step_says():
    entry = list_models()[DEFAULT_MODEL]
    weights = load_file(ROOT / 'mmsrn/zoo' / entry['files']['torch']['file'])
    channels = Config.fromfile(ROOT / entry['config']).channels
    for subnet in ('cls_convs', 'reg_convs'):
        kernel = weights[f'bbox_head.{subnet}.2.conv.weight']
        assert kernel.flatten(1).any(1).sum() == channels
