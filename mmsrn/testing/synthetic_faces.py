"""A drawn mini benchmark in the WIDER FACE folder layout.

Nothing here is a photograph: scenes and faces are synthetic. The set is
small and easy next to a real one; it shows that the code works, not how
good a detector is.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from ._clutter_painter import draw_background, draw_distractor, smooth_noise
from ._face_painter import FacePainter, FacePatch, FaceStyle, random_color

#: Order of the attributes in WIDER FACE annotation lines.
ATTRIBUTES = (
    'blur',
    'expression',
    'illumination',
    'invalid',
    'occlusion',
    'pose',
)
#: Kinds of scenes; each is one WIDER FACE event.
SCENES = (
    'synthetic_portrait',
    'synthetic_group',
    'synthetic_crowd',
    'synthetic_mixed',
)
SCENE_SHARES = (0.16, 0.32, 0.24, 0.28)
SIZES = (12.0, 200.0)  # range of face sizes, sqrt(w * h)
VERSION = 2  # of the drawing; sets of another version are drawn again
MARKER = 'synthetic_wider_face.json'


@dataclass
class Light:
    """Lighting of a whole scene."""

    direction: np.ndarray
    ambient: float
    gain: float
    tint: np.ndarray
    gray: bool

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Light:
        """Draw the lighting of one scene."""
        direction = np.array(
            [rng.normal(0, 0.7), rng.normal(-0.4, 0.5), rng.uniform(0.3, 1.2)]
        )
        kind = rng.choice(
            ['normal', 'dark', 'bright', 'hard'], p=[0.68, 0.14, 0.06, 0.12]
        )
        gain = {
            'dark': rng.uniform(0.2, 0.42),
            'bright': rng.uniform(1.3, 1.6),
        }.get(kind, rng.uniform(0.75, 1.15))
        ambient = (
            rng.uniform(0.15, 0.3) if kind == 'hard' else rng.uniform(0.4, 0.8)
        )
        return cls(
            direction / np.linalg.norm(direction),
            float(ambient),
            float(gain),
            rng.uniform(0.88, 1.12, 3),
            bool(rng.random() < 0.08),
        )

    @property
    def extreme(self) -> bool:
        """Whether faces are very dark, overexposed or lit from one side."""
        return (
            self.gain < 0.45
            or self.gain > 1.25
            or (self.ambient < 0.32 and self.direction[2] < 0.7)
        )


@dataclass
class Canvas:
    """A scene while it is drawn.

    ``owner`` tells for every pixel which face is seen there (-1: none), so
    that boxes and occlusion can be stated truthfully at the end.
    """

    image: np.ndarray
    owner: np.ndarray
    styles: list[FaceStyle] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)  # pixels when unhidden
    blurs: list[float] = field(default_factory=list)  # sigma in pixels

    def paste(
        self,
        patch: FacePatch,
        sigma: float = 0.0,
        style: FaceStyle | None = None,
    ) -> None:
        """Blend a painted head into the scene.

        Args:
            patch: The head.
            sigma: Blur of the head in pixels.
            style: What was painted; None if it does not count as a face.
        """
        h, w = self.owner.shape
        x1, y1 = max(patch.x, 0), max(patch.y, 0)
        x2 = min(patch.x + patch.alpha.shape[1], w)
        y2 = min(patch.y + patch.alpha.shape[0], h)
        if x1 >= x2 or y1 >= y2:
            return
        color, alpha = patch.color, patch.alpha
        if sigma > 0.3:
            color = cv2.GaussianBlur(color, (0, 0), sigma)
            alpha = cv2.GaussianBlur(alpha, (0, 0), sigma)
        part = np.s_[y1 - patch.y : y2 - patch.y, x1 - patch.x : x2 - patch.x]
        view = np.s_[y1:y2, x1:x2]
        mixed = color[part] + self.image[view] * (1 - alpha[part][..., None])
        self.image[view] = np.clip(mixed, 0, 255).astype(np.uint8)
        self.owner[view][patch.alpha[part] > 0.5] = -1
        if style is not None:
            self.owner[view][patch.visible[part] > 0.5] = len(self.boxes)
            self.styles.append(style)
            self.boxes.append(patch.box)
            self.areas.append(float(patch.face.sum()))
            self.blurs.append(sigma)

    def cover(self, points: np.ndarray, color: tuple) -> None:
        """Draw a polygon in front of everything drawn so far."""
        pts = [np.round(points).astype(np.int32)]
        cv2.fillPoly(self.image, pts, color, cv2.LINE_AA)
        cv2.fillPoly(self.owner, pts, -1)


def draw_scene(
    rng: np.random.Generator,
    size: int | tuple[int, int],
    kind: str | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw one synthetic scene with faces.

    Args:
        rng: Source of all randomness; the same state gives the same scene.
        size: Height and width of the image, or both at once.
        kind: One of ``SCENES``; None draws one.

    Returns:
        The image (h, w, 3) uint8 BGR; the boxes of the face ovals
        (n, 4) float32 as x, y, w, h in whole pixels inside the image; the
        attributes (n, 6) int64 in the order of ``ATTRIBUTES`` with the
        values of WIDER FACE. A box holds the whole face, hidden parts
        included.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> image, boxes, attributes = draw_scene(rng, (96, 128))
        >>> image.shape, boxes.shape[1], attributes.shape[1]
        ((96, 128, 3), 4, 6)
    """
    shape = (size, size) if isinstance(size, int) else tuple(size)
    if kind is None:
        kind = SCENES[rng.choice(len(SCENES), p=SCENE_SHARES)]
    elif kind not in SCENES:
        raise ValueError(f'unknown kind of scene {kind!r}, not in {SCENES}')
    canvas, light = _draw_layers(rng, shape, kind)
    image, sigma = _photograph(rng, canvas.image, light)
    return (image, *_annotate(canvas, light, sigma))


