"""Small models and batches for tests and benchmarks."""

from pathlib import Path

import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict
from mmengine.structures import InstanceData

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
