"""The multi-scale test against its steps written out, and in detectors."""

import logging

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS, TRANSFORMS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData

from mmsrn.models import BBoxVotingTTAModel
from mmsrn.testing.models import load_model_cfg
from mmsrn.utils import register_all_modules
from tests.oracles.voting_loop import bbox_voting_loop

DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'


class Detector(torch.nn.Module):
    """Gives what a function says of each image."""

    def __init__(self, look):
        super().__init__()
        self.look = look

    def test_step(self, data):
        (image,), (sample,) = data['inputs'], data['data_samples']
        boxes, scores, *labels = self.look(image, sample)
        sample.pred_instances = InstanceData(
            bboxes=torch.as_tensor(boxes).float().reshape(-1, 4),
            scores=torch.as_tensor(scores).float(),
            labels=torch.as_tensor(
                labels[0] if labels else np.zeros(len(scores), int)
            ),
        )
        return [sample]


@pytest.fixture
def views():
    """Function that gives the batch of some images."""
    register_all_modules()

    def make(*images, max_size=300):
        transform = TRANSFORMS.build(
            dict(type='MultiScaleTestTimeAug', max_size=max_size)
        )
        return pseudo_collate(
            [
                transform(
                    dict(
                        img=x,
                        img_shape=x.shape[:2],
                        ori_shape=x.shape[:2],
                        img_path=f'{i}.jpg',
                    )
                )
                for i, x in enumerate(images)
            ]
        )

    return make


def blank(height, width):
    return np.zeros((height, width, 3), np.uint8)


def in_view(sample, boxes):
    """Where published boxes of the image are in a view of it."""
    boxes = np.array(boxes, np.float64).reshape(-1, 4)
    view = sample.scale_pass
    if view.flip:
        boxes[:, [2, 0]] = sample.ori_shape[1] - 1 - boxes[:, [0, 2]]
    return boxes * view.scale + (view.scale - 1) / 2


def random_detections(seed):
    """Some hundred boxes in each view, in no order; kept for comparison."""
    rng = np.random.default_rng(seed)
    kept = []

    def look(image, sample):
        height, width = image.shape[-2:]
        start = rng.uniform(-20, [width, height], (300, 2))
        sides = np.exp(rng.uniform(1, 5, (300, 2)))
        boxes = np.column_stack((start, start + sides)).astype(np.float32)
        scores = rng.uniform(0, 1, 300).astype(np.float32).round(2)
        kept.append((boxes, scores))
        return boxes, scores

    return look, kept


def mapped(view, scale):
    boxes, scores = view
    boxes = (boxes - (scale - 1) / 2.0) / scale
    return np.column_stack((boxes, scores))


def flipped(view, width):
    boxes, scores = view
    x1, y1, x2, y2 = boxes.T
    return np.column_stack((width - x2 - 1, y1, width - x1 - 1, y2)), scores


def sides(dets):
    return dets[:, 2] - dets[:, 0] + 1, dets[:, 3] - dets[:, 1] + 1


def published(kept, height, width, max_size):
    """The published steps after the network, for one image."""
    largest = max_size * max_size
    if height * width < largest:
        scales = [0.5, 1.5, np.sqrt(largest / height / width)]
        o = np.column_stack(kept[0])
        f = np.column_stack(flipped(kept[1], width))
        s = mapped(kept[2], scales[0])
        b = np.concatenate(
            [np.zeros((1, 5))]
            + [mapped(x, y) for x, y in zip(kept[3:], scales[1:])]
        )
        b = b[np.minimum(*sides(b)) < 100]
    else:
        ratio = np.sqrt(largest / width / height)
        o = mapped(kept[0], ratio)
        f = mapped(flipped(kept[1], round(width * ratio)), ratio)
        s = np.concatenate(
            [mapped(kept[2], ratio * 0.75), mapped(kept[3], ratio * 0.5)]
        )
        b = np.zeros((1, 5))
    s = s[np.maximum(*sides(s)) > 30]
    voted = bbox_voting_loop(np.concatenate([o, f, s, b]))
    voted[:, 0:4:2] = voted[:, 0:4:2].clip(0, width - 1)
    voted[:, 1:4:2] = voted[:, 1:4:2].clip(0, height - 1)
    return voted[voted[:, 4] != 0]