def _draw_layers(
    rng: np.random.Generator, shape: tuple[int, int], kind: str
) -> tuple[Canvas, Light]:
    light = Light.sample(rng)
    canvas = Canvas(draw_background(rng, shape), np.full(shape, -1, np.int32))
    for _ in range(rng.integers(1, 7)):
        draw_distractor(rng, canvas.image)
    if rng.random() < 0.05:  # an empty scene, apart from distractors
        heights = np.zeros(0)
    else:
        heights = _face_heights(rng, shape, kind)
    # Heads without a face, among the faces: from behind, or blank.
    num_plain = int(rng.integers(0, 3))
    plain = np.exp(rng.uniform(np.log(22), np.log(70), num_plain))
    todo = [(h, True) for h in heights] + [(h, False) for h in plain]
    for height, counts in sorted(todo):  # the far ones first
        style = FaceStyle.sample(rng)
        center = _find_place(rng, canvas, height, style.aspect)
        if center is None:
            continue
        away = bool(rng.random() < 0.6) and not counts
        if away and style.hair_style == 'bald':
            style.hair_style = 'short'
        patch = FacePainter(
            style,
            center,
            height,
            light.direction,
            light.ambient,
            featureless=not counts,
            away=away,
        ).paint()
        sigma = 0.0
        if rng.random() < 0.22:
            sigma = min(height * rng.uniform(0.01, 0.045), 3.5)
        canvas.paste(patch, sigma, style if counts else None)
        if counts and rng.random() < 0.12:
            _occlude(rng, canvas, patch.box)
    return canvas, light


def _face_heights(
    rng: np.random.Generator, shape: tuple[int, int], kind: str
) -> np.ndarray:
    low, high = SIZES
    high = min(high, 0.6 * min(shape))
    if kind == 'synthetic_portrait':
        mean, spread, num = (
            rng.uniform(min(70, high), high),
            0.25,
            rng.integers(1, 3),
        )
    elif kind == 'synthetic_group':
        mean, spread = np.exp(rng.uniform(np.log(22), np.log(64))), 0.2
        num = rng.integers(3, 10)
    elif kind == 'synthetic_crowd':
        mean, spread = np.exp(rng.uniform(np.log(13), np.log(28))), 0.25
        num = rng.integers(8, 24)
    else:
        num = rng.integers(3, 11)
        sizes = np.exp(rng.uniform(np.log(low), np.log(high), num))
        return np.clip(sizes, low, high) * 1.13
    sizes = mean * np.exp(rng.normal(0, spread, num))
    # sqrt(w * h) to h for the mean aspect ratio
    return np.clip(sizes, low, high) * 1.13


