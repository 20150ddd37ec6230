"""Dark scenes drawn at random."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

import numpy as np

from .simulation import Lamp, LowLight, simulate_low_light

__all__ = ['LowLightRanges', 'darken_named', 'sample_low_light']

_LOG = ('exposure', 'electrons', 'lamp_height', 'lamp_strength')
#: Lamps may stand out of sight, by this much of the side of the image.
_OUTSIDE = 0.15

Range = tuple[float, float]
_MOST_STOPS = 16


@dataclass(frozen=True)
class LowLightRanges:
    """Ranges of what :class:`LowLight` and :class:`Lamp` hold.

    Exposure, electrons, height and strength are drawn evenly on a logarithmic
    scale, the others evenly.  The defaults make of everyday photographs what
    resembles DARK FACE (whose mean is 13, 13, 15 of 255 in blue, green and
    red): most pixels near black, and a few bright lights.

    Attributes:
        exposure, gamma, electrons, read_noise (tuple[float, float]): See
            :class:`LowLight`.
        bits (int): See :class:`LowLight`.
        warmth (tuple[float, float]): Colour of the general light in stops of
            red over blue; negative is cold.
        tint (tuple[float, float]): Its stops of green over the mean of red
            and blue.
        num_lamps (tuple[int, int]): Least and most lamps.
        lamp_height, lamp_strength, lamp_glow (tuple[float, float]): See
            :class:`Lamp`.
        lamp_warmth, lamp_tint (tuple[float, float]): As ``warmth`` and
            ``tint``, of each lamp.

    Raises:
        ValueError: If a range is none, or reaches what cannot be.
    """

    exposure: Range = (0.003, 0.025)
    gamma: Range = (1.0, 1.15)
    electrons: Range = (3000.0, 20000.0)
    read_noise: Range = (1.0, 4.0)
    bits: int = 12
    warmth: Range = (-0.5, 0.6)
    tint: Range = (-0.25, 0.05)
    num_lamps: tuple[int, int] = (0, 4)
    lamp_height: Range = (0.04, 0.2)
    lamp_strength: Range = (0.05, 1.0)
    lamp_glow: Range = (0.0, 5.0)
    lamp_warmth: Range = (-0.5, 1.0)
    lamp_tint: Range = (-0.1, 0.1)

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == 'bits':
                continue
            whole = item.name == 'num_lamps'
            kind = (int, np.integer) if whole else (int, float, np.number)
            if (
                not isinstance(value, (tuple, list))
                or len(value) != 2
                or not all(isinstance(x, kind) for x in value)
                or not -np.inf < value[0] <= value[1] < np.inf
            ):
                raise ValueError(
                    f'{item.name}={value} is no range of two '
                    f'{"whole " * whole}numbers, the lower first'
                )
            if item.name in (*_LOG, 'gamma') and value[0] <= 0:
                raise ValueError(f'{item.name}={value}: must be above 0')
            if item.name in ('read_noise', 'num_lamps', 'lamp_glow') and (
                value[0] < 0
            ):
                raise ValueError(f'{item.name}={value}: must not be below 0')
            if item.name.endswith(('warmth', 'tint')) and (
                max(-value[0], value[1]) > _MOST_STOPS
            ):
                raise ValueError(
                    f'{item.name}={value}: no light is more than '
                    f'{_MOST_STOPS} stops off'
                )
        if not isinstance(self.bits, int):
            raise ValueError(f'bits={self.bits} is no whole number')
        LowLight(bits=self.bits)  # checks it


def sample_low_light(
    ranges: LowLightRanges, rng: np.random.Generator
) -> LowLight:
    """Draw a dark scene.

    Args:
        ranges (LowLightRanges): What to draw from.
        rng (np.random.Generator): Source of randomness.

    Returns:
        LowLight: Parameters of :func:`simulate_low_light`.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> light = sample_low_light(LowLightRanges(exposure=(0.1, 0.1)), rng)
        >>> round(light.exposure, 6)
        0.1
    """

    def draw(name: str) -> float:
        low, high = getattr(ranges, name)
        if name in _LOG:
            return float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return float(rng.uniform(low, high))

    def lamp() -> Lamp:
        return Lamp(
            x=float(rng.uniform(-_OUTSIDE, 1 + _OUTSIDE)),
            y=float(rng.uniform(-_OUTSIDE, 1 + _OUTSIDE)),
            height=draw('lamp_height'),
            strength=draw('lamp_strength'),
            color=_color(draw('lamp_warmth'), draw('lamp_tint')),
            glow=draw('lamp_glow'),
        )

    least, most = ranges.num_lamps
    return LowLight(
        exposure=draw('exposure'),
        color=_color(draw('warmth'), draw('tint')),
        lamps=tuple(lamp() for _ in range(rng.integers(least, most + 1))),
        electrons=draw('electrons'),
        read_noise=draw('read_noise'),
        bits=ranges.bits,
        gamma=draw('gamma'),
    )


def _color(warmth: float, tint: float) -> tuple[float, float, float]:
    """Gains of blue, green and red whose product is 1."""
    blue, red = -warmth / 2 - tint / 3, warmth / 2 - tint / 3
    return 2**blue, 2 ** (tint * 2 / 3), 2**red


def darken_named(
    image: np.ndarray, name: str, ranges: LowLightRanges, seed: int
) -> np.ndarray:
    """Darken one image of a set.

    The result depends on the arguments alone, so that neither the order nor
    the number of processes matters.

    Args:
        image (np.ndarray): BGR uint8 (h, w, 3).
        name (str): Name of the image within the set.
        ranges (LowLightRanges): What the scene is drawn from.
        seed (int): Seed of the set.

    Returns:
        np.ndarray: BGR uint8 (h, w, 3).

    Raises:
        TypeError: If the image is of another kind.
    """
    digest = hashlib.sha256(f'{seed}/{name}'.encode()).digest()
    rng = np.random.default_rng(np.frombuffer(digest, np.uint32))
    return simulate_low_light(image, sample_low_light(ranges, rng), rng)
