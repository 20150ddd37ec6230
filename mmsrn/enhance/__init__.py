"""Enhancement of dark photos: pure functions on uint8 images.

Needs only NumPy, SciPy and OpenCV. :mod:`mmsrn.datasets` has the same
functions as transforms of a pipeline; ``mmsrn enhance`` applies them to whole
data sets.
"""

from .fusion import multi_fusion
from .lime import lime
from .methods import (
    METHODS,
    complete,
    enhance_named,
    make_enhancer,
    parameters,
    parse_params,
)
from .msrcr import gimp_sigmas, msrcr
from .retinex import automated_msrcr, msrcp, multi_scale_retinex
from .surround import gaussian_surround
from .tone import (
    adaptive_gamma,
    clahe,
    gamma_correction,
    histogram_equalization,
    linear_gain,
)

__all__ = [
    'METHODS',
    'adaptive_gamma',
    'automated_msrcr',
    'clahe',
    'complete',
    'enhance_named',
    'gamma_correction',
    'gaussian_surround',
    'gimp_sigmas',
    'histogram_equalization',
    'lime',
    'linear_gain',
    'make_enhancer',
    'msrcp',
    'msrcr',
    'multi_fusion',
    'multi_scale_retinex',
    'parameters',
    'parse_params',
]
