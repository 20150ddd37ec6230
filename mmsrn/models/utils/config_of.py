"""What a config builds, and from which weights."""

from typing import Any

from mmdet.registry import MODELS


def is_config_of(cfg: object, kind: type) -> bool:
    """Tell whether a config builds a module of a class or a subclass.

    Args:
        cfg (object): A config, whose ``type`` is a class, or a name with or
            without scope; anything else builds nothing.
        kind (type): The class.

    Returns:
        bool: Also False for names that the registry does not know.
    """
    found = cfg.get('type') if isinstance(cfg, dict) else None
    if isinstance(found, str):
        found = MODELS.get(found)
    # A registry holds functions, too.
    return isinstance(found, type) and issubclass(found, kind)


def without_pretrained(config: Any) -> Any:
    """Copy a config without weights to begin a training with.

    Args:
        config (Any): Config of a model, or a part of it.

    Returns:
        Any: The same, every ``init_cfg`` of the type ``'Pretrained'`` None.
    """
    if isinstance(config, dict):
        kept = {k: without_pretrained(v) for k, v in config.items()}
        init = kept.get('init_cfg')
        if isinstance(init, dict) and init.get('type') == 'Pretrained':
            kept['init_cfg'] = None
        return kept
    if isinstance(config, (list, tuple)):
        return type(config)(without_pretrained(x) for x in config)
    return config
