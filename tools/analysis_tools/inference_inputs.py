"""Detectors and images of benchmark_inference.py, from files."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch
from imposed_cells import srn_heads
from inference_variants import Batch, Loaded, set_inference
from mmcv.transforms import Compose
from mmdet.registry import DATASETS, MODELS
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from mmsrn.models.utils import use_channels_last
from mmsrn.testing.models import random_batch
from mmsrn.utils import register_all_modules
from mmsrn.utils.folder_tree import find_files
from mmsrn.utils.image_files import IMAGE_SUFFIXES, read_image
from mmsrn.utils.launch import (
    check_checkpoint,
    check_config,
    check_parts,
    fail,
    load_weights,
    one_line_errors,
    open_checkpoint,
    read_config,
)
from mmsrn.zoo import ZooError, find_model, list_models

CHECKPOINTS = ('.pth', '.pt')


def load_detector(
    parser: argparse.ArgumentParser, text: str, device: str, root: Path
) -> Loaded:
    """Build a detector, or end with what is wrong with its files.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        text (str): ``CONFIG``; ``CONFIG=CHECKPOINT``, a file or a name of
            the zoo; such a name, with the config of its training; or a
            checkpoint that mmengine has saved, which holds its config.
            Without a checkpoint the weights are random.
        device (str): Where to put it.
        root (Path): The root of the repository, to look for similar configs.

    Returns:
        Loaded: The detector.
    """
    config, _, path = text.partition('=')
    if text in list_models() or (
        Path(text).suffix in CHECKPOINTS and not path
    ):
        path = text
    name = Path(config).stem
    if path and path != config:
        name = f'{name}={Path(path).stem}'
    if path in list_models():
        if config == path:
            config = str(root / list_models()[path]['config'])
        path = _shipped_file(parser, path)
    if path:
        check_checkpoint(
            parser, path, 'without =CHECKPOINT, the weights are random'
        )
    weights = open_checkpoint(parser, path) if path else None
    if config == path:
        cfg = _config_within(parser, path, weights)
    else:
        check_config(parser, config, root)
        cfg = read_config(parser, config, None)
    check_parts(parser, cfg, config, ('model',))
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    _forget_pretrained(cfg.model)  # no download: a checkpoint has it all
    torch.manual_seed(0)
    with one_line_errors(parser, config):
        model = MODELS.build(cfg.model)
        if weights is None:
            logging.disable(logging.WARNING)  # it tells of every weight
            try:
                model.init_weights()
            finally:
                logging.disable(logging.NOTSET)
    if weights is not None:
        load_weights(parser, config, model, path, weights)
    model.to(device).eval()
    if _is_channels_last(cfg):
        use_channels_last(model)
    for head in srn_heads(model):
        set_inference(head, 'dense')
    return Loaded(name, text, config, path or None, cfg, model)


def _shipped_file(parser: argparse.ArgumentParser, name: str) -> str:
    """File of a model of the zoo, or end with what is wrong with it."""
    try:
        return str(find_model(name, 'torch'))
    except ZooError as error:
        fail(parser, str(error))


def _config_within(
    parser: argparse.ArgumentParser, path: str, checkpoint: dict
) -> Config:
    """Config that mmengine has put into a checkpoint."""
    text = (checkpoint.get('meta') or {}).get('cfg')
    if not isinstance(text, str):
        fail(
            parser,
            f'checkpoint {path} does not hold its config; name it: '
            f'CONFIG={path}',
        )
    register_all_modules(init_default_scope=False)
    with one_line_errors(
        parser,
        f'checkpoint {path}',
        lambda error: f'its config cannot be read: {error}',
    ):
        return Config.fromstring(text, '.py')


def _forget_pretrained(cfg: object) -> None:
    """Take weights that are files out of a config of a model."""
    if isinstance(cfg, dict):
        init = cfg.get('init_cfg')
        if isinstance(init, dict) and init.get('type') == 'Pretrained':
            cfg['init_cfg'] = None
        cfg = list(cfg.values())
    if isinstance(cfg, (list, tuple)):
        for part in cfg:
            _forget_pretrained(part)


def _is_channels_last(cfg: Config) -> bool:
    """Whether training and test keep the model in that order."""
    hooks = [*(cfg.get('default_hooks') or {}).values()]
    hooks += cfg.get('custom_hooks') or []
    return any(
        str((x or {}).get('type')).endswith('ChannelsLastHook') for x in hooks
    )


def noise(loaded: Loaded, size: tuple[int, int]) -> list[Batch]:
    """Make an image of noise.

    Args:
        loaded (Loaded): The detector it is for.
        size (tuple[int, int]): Height and width in pixels.

    Returns:
        list[tuple[Tensor, list]]: One batch of one image.
    """
    return [_preprocess(loaded, random_batch(1, size))]


def find_photos(folder: Path) -> list[Path]:
    """Images in a folder and those below it, without hidden ones.

    Args:
        folder (Path): The folder.

    Returns:
        list[Path]: In the order of their folders and names.

    Raises:
        ValueError: If there is none.
    """
    if not folder.is_dir():
        raise ValueError(f'--images {folder}: is no folder')
    found = [
        folder / x
        for x in find_files(folder)
        if x.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not found:
        raise ValueError(
            f'--images {folder}: has no image ({" ".join(IMAGE_SUFFIXES)})'
        )
    return found


def read_photos(loaded: Loaded, paths: list[Path]) -> list[Batch]:
    """Read photos as the test of a config does.

    Args:
        loaded (Loaded): The detector they are for.
        paths (list[Path]): Of the files.

    Returns:
        list[tuple[Tensor, list]]: A batch for each.

    Raises:
        ValueError: If the config has no test pipeline, or a file is no image.
    """
    if not loaded.cfg.get('test_dataloader'):
        raise ValueError(
            f'{loaded.config}: has no test_dataloader, whose pipeline '
            '--images needs; measure with --size'
        )
    pipeline = Compose(get_test_pipeline_cfg(loaded.cfg))
    batches = []
    for i, path in enumerate(paths):
        try:
            read_image(path)  # the pipeline does not name a damaged file
        except (OSError, SyntaxError, ValueError) as error:
            raise ValueError(f'--images: {path}: {error}') from error
        data = pipeline(dict(img_path=str(path), img_id=i))
        batches.append(_preprocess(loaded, pseudo_collate([data])))
    return batches


def read_test_set(loaded: Loaded, number: int) -> list[Batch]:
    """Read photos of the test set of a config.

    Args:
        loaded (Loaded): The detector they are for.
        number (int): How many, as far apart as can be.

    Returns:
        list[tuple[Tensor, list]]: A batch for each.

    Raises:
        ValueError: If the config has no such set, or it cannot be read, or
            has fewer photos.
    """
    where = f'--test-photos: {loaded.config}'
    if not loaded.cfg.get('test_dataloader'):
        raise ValueError(f'{where}: has no test_dataloader; try --images')
    try:
        dataset = DATASETS.build(loaded.cfg.test_dataloader.dataset)
    except OSError as error:
        raise ValueError(
            f'{where}: {error}; data/README.md shows how to lay data out'
        ) from error
    if len(dataset) < number:
        raise ValueError(
            f'{where}: its test set has {len(dataset)} photos, not {number}'
        )
    chosen = [i * len(dataset) // number for i in range(number)]
    return [_preprocess(loaded, pseudo_collate([dataset[i]])) for i in chosen]


def _preprocess(loaded: Loaded, data: dict) -> Batch:
    data = loaded.model.data_preprocessor(data, False)
    return data['inputs'], data['data_samples']
