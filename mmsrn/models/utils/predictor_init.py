"""Initialisation of a head's predictors by what they are for."""

from __future__ import annotations

import copy
from itertools import chain

from mmdet.utils import ConfigType, OptConfigType, OptMultiConfig
from mmengine.model import BaseInit, PretrainedInit, update_init_info
from mmengine.registry import WEIGHT_INITIALIZERS
from torch import nn


@WEIGHT_INITIALIZERS.register_module()
class ChannelBiasInit(BaseInit):
    """One bias for some of the channels that a layer puts out.

    Args:
        bias (float): The bias.
        start (int): First of these channels.
        step (int): From each to the next.
        **kwargs: As of mmengine's ``BaseInit``.
    """

    def __init__(
        self, *, bias: float, start: int, step: int = 1, **kwargs
    ) -> None:
        super().__init__(bias=bias, **kwargs)
        self.channels = slice(start, None, step)

    def __call__(self, module: nn.Module) -> None:
        """Initialise a layer.

        Args:
            module (nn.Module): The layer.
        """
        module.bias.data[self.channels] = self.bias
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())

    def _get_init_info(self) -> str:
        """Line of mmengine's log on initial values."""
        start, step = self.channels.start, self.channels.step
        return (
            f'{type(self).__name__}: bias={self.bias} from channel {start} '
            f'on, every {step}'
        )


_PRETRAINED = ('Pretrained', PretrainedInit)
# What each predictor is for; an ``override`` of the first counts for both.
_ROLES = dict(
    cls=('conv_cls', 'conv_cls_fs'),
    reg=('conv_reg', 'conv_reg_fs'),
    refine=('conv_refine',),
)
_SUBNETS = ('cls_convs_fs', 'reg_convs_fs')
_DEFAULT = dict(cls=dict(type='SRNNormalInit', std=0.01, bias_prob=0.01))


def with_predictors(
    init_cfg: OptMultiConfig,
    predictor_init: OptConfigType,
    head: nn.Module,
    biases: list[ConfigType],
) -> OptMultiConfig:
    """Let an ``init_cfg`` initialise predictors by what they are for.

    An ``override`` of ``init_cfg`` that names a predictor takes precedence
    over its role. Overrides of layers that the head has not built are dropped.

    Args:
        init_cfg (dict | list[dict], optional): Of all layers.
        predictor_init (dict, optional): See ``SRNHead``.
        head (nn.Module): The head, with its layers.
        biases (list[dict]): Overrides that come last.

    Returns:
        dict | list[dict] | None: Another ``init_cfg``; one that does no more
        than load a checkpoint, or none, stays as it is.

    Raises:
        ValueError: If ``predictor_init`` has another role.
    """
    wanted = dict(_DEFAULT, **(predictor_init or {}))
    if unknown := sorted(wanted.keys() - _ROLES.keys()):
        raise ValueError(
            f"SRNHead: predictor_init has no role '{unknown[0]}'; it has "
            f'{", ".join(_ROLES)}'
        )
    cfgs = copy.deepcopy(init_cfg)
    layers = [cfgs] if isinstance(cfgs, dict) else list(cfgs or ())
    layers = [x for x in layers if x['type'] not in _PRETRAINED]
    if not layers:
        return cfgs
    own = _take_overrides(layers)
    overrides = [own[x] for x in _SUBNETS if x in own]
    for role, names in _ROLES.items():
        for name in names:
            cfg = own.get(name, own.get(names[0], wanted.get(role)))
            if cfg is not None and cfg.keys() != {'name'}:
                overrides.append(dict(cfg, name=name))
    overrides = [x for x in overrides if hasattr(head, x['name'])] + biases
    layers[-1]['override'] = layers[-1].get('override', []) + overrides
    return cfgs


def _take_overrides(layers: list[ConfigType]) -> dict[str, ConfigType]:
    """Take those of predictors and of what may not be built out, by name."""
    known = {*chain(*_ROLES.values()), *_SUBNETS}
    taken = {}
    for cfg in layers:
        override = cfg.pop('override', None) or []
        if isinstance(override, dict):
            override = [override]
        taken.update((x['name'], x) for x in override if x['name'] in known)
        if rest := [x for x in override if x['name'] not in known]:
            cfg['override'] = rest
    return taken
