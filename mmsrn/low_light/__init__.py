"""Simulated low light; needs numpy alone."""

from .sampling import LowLightRanges, darken_named, sample_low_light
from .simulation import Lamp, LowLight, simulate_low_light

__all__ = [
    'Lamp',
    'LowLight',
    'LowLightRanges',
    'darken_named',
    'sample_low_light',
    'simulate_low_light',
]
