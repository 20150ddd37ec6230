"""Drawn scenes with faces, to try a detector on where no photo may be used.

Faces are ovals with hair, eyes, brows, nose and mouth: enough to learn from,
and nothing like the variety of photographs.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mmsrn.evaluation.readers import ATTRIBUTES

__all__ = ['ATTRIBUTES', 'SCENES', 'draw_scene']

#: Kinds of scenes: range of face sizes sqrt(w * h) in pixels, and of numbers.
SCENES = {
    'synthetic_portrait': ((70, 200), (1, 2)),
    'synthetic_group': ((22, 64), (3, 9)),
    'synthetic_crowd': ((12, 28), (8, 23)),
    'synthetic_mixed': ((12, 200), (3, 10)),
}
_ASPECT = 0.78  # width of a face over its height
# Places and radii of ovals, in half heights of the face.
_BODY = (0, 2.2), (1.5, 1.3)
_HAIR = (0, -0.15), (1.15 * _ASPECT, 1.1)
_SHIFT = 4  # fractional bits of coordinates
_DARK_SKIN = np.array([30.0, 42.0, 70.0])
_LIGHT_SKIN = np.array([180.0, 206.0, 240.0])


@dataclass
class _Face:
    """One head: where it is and how it looks towards the viewer.

    Attributes:
        center (np.ndarray): x, y of the face oval in pixels.
        height (float): Of the oval when upright, in pixels.
        roll (float): Tilt in degrees, clockwise.
        yaw (float): Turn to the right, -1 to 1.
        is_open (bool): Whether the mouth is wide open.
    """

    center: np.ndarray
    height: float
    roll: float
    yaw: float
    is_open: bool

    @property
    def box(self) -> np.ndarray:
        """np.ndarray: x1, y1, x2, y2 around the oval."""
        turn = np.radians(self.roll)
        across = np.hypot(_ASPECT * np.cos(turn), np.sin(turn))
        along = np.hypot(_ASPECT * np.sin(turn), np.cos(turn))
        half = np.array([across, along]) * self.height / 2
        return np.hstack([self.center - half, self.center + half])

    def oval(self, image, at, radii, color) -> None:
        """Draw an oval of the head.

        Args:
            image (np.ndarray): Where.
            at (tuple): Its place, right and down from the centre of the face.
            radii (tuple): Half its width and height; both in half heights.
            color (tuple | int): BGR, or the value to write into a map.
        """
        turn = np.radians(self.roll)
        x, y = np.array(at) * self.height / 2
        place = self.center + [
            x * np.cos(turn) - y * np.sin(turn),
            x * np.sin(turn) + y * np.cos(turn),
        ]
        scale = 2**_SHIFT
        size = np.maximum(np.array(radii) * self.height / 2 * scale, 1)
        # Pixel centres have whole numbers for OpenCV, corners for boxes.
        place = np.rint((place - 0.5) * scale).astype(int).tolist()
        size = np.rint(size).astype(int).tolist()
        line = cv2.LINE_AA if image.ndim == 3 else cv2.LINE_8
        cv2.ellipse(
            image, place, size, self.roll, 0, 360, color, -1, line, _SHIFT
        )

    def draw(self, image: np.ndarray, rng: np.random.Generator, plain) -> None:
        """Draw the head; a plain one has no face."""
        skin = _DARK_SKIN + rng.random() * (_LIGHT_SKIN - _DARK_SKIN)
        hair, cloth = rng.uniform(10, 90, 3), rng.uniform(20, 230, 3)
        self.oval(image, *_BODY, cloth)
        self.oval(image, *_HAIR, hair)
        self.oval(image, (0, 0), (_ASPECT, 1), hair if plain else skin)
        if plain:
            return
        self.oval(image, (0, -0.85), (_ASPECT * 0.5, 0.13), hair)
        turn, lips = 0.3 * self.yaw, (60.0, 60.0, 150.0)
        for side in (-1, 1):
            x = turn + side * 0.36 * (1 - 0.4 * max(side * self.yaw, 0))
            self.oval(image, (x, -0.15), (0.16, 0.09), (225, 230, 235))
            self.oval(image, (x + turn / 8, -0.15), (0.08, 0.09), hair / 2)
            self.oval(image, (x, -0.36), (0.2, 0.05), hair)
        self.oval(image, (1.4 * turn, 0.15), (0.08, 0.2), 0.8 * skin)
        self.oval(image, (turn, 0.54), (0.3, 0.2 * self.is_open + 0.06), lips)
        if self.is_open:
            self.oval(image, (turn, 0.54), (0.22, 0.17), (20, 10, 40))


def draw_scene(
    rng: np.random.Generator,
    size: int | tuple[int, int],
    kind: str | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw one scene with faces.

    Args:
        rng (np.random.Generator): Source of all randomness; the same state
            gives the same scene.
        size (int | tuple[int, int]): Height and width of the image, or both
            at once, in pixels.
        kind (str, optional): One of ``SCENES``; None draws one.

    Returns:
        tuple: The image, (h, w, 3) uint8 BGR; the boxes of the face ovals,
        (n, 4) float32 as x, y, w, h in whole pixels inside the image, hidden
        parts included; the attributes, (n, 6) int64 in the order of
        ``ATTRIBUTES`` with the values of WIDER FACE.

    Raises:
        ValueError: If there is no such kind.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> image, boxes, attributes = draw_scene(rng, (96, 128))
        >>> image.shape, boxes.shape[1], attributes.shape[1]
        ((96, 128, 3), 4, 6)
    """
    shape = (size, size) if isinstance(size, int) else tuple(size)
    kind = str(rng.choice(list(SCENES))) if kind is None else kind
    if kind not in SCENES:
        raise ValueError(f'unknown scene {kind!r}; choose from {[*SCENES]}')
    image = _background(rng, shape)
    owner = np.zeros(shape, np.int16)  # which face is seen, from 1
    faces: list[_Face] = []
    for face in _place_faces(rng, shape, kind):
        plain = bool(rng.random() < 0.12)
        face.draw(image, rng, plain)
        for at, radii in (_BODY, _HAIR):
            face.oval(owner, at, radii, 0)
        if not plain:
            faces.append(face)
            face.oval(owner, (0, 0), (_ASPECT, 1), len(faces))
    image, sigma, gain = _photograph(rng, image)
    return image, *_annotate(faces, owner, sigma, gain)