def _find_place(
    rng: np.random.Generator, canvas: Canvas, height: float, aspect: float
) -> tuple[float, float] | None:
    """Centre for a face that hides none of the earlier ones too much."""
    h, w = canvas.owner.shape
    half = np.array([height * aspect / 2, height / 2])
    # Now and then a face may stick out of the image a little.
    margin = -0.5 * half if rng.random() < 0.06 else 0.15 * half
    for _ in range(40):
        center = rng.uniform(
            half + margin,
            np.maximum([w, h] - half - margin, half + margin + 1e-3),
        )
        strict = rng.random() < 0.95
        x1, y1 = np.int32(np.maximum(center - half * [1.3, 1.4], 0))
        x2, y2 = np.int32(center + half * [1.3, 1.3])
        head = canvas.owner[y1:y2, x1:x2]
        x1, x2 = (
            np.int32(np.maximum(center[0] + f * half[0], 0))
            for f in (-2.2, 2.2)
        )
        body = canvas.owner[y2 : np.int32(center[1] + 2.6 * half[1]), x1:x2]
        seen = np.concatenate([head.ravel(), body.ravel()])
        lost = np.bincount(seen[seen >= 0], minlength=len(canvas.areas))
        worst = np.max(lost / np.array(canvas.areas), initial=0)
        if worst < (0.02 if strict else 0.45):
            return float(center[0]), float(center[1])
    return None


def _occlude(
    rng: np.random.Generator, canvas: Canvas, box: np.ndarray
) -> None:
    """Put a bar, a board or a blob in front of a part of a face."""
    center, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    angle = rng.uniform(0, 2 * np.pi)
    away = np.array([np.cos(angle), np.sin(angle)])
    kind = rng.integers(3)
    if kind == 0:  # a thin bar across the face
        rect = (
            center + rng.normal(0, 0.25, 2) * size,
            (3 * size.max(), rng.uniform(0.08, 0.2) * size.min()),
            np.degrees(angle),
        )
    else:  # something from one side
        extent = size.max() * rng.uniform(0.8, 1.4)
        depth = rng.uniform(0.15, 0.55) * size.min()
        at = center + away * (size.min() / 2 - depth + extent / 2)
        rect = (
            at,
            (extent, size.max() * rng.uniform(0.7, 1.5)),
            np.degrees(angle),
        )
    points = cv2.boxPoints(
        (
            tuple(map(float, rect[0])),
            tuple(map(float, rect[1])),
            float(rect[2]),
        )
    )
    if kind == 2:  # round its corners
        at, t = points.mean(0), np.linspace(0, 2 * np.pi, 24)
        u, v = (points[1] - points[0]) / 2, (points[2] - points[1]) / 2
        points = at + np.cos(t)[:, None] * u + np.sin(t)[:, None] * v
    canvas.cover(points, random_color(rng))


def _photograph(
    rng: np.random.Generator, image: np.ndarray, light: Light
) -> tuple[np.ndarray, float]:
    """Apply lighting, defocus and noise; returns image and blur sigma."""
    h, w = image.shape[:2]
    pic = image.astype(np.float32)
    if light.gray:
        pic[:] = pic.mean(2, keepdims=True)
    else:
        pic *= light.tint.astype(np.float32)
    uneven = 1 + 0.2 * smooth_noise(rng, (h, w), 2)
    pic *= light.gain * uneven[..., None]
    sigma = 0.0
    if rng.random() < 0.25:
        sigma = float(rng.uniform(0.4, 1.1))
        pic = cv2.GaussianBlur(pic, (0, 0), sigma)
    noise = rng.uniform(0, 5) + (4 if light.gain < 0.45 else 0)
    pic += noise * rng.standard_normal(pic.shape, np.float32)
    return np.clip(np.round(pic), 0, 255).astype(np.uint8), sigma


