"""Small models and batches for tests and benchmarks."""

from pathlib import Path

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict
from mmengine.structures import InstanceData
from torch import nn

from mmsrn.utils import register_all_modules


def load_model_cfg(config: str | Path) -> ConfigDict:
    """Model of a config file, without pretrained weights.

    Args:
        config (str | Path): Path of the config.

    Returns:
        ConfigDict: Its ``model``; the registries are filled on return.
    """
    register_all_modules()
    model = Config.fromfile(config).model
    model.backbone.init_cfg = None
    return model


def thin_model(config: str | Path, seed: int = 0) -> nn.Module:
    """Model of a config of SRN's, thin where it is wide, for a training step.

    Args:
        config (str | Path): Path of the config.
        seed (int): Seed of its initial weights.

    Returns:
        nn.Module: In training mode; each box passes its score threshold.
    """
    cfg = load_model_cfg(config)
    if cfg.backbone.type in ('ResNet', 'RootResNet'):
        stem = 16 if cfg.backbone.type == 'ResNet' else 32  # halved inside
        cfg.backbone.update(depth=18, base_channels=16, stem_channels=stem)
        cfg.backbone.zero_init_residual = False  # else no gradient in blocks
        cfg.neck.in_channels = [16, 32, 64, 128]
        cfg.neck.out_channels = 64
        cfg.bbox_head.update(in_channels=64, feat_channels=64)
        if 'auxiliary_head' in cfg:
            cfg.auxiliary_head.update(in_channels=64, feat_channels=64)
            cfg.auxiliary_head.bbox_roi_extractor.out_channels = 64
    cfg.test_cfg.score_thr = 0
    torch.manual_seed(seed)
    model = MODELS.build(cfg)
    model.init_weights()
    return model


@torch.no_grad()
def scatter_weights(model: nn.Module, seed: int = 0) -> nn.Module:
    """Draw weights of neck and head whose outputs differ widely.

    Freshly initialised, a detector gives all anchors nearly one score and no
    offset: anything compares equal, or ties at a threshold.

    Args:
        model (nn.Module): A detector with an ``SRNHead``.
        seed (int): Seed of the weights.

    Returns:
        nn.Module: The same, in evaluation mode. On noise, scores of both
        steps lie on both sides of usual thresholds.
    """
    generator = torch.Generator().manual_seed(seed)
    for part in (model.neck, model.bbox_head):
        for name, layer in part.named_modules():
            if not isinstance(layer, nn.Conv2d):
                continue
            gain = 1.4  # keeps the variance behind a ReLU
            if name.startswith('conv_cls'):
                gain = 2.8
            elif name.startswith(('conv_reg', 'conv_refine')):
                gain = 0.2
            deviation = gain / layer.weight[0].numel() ** 0.5
            layer.weight.normal_(0, deviation, generator=generator)
            if name.startswith('conv_cls'):
                layer.bias.fill_(-4)
    model.eval()  # of some backbones of mmdet it returns nothing
    return model


def anchor_batch(model: nn.Module, side: int) -> dict:
    """A noise image with a face on an anchor of each level.

    Args:
        model (nn.Module): With a ``bbox_head`` that has anchors.
        side (int): Height and width of the image in pixels.

    Returns:
        dict: As of :func:`random_batch`.
    """
    batch = random_batch(1, (side, side))
    generator = model.bbox_head.prior_generator
    sizes = [(side // x[0],) * 2 for x in generator.strides]
    anchors = generator.grid_priors(sizes, device='cpu')
    boxes = torch.stack([x[len(x) // 2] for x in anchors])
    (sample,) = batch['data_samples']
    sample.gt_instances = InstanceData(
        bboxes=boxes, labels=torch.zeros(len(boxes), dtype=torch.long)
    )
    return batch


def random_faces(
    num: int, size: tuple[int, int], generator: torch.Generator
) -> InstanceData:
    """Random square-ish ground truth.

    Args:
        num (int): Faces, at least 0.
        size (tuple[int, int]): Image height and width in pixels.
        generator (torch.Generator): Source of randomness.

    Returns:
        InstanceData: ``bboxes`` (num, 4) x1, y1, x2, y2 inside the image,
        ``labels`` (num,) all 0.
    """
    height, width = size
    side = min(size) * 2 ** -(4 * torch.rand(num, generator=generator))
    wh = torch.stack([side / 1.25, side], dim=1)
    room = torch.tensor([width, height]) - wh
    start = torch.rand(num, 2, generator=generator) * room
    return InstanceData(
        bboxes=torch.cat([start, start + wh], dim=1),
        labels=torch.zeros(num, dtype=torch.long),
    )


def random_batch(
    num_images: int = 2,
    size: tuple[int, int] = (128, 160),
    num_faces: int = 4,
    seed: int = 0,
) -> dict:
    """Noise images with random faces, as a data loader gives them.

    Args:
        num_images (int): Images of the batch.
        size (tuple[int, int]): Height and width of each in pixels.
        num_faces (int): Faces of each.
        seed (int): Seed of images and faces.

    Returns:
        dict: ``inputs``, a list of uint8 tensors (3, H, W), and
        ``data_samples``, what ``data_preprocessor`` takes.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs, samples = [], []
    for i in range(num_images):
        inputs.append(
            torch.randint(256, (3, *size), generator=generator).byte()
        )
        sample = DetDataSample(
            metainfo=dict(
                img_id=i,
                img_shape=size,
                ori_shape=size,
                scale_factor=(1.0, 1.0),
            )
        )
        sample.gt_instances = random_faces(num_faces, size, generator)
        sample.ignored_instances = random_faces(0, size, generator)
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)
