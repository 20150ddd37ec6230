"""Settings that nothing reads."""

from mmdet.utils import ConfigType


def reject_unknown(cfg: ConfigType, known: tuple[str, ...], name: str) -> None:
    """Refuse keys that nothing reads, such as misspelt ones.

    Args:
        cfg (dict): Settings.
        known (tuple[str]): Keys that are read.
        name (str): What to call the settings.

    Raises:
        ValueError: If there is another key, but for what mmdet's configs
            write to say nothing: ``pos_weight=-1`` and ``debug=False``.
    """
    neutral = dict(pos_weight=-1, debug=False)
    for key, value in cfg.items():
        if key not in known and (key not in neutral or value != neutral[key]):
            raise ValueError(
                f"{name} has no use for '{key}': it takes {known}"
            )
