"""Batch norms as part of the convolutions before them."""

from collections import Counter

from mmcv.cnn import ConvModule
from mmdet.models.backbones import resnet, resnext
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Exactly these: a subclass may do something else in between.
NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)
BLOCKS = (resnet.BasicBlock, resnet.Bottleneck, resnext.Bottleneck)
STEMS = (resnet.ResNet, resnet.ResNetV1d, resnext.ResNeXt)


def fold_batch_norms(model: nn.Module) -> None:
    """Fold batch norms into the convolutions before them.

    This covers mmcv's ``ConvModule``, ``nn.Sequential``, and the blocks and
    stem of mmdet's ResNet and ResNeXt. Elsewhere, the order of a module's
    children need not be the order of use, so norms stay. Norms after a
    convolution that several norms share stay too.

    Args:
        model (nn.Module): In evaluation mode; changed in place.
    """
    names = model.named_modules(remove_duplicate=False)
    uses = Counter(id(module) for _, module in names)
    for module in list(model.modules()):
        for conv, norm in _pairs(module):
            parts = getattr(module, conv, None), getattr(module, norm, None)
            if (
                type(parts[0]) is nn.Conv2d
                and type(parts[1]) in NORMS
                and parts[1].running_mean is not None
                and all(uses[id(x)] == 1 for x in parts)
            ):
                setattr(module, conv, fuse_conv_bn_eval(*parts))
                setattr(module, norm, nn.Identity())


def _pairs(module: nn.Module) -> list[tuple[str, str]]:
    """Names of the convolutions of a module, and of the norms after them."""
    if type(module) is nn.Sequential:
        names = [name for name, _ in module.named_children()]
        return list(zip(names, names[1:]))
    if type(module) is ConvModule:
        if module.order[:2] == ('conv', 'norm') and module.with_norm:
            return [('conv', module.norm_name)]
    elif type(module) in BLOCKS:
        return [
            (f'conv{i}', getattr(module, f'norm{i}_name', ''))
            for i in (1, 2, 3)
        ]
    elif type(module) in STEMS and not module.deep_stem:
        return [('conv1', module.norm1_name)]
    return []
