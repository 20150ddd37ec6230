"""The multi-scale test of any detector, with box voting."""

import logging

import numpy as np
import torch
from mmdet.models.utils import samplelist_boxtype2tensor
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.logging import print_log
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData
from torch import Tensor

from mmsrn.structures import Passes, ScalePass, bbox_voting

from .bounded_inference import MIN_PIXELS, BoundedInference, resize_back

_SINGLES = {
    False: 'singles dropped',
    True: 'singles kept',
    'last': 'singles dropped but for the last',
}


@MODELS.register_module()
class BBoxVotingTTAModel(BaseTTAModel):
    """Runs a detector over the views of ``MultiScaleTestTimeAug`` and votes.

    For each image: detect in every view; map the boxes back to the image;
    drop those outside the size range of the view; merge all, class
    by class, by box voting; clip.  As in SRN's published ``tools/test.py``,
    from which all defaults come but ``offset``.

    The detector may be any of mmdet with boxes.  If memory runs out, the view
    is processed in overlapping tiles, or left out if these do not fit either.
    A warning and the sample's ``protocol_deviation`` report it; ``incomplete``
    is set if a view was left out.

    Args:
        vote_iou (float): See ``bbox_voting``.
        keep_single (bool | str): See ``bbox_voting``.
        max_per_img (int): Most boxes of an image.
        offset (int): What the corners of the detector's boxes mean.  0, as
            in mmdet and for all that its transforms have trained: the edges,
            so that a width is x2 - x1, x becomes x / s in a resize and W - x
            in a flip.  1, as published and for converted weights: first and
            last pixel, so that it is x2 - x1 + 1, (x - (s - 1) / 2) / s (a
            pixel keeps its centre) and W - x - 1.
        max_pixels (int, optional): Most pixels the network gets at a time;
            larger views are looked at in tiles.  By default as many as memory
            allows.
        **kwargs: Arguments of ``BaseTTAModel``: ``module``, the detector.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        vote_iou: float = 0.5,
        keep_single: bool | str = False,
        max_per_img: int = 750,
        offset: int = 0,
        max_pixels: int | None = None,
        **kwargs,
    ) -> None:
        if offset not in (0, 1):
            raise ValueError(
                f'BBoxVotingTTAModel: offset={offset!r} must be 0 or 1'
            )
        if max_pixels is not None and max_pixels < MIN_PIXELS:
            raise ValueError(
                f'BBoxVotingTTAModel: max_pixels={max_pixels} is less than '
                f'{MIN_PIXELS}'
            )
        self.voting = dict(
            vote_iou=vote_iou,
            keep_single=keep_single,
            max_num=max_per_img,
            offset=offset,
        )
        bbox_voting([], **self.voting)  # judges its arguments
        super().__init__(**kwargs)
        self.inference = BoundedInference(max_pixels, offset)

    def test_step(self, data: dict) -> list[DetDataSample]:
        """Detect objects in a batch of images.

        Args:
            data (dict): ``inputs`` and ``data_samples``, for each image the
                ``Passes`` over it.

        Returns:
            list[DetDataSample]: For each image its sample, with
            ``pred_instances`` in pixels of the original image.

        Raises:
            ValueError: If the data is not of ``MultiScaleTestTimeAug``.
        """
        if not all(isinstance(x, Passes) for x in data['inputs']):
            raise ValueError(
                'BBoxVotingTTAModel: the pipeline must end with '
                'MultiScaleTestTimeAug'
            )
        return self.merge_preds(
            [
                [self._detect(*view) for view in zip(*views)]
                for views in zip(data['inputs'], data['data_samples'])
            ]
        )

    def _detect(self, image: Tensor, sample: DetDataSample) -> DetDataSample:
        found, note = self.inference(self.module, image, sample)
        if found is not None:
            if 'masks' in found:
                raise ValueError(
                    'BBoxVotingTTAModel: masks cannot be merged; test without '
                    '--tta'
                )
            sample.pred_instances = found
        if note:
            note = f'{sample.scale_pass} {note}'
            sample.set_metainfo(dict(protocol_deviation=note))
        return sample

    def merge_preds(
        self, data_samples_list: list[list[DetDataSample]]
    ) -> list[DetDataSample]:
        """Merge the detections of all views of each image.

        Args:
            data_samples_list (list[list[DetDataSample]]): For each image the
                samples of its views, with ``pred_instances`` in pixels of the
                view; without, for a view that was left out.

        Returns:
            list[DetDataSample]: The first sample of each image, with the
            merged detections.
        """
        return [self._merge(samples) for samples in data_samples_list]

    def _merge(self, samples: list[DetDataSample]) -> DetDataSample:
        shape = samples[0].ori_shape[:2]
        found = [self._map_back(x) for x in samples if 'pred_instances' in x]
        result = samples[0]
        notes = [x.get('protocol_deviation') for x in samples]
        result.pred_instances = self._vote(found, shape, result)
        samplelist_boxtype2tensor([result])  # annotations, as other results
        protocol = (
            f'{result.protocol}, box voting at IoU '
            f'{self.voting["vote_iou"]:g}, '
            f'{_SINGLES[self.voting["keep_single"]]}'
        )
        result.set_metainfo(
            dict(
                img_shape=shape,
                scale_factor=(1.0, 1.0),
                protocol=protocol,
            )
        )
        del result.scale_pass
        if any(notes):
            note = ', '.join(x for x in notes if x)
            result.set_metainfo(dict(protocol_deviation=note))
            if len(found) < len(samples):
                # Nothing to keep for good: there may be more memory later.
                result.set_metainfo(dict(incomplete=True))
                print_log(
                    f'{result.get("img_path", "An image")}: out of memory, '
                    f'{note}'
                    + ('' if found else '; IT IS LEFT WITHOUT DETECTIONS'),
                    'current',
                    logging.WARNING if found else logging.ERROR,
                )
        return result

    def _map_back(self, sample: DetDataSample) -> InstanceData:
        """Boxes in pixels of the original image, of the sizes that count."""
        view: ScalePass = sample.scale_pass
        found = sample.pred_instances
        offset = self.voting['offset']
        # Half precision would round to whole pixels.
        boxes = found.bboxes.to(torch.float32, copy=True)
        if view.flip:
            width = sample.img_shape[1]
            boxes[:, 0::2] = width - boxes[:, [2, 0]] - offset
        if view.resizes:
            boxes = resize_back(boxes, view.scale, offset)
        sides = boxes[:, 2:] - boxes[:, :2] + offset
        keep = sides.amax(dim=1) > view.longer_than
        keep &= sides.amin(dim=1) < view.shorter_than
        return InstanceData(
            bboxes=boxes[keep],
            scores=found.scores[keep].float(),
            labels=found.labels[keep],
        )

    def _vote(
        self,
        found: list[InstanceData],
        shape: tuple[int, int],
        sample: DetDataSample,
    ) -> InstanceData:
        if not found:
            return InstanceData(
                bboxes=torch.zeros(0, 4),
                scores=torch.zeros(0),
                labels=torch.zeros(0, dtype=torch.long),
            )
        found = InstanceData.cat(found)
        device = found.bboxes.device
        dets = torch.cat([found.bboxes, found.scores[:, None]], dim=1)
        dets = dets.cpu().double().numpy()
        labels = found.labels.cpu().numpy()
        finite = np.isfinite(dets).all(axis=1)
        if not finite.all():
            print_log(
                f'{sample.get("img_path", "An image")}: '
                f'{np.count_nonzero(~finite)} detections are not finite and '
                'are dropped',
                'current',
                logging.WARNING,
            )
            dets, labels = dets[finite], labels[finite]
        # For each class; none at all is voted on too, for the shape.
        classes = np.unique(labels) if len(labels) else [0]
        voted = [
            bbox_voting(dets[labels == x], **self.voting) for x in classes
        ]
        labels = np.repeat(classes, [len(x) for x in voted])
        voted = np.concatenate(voted)
        order = np.argsort(-voted[:, 4], kind='stable')
        order = order[: self.voting['max_num']]
        voted = voted[order]
        height, width = shape
        offset = self.voting['offset']
        voted[:, 0:4:2] = voted[:, 0:4:2].clip(0, width - offset)
        voted[:, 1:4:2] = voted[:, 1:4:2].clip(0, height - offset)
        voted = torch.from_numpy(voted).to(device, torch.float32)
        return InstanceData(
            bboxes=voted[:, :4],
            scores=voted[:, 4],
            labels=torch.from_numpy(labels[order]).to(device, torch.long),
        )
