"""Names of the published SRN checkpoint and their place in mmsrn."""

import re
from pathlib import Path

import torch
from torch import Tensor

from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.torch_file import read_torch_file

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
_BLOCKS = (3, 4, 6, 3)  # of ResNet-50, which alone was published
_PREFIX = 'module.'
_AGAIN = 'copy or download it again'


class CheckpointError(ValueError):
    """A file that is no checkpoint of the published SRN."""


def _new_name(name: str) -> str:
    for pattern, place in _LEVELS.items():
        if match := re.fullmatch(pattern, name):
            return place.format(int(match[1]) - 2, match[2])
    for pattern, place in _RULES:
        if match := re.fullmatch(pattern, name):
            return match.expand(place).format(**_SUBNETS)
    raise AssertionError(f'no rule for {name}')


def published_names() -> list[str]:
    """Names of all tensors of the published network, ResNet-50.

    Returns:
        list[str]: Without the prefix ``module.`` and without
        ``num_batches_tracked``, which the published file is too old to have.
    """
    convs, norms = ['conv1'], ['bn1']
    for layer, blocks in enumerate(_BLOCKS, 1):
        for block in range(blocks):
            place = f'layer{layer}.{block}'
            convs += [f'{place}.conv{i}' for i in (1, 2, 3)]
            norms += [f'{place}.bn{i}' for i in (1, 2, 3)]
        convs.append(f'layer{layer}.0.downsample.0')
        norms.append(f'layer{layer}.0.downsample.1')
    biased = ['layer5', 'layer6']
    biased += [f'c{i}_lateral' for i in range(2, 6)]
    biased += [f'{x}{i}_conv' for x in 'cp' for i in range(2, 8)]
    for subnet in ('cls_subnet', 'box_subnet'):
        parts = [f'branch{i}.{j}' for i in range(4) for j in (0, 2, 4)]
        parts.append('cated_conv.0')
        biased += [f'{subnet}.{part}' for part in ('0', '3')]
        biased += [f'{subnet}.2.{part}' for part in parts]
        biased.append(f'{subnet}_pred')
    kinds = ('weight', 'bias')
    stats = (*kinds, 'running_mean', 'running_var')
    names = [f'{conv}.weight' for conv in convs]
    names += [f'{norm}.{kind}' for norm in norms for kind in stats]
    return names + [f'{conv}.{kind}' for conv in biased for kind in kinds]


def _unmatched(source: dict[str, Tensor]) -> list[str]:
    known = set(published_names())

    def known_as(name: str) -> str:
        # A counter of batches stands beside its running statistics.
        name = name.replace('.num_batches_tracked', '.running_var')
        return name.removeprefix(_PREFIX)

    return [name for name in source if known_as(name) not in known]


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
        CheckpointError: If a branch of RFE is missing or misshapen.
    """
    converted: dict[str, Tensor] = {}
    unmatched = _unmatched(source)
    branches: dict[str, dict[int, Tensor]] = {}
    for full_name, tensor in source.items():
        if full_name in unmatched:
            continue
        name = full_name.removeprefix(_PREFIX)
        if match := _BRANCH.fullmatch(name):
            subnet, index, part, kind = match.groups()
            place = (
                f'bbox_head.{_SUBNETS[subnet]}_convs.1.'
                f'{_BRANCH_PARTS[part]}.conv.{kind}'
            )
            branches.setdefault(place, {})[int(index)] = tensor
        else:
            converted[_new_name(name)] = tensor
    for place, parts in branches.items():
        if sorted(parts) != [0, 1, 2, 3]:
            raise CheckpointError(
                f'{place} needs RFE branches 0, 1, 2, 3; the checkpoint has '
                f'{sorted(parts)}'
            )
        try:
            converted[place] = torch.cat([parts[i] for i in range(4)])
        except RuntimeError as error:
            raise CheckpointError(f'{place}: {error}') from error
    return converted, unmatched


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of an untrusted checkpoint file.

    Nothing of it is run.

    Args:
        path (Path): File written by ``torch.save``.

    Returns:
        dict[str, Tensor]: Tensors by name, a ``state_dict`` wrapper removed.

    Raises:
        CheckpointError: If the file is missing, cannot be read safely or
            holds no tensors.
    """
    path = Path(path)
    if not path.is_file():
        what = 'is a folder' if path.is_dir() else 'no such file'
        raise CheckpointError(
            f'{path}: {what}; give the SRN.pth of the published code'
        )
    if path.stat().st_size == 0:
        raise CheckpointError(f'{path}: the file is empty; {_AGAIN}')
    try:
        loaded = read_torch_file(path)
    # A file of anybody's making may raise anything.
    except Exception as error:
        if found := re.match(r'it asks for ([\w.]+)', str(error)):
            raise CheckpointError(
                f'{path}: not loaded, as it holds more than tensors '
                f'({found[1]}) and could run code; ask for a file of the '
                'tensors alone'
            ) from error
        raise CheckpointError(
            f'{path}: not a checkpoint, or damaged ({type(error).__name__}); '
            f'{_AGAIN}'
        ) from error
    if isinstance(loaded, dict) and 'state_dict' in loaded:
        loaded = loaded['state_dict']
    tensors = {}
    if isinstance(loaded, dict):
        tensors = {
            name: value
            for name, value in loaded.items()
            if isinstance(name, str) and isinstance(value, Tensor)
        }
    if not tensors:
        raise CheckpointError(
            f'{path}: holds no tensors by name; give the SRN.pth of the '
            'published code'
        )
    return tensors


def convert_file(src: Path, dst: Path) -> list[str]:
    """Convert a published checkpoint file; ``dst`` is written atomically.

    Args:
        src (Path): Published checkpoint.
        dst (Path): File to write: ``dict(state_dict=..., meta=...)``.

    Returns:
        list[str]: Names in ``src`` that belong to no part of SRN.

    Raises:
        CheckpointError: If ``src`` is no SRN checkpoint or lacks tensors, all
            of which are named, or ``dst`` cannot be written.
    """
    source = load_state_dict(src)
    present = {name.removeprefix(_PREFIX) for name in source}
    wanted = published_names()
    missing = [name for name in wanted if name not in present]
    if len(missing) == len(wanted):
        raise CheckpointError(
            f'{src}: none of its {len(source)} tensors has a name of the '
            'published SRN (first: ' + ', '.join(list(source)[:3]) + ')'
        )
    if missing:
        lines = [f'  missing: {name}' for name in missing]
        lines += [f'  not of SRN: {name}' for name in _unmatched(source)]
        raise CheckpointError(
            f'{src}: lacks {len(missing)} of the {len(wanted)} tensors of '
            'the published SRN (ResNet-50); nothing is written\n'
            + '\n'.join(lines)
        )
    converted, unmatched = convert_state_dict(source)
    meta = dict(source=Path(src).name)
    try:
        with atomic_file(dst) as partial:
            torch.save(dict(state_dict=converted, meta=meta), partial)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f'{dst}: cannot be written: {error}') from error
    return unmatched
