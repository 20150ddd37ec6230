"""What a camera makes of a lit scene at night."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ['Lamp', 'LowLight', 'simulate_low_light']

#: Standard deviation of the bulb's glow over the height of its lamp.
_BULB = 0.06


@dataclass(frozen=True)
class Lamp:
    """A small lamp above the plane of the picture.

    Attributes:
        x (float): Place over the width of the image; 0 is left, 1 right;
            outside of both the lamp is out of sight.
        y (float): Place over the height of the image; 0 is the top.
        height (float): Distance from the plane over the longer side of the
            image, > 0: how far the light reaches.
        strength (float): Light right below the lamp over that of the lit
            photograph, >= 0.
        color (tuple[float, float, float]): Gains of blue, green and red.
        glow (float): Brightness of the bulb itself in the picture, 1 being
            white, >= 0; 0 for a lamp that is not seen.
    """

    x: float
    y: float
    height: float
    strength: float
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    glow: float = 0.0

    def __post_init__(self) -> None:
        if self.height <= 0 or self.strength < 0 or self.glow < 0:
            raise ValueError(
                f'{self}: height must be above 0, strength and glow not below'
            )


@dataclass(frozen=True)
class LowLight:
    """Light and camera of a dark photograph.

    Attributes:
        exposure (float): Light everywhere over that of the lit photograph,
            >= 0, in linear light: 0.5 is one stop.
        color (tuple[float, float, float]): Gains of blue, green and red of
            this light: the colour cast.
        lamps (tuple[Lamp]): Further lights.
        electrons (float): Electrons that white makes in a pixel, > 0: the
            fewer, the more shot noise.
        read_noise (float): Standard deviation of the read noise in electrons,
            >= 0.
        bits (int): Of the digitised linear signal, 1 to 16.
        gamma (float): Tone curve of the camera, > 0: linear values are raised
            to this power; above 1 shadows get darker.
    """

    exposure: float = 0.02
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    lamps: tuple[Lamp, ...] = ()
    electrons: float = 6000.0
    read_noise: float = 3.0
    bits: int = 12
    gamma: float = 1.0

    def __post_init__(self) -> None:
        if self.exposure < 0 or self.read_noise < 0:
            raise ValueError(f'{self}: exposure, read_noise: not below 0')
        if self.electrons <= 0 or self.gamma <= 0:
            raise ValueError(f'{self}: electrons, gamma: above 0')
        if not 1 <= self.bits <= 16:
            raise ValueError(f'{self}: bits: from 1 to 16')


def simulate_low_light(
    image: np.ndarray, light: LowLight, rng: np.random.Generator
) -> np.ndarray:
    r"""Darken a photograph as a camera would see the scene in little light.

    In this order, x in [0, 1] being a channel of a pixel::

        x = decode(image)                        sRGB to linear light
        x = x * (exposure * color + sum_l E_l) + sum_l G_l
        n = Poisson(electrons * x) + Normal(0, read_noise)
        q = round(clip(n / electrons) * (2^bits - 1)) / (2^bits - 1)
        image = round(255 * encode(q^gamma))     linear light to sRGB

    A lamp at height h lights a point of the plane at distance d from below it
    by the inverse square law and Lambert's cosine law, and its bulb glows::

        E = strength * color * (1 + (d / h)^2)^(-3/2)
        G = glow * color * exp(-d^2 / (2 * (0.06 * h)^2))

    Sources: sRGB, IEC 61966-2-1; Poisson-Gaussian noise of raw data, Foi et
    al., "Practical Poissonian-Gaussian noise modeling and fitting for
    single-image raw-data" (2008); decoding, noise, quantisation and encoding
    in this order as in the degradation of Cui et al., "Multitask AET with
    Orthogonal Tangent Regularity for Dark Object Detection" (ICCV 2021).
    The lamps and their glow are the project's.

    Args:
        image (np.ndarray): The lit photograph, BGR uint8 (h, w, 3), taken to
            be sRGB.
        light (LowLight): Light and camera.
        rng (np.random.Generator): Source of the noise.

    Returns:
        np.ndarray: BGR uint8 (h, w, 3).

    Raises:
        TypeError: If the image is of another kind.

    Example:
        >>> import numpy as np
        >>> grey = np.full((4, 4, 3), 128, np.uint8)
        >>> light = LowLight(exposure=0.25, electrons=1e9, read_noise=0)
        >>> simulate_low_light(grey, light, np.random.default_rng(0))[0, 0]
        array([65, 65, 65], dtype=uint8)
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise TypeError(
            'low light needs a uint8 image of three channels, got '
            f'{image.dtype} {image.shape}; apply it before transforms that '
            'make it float'
        )
    signal = _DECODE[image]
    illumination, glow = _lights(image.shape[:2], light)
    signal *= illumination
    signal += glow
    electrons = rng.poisson(light.electrons * signal).astype(np.float32)
    if light.read_noise:
        noise = rng.standard_normal(signal.shape, dtype=np.float32)
        electrons += light.read_noise * noise
    steps = 2**light.bits - 1
    digits = np.rint(electrons * (steps / light.electrons))
    levels = np.linspace(0, 1, steps + 1) ** light.gamma
    table = np.rint(255 * _encode(levels)).astype(np.uint8)
    return table[np.clip(digits, 0, steps).astype(np.int32)]


def _decode(srgb: np.ndarray) -> np.ndarray:
    """Linear light of sRGB values, both in [0, 1]."""
    return np.where(
        srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4
    )


def _encode(linear: np.ndarray) -> np.ndarray:
    """Values in sRGB of linear light, both in [0, 1]."""
    return np.where(
        linear <= 0.0031308,
        12.92 * linear,
        1.055 * linear ** (1 / 2.4) - 0.055,
    )


_DECODE = _decode(np.arange(256) / 255).astype(np.float32)


def _lights(
    size: tuple[int, int], light: LowLight
) -> tuple[np.ndarray, np.ndarray]:
    """Light that falls on each pixel, and light of the bulbs in front."""
    height, width = size
    falling = np.full(
        (*size, 3), light.exposure * np.array(light.color), np.float32
    )
    glow = np.zeros((*size, 3), np.float32)
    # Centres of the pixels.
    x = np.arange(width, dtype=np.float32) + 0.5
    y = np.arange(height, dtype=np.float32)[:, None] + 0.5
    for lamp in light.lamps:
        above = lamp.height * max(size)
        far = ((x - lamp.x * width) / above) ** 2
        far = far + ((y - lamp.y * height) / above) ** 2
        color = np.array(lamp.color, np.float32)
        falling += (lamp.strength * (1 + far) ** -1.5)[..., None] * color
        if lamp.glow:
            bulb = lamp.glow * np.exp(far / (-2 * _BULB**2))
            glow += bulb[..., None] * color
    return falling, glow