@pytest.mark.parametrize('shape', [(170, 221), (400, 533)])
def test_equals_the_published_steps(views, shape):
    look, kept = random_detections(shape[0])
    model = BBoxVotingTTAModel(module=Detector(look), offset=1)
    (sample,) = model.test_step(views(blank(*shape)))
    expected = published(kept, *shape, 300)
    found = sample.pred_instances
    assert 20 < len(found) == len(expected)
    np.testing.assert_allclose(found.scores, expected[:, 4], rtol=1e-6)
    np.testing.assert_allclose(found.bboxes, expected[:, :4], atol=1e-3)
    assert found.labels.tolist() == [0] * len(found)


def white_boxes(offset):
    """First and last white pixel, or edges of the white part."""

    def look(image, sample):
        y, x = torch.nonzero(image[0] > 127, as_tuple=True)
        box = [x.min(), y.min(), x.max() + 1 - offset, y.max() + 1 - offset]
        return [box], [0.9]

    return look


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('shape', [(200, 240), (480, 640)])
def test_an_object_stays_where_it_is(views, offset, shape):
    image = blank(*shape)
    image[80:140, 40:120] = 255
    model = BBoxVotingTTAModel(module=Detector(white_boxes(offset)))
    model.voting['offset'] = offset
    mapped = []
    map_back = model._map_back

    def note(sample):
        found = map_back(sample)
        mapped.append((sample.scale_pass, found.bboxes[0]))
        return found

    model._map_back = note
    (sample,) = model.test_step(views(image, max_size=250))
    edges = torch.tensor([40.0, 80, 120 - offset, 140 - offset])
    assert len(mapped) >= 4
    for view, box in mapped:
        error = (0, 0.51, 0.75)[len(view.resizes)] / view.scale
        assert (box - edges).abs().max() <= error, view
    centre = (edges[:2] + edges[2:]) / 2
    for _, box in mapped:  # no shift beyond the rounding of both edges
        assert ((box[:2] + box[2:]) / 2 - centre).abs().max() < 0.9
    (box,) = sample.pred_instances.bboxes
    assert (box - edges).abs().max() < 1


def test_offset_of_a_flip(views):
    """Boxes of mmdet lie a pixel off if they are taken for the published."""
    image = blank(200, 240)
    image[80:140, 40:120] = 255
    for offset, x1 in ((0, 40), (1, 39)):
        model = BBoxVotingTTAModel(
            module=Detector(white_boxes(0)), offset=offset
        )
        batch = views(image, max_size=250)
        view = model._detect(
            batch['inputs'][0][1], batch['data_samples'][0][1]
        )
        assert model._map_back(view).bboxes[0, 0] == x1


def test_corners_are_those_of_mmdet_by_default():
    model = BBoxVotingTTAModel(module=Detector(white_boxes(0)))
    assert model.voting['offset'] == model.inference.offset == 0


def test_sizes_that_count(views):
    """Found in every view, but large ones not enlarged, small ones not
    reduced."""
    faces = np.array([[10, 10, 30, 35], [20, 20, 130, 150.0]])

    def look(image, sample):
        return in_view(sample, faces), [0.5, 0.4]

    counted = []
    model = BBoxVotingTTAModel(module=Detector(look), offset=1)
    map_back = model._map_back
    model._map_back = lambda x: counted.append(map_back(x)) or counted[-1]
    (sample,) = model.test_step(views(blank(200, 200), max_size=400))
    assert [len(x) for x in counted] == [2, 2, 1, 1, 1]
    assert counted[2].bboxes[0].tolist() == faces[1].tolist()
    assert counted[3].bboxes[0].tolist() == pytest.approx(faces[0].tolist())
    np.testing.assert_allclose(sample.pred_instances.bboxes, faces, atol=1e-4)


def test_variants(views):
    def look(image, sample):
        if sample.scale_pass.flip:
            return np.zeros((0, 4)), []
        box = [[10, 10, 50, 60]] if sample.scale_pass.scale == 1 else []
        return box, [0.5] * len(box)

    for keep_single, num in ((False, 0), (True, 1), ('last', 1)):
        model = BBoxVotingTTAModel(
            module=Detector(look), keep_single=keep_single
        )
        (sample,) = model.test_step(views(blank(100, 100)))
        found = sample.pred_instances
        assert found.bboxes.shape == (num, 4)
        assert found.scores.shape == found.labels.shape == (num,)
        assert found.labels.dtype == torch.long
        assert {False: 'dropped', True: 'kept', 'last': 'last'}[
            keep_single
        ] == sample.protocol.split()[-1]