def _background(
    rng: np.random.Generator, shape: tuple[int, int]
) -> np.ndarray:
    """Smooth noise with shapes on it, none of which is a face."""
    height, width = shape
    coarse = rng.uniform(20, 235, (4, 5, 3)).astype(np.float32)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    image = np.clip(image, 0, 255).astype(np.uint8)
    for _ in range(rng.integers(6, 24)):
        color = rng.uniform(0, 255, 3)
        place = rng.integers(0, [width, height], 2)
        reach = rng.integers(3, max(width // 4, 4), 2)
        if rng.random() < 0.5:
            corner = (place + reach).tolist()
            cv2.rectangle(image, place.tolist(), corner, color, -1)
        else:
            turn = rng.uniform(0, 180)
            part = (turn, 0, 360, color, -1, cv2.LINE_AA)
            cv2.ellipse(image, place.tolist(), reach.tolist(), *part)
    return image


def _place_faces(
    rng: np.random.Generator, shape: tuple[int, int], kind: str
) -> list[_Face]:
    """Heads that hide little of each other, the far ones first."""
    (low, high), numbers = SCENES[kind]
    high = min(high, 0.6 * min(shape))
    low = min(low, high)
    faces: list[_Face] = []
    if rng.random() < 0.05:
        return faces  # an empty scene
    spread = np.log([low, high])
    for size in np.sort(np.exp(rng.uniform(*spread, rng.integers(*numbers)))):
        height = size / np.sqrt(_ASPECT)
        for _ in range(20):
            limit = np.maximum(np.array(shape[::-1]) - height / 2, height / 2)
            center = rng.uniform(height / 2, limit + 1e-3)
            apart = [
                np.linalg.norm(center - x.center) / (height + x.height)
                for x in faces
            ]
            if min(apart, default=1) > (0.7 if rng.random() < 0.9 else 0.4):
                roll, yaw = (
                    rng.normal(0, 14),
                    np.clip(rng.normal(0, 0.5), -1, 1),
                )
                is_open = bool(rng.random() < 0.2)
                faces.append(_Face(center, height, roll, yaw, is_open))
                break
    return faces


def _photograph(
    rng: np.random.Generator, image: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Light, defocus and noise; returns image, blur and gain."""
    gain = rng.uniform(0.7, 1.15)
    if rng.random() < 0.2:
        gain = float(rng.choice([rng.uniform(0.2, 0.4), 1.5]))
    tint = gain * rng.uniform(0.9, 1.1, 3).astype(np.float32)
    sigma = rng.uniform(0.4, 1.5) if rng.random() < 0.4 else 0.0
    picture = image * tint
    if sigma:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    picture += rng.uniform(0, 6) * rng.standard_normal(image.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), sigma, gain


def _annotate(
    faces: list[_Face], owner: np.ndarray, sigma: float, gain: float
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and attributes of the faces that are to be seen."""
    limits = np.tile(owner.shape[::-1], 2)
    seen = np.bincount(owner.ravel(), minlength=len(faces) + 1)[1:]
    boxes, attributes = [], []
    for face, pixels in zip(faces, seen):
        visible = pixels / (np.pi / 4 * _ASPECT * face.height**2)
        if visible < 0.1:
            continue
        corners = np.clip(np.rint(face.box), 0, limits)
        boxes.append([*corners[:2], *(corners[2:] - corners[:2])])
        blur = sigma / face.height
        attributes.append(
            [
                int(blur > 0.015) + int(blur > 0.04),
                int(face.is_open),
                int(not 0.45 < gain < 1.25),
                int(visible < 0.35),
                # as in WIDER FACE: none, up to 30 %, more
                int(visible < 0.93) + int(visible < 0.7),
                int(abs(face.roll) > 30 or abs(face.yaw) > 0.7),
            ]
        )
    return (
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(attributes, np.int64).reshape(-1, 6),
    )
