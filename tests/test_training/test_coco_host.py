"""A stock detector of mmdet's for 80 classes, with SRNHead, start to end."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.apis import DetInferencer
from mmdet.datasets import CocoDataset
from mmdet.structures.bbox import bbox_overlaps
from mmengine.config import Config
from mmengine.runner import Runner

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs/mixing/retinanet_r50_fpn_srn-head_1x_coco.py'
SIDE = 128
NAMES = CocoDataset.METAINFO['classes']
# As COCO numbers its categories: with gaps.
NUMBERS = [*range(1, 12), *range(13, 92)][: len(NAMES)]
OBJECTS = dict(
    person=(40, 40, 230), dog=(40, 220, 40), toothbrush=(230, 90, 0)
)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Images with one plain rectangle for each class, and their json."""
    folder = tmp_path_factory.mktemp('coco')
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for i in range(4):
        picture = rng.integers(90, 140, (SIDE, SIDE, 3), dtype=np.uint8)
        corners = rng.permutation([(4, 4), (68, 4), (4, 68), (68, 68)])
        for (name, color), (x, y) in zip(OBJECTS.items(), corners.tolist()):
            w, h = rng.integers(36, 56, 2).tolist()
            picture[y : y + h, x : x + w] = color
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=i,
                    category_id=NUMBERS[NAMES.index(name)],
                    bbox=[x, y, w, h],
                    area=w * h,
                    iscrowd=0,
                )
            )
        cv2.imwrite(str(folder / f'{i}.png'), picture)
        images.append(
            dict(id=i, file_name=f'{i}.png', height=SIDE, width=SIDE)
        )
    categories = [dict(id=i, name=n) for i, n in zip(NUMBERS, NAMES)]
    (folder / 'all.json').write_text(
        json.dumps(
            dict(images=images, annotations=annotations, categories=categories)
        )
    )
    return folder


def in_miniature(cfg, data, work_dir, epochs):
    """The same detector and steps on a thin backbone and small images."""
    for name, batch in (('train', 4), ('val', 1), ('test', 1)):
        loader = cfg[f'{name}_dataloader']
        loader.update(
            batch_size=batch, num_workers=0, persistent_workers=False
        )
        loader.dataset.update(
            data_root=f'{data}/', ann_file='all.json', data_prefix=dict(img='')
        )
        for transform in loader.dataset.pipeline:
            if transform.type == 'Resize':
                transform.scale = (SIDE, SIDE)
            if transform.type == 'RandomFlip':
                transform.prob = 0.0
    cfg.val_evaluator.ann_file = cfg.test_evaluator.ann_file = str(
        data / 'all.json'
    )
    cfg.model.backbone.update(
        depth=18,
        base_channels=16,
        stem_channels=16,
        init_cfg=None,
        frozen_stages=-1,
        norm_eval=False,
    )
    cfg.model.neck.in_channels = [16, 32, 64, 128]
    cfg.train_cfg.update(max_epochs=epochs, val_interval=epochs)
    cfg.param_scheduler = []
    cfg.optim_wrapper = dict(
        type='OptimWrapper',
        optimizer=dict(type='AdamW', lr=0.001),
        clip_grad=dict(max_norm=10),
    )
    cfg.default_hooks.checkpoint.update(interval=epochs, save_optimizer=False)
    cfg.work_dir = str(work_dir)
    cfg.randomness = dict(seed=0)
    return cfg


@pytest.mark.slow
def test_learns_and_infers(data, tmp_path):
    cfg = Config.fromfile(CONFIG)
    assert cfg.model.type == 'RetinaNet'
    assert cfg.model.bbox_head.num_classes == len(NAMES) == 80
    epochs = 40
    runner = Runner.from_cfg(in_miniature(cfg, data, tmp_path, epochs))
    runner.train()
    scalars = runner.message_hub.log_scalars
    assert scalars['val/coco/bbox_mAP_50'].current() > 0.5

    inferencer = DetInferencer(
        model=str(tmp_path / CONFIG.name),  # as the runner left it there
        weights=str(tmp_path / f'epoch_{epochs}.pth'),
        device='cpu',
        show_progress=False,
    )
    truth = json.loads((data / 'all.json').read_text())
    hits = 0
    for image in truth['images']:
        found = inferencer(str(data / image['file_name']))['predictions'][0]
        boxes = torch.tensor(found['bboxes']).reshape(-1, 4)
        assert len(found['labels']) == len(boxes) == len(found['scores'])
        for note in truth['annotations']:
            if note['image_id'] != image['id']:
                continue
            x, y, w, h = note['bbox']
            box = torch.tensor([[x, y, x + w, y + h]]).float()
            label = NUMBERS.index(note['category_id'])
            hits += any(
                overlap > 0.5 and other == label and score > 0.3
                for overlap, other, score in zip(
                    bbox_overlaps(box, boxes)[0],
                    found['labels'],
                    found['scores'],
                )
            )
    assert hits > len(truth['annotations']) * 0.7
