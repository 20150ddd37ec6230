"""Enhancement methods written down as their sources state them.

Doubles, no shortcut, slow: what the tests compare :mod:`mmsrn.enhance` with.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

SIGMAS = (15, 80, 250)


def blur(channel: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian with OpenCV's kernel length and border, (h, w)."""
    taps = int(round(sigma * 8 + 1)) | 1
    offset = np.arange(taps) - taps // 2
    kernel = np.exp(-(offset**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    for axis in (0, 1):
        channel = ndimage.correlate1d(channel, kernel, axis, mode='mirror')
    return channel


def msr(channel: np.ndarray, sigmas, log=np.log10) -> np.ndarray:
    """Mean over the scales of log I - log blur(I), (h, w)."""
    total = np.zeros_like(channel)
    for sigma in sigmas:
        total += log(channel) - log(blur(channel, sigma))
    return total / len(sigmas)


def msrcr_values(
    image: np.ndarray,
    sigmas=SIGMAS,
    alpha: float = 125,
    beta: float = 46,
    gain: float = 5,
    offset: float = 25,
    log=np.log10,
) -> np.ndarray:
    """G (C MSR + b), (h, w, 3)."""
    image = image.astype(np.float64) + 1
    total = image[..., 0] + image[..., 1] + image[..., 2]
    out = np.zeros_like(image)
    for c in range(3):
        color = beta * (log(alpha * image[..., c]) - log(total))
        out[..., c] = gain * (color * msr(image[..., c], sigmas, log) + offset)
    return out


def color_balance(channel: np.ndarray, low_clip, high_clip) -> tuple:
    """Bounds as ``simplestColorBalance`` of the port finds them."""
    values, counts = np.unique(channel, return_counts=True)
    low, high, below = values[0], values[0], 0
    for value, count in zip(values, counts):
        if below / channel.size < low_clip:
            low = value
        if below / channel.size < high_clip:
            high = value
        below += count
    return low, high


def msrcr_minmax(image: np.ndarray, **kwargs) -> np.ndarray:
    """MSRCR of the usual Python port."""
    values = msrcr_values(image, **kwargs)
    out = np.zeros(image.shape, np.uint8)
    for c in range(3):
        v = values[..., c]
        levels = np.uint8((v - v.min()) / (v.max() - v.min()) * 255)
        out[..., c] = np.clip(levels, *color_balance(levels, 0.01, 0.99))
    return out


def msrcr_jobson(image: np.ndarray, **kwargs) -> np.ndarray:
    """MSRCR with the published constants, 1 % cut at either end."""
    constants = dict(gain=192, offset=30, log=np.log)
    values = msrcr_values(image, **(constants | kwargs))
    out = np.zeros(image.shape, np.uint8)
    for c in range(3):
        low, high = color_balance(values[..., c], 0.01, 0.99)
        share = (np.clip(values[..., c], low, high) - low) / (high - low)
        out[..., c] = np.rint(share * 255)
    return out


def msrcr_gimp(image: np.ndarray, sigmas=(2, 82, 162)) -> np.ndarray:
    """MSRCR of GIMP's filter, with a true Gaussian."""
    values = msrcr_values(image, sigmas, 128, 1, 1, 0, np.log)
    mean, deviation = values.mean(), values.std()
    low, high = mean - 1.2 * deviation, mean + 1.2 * deviation
    return np.uint8(np.clip(255 * (values - low) / (high - low), 0, 255))


def automated_msrcr(image: np.ndarray) -> np.ndarray:
    """``automatedMSRCR`` of the port."""
    out = np.zeros(image.shape, np.uint8)
    for c in range(3):
        v = 2 * msr(image[..., c].astype(np.float64) + 1, SIGMAS)
        bins, counts = np.unique(np.int32(v * 100), return_counts=True)
        zero = dict(zip(bins, counts))[0]
        low, high = bins[0] / 100, bins[-1] / 100
        for one, count in zip(bins, counts):
            if one < 0 and count < 0.1 * zero:
                low = one / 100
            if one > 0 and count < 0.1 * zero:
                high = one / 100
                break
        v = np.clip(v, low, high)
        out[..., c] = np.uint8((v - v.min()) / (v.max() - v.min()) * 255)
    return out


def multi_scale_retinex(image: np.ndarray) -> np.ndarray:
    """MSR, 1 % cut at either end of each channel."""
    out = np.zeros(image.shape, np.uint8)
    for c in range(3):
        v = msr(image[..., c].astype(np.float64) + 1, SIGMAS)
        low, high = color_balance(v, 0.01, 0.99)
        out[..., c] = np.rint(
            255 * (np.clip(v, low, high) - low) / (high - low)
        )
    return out


def msrcp(image: np.ndarray) -> np.ndarray:
    """``MSRCP`` of the port, pixel by pixel."""
    image = image.astype(np.float64) + 1
    intensity = image.sum(axis=2) / 3
    v = msr(intensity, SIGMAS)
    v = np.clip(v, *color_balance(v, 0.01, 0.99))
    v = (v - v.min()) / (v.max() - v.min()) * 255 + 1
    out = np.zeros(image.shape)
    for y, x in np.ndindex(intensity.shape):
        most = max(image[y, x])
        gain = min(256 / most, v[y, x] / intensity[y, x])
        out[y, x] = gain * image[y, x] - 1
    return np.uint8(np.clip(out, 0, 255))


def agcwd(image: np.ndarray, alpha: float = 0.5) -> np.ndarray:
    """Adaptive gamma with weighting distribution, pixel by pixel."""
    value = image.max(axis=2)
    shares = [float((value == level).mean()) for level in range(256)]
    low, high = min(shares), max(shares)
    weights = [high * ((x - low) / (high - low)) ** alpha for x in shares]
    curve = [0.0]
    for level in range(1, 256):
        gamma = 1 - sum(weights[: level + 1]) / sum(weights)
        curve.append(255 * (level / 255) ** gamma)
    out = np.zeros(image.shape)
    for y, x in np.ndindex(value.shape):
        if value[y, x]:
            out[y, x] = image[y, x] * curve[value[y, x]] / value[y, x]
    return np.uint8(np.clip(np.rint(out), 0, 255))


def equalize(channel: np.ndarray) -> np.ndarray:
    """Histogram equalisation of one channel."""
    cdf = [int((channel <= level).sum()) for level in range(256)]
    first = cdf[int(channel.min())]
    out = [255 * (x - first) / (channel.size - first) for x in cdf]
    return np.uint8(np.clip(np.rint(out), 0, 255))[channel]


def clahe(channel: np.ndarray, clip_limit: float, tiles: int) -> np.ndarray:
    """CLAHE of one channel whose sides are multiples of the tiles."""
    height, width = channel.shape[0] // tiles, channel.shape[1] // tiles
    area = height * width
    limit = max(int(clip_limit * area / 256), 1)
    curves = np.zeros((tiles, tiles, 256))
    for i, j in np.ndindex(tiles, tiles):
        tile = channel[i * height :, j * width :][:height, :width]
        counts = [int((tile == level).sum()) for level in range(256)]
        excess = sum(max(x - limit, 0) for x in counts)
        counts = [min(x, limit) + excess // 256 for x in counts]
        rest = excess % 256
        if rest:
            for level in range(0, 256, max(256 // rest, 1))[:rest]:
                counts[level] += 1
        curves[i, j] = np.clip(np.rint(np.cumsum(counts) * 255 / area), 0, 255)
    out = np.zeros(channel.shape)
    for y, x in np.ndindex(channel.shape):
        i, j = y / height - 0.5, x / width - 0.5
        top, left = math.floor(i), math.floor(j)
        for row, weight in ((top, 1 - i + top), (top + 1, i - top)):
            for column, share in ((left, 1 - j + left), (left + 1, j - left)):
                curve = curves[
                    min(max(row, 0), tiles - 1), min(max(column, 0), tiles - 1)
                ]
                out[y, x] += weight * share * curve[channel[y, x]]
    return np.uint8(np.rint(out))


def lime(image: np.ndarray, strategy: int = 3) -> np.ndarray:
    """LIME by a direct solver of equation (19) of the paper."""
    light = image / 255.0
    first = light.max(axis=2)
    height, width = first.shape
    matrix = sparse.identity(first.size)
    for vertical, size in ((True, height), (False, width)):
        step = sparse.diags([-np.ones(size), np.ones(size - 1)], [0, 1])
        step = step.tolil()
        step[size - 1] = 0  # no difference across the border
        if vertical:
            gradient = sparse.kron(step, sparse.identity(width)).tocsr()
        else:
            gradient = sparse.kron(sparse.identity(height), step).tocsr()
        slope = gradient @ first.ravel()
        if strategy == 1:
            weight = np.ones(first.size)
        elif strategy == 2:
            weight = 1 / (abs(slope) + 1e-3)
        else:
            inside = slope.reshape(first.shape)
            inside = inside[:-1] if vertical else inside[:, :-1]
            offset = np.arange(5) - 2
            kernel = np.exp(-(offset**2) / (2 * 2.0**2))
            kernel /= kernel.sum()
            for axis in (0, 1):
                inside = ndimage.correlate1d(
                    inside, kernel, axis, mode='mirror'
                )
            edge = ((0, 1), (0, 0)) if vertical else ((0, 0), (0, 1))
            weight = 1 / (abs(np.pad(inside, edge)).ravel() + 1e-3)
        weight = 0.15 * weight / (abs(slope) + 1e-3)
        matrix = matrix + gradient.T @ sparse.diags(weight) @ gradient
    refined = spsolve(matrix.tocsc(), first.ravel()).reshape(first.shape)
    out = light / (refined**0.8 + 1e-3)[..., None]
    return np.uint8(np.clip(np.rint(out * 255), 0, 255))


def multi_fusion(image: np.ndarray) -> np.ndarray:
    """MF with all factors of its weights; pyramids of three levels."""
    guide = image.max(axis=2) / 255
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15)) > 0
    closed = ndimage.grey_closing(image.max(axis=2), footprint=disk) / 255

    def mean(values):
        out = np.zeros(values.shape)
        for y, x in np.ndindex(values.shape):
            rows = slice(max(y - 2, 0), y + 3)
            out[y, x] = values[rows, max(x - 2, 0) : x + 3].mean()
        return out

    slope = mean(guide * closed) - mean(guide) * mean(closed)
    slope /= mean(guide * guide) - mean(guide) ** 2 + 0.004
    offset = mean(closed) - slope * mean(guide)
    light = np.clip(mean(slope) * guide + mean(offset), 1 / 255, 1)
    strength = 10 + (1 - light.mean()) / light.mean()
    method = cv2.createCLAHE(3, (8, 8))
    versions = [
        light,
        2 / np.pi * np.arctan(strength * light),
        method.apply(np.uint8(np.rint(light * 255))) / 255,
    ]
    hsv = cv2.cvtColor(np.float32(image / 255), cv2.COLOR_BGR2HSV)
    hue, saturation = np.deg2rad(hsv[..., 0]), hsv[..., 1]
    chroma = 1 + np.cos(2 * hue + np.deg2rad(250)) * saturation + 1e-9
    weights = [
        np.exp(-((x - 0.5) ** 2) / (2 * 0.25**2)) * x * chroma
        for x in versions
    ]
    total = sum(weights)
    fused = [0, 0, 0]
    for version, weight in zip(versions, weights):
        fine, share = version, weight / total
        for level in range(3):
            part = fine
            if level < 2:
                fine = cv2.pyrDown(fine)
                part = part - cv2.pyrUp(fine, dstsize=part.shape[::-1])
            fused[level] = fused[level] + part * share
            share = cv2.pyrDown(share)
    for level in (1, 0):
        size = fused[level].shape[::-1]
        fused[level] = fused[level] + cv2.pyrUp(fused[level + 1], dstsize=size)
    out = image / light[..., None] * np.maximum(fused[0], 0)[..., None]
    return np.uint8(np.clip(np.rint(out), 0, 255))
