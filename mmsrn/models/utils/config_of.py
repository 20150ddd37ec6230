"""What a config builds, and from which weights."""

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
