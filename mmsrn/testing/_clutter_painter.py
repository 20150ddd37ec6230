"""Procedural backgrounds and things that resemble faces but are none."""

from __future__ import annotations

import cv2
import numpy as np

from ._face_painter import random_color, random_skin, scale_color


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: int
) -> np.ndarray:
    """Noise of about ``cells`` blobs along a side, (h, w) in -1..1."""
    small = rng.uniform(-1, 1, (cells + 1, cells + 1)).astype(np.float32)
    return cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)


def draw_background(
    rng: np.random.Generator, shape: tuple[int, int]
) -> np.ndarray:
    """Draw a cluttered background, (h, w, 3) uint8."""
    h, w = shape
    image = _gradient(rng, shape)
    themes = (_buildings, _foliage, _shelves, _polygons, _stripes)
    for i in rng.permutation(len(themes))[: rng.integers(1, 3)]:
        themes[i](rng, image)
    for _ in range(rng.integers(4, 16)):
        _shape(rng, image)
    texture = np.zeros(shape, np.float32)
    for cells in (4, 16, 64):
        texture += rng.uniform(0, 0.09) * smooth_noise(rng, shape, cells)
    textured = image * (1 + texture[..., None])
    image = np.clip(textured, 0, 255).astype(np.uint8)
    for _ in range(rng.integers(0, 4)):
        _text(rng, image)
    return image


def draw_distractor(rng: np.random.Generator, image: np.ndarray) -> None:
    """Draw one flat thing that a careless detector takes for a face."""
    h, w = image.shape[:2]
    r = float(np.exp(rng.uniform(np.log(7), np.log(45))))
    center = (float(rng.uniform(0, w)), float(rng.uniform(0, h)))
    kinds = (
        _one_eye,
        _ball,
        _clock,
        _blank_oval,
        _two_dots,
        _target,
        _flower,
        _knob_panel,
    )
    kinds[rng.integers(len(kinds))](rng, image, center, r)


