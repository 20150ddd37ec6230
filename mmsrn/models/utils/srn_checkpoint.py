"""Names of the published SRN checkpoint and their place in mmsrn."""

import pickle
import re
from pathlib import Path

import torch
from torch import Tensor

# Published name -> mmsrn name, tried in order (`\d` groups carry over).
_RULES = [
    (r'(conv1|bn1|layer[1-4])\.(.+)', r'backbone.\1.\2'),
    (r'layer5\.(.+)', r'neck.extra_convs.0.conv.\1'),
    (r'layer6\.(.+)', r'neck.extra_convs.1.conv.\1'),
    (r'(cls|box)_subnet\.0\.(.+)', r'bbox_head.{\1}_convs.0.conv.\2'),
    (r'(cls|box)_subnet\.3\.(.+)', r'bbox_head.{\1}_convs.2.conv.\2'),
    (
        r'(cls|box)_subnet\.2\.cated_conv\.0\.(.+)',
        r'bbox_head.{\1}_convs.1.project.conv.\2',
    ),
    (
        r'(cls|box)_subnet\.2\.branch(\d)\.2\.(.+)',
        r'bbox_head.{\1}_convs.1.strips.\2.conv.\3',
    ),
    (r'(cls|box)_subnet_pred\.(.+)', r'bbox_head.conv_{\1}.\2'),
]
# Maps of the pyramid, whose published names count levels from 2.
_LEVELS = {
    r'c([2-5])_lateral\.(.+)': 'neck.lateral_convs.{}.conv.{}',
    r'c([2-7])_conv\.(.+)': 'neck.first_step_convs.{}.conv.{}',
    r'p([2-7])_conv\.(.+)': 'neck.fpn_convs.{}.conv.{}',
}
# 1x1 convolutions of the RFE branches, which mmsrn holds as one.
_BRANCH = re.compile(r'(cls|box)_subnet\.2\.branch(\d)\.([04])\.(.+)')
_BRANCH_PARTS = {'0': 'reduce', '4': 'expand'}
_SUBNETS = {'cls': 'cls', 'box': 'reg'}


class CheckpointError(ValueError):
    """A file that is no checkpoint of the published SRN."""


def _new_name(name: str) -> str | None:
    for pattern, place in _LEVELS.items():
        if match := re.fullmatch(pattern, name):
            return place.format(int(match[1]) - 2, match[2])
    for pattern, place in _RULES:
        if match := re.fullmatch(pattern, name):
            return match.expand(place).format(**_SUBNETS)
    return None


def convert_state_dict(
    source: dict[str, Tensor],
) -> tuple[dict[str, Tensor], list[str]]:
    """Rename the tensors of the published network.

    The four branch-wise 1x1 convolutions at each end of RFE are joined along
    their output channels.

    Args:
        source (dict[str, Tensor]): Published names, with or without the
            prefix ``module.`` and ``num_batches_tracked``.

    Returns:
        tuple[dict[str, Tensor], list[str]]: Tensors by mmsrn name, and the
        names that belong to no part of SRN.

    Raises:
        CheckpointError: If a branch of RFE is missing.
    """
    converted: dict[str, Tensor] = {}
    unmatched: list[str] = []
    branches: dict[str, dict[int, Tensor]] = {}
    for full_name, tensor in source.items():
        name = full_name.removeprefix('module.')
        if match := _BRANCH.fullmatch(name):
            subnet, index, part, kind = match.groups()
            place = (
                f'bbox_head.{_SUBNETS[subnet]}_convs.1.'
                f'{_BRANCH_PARTS[part]}.conv.{kind}'
            )
            branches.setdefault(place, {})[int(index)] = tensor
        elif (new := _new_name(name)) is not None:
            converted[new] = tensor
        else:
            unmatched.append(full_name)
    for place, parts in branches.items():
        if sorted(parts) != [0, 1, 2, 3]:
            raise CheckpointError(
                f'{place} needs RFE branches 0, 1, 2, 3; the checkpoint has '
                f'{sorted(parts)}'
            )
        converted[place] = torch.cat([parts[i] for i in range(4)])
    return converted, unmatched


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of an untrusted checkpoint file.

    Only tensors and plain containers are unpickled (``weights_only``).

    Args:
        path (Path): File written by ``torch.save``.

    Returns:
        dict[str, Tensor]: Tensors by name, a ``state_dict`` wrapper removed.

    Raises:
        CheckpointError: If the file is missing, cannot be read safely or
            holds no tensors.
    """
    if not Path(path).is_file():
        raise CheckpointError(f'{path}: no such file')
    try:
        loaded = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f'{path}: not a checkpoint of tensors only, not loaded because '
            f'it could run code: {str(error).splitlines()[0]}'
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise CheckpointError(
            f'{path}: not a readable checkpoint: {error}'
        ) from error
    if isinstance(loaded, dict) and 'state_dict' in loaded:
        loaded = loaded['state_dict']
    if not isinstance(loaded, dict) or not any(
        isinstance(value, Tensor) for value in loaded.values()
    ):
        raise CheckpointError(f'{path}: holds no tensors by name')
    return {k: v for k, v in loaded.items() if isinstance(v, Tensor)}


def convert_file(src: Path, dst: Path) -> list[str]:
    """Convert a published checkpoint file; ``dst`` is written whole or not.

    Args:
        src (Path): Published checkpoint.
        dst (Path): File to write: ``dict(state_dict=..., meta=...)``.

    Returns:
        list[str]: Names in ``src`` that belong to no part of SRN.

    Raises:
        CheckpointError: If ``src`` is no SRN checkpoint or ``dst`` cannot be
            written.
    """
    converted, unmatched = convert_state_dict(load_state_dict(src))
    if not converted:
        raise CheckpointError(
            f'{src}: none of its {len(unmatched)} tensors has a name of the '
            'published SRN (first: ' + ', '.join(unmatched[:3]) + ')'
        )
    dst = Path(dst)
    partial = dst.with_name(dst.name + '.partial')
    try:
        dst.parent.mkdir(parents=True, exist_ok=True)
        torch.save(
            dict(state_dict=converted, meta=dict(source=Path(src).name)),
            partial,
        )
        partial.replace(dst)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f'{dst}: cannot be written: {error}') from error
    return unmatched
