"""Procedural faces: parameters (:class:`FaceStyle`) and painter.

A face is painted on a unit sphere that is turned by yaw and pitch and then
projected, so that eyes, nose and mouth move together as they do on a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# RGB skin tones from dark to light; a face takes a point between two of them.
SKIN_TONES = np.array(
    [
        [58, 36, 28],
        [92, 57, 40],
        [128, 82, 57],
        [166, 112, 80],
        [198, 145, 110],
        [224, 178, 145],
        [241, 206, 180],
    ],
    np.float32,
)
HAIR_COLORS = np.array(
    [
        [18, 15, 14],
        [40, 28, 22],
        [74, 48, 32],
        [120, 82, 48],
        [176, 138, 86],
        [148, 60, 32],
        [190, 188, 184],
    ],
    np.float32,
)
HAIR_STYLES = (
    'bald',
    'short',
    'short',
    'fringe',
    'long',
    'long',
    'afro',
    'hat',
    'scarf',
)

Color = tuple[float, float, float]


def random_skin(rng: np.random.Generator) -> Color:
    """Draw a skin colour (BGR)."""
    t = rng.uniform(0, len(SKIN_TONES) - 1.001)
    i = int(t)
    rgb = SKIN_TONES[i] * (1 - t + i) + SKIN_TONES[i + 1] * (t - i)
    return scale_color(tuple(rgb[::-1]), rng.uniform(0.92, 1.06))


def random_color(rng: np.random.Generator) -> Color:
    """Draw a colour (BGR) of random hue, saturation and value."""
    hsv = np.uint8(
        [[[rng.integers(180), rng.integers(30, 230), rng.integers(40, 240)]]]
    )
    return tuple(float(v) for v in cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0])


def scale_color(color: Color, factor: float) -> Color:
    """Darken (factor < 1) or lighten a colour."""
    return tuple(float(np.clip(c * factor, 0, 255)) for c in color)


def ellipse_points(
    cx: float, cy: float, rx: float, ry: float, num: int = 40
) -> np.ndarray:
    """Outline of an axis-aligned ellipse, (num, 2)."""
    t = np.linspace(0, 2 * np.pi, num, endpoint=False)
    return np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], 1)


@dataclass
class FaceStyle:
    """Everything that is random about one face, apart from its place.

    Angles are in radians; lengths are in half face heights (``b``).
    """

    aspect: float  # face width / face height
    jaw: float  # how much narrower the face is at the chin
    yaw: float
    pitch: float
    roll: float
    skin: Color
    hair: Color
    hair_style: str
    hairline: float
    cloth: Color
    has_body: bool
    iris: Color
    mouth_open: float  # 0 closed .. 1 wide open
    smile: float  # -1 (frown) .. 1
    eye_open: float
    beard: bool
    moustache: bool
    glasses: str  # 'none', 'clear' or 'dark'
    mask: bool  # a cloth mask over nose and mouth
    eye_dx: float
    eye_y: float
    mouth_y: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> FaceStyle:
        """Draw the style of one face."""
        roll = rng.normal(0, 0.16)
        if rng.random() < 0.1:
            roll = rng.uniform(0.5, 0.95) * rng.choice([-1, 1])
        yaw = rng.normal(0, 0.35)
        hair = tuple(HAIR_COLORS[rng.integers(len(HAIR_COLORS))][::-1])
        mouth_open = rng.uniform(0.5, 1) if rng.random() < 0.2 else 0.0
        style = HAIR_STYLES[rng.integers(len(HAIR_STYLES))]
        return cls(
            aspect=rng.uniform(0.72, 0.86),
            jaw=rng.uniform(0.05, 0.28),
            yaw=float(np.clip(yaw, -0.95, 0.95)),
            pitch=float(np.clip(rng.normal(0, 0.17), -0.45, 0.45)),
            roll=float(roll),
            skin=random_skin(rng),
            hair=scale_color(hair, rng.uniform(0.8, 1.2)),
            hair_style=style,
            hairline=rng.uniform(-0.82, -0.6),
            cloth=random_color(rng),
            has_body=bool(rng.random() < 0.85),
            iris=[(60, 40, 25), (90, 70, 50), (140, 110, 60), (80, 110, 70)][
                rng.integers(4)
            ],
            mouth_open=mouth_open,
            smile=rng.uniform(-0.5, 1),
            eye_open=0.1 if rng.random() < 0.06 else rng.uniform(0.7, 1.1),
            beard=bool(rng.random() < 0.16),
            moustache=bool(rng.random() < 0.14),
            glasses=str(
                rng.choice(['none', 'clear', 'dark'], p=[0.76, 0.15, 0.09])
            ),
            mask=bool(rng.random() < 0.06),
            eye_dx=rng.uniform(0.34, 0.42),
            eye_y=rng.uniform(-0.2, -0.1),
            mouth_y=rng.uniform(0.46, 0.54),
        )

    @property
    def exaggerated(self) -> bool:
        """Whether the expression is exaggerated (a wide open mouth)."""
        return self.mouth_open > 0.5

    @property
    def atypical_pose(self) -> bool:
        """Whether the head is turned or tilted by more than 30 degrees
        (20 degrees for a nod)."""
        return (
            abs(self.roll) > np.pi / 6
            or abs(self.yaw) > np.pi / 6
            or abs(self.pitch) > np.pi / 9
        )


@dataclass
class FacePatch:
    """A painted face, ready to be put into a scene.

    Attributes:
        color: Premultiplied BGR, (h, w, 3) float32 in 0..255.
        alpha: Coverage of head and body, (h, w) float32 in 0..1.
        face: Coverage of the whole face oval, also where it is hidden.
        visible: Coverage of the face oval that nothing of the own head
            (mask, hat, dark glasses) hides.
        x: Column of the patch in the scene.
        y: Row of the patch in the scene.
        box: x1, y1, x2, y2 of the face oval in the scene.
    """

    color: np.ndarray
    alpha: np.ndarray
    face: np.ndarray
    visible: np.ndarray
    x: int
    y: int
    box: np.ndarray


class FacePainter:
    """Paint one face.

    Args:
        style: What to paint.
        center: x, y of the face centre in the scene.
        height: Height of the (upright) face oval in pixels.
        light: Unit vector towards the light (x right, y down, z to the
            viewer).
        ambient: Share of the light that has no direction, 0..1.
        featureless: Leave out all features: a blank head, a distractor.
        away: Paint the head from behind, a distractor.
    """

    # Extent of the canvas around the face centre, in half face heights.
    left, right, top, bottom = 2.1, 2.1, 1.9, 2.7

    def __init__(
        self,
        style: FaceStyle,
        center: tuple[float, float],
        height: float,
        light: np.ndarray,
        ambient: float,
        featureless: bool = False,
        away: bool = False,
    ) -> None:
        self.style = style
        self.light = light
        self.ambient = ambient
        self.featureless = featureless
        self.away = away
        half = height / 2
        # Small faces are painted larger and then averaged down.
        self.zoom = int(np.clip(np.ceil(80 / height), 1, 8))
        self.x = int(np.floor(center[0] - self.left * half))
        self.y = int(np.floor(center[1] - self.top * half))
        self.w = int(np.ceil((self.left + self.right) * half)) + 1
        self.h = int(np.ceil((self.top + self.bottom) * half)) + 1
        self.b = half * self.zoom
        self.a = self.b * style.aspect
        self.cx = (center[0] - self.x) * self.zoom
        self.cy = (center[1] - self.y) * self.zoom
        shape = (self.h * self.zoom, self.w * self.zoom)
        self.color = np.zeros((*shape, 3), np.uint8)
        self.alpha = np.zeros(shape, np.uint8)
        self.hidden = np.zeros(shape, np.uint8)

    # ---- geometry -----------------------------------------------------
    def on_face(self, uv: np.ndarray, lift: float = 1.0) -> np.ndarray:
        """Project points given on the frontal face (u right, v down, both
        in -1..1) to pixels; points turned away land on the outline."""
        uv = np.asarray(uv, np.float64)
        z = np.sqrt(np.clip(1 - (uv**2).sum(1), 0, None))
        p = np.column_stack([uv, z]) * lift
        s = self.style
        cy, sy = np.cos(s.yaw), np.sin(s.yaw)
        cp, sp = np.cos(s.pitch), np.sin(s.pitch)
        x = p[:, 0] * cy + p[:, 2] * sy
        z = -p[:, 0] * sy + p[:, 2] * cy
        y, z = p[:, 1] * cp + z * sp, -p[:, 1] * sp + z * cp
        xy = np.column_stack([x, y])
        norm = np.linalg.norm(xy, axis=1, keepdims=True)
        behind = (z < 0)[:, None] & (norm > 1e-6)
        return self.on_plane(np.where(behind, xy / norm, xy))

    def on_plane(self, xy: np.ndarray, turn: float = 1.0) -> np.ndarray:
        """Map points of the flat head (the face oval is the unit circle)
        to pixels; ``turn`` is the share of the roll that they follow."""
        xy = np.array(xy, np.float64)
        # Only the oval gets narrower towards the chin, not the shoulders.
        y = np.clip(xy[:, 1], 0, 1)
        xy[:, 0] *= 1 - self.style.jaw * y**2 * (xy[:, 1] <= 1.001)
        pix = xy * [self.a, self.b]
        angle = self.style.roll * turn
        c, s = np.cos(angle), np.sin(angle)
        pix = pix @ np.array([[c, s], [-s, c]])
        return pix + [self.cx, self.cy]

    # ---- painting -----------------------------------------------------
    def fill(
        self, points: np.ndarray, color: Color, hides: bool | None = None
    ) -> None:
        """Fill a polygon; ``hides`` tells whether it hides the face (True),
        shows it (False) or leaves that as it was (None)."""
        # cv2 puts the centre of a pixel at its integer coordinate.
        pts = np.round((points - 0.5) * 16).astype(np.int32)[None]
        kwargs = {'lineType': cv2.LINE_AA, 'shift': 4}
        cv2.fillPoly(self.color, pts, color, **kwargs)
        cv2.fillPoly(self.alpha, pts, 255, **kwargs)
        if hides is not None:
            cv2.fillPoly(self.hidden, pts, 255 if hides else 0, **kwargs)

    def line(
        self,
        points: np.ndarray,
        color: Color,
        width: float,
        closed: bool = False,
    ) -> None:
        """Draw a line of ``width`` half face heights."""
        pts = np.round((points - 0.5) * 16).astype(np.int32)[None]
        cv2.polylines(
            self.color,
            pts,
            closed,
            color,
            max(1, round(width * self.b)),
            cv2.LINE_AA,
            4,
        )

    def paint(self) -> FacePatch:
        """Paint the face and return it at the scale of the scene."""
        s = self.style
        outline = self.on_plane(ellipse_points(0, 0, 1, 1, 90))
        if s.has_body:
            self._body()
        self._hair_behind()
        self._ears()
        self.fill(outline, s.skin, hides=False)
        if self.away:
            self.fill(outline, s.hair)
            self._hair_strands()
        else:
            if not self.featureless:
                self._features()
            self._hair_front()
        face = np.zeros_like(self.alpha)
        cv2.fillPoly(
            face,
            np.round((outline - 0.5) * 16).astype(np.int32)[None],
            255,
            lineType=cv2.LINE_AA,
            shift=4,
        )
        visible = np.minimum(face, 255 - self.hidden)
        alpha = self.alpha.astype(np.float32) / 255
        color = self.color.astype(np.float32) * alpha[..., None]
        lo, hi = outline.min(0) / self.zoom, outline.max(0) / self.zoom
        box = np.concatenate([lo, hi]) + [self.x, self.y] * 2
        return FacePatch(
            self._shade(self._shrink(color)),
            self._shrink(alpha),
            self._shrink(face.astype(np.float32) / 255),
            self._shrink(visible.astype(np.float32) / 255),
            self.x,
            self.y,
            box,
        )

    def _shrink(self, image: np.ndarray) -> np.ndarray:
        if self.zoom == 1:
            return image
        return cv2.resize(
            image, (self.w, self.h), interpolation=cv2.INTER_AREA
        )

    def _body(self) -> None:
        s = self.style
        neck = [[-0.5, 0.5], [0.5, 0.5], [0.55, 1.6], [-0.55, 1.6]]
        self.fill(self.on_plane(neck, 0.6), scale_color(s.skin, 0.78))
        torso = [
            [-0.62, 1.22],
            [0, 1.42],
            [0.62, 1.22],
            [1.7, 1.55],
            [2.15, 2.1],
            [2.3, 3.2],
            [-2.3, 3.2],
            [-2.15, 2.1],
            [-1.7, 1.55],
        ]
        torso = self.on_plane(torso, 0.25)
        self.fill(torso, s.cloth)
        if s.smile > 0.4:  # an open collar on about every third body
            collar = [[-0.4, 1.25], [0.4, 1.25], [0, 2.0]]
            self.fill(self.on_plane(collar, 0.25), scale_color(s.skin, 0.85))

    def _hair_behind(self) -> None:
        s = self.style
        # The back of the head shows on the side the face turns away from.
        dx = -0.3 * np.sin(s.yaw)
        if s.hair_style == 'afro':
            self.fill(
                self.on_plane(ellipse_points(dx, -0.3, 1.5, 1.2)), s.hair
            )
        elif s.hair_style == 'long':
            self.fill(
                self.on_plane(ellipse_points(dx, -0.1, 1.25, 1.12)), s.hair
            )
            sides = [
                [dx - 1.22, -0.2],
                [dx + 1.22, -0.2],
                [dx + 1.3, 1.5],
                [dx + 0.6, 1.75],
                [dx - 0.6, 1.75],
                [dx - 1.3, 1.5],
            ]
            self.fill(self.on_plane(sides, 0.7), s.hair)
        elif s.hair_style == 'scarf':
            self.fill(
                self.on_plane(ellipse_points(dx, 0.0, 1.25, 1.2)), s.cloth
            )
            sides = [
                [dx - 1.2, 0.2],
                [dx + 1.2, 0.2],
                [dx + 1.1, 1.6],
                [dx - 1.1, 1.6],
            ]
            self.fill(self.on_plane(sides, 0.7), s.cloth)
        elif s.hair_style != 'bald':
            self.fill(
                self.on_plane(ellipse_points(dx, -0.2, 1.12, 0.95)), s.hair
            )

    def _ears(self) -> None:
        if self.style.hair_style in ('long', 'scarf'):
            return
        for side in (-1, 1):
            x = side * np.cos(self.style.yaw) * 1.02
            if side * np.sin(self.style.yaw) > 0.25:
                continue  # the ear is behind the head
            ear = self.on_plane(ellipse_points(x, -0.02, 0.14, 0.2))
            self.fill(ear, scale_color(self.style.skin, 0.9))

    def _features(self) -> None:
        s = self.style
        shadow = scale_color(s.skin, 0.62)
        if s.beard:
            u = np.linspace(-0.98, 0.98, 25)
            upper = self.on_face(np.column_stack([u, 0.32 - 0.2 * u**2]))
            ends = self._to_head(upper[[-1, 0]])
            lo, hi = np.arctan2(ends[:, 1], ends[:, 0])
            chin = np.linspace(lo, hi if hi > lo else hi + 2 * np.pi, 30)
            chin = self.on_plane(np.column_stack([np.cos(chin), np.sin(chin)]))
            self.fill(np.vstack([upper, chin]), s.hair)
        for side in (-1, 1):
            self._eye(side * s.eye_dx, side)
        # Nose: a lit bridge, a shaded side and two nostrils.
        tip = self.on_face([[0.0, 0.2]], 1.22)[0]
        wings = self.on_face([[-0.16, 0.24], [0.16, 0.24]], 1.08)
        bridge = self.on_face([[0.0, s.eye_y + 0.06]], 1.04)
        side = wings[0] if s.yaw > 0 else wings[1]
        self.fill(
            np.vstack([bridge, [tip], [side]]), scale_color(s.skin, 0.82)
        )
        self.line(
            np.vstack([wings[:1], [tip + [0, 0.05 * self.b]], wings[1:]]),
            shadow,
            0.04,
        )
        for du in (-0.07, 0.07):
            hole = self.on_face(
                ellipse_points(du, 0.25, 0.035, 0.025, 12), 1.12
            )
            self.fill(hole, scale_color(s.skin, 0.35))
        self._mouth()
        if s.moustache:
            pts = [
                [-0.3, 0.42],
                [-0.14, 0.32],
                [0, 0.34],
                [0.14, 0.32],
                [0.3, 0.42],
                [0, 0.4],
            ]
            self.fill(self.on_face(pts, 1.02), s.hair)
        if s.glasses != 'none':
            self._glasses()
        if s.mask:
            pts = [
                [-0.9, 0.12],
                [0, 0.02],
                [0.9, 0.12],
                [0.68, 0.66],
                [0.3, 0.9],
                [-0.3, 0.9],
                [-0.68, 0.66],
            ]
            cloth = scale_color((235, 225, 210), 0.6 + 0.4 * s.aspect)
            self.fill(self.on_face(pts), cloth, hides=True)
            for v in (0.3, 0.5, 0.7):
                self.line(
                    self.on_face([[-0.6, v], [0, v + 0.04], [0.6, v]]),
                    scale_color(cloth, 0.8),
                    0.02,
                )

    def _eye(self, u: float, side: int) -> None:
        s = self.style
        v = s.eye_y
        socket = self.on_face(ellipse_points(u, v, 0.24, 0.17, 24))
        self.fill(socket, scale_color(s.skin, 0.84))
        opened = 0.1 * s.eye_open
        white = ellipse_points(u, v, 0.17, opened, 24)
        self.fill(self.on_face(white), (225, 228, 230))
        if s.eye_open > 0.3:
            self.fill(
                self.on_face(ellipse_points(u, v, 0.075, 0.95 * opened, 20)),
                s.iris,
            )
            self.fill(
                self.on_face(ellipse_points(u, v, 0.04, 0.5 * opened, 16)),
                (12, 10, 10),
            )
        lid = white[(white[:, 1] <= v + 1e-9)]
        lid = lid[np.argsort(lid[:, 0])]
        self.line(self.on_face(lid), scale_color(s.skin, 0.3), 0.05)
        brow = np.array(
            [
                [u - 0.21, v - 0.17 - 0.03 * (side > 0)],
                [u, v - 0.25],
                [u + 0.21, v - 0.17 - 0.03 * (side < 0)],
            ]
        )
        dark = scale_color(s.hair, 0.75)
        if np.mean(dark) > np.mean(s.skin):  # light hair on dark skin
            dark = scale_color(s.skin, 0.5)
        self.line(self.on_face(brow), dark, 0.075)

    def _mouth(self) -> None:
        s = self.style
        v = s.mouth_y
        t = np.linspace(-1, 1, 15)
        curve = 0.1 * s.smile * (1 - t**2)
        width = 0.27 + 0.05 * max(s.smile, 0)
        opened = 0.2 * s.mouth_open
        lips = (
            0.45 * s.skin[0],
            0.42 * s.skin[1],
            min(255, 0.85 * s.skin[2] + 15),
        )
        upper = np.column_stack(
            [t * width, v + curve - (0.045 + opened * 0.3) * (1 - t**2)]
        )
        lower = np.column_stack(
            [t * width, v + curve + (0.07 + opened) * (1 - t**2)]
        )
        self.fill(self.on_face(np.vstack([upper, lower[::-1]])), lips)
        middle = np.column_stack([t * width * 0.9, v + curve])
        if opened > 0:
            inner = np.column_stack(
                [t * width * 0.8, v + curve + (opened + 0.01) * (1 - t**2)]
            )
            self.fill(
                self.on_face(np.vstack([middle, inner[::-1]])), (35, 20, 60)
            )
            teeth = np.column_stack(
                [t * width * 0.7, v + curve + 0.35 * opened * (1 - t**2)]
            )
            self.fill(
                self.on_face(np.vstack([middle * [0.8, 1], teeth[::-1]])),
                (225, 230, 235),
            )
        else:
            self.line(self.on_face(middle), scale_color(lips, 0.4), 0.035)

    def _glasses(self) -> None:
        s = self.style
        frame = (25, 22, 22)
        for side in (-1, 1):
            rim = self.on_face(
                ellipse_points(side * s.eye_dx, s.eye_y + 0.02, 0.27, 0.2, 28),
                1.03,
            )
            if s.glasses == 'dark':
                self.fill(rim, (30, 25, 25), hides=True)
            self.line(rim, frame, 0.04, closed=True)
        self.line(
            self.on_face([[-0.14, s.eye_y], [0.14, s.eye_y]], 1.05),
            frame,
            0.04,
        )

    def _hair_front(self) -> None:
        s = self.style
        if s.hair_style == 'bald':
            return
        t = np.linspace(-1, 1, 31)
        line = s.hairline + (0.2 if s.hair_style == 'fringe' else 0.0)
        sag = 0.18 if s.hair_style in ('long', 'scarf') else 0.38
        edge = np.column_stack([t * 0.995, line + sag * t**2])
        edge /= np.maximum(np.linalg.norm(edge, axis=1, keepdims=True), 1)
        edge = self.on_face(edge)
        over = ellipse_points(0, 0, 1.03, 1.05, 60)
        over = self.on_plane(over)
        # Upper part of the outline: from the right end of the hairline over
        # the top to its left end, in head coordinates.
        head = self._to_head(np.vstack([edge[:1], edge[-1:]]))
        lo, hi = np.arctan2(head[:, 1], head[:, 0])
        lo, hi = lo % (2 * np.pi), hi % (2 * np.pi)
        if lo > hi:
            lo, hi = hi, lo
        if hi - lo < 0.3:  # the whole top is turned away
            return
        arc = np.linspace(hi, lo, 30)
        arc = self.on_plane(
            np.column_stack([1.03 * np.cos(arc), 1.05 * np.sin(arc)])
        )
        color = s.cloth if s.hair_style in ('hat', 'scarf') else s.hair
        self.fill(
            np.vstack([edge, arc]),
            color,
            hides=True if s.hair_style in ('hat', 'scarf') else None,
        )
        if s.hair_style == 'hat':
            crown = [[-1.0, -0.5], [-0.8, -1.35], [0.8, -1.35], [1.0, -0.5]]
            self.fill(self.on_plane(crown), color)
            brim = [[-1.35, -0.55], [1.35, -0.55], [1.3, -0.72], [-1.3, -0.72]]
            self.fill(self.on_plane(brim), scale_color(color, 0.7), hides=True)

    def _to_head(self, pixels: np.ndarray) -> np.ndarray:
        """Inverse of :meth:`on_plane` above the chin's narrowing."""
        c, s = np.cos(self.style.roll), np.sin(self.style.roll)
        xy = (pixels - [self.cx, self.cy]) @ np.array([[c, -s], [s, c]])
        return xy / [self.a, self.b]

    def _hair_strands(self) -> None:
        for x in np.linspace(-0.8, 0.8, 7):
            pts = [[x * 0.5, -0.9], [x, 0.0], [x * 0.9, 0.8]]
            self.line(
                self.on_plane(pts), scale_color(self.style.hair, 1.25), 0.03
            )

    def _shade(self, color: np.ndarray) -> np.ndarray:
        """Multiply with the light that falls on a sphere."""
        scale = np.array([self.a, self.b]) * 1.15 / self.zoom
        x = np.arange(self.w, dtype=np.float32) - self.cx / self.zoom
        y = np.arange(self.h, dtype=np.float32) - self.cy / self.zoom
        x, y = x[None] / scale[0], y[:, None] / scale[1]
        norm = np.maximum(np.sqrt(x * x + y * y), 1)
        x, y = x / norm, y / norm
        z = np.sqrt(np.clip(1 - x * x - y * y, 0, 1))
        lambert = np.clip(
            x * self.light[0] + y * self.light[1] + z * self.light[2], 0, 1
        )
        gain = self.ambient + (1.25 - self.ambient) * lambert
        return color * gain[..., None].astype(np.float32)