def test_classes_are_voted_on_apart(views):
    def look(image, sample):
        boxes = in_view(sample, [[10, 10, 50, 60]] * 4)
        return boxes, [0.3, 0.5, 0.4, 0.2], [2, 0, 2, 0]

    model = BBoxVotingTTAModel(module=Detector(look), max_per_img=2)
    batch = views(blank(900, 100))
    (sample,) = model.test_step(batch)
    found = sample.pred_instances
    assert found.labels.tolist() == [0, 2]
    np.testing.assert_allclose(found.scores, [0.5, 0.4])
    model.voting['max_num'] = 1
    (sample,) = model.test_step(views(blank(900, 100)))
    assert sample.pred_instances.labels.tolist() == [0]


def test_annotations_come_as_of_other_detectors(views):
    """Tensors, in pixels of the image."""
    look, _ = random_detections(0)
    batch = views(blank(400, 533))
    boxes = HorizontalBoxes(torch.tensor([[1.0, 2, 30, 40]]))
    batch['data_samples'][0][0].gt_instances = InstanceData(bboxes=boxes)
    (sample,) = BBoxVotingTTAModel(module=Detector(look)).test_step(batch)
    assert torch.equal(sample.gt_instances.bboxes, boxes.tensor)


def test_result_is_of_the_image(views):
    look, _ = random_detections(0)
    model = BBoxVotingTTAModel(module=Detector(look), vote_iou=0.3)
    samples = model.test_step(views(blank(400, 533), blank(170, 221)))
    assert [x.img_path for x in samples] == ['0.jpg', '1.jpg']
    assert [x.img_shape for x in samples] == [(400, 533), (170, 221)]
    for sample in samples:
        assert sample.ori_shape == sample.img_shape and not sample.flip
        assert sample.scale_factor == (1, 1) and 'scale_pass' not in sample
        assert 'protocol_deviation' not in sample
        assert sample.protocol == (
            'M: multi-scale and flip, max_size 300, box voting at IoU 0.3, '
            'singles dropped'
        )


@pytest.fixture
def log(monkeypatch):
    """What was logged, with its level."""
    lines = []
    for module in ('bounded_inference', 'bbox_voting_tta'):
        monkeypatch.setattr(
            f'mmsrn.models.test_time_augs.{module}.print_log',
            lambda text, logger, level: lines.append((text, level)),
        )
    return lines


def out_of_memory_from(pixels):
    def look(image, sample):
        if image.shape[-2] * image.shape[-1] >= pixels:
            raise torch.cuda.OutOfMemoryError('CUDA out of memory.')
        return in_view(sample, [[10, 10, 50, 60]]), [0.5]

    return look


def test_out_of_memory(views, log):
    model = BBoxVotingTTAModel(module=Detector(out_of_memory_from(80_000)))
    (sample,) = model.test_step(views(blank(170, 221)))
    assert sample.protocol_deviation == 'x1.5 in 4 tiles, x1.548 in 4 tiles'
    assert 'incomplete' not in sample
    assert len(sample.pred_instances) >= 1 and len(log) == 1
    assert 'pixels of 0.jpg, x1.5: from now on in tiles' in log[0][0]


def test_out_of_memory_in_the_largest_views_alone(views, log):
    """Even in tiles; the smaller scales make do."""
    model = BBoxVotingTTAModel(module=Detector(out_of_memory_from(16_000)))
    (sample,) = model.test_step(views(blank(100, 120), max_size=200))
    assert sample.protocol_deviation == ('x1.5 left out, x1.826 left out')
    assert len(sample.pred_instances) == 1
    assert sample.incomplete
    text, level = log[-1]
    assert text == '0.jpg: out of memory, x1.5 left out, x1.826 left out'
    assert level == logging.WARNING


def test_no_view_fits(views, log):
    model = BBoxVotingTTAModel(module=Detector(out_of_memory_from(0)))
    (sample,) = model.test_step(views(blank(170, 221)))
    assert sample.pred_instances.bboxes.shape == (0, 4)
    assert sample.protocol_deviation.count('left out') == 5
    text, level = log[-1]
    assert text.endswith('IT IS LEFT WITHOUT DETECTIONS') and sample.incomplete
    assert level == logging.ERROR


def test_detections_that_are_not_finite(views, log):
    def look(image, sample):
        boxes = [[10, 10, 50, 60], [0, 0, np.inf, 9], [1, 1, 9, 9]]
        boxes = in_view(sample, boxes)
        return boxes, [0.5, 0.9, float('nan')]

    model = BBoxVotingTTAModel(module=Detector(look))
    (sample,) = model.test_step(views(blank(900, 100)))
    np.testing.assert_allclose(sample.pred_instances.scores, [0.5])
    assert '0.jpg: ' in log[0][0] and 'not finite' in log[0][0]