# ---- backgrounds ----------------------------------------------------------
def _gradient(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    h, w = shape
    angle = rng.uniform(0, 2 * np.pi)
    x = np.arange(w, dtype=np.float32)[None] / w
    y = np.arange(h, dtype=np.float32)[:, None] / h
    t = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    t = (t - t.min()) / (np.ptp(t) + 1e-6) + 0.25 * smooth_noise(rng, shape, 3)
    a, b = np.float32(random_color(rng)), np.float32(random_color(rng))
    image = a + np.clip(t, 0, 1)[..., None] * (b - a)
    return np.clip(image, 0, 255).astype(np.uint8)


def _buildings(rng: np.random.Generator, image: np.ndarray) -> None:
    h, w = image.shape[:2]
    x = -int(rng.integers(0, 30))
    while x < w:
        bw = int(rng.integers(40, 120))
        top = int(rng.uniform(0, 0.6) * h)
        wall = random_color(rng)
        cv2.rectangle(image, (x, top), (x + bw, h), wall, -1)
        step = int(rng.integers(10, 26))
        lit, unlit = scale_color(wall, 1.5), scale_color(wall, 0.45)
        for wy in range(top + 6, h, step):
            for wx in range(x + 5, x + bw - step // 2, step):
                cv2.rectangle(
                    image,
                    (wx, wy),
                    (wx + step // 2, wy + int(step * 0.6)),
                    lit if rng.random() < 0.3 else unlit,
                    -1,
                )
        x += bw + int(rng.integers(0, 20))


def _foliage(rng: np.random.Generator, image: np.ndarray) -> None:
    h, w = image.shape[:2]
    base = random_color(rng)
    top = rng.uniform(0, 0.7) * h
    for _ in range(int(rng.integers(150, 400))):
        center = (int(rng.uniform(0, w)), int(rng.uniform(top, h)))
        axes = (int(rng.integers(2, 12)), int(rng.integers(2, 8)))
        cv2.ellipse(
            image,
            center,
            axes,
            float(rng.uniform(0, 180)),
            0,
            360,
            scale_color(base, rng.uniform(0.5, 1.4)),
            -1,
            cv2.LINE_AA,
        )


def _shelves(rng: np.random.Generator, image: np.ndarray) -> None:
    h, w = image.shape[:2]
    step = int(rng.integers(40, 110))
    wood = random_color(rng)
    for y in range(int(rng.integers(0, step)), h + step, step):
        x = 0
        while x < w:
            bw = int(rng.integers(5, 24))
            bh = int(step * rng.uniform(0.4, 0.9))
            if rng.random() < 0.8:
                cv2.rectangle(
                    image, (x, y - bh), (x + bw, y), random_color(rng), -1
                )
            x += bw + int(rng.integers(0, 6))
        cv2.rectangle(image, (0, y), (w, y + step // 12 + 2), wood, -1)


def _polygons(rng: np.random.Generator, image: np.ndarray) -> None:
    h, w = image.shape[:2]
    for _ in range(int(rng.integers(8, 30))):
        center = rng.uniform(0, 1, 2) * [w, h]
        pts = center + rng.normal(
            0, rng.uniform(8, 60), (int(rng.integers(3, 7)), 2)
        )
        cv2.fillPoly(
            image, [pts.astype(np.int32)], random_color(rng), cv2.LINE_AA
        )


def _stripes(rng: np.random.Generator, image: np.ndarray) -> None:
    h, w = image.shape[:2]
    color = random_color(rng)
    step = int(rng.integers(8, 40))
    slant = int(rng.uniform(-0.6, 0.6) * h)
    for x in range(-h, w + h, step):
        cv2.line(
            image,
            (x, 0),
            (x + slant, h),
            color,
            max(1, step // int(rng.integers(3, 8))),
            cv2.LINE_AA,
        )


def _shape(rng: np.random.Generator, image: np.ndarray) -> None:
    h, w = image.shape[:2]
    center = (int(rng.uniform(0, w)), int(rng.uniform(0, h)))
    color = random_color(rng)
    kind = rng.integers(3)
    if kind == 0:
        cv2.ellipse(
            image,
            center,
            (int(rng.integers(3, 40)), int(rng.integers(3, 40))),
            float(rng.uniform(0, 180)),
            0,
            360,
            color,
            -1,
            cv2.LINE_AA,
        )
    elif kind == 1:
        end = (
            center[0] + int(rng.normal(0, 80)),
            center[1] + int(rng.normal(0, 80)),
        )
        cv2.line(
            image, center, end, color, int(rng.integers(1, 7)), cv2.LINE_AA
        )
    else:
        box = cv2.boxPoints(
            (center, tuple(rng.uniform(5, 80, 2)), float(rng.uniform(0, 90)))
        )
        cv2.fillPoly(image, [box.astype(np.int32)], color, cv2.LINE_AA)


def _text(rng: np.random.Generator, image: np.ndarray) -> None:
    h, w = image.shape[:2]
    letters = 'ABCDEHKMOQRSUX0358&%@'
    text = ''.join(
        letters[i]
        for i in rng.integers(len(letters), size=int(rng.integers(2, 8)))
    )
    scale = float(rng.uniform(0.3, 1.4))
    origin = (int(rng.uniform(-0.1, 0.9) * w), int(rng.uniform(0.05, 1) * h))
    cv2.putText(
        image,
        text,
        origin,
        int(rng.integers(0, 8)),
        scale,
        random_color(rng),
        int(rng.integers(1, 4)),
        cv2.LINE_AA,
    )


# ---- distractors ----------------------------------------------------------
def _oval(
    image: np.ndarray,
    center: tuple[float, float],
    rx: float,
    ry: float,
    color: tuple,
    angle: float = 0.0,
    width: int = -1,
) -> None:
    cv2.ellipse(
        image,
        ((center[0], center[1]), (max(2 * rx, 1), max(2 * ry, 1)), angle),
        color,
        width,
        cv2.LINE_AA,
    )


def _lit_oval(
    rng: np.random.Generator,
    image: np.ndarray,
    center: tuple[float, float],
    rx: float,
    ry: float,
    color: tuple,
) -> None:
    """An oval with a brighter side, as a ball or a head has."""
    angle = rng.uniform(0, 2 * np.pi)
    for t in np.linspace(0, 1, 8):
        at = (
            center[0] + 0.35 * t * rx * np.cos(angle),
            center[1] + 0.35 * t * ry * np.sin(angle),
        )
        _oval(
            image,
            at,
            rx * (1 - 0.6 * t),
            ry * (1 - 0.6 * t),
            scale_color(color, 0.7 + 0.5 * t),
        )


def _one_eye(rng, image, center, r) -> None:
    _lit_oval(rng, image, center, 0.8 * r, r, random_skin(rng))
    eye = (
        center[0] + rng.uniform(-0.2, 0.2) * r,
        center[1] - rng.uniform(-0.2, 0.3) * r,
    )
    _oval(image, eye, 0.25 * r, 0.15 * r, (230, 230, 230))
    _oval(image, eye, 0.1 * r, 0.13 * r, (20, 20, 20))


def _ball(rng, image, center, r) -> None:
    color = random_color(rng)
    _lit_oval(rng, image, center, r, r, color)
    for t in rng.uniform(-0.7, 0.7, int(rng.integers(0, 4))):
        _oval(
            image,
            center,
            r * abs(t),
            r,
            scale_color(color, 0.5),
            float(rng.uniform(0, 180)),
            max(1, int(r / 12)),
        )


def _clock(rng, image, center, r) -> None:
    _oval(image, center, r, r, scale_color(random_color(rng), 1.6))
    _oval(image, center, r, r, random_color(rng), width=max(1, int(r / 8)))
    for t in np.arange(12) * np.pi / 6:
        tick = np.array([np.cos(t), np.sin(t)])
        a, b = center + 0.75 * r * tick, center + 0.88 * r * tick
        cv2.line(
            image,
            tuple(a.astype(int)),
            tuple(b.astype(int)),
            (30, 30, 30),
            max(1, int(r / 15)),
            cv2.LINE_AA,
        )
    for length in (0.45, 0.7):
        t = rng.uniform(0, 2 * np.pi)
        end = center + length * r * np.array([np.cos(t), np.sin(t)])
        cv2.line(
            image,
            tuple(np.int32(center)),
            tuple(end.astype(int)),
            (20, 20, 20),
            max(1, int(r / 10)),
            cv2.LINE_AA,
        )


def _blank_oval(rng, image, center, r) -> None:
    _lit_oval(
        rng, image, center, r * rng.uniform(0.6, 0.95), r, random_skin(rng)
    )


def _two_dots(rng, image, center, r) -> None:
    """Two dots and a bar that are no face: on a square, out of order."""
    color = random_color(rng)
    box = cv2.boxPoints((center, (2 * r, 1.6 * r), float(rng.uniform(0, 90))))
    cv2.fillPoly(image, [box.astype(np.int32)], color, cv2.LINE_AA)
    dark = scale_color(color, 0.4)
    for _ in range(2):
        at = center + rng.uniform(-0.6, 0.6, 2) * r
        _oval(image, tuple(at), 0.15 * r, 0.15 * r, dark)
    a, b = center + rng.uniform(-0.6, 0.6, (2, 2)) * r
    cv2.line(
        image,
        tuple(a.astype(int)),
        tuple(b.astype(int)),
        dark,
        max(1, int(r / 8)),
        cv2.LINE_AA,
    )


def _target(rng, image, center, r) -> None:
    a, b = random_color(rng), random_color(rng)
    for i, t in enumerate((1, 0.75, 0.5, 0.25)):
        _oval(image, center, r * t, r * t, (a, b)[i % 2])


def _flower(rng, image, center, r) -> None:
    petal = random_color(rng)
    for t in np.arange(7) * 2 * np.pi / 7 + rng.uniform(0, 1):
        at = (
            center[0] + 0.65 * r * np.cos(t),
            center[1] + 0.65 * r * np.sin(t),
        )
        _oval(image, at, 0.4 * r, 0.25 * r, petal, float(np.degrees(t)))
    _oval(image, center, 0.35 * r, 0.35 * r, random_color(rng))


def _knob_panel(rng, image, center, r) -> None:
    """A power socket or a control panel: regular holes."""
    color = scale_color(random_color(rng), 1.3)
    a, b = np.int32(center) - int(r), np.int32(center) + int(r)
    cv2.rectangle(image, tuple(a.tolist()), tuple(b.tolist()), color, -1)
    n = int(rng.integers(1, 4))
    for i in range(n):
        for j in range(n):
            at = center + (np.array([i, j]) - (n - 1) / 2) * 1.6 * r / n
            _oval(
                image,
                tuple(at),
                0.4 * r / n,
                0.4 * r / n,
                scale_color(color, 0.35),
            )
