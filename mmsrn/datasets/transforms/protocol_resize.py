"""Single-scale test protocols, by their usual names."""

from mmdet.datasets.transforms import Resize
from mmdet.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ProtocolResize(Resize):
    """mmdet's ``Resize`` that also records the name of the test protocol.

    Results on face benchmarks depend strongly on the input size.  Usual sizes
    get their usual letter; other settings are described in words.

    ========================= =============================================
    ``scale=(640, 640)``      ``V: long side 640, single scale``
    ``scale=(1650, 1100)``    ``L: within 1100x1650, single scale``
    ``scale_factor=1.0``      ``O: original size, single scale``
    ========================= =============================================

    Added key: ``protocol``, for ``meta_keys`` of ``PackDetInputs``.

    Args:
        **kwargs: Arguments of mmdet's ``Resize``.  ``keep_ratio`` defaults to
            True, as all these protocols need it.
    """

    def __init__(self, *args, keep_ratio: bool = True, **kwargs) -> None:
        super().__init__(*args, keep_ratio=keep_ratio, **kwargs)

    @property
    def protocol(self) -> str:
        """Name of the protocol, so that numbers can say how they came."""
        if self.scale is None:
            factors = set(self.scale_factor)
            if factors == {1}:
                return 'O: original size, single scale'
            factor = ' and '.join(f'{x:g}' for x in sorted(factors))
            return f'original size times {factor}, single scale'
        longer, shorter = max(self.scale), min(self.scale)
        if not self.keep_ratio:
            width, height = self.scale
            return f'stretched to {height}x{width}, single scale'
        if longer == shorter:
            letter = 'V: ' if longer == 640 else ''
            return f'{letter}long side {longer}, single scale'
        letter = 'L: ' if (longer, shorter) == (1650, 1100) else ''
        return f'{letter}within {shorter}x{longer}, single scale'

    def transform(self, results: dict) -> dict:
        """Resize and record the protocol.

        Args:
            results (dict): Result of the transforms before.

        Returns:
            dict: The same, resized, with ``protocol``.
        """
        results = super().transform(results)
        results['protocol'] = self.protocol
        return results