def test_masks_are_refused(views):
    def test_step(data):
        (sample,) = data['data_samples']
        sample.pred_instances = InstanceData(
            bboxes=torch.zeros(1, 4), masks=torch.zeros(1, 9, 9)
        )
        return [sample]

    detector = Detector(None)
    detector.test_step = test_step
    with pytest.raises(ValueError, match='masks cannot be merged'):
        BBoxVotingTTAModel(module=detector).test_step(views(blank(90, 90)))


def test_other_pipelines_are_refused():
    batch = dict(inputs=[torch.zeros(3, 9, 9)], data_samples=[DetDataSample()])
    with pytest.raises(ValueError, match='end with MultiScaleTestTimeAug'):
        BBoxVotingTTAModel(module=Detector(None)).test_step(batch)


def test_bad_arguments():
    for wrong in (
        dict(vote_iou=2),
        dict(keep_single='first'),
        dict(max_per_img=0),
        dict(offset=2),
        dict(max_pixels=100),
    ):
        (name,) = wrong
        with pytest.raises(
            ValueError, match='max_num' if 'per' in name else name
        ):
            BBoxVotingTTAModel(module=Detector(None), **wrong)


def retinanet(root):
    cfg = load_model_cfg(root / DEMO)
    return ConfigDict(
        type='RetinaNet',
        data_preprocessor=dict(cfg.data_preprocessor, pad_size_divisor=32),
        backbone=cfg.backbone,
        neck=dict(
            type='FPN',
            in_channels=cfg.neck.in_channels,
            out_channels=16,
            num_outs=4,
        ),
        bbox_head=dict(
            type='RetinaHead',
            num_classes=3,
            in_channels=16,
            feat_channels=16,
            anchor_generator=dict(
                type='AnchorGenerator',
                strides=[4, 8, 16, 32],
                ratios=[1.0],
                scales=[4],
            ),
        ),
        test_cfg=dict(
            nms_pre=200,
            score_thr=0.0,
            nms=dict(type='nms', iou_threshold=0.5),
            max_per_img=100,
        ),
    )


def fcos(root):
    cfg = retinanet(root)
    cfg['type'] = 'FCOS'
    head = dict(type='FCOSHead', num_classes=3, strides=[4, 8, 16, 32])
    cfg['bbox_head'] = dict(
        head,
        in_channels=16,
        feat_channels=16,
        regress_ranges=((-1, 16), (16, 32), (32, 64), (64, 1e8)),
        norm_cfg=None,
    )
    return cfg


def faster_rcnn(root):
    """Two stages: mmdet's own config, made small."""
    import mmdet

    path = f'{mmdet.__path__[0]}/.mim/configs/_base_/models'
    cfg = Config.fromfile(f'{path}/faster-rcnn_r50_fpn.py').model
    cfg.backbone.update(
        depth=18, base_channels=16, stem_channels=16, init_cfg=None
    )
    cfg.neck.update(in_channels=[16, 32, 64, 128], out_channels=16)
    cfg.rpn_head.update(in_channels=16, feat_channels=16)
    cfg.roi_head.bbox_roi_extractor.out_channels = 16
    cfg.roi_head.bbox_head.update(
        in_channels=16, fc_out_channels=32, num_classes=3
    )
    cfg.test_cfg.rcnn.score_thr = 0.0
    return cfg


@pytest.mark.parametrize('make', [retinanet, fcos, faster_rcnn])
def test_detectors_of_mmdet(root, views, make):
    register_all_modules()
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='BBoxVotingTTAModel',
            module=make(root),
            offset=0,
            keep_single=True,
        )
    ).eval()
    rng = np.random.default_rng(0)
    images = [
        rng.integers(0, 256, (*shape, 3), np.uint8)
        for shape in ((60, 80), (130, 150))
    ]
    with torch.no_grad():
        samples = model.test_step(views(*images, max_size=128))
    for sample, image in zip(samples, images):
        found = sample.pred_instances
        height, width = image.shape[:2]
        assert len(found) > 0 and (found.scores > 0).all()
        assert (found.bboxes >= 0).all()
        assert (found.bboxes[:, 0::2] <= width).all()
        assert (found.bboxes[:, 1::2] <= height).all()
        assert set(found.labels.tolist()) <= {0, 1, 2}