def _annotate(
    canvas: Canvas, light: Light, sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and attributes of the faces that are still to be seen."""
    h, w = canvas.owner.shape
    seen = np.bincount(
        canvas.owner[canvas.owner >= 0], minlength=len(canvas.areas)
    )
    boxes, attributes = [], []
    for i, style in enumerate(canvas.styles):
        visible = seen[i] / canvas.areas[i]
        if visible < 0.1:
            continue
        corners = np.clip(np.round(canvas.boxes[i]), 0, [w, h, w, h])
        size = corners[2:] - corners[:2]
        blur = np.hypot(sigma, canvas.blurs[i]) / np.sqrt(size.prod())
        boxes.append([*corners[:2], *size])
        attributes.append(
            [
                int(blur > 0.015) + int(blur > 0.04),
                int(style.exaggerated and not style.mask),
                int(light.extreme),
                int(visible < 0.35),
                # as in WIDER FACE: none, up to 30 %, more
                int(visible < 0.93) + int(visible < 0.7),
                int(style.atypical_pose),
            ]
        )
    return (
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(attributes, np.int64).reshape(-1, 6),
    )


def write_synthetic_wider_face(
    root: str | Path,
    num_train: int = 300,
    num_val: int = 60,
    size: tuple[int, int] = (320, 400),
    seed: int = 0,
    progress: bool = True,
) -> bool:
    """Draw a synthetic set in the folder layout of WIDER FACE.

    Writes ``WIDER_{train,val}/images/<event>/<name>.jpg`` and
    ``wider_face_split/wider_face_{train,val}_bbx_gt.txt``. The images of a
    split depend on the seed alone, so a larger set starts with the smaller
    one. Work goes to a temporary folder that is renamed at the end: ``root``
    is either absent or complete.

    Args:
        root: Folder to make. A complete set with the same parameters is
            kept; another synthetic set is replaced; anything else there is
            an error.
        num_train: Number of training images.
        num_val: Number of validation images.
        size: Smallest and largest side of an image in pixels.
        seed: Seed of the whole set.
        progress: Show a progress bar.

    Returns:
        True if the set was drawn, False if it was there already.

    Raises:
        FileExistsError: If ``root`` holds something else.
        ValueError: If ``size`` is no range.
    """
    if not 0 < size[0] <= size[1]:
        raise ValueError(
            f'size={size}: the smallest side comes first, then the largest'
        )
    root = Path(root)
    params = {
        'version': VERSION,
        'num_train': num_train,
        'num_val': num_val,
        'size': list(size),
        'seed': seed,
    }
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        marker = root / MARKER
        if not marker.is_file():
            raise FileExistsError(
                f'{root} exists and holds no synthetic set; choose another '
                'folder or remove it'
            )
        if json.loads(marker.read_text()) == params:
            return False
    root.parent.mkdir(parents=True, exist_ok=True)
    temp = Path(tempfile.mkdtemp(prefix=f'.{root.name}-', dir=root.parent))
    try:
        jobs = [(0, 'train', i) for i in range(num_train)]
        jobs += [(1, 'val', i) for i in range(num_val)]
        lines: dict[str, dict[str, list[str]]] = {'train': {}, 'val': {}}
        for number, split, i in track(
            jobs, 'Drawing synthetic faces', disable=not progress
        ):
            rng = np.random.default_rng([seed, number, i])
            name, text = _write_image(temp, split, i, size, rng)
            lines[split][name] = text
        folder = temp / 'wider_face_split'
        folder.mkdir()
        for split, by_name in lines.items():
            text = ''.join(
                f'{line}\n'
                for name in sorted(by_name)
                for line in (name, *by_name[name])
            )
            (folder / f'wider_face_{split}_bbx_gt.txt').write_text(text)
        (temp / MARKER).write_text(json.dumps(params, indent=2) + '\n')
        temp.chmod(0o755)
        if root.exists():
            shutil.rmtree(root)
        os.replace(temp, root)
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        raise
    return True


def _write_image(
    root: Path,
    split: str,
    index: int,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[str, list[str]]:
    """Draw and save one image; returns its name and annotation lines."""
    shape = tuple(int(v) for v in rng.integers(size[0], size[1] + 1, 2))
    event = int(rng.choice(len(SCENES), p=SCENE_SHARES))
    image, boxes, attributes = draw_scene(rng, shape, SCENES[event])
    name = f'{event}--{SCENES[event]}/{event}_{SCENES[event]}_{index:05d}.jpg'
    path = root / f'WIDER_{split}' / 'images' / name
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = int(rng.integers(80, 96))
    done = cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise OSError(f'could not write {path}')
    rows = np.hstack([boxes.astype(np.int64), attributes])
    # An image without faces has one all-zero line, as in WIDER FACE.
    lines = [' '.join(map(str, row)) for row in rows] or [' '.join('0' * 10)]
    return name, [str(len(rows)), *lines]
