"""What a road scene is made of, and two kinds of road, furnished by a seed.

World axes: x to the right, y up, z along the road; metres. The surface of the road is the plane y = 0.
"""
# ruff: noqa: PLR2004 - the measures of things are what this module is made of

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from highbeam.errors import OptionError, nearest

__all__ = ["KINDS", "LABELS", "Array", "Camera", "Light", "Scene", "Solid", "Triple", "blackbody", "make_scene"]

Array: TypeAlias = NDArray[Any]
Triple: TypeAlias = tuple[float, float, float]  # x, y, z in metres, or linear RGB

KINDS = ("street", "country")
LABELS = ("sky", "road", "lane line", "terrain", "pavement", "building", "car", "pedestrian", "sign", "lamp", "tree")
_PAINTS = ((0.6, 0.6, 0.6), (0.3, 0.31, 0.33), (0.4, 0.03, 0.03), (0.03, 0.08, 0.3), (0.6, 0.36, 0.03), (0.1, 0.1, 0.1))
_WALLS = ((0.34, 0.14, 0.1), (0.5, 0.44, 0.34), (0.3, 0.29, 0.28), (0.55, 0.52, 0.48), (0.42, 0.26, 0.15))
_COATS = ((0.06, 0.07, 0.12), (0.4, 0.05, 0.05), (0.45, 0.42, 0.36), (0.05, 0.2, 0.16))
_STEEL, _SKIN = (0.2, 0.21, 0.22), (0.2, 0.13, 0.1)
_BODY = ((-0.1, 0.45, 0.1, 0.48), (0.1, 0.45, 0.1, 0.48), (0.0, 1.13, 0.23, 0.41), (0.0, 1.6, 0.1, 0.14))


class Solid(NamedTuple):
    """An upright block, or an ellipsoid where ``lean`` is None."""

    place: Triple  # of its middle, at clock 0
    radii: Triple  # half its size
    label: int  # index into LABELS
    albedo: Triple
    texture: str = ""  # what varies the albedo
    emission: Triple = (0.0, 0.0, 0.0)  # radiance given off by night
    gloss: float = 0.0  # strength of mirrored light, 0 to 1
    speed: float = 0.0  # along z, metres per second
    lean: tuple[float, float] | None = (0.0, 0.0)  # metres by which its sides and ends lean in, per metre of height

    @property
    def planes(self) -> Array:
        """``(6, 4)``, outward unit normals n and offsets d: inside a block is n.(p - place) <= d."""
        (x, y, z), (a, b) = self.radii, self.lean or (0.0, 0.0)
        rows = np.array([r for s in (-1, 1) for r in ([s, a, 0, x - a * y], [0, s, 0, y], [0, b, s, z - b * y])])
        return np.asarray(rows / np.linalg.norm(rows[:, :3], axis=1, keepdims=True), np.float32)


class Light(NamedTuple):
    """A lamp as small as a point: ``lamp`` shines down, ``beam`` is a dipped headlight, ``bulb`` shines all ways."""

    place: Triple  # at clock 0
    power: Triple  # radiant intensity
    profile: str = "bulb"
    heading: int = 1  # of a beam: along the road, or -1, against it
    speed: float = 0.0  # along z, metres per second


class Camera(NamedTuple):
    """A pinhole camera that looks along the road; pixel (i, j) has its centre at row i + 0.5 and column j + 0.5."""

    x: float = 0.0
    height: float = 1.4
    z: float = 0.0
    fov: float = 62.0  # horizontal field of view, degrees
    clock: float = 0.0  # seconds since the scene began; the traffic has moved by its speed times this

    def focal(self, width: int) -> float:
        """Focal length in pixels of a picture ``width`` pixels wide."""
        return width / (2 * float(np.tan(np.radians(self.fov) / 2)))


class Scene(NamedTuple):
    """Everything that depends neither on the camera nor on the time of day."""

    solids: tuple[Solid, ...] = ()
    lights: tuple[Light, ...] = ()  # they shine by night
    lines: tuple[Triple, ...] = ()  # lane lines: x, half-width, dash period or 0
    half_width: float = 5.0  # from the middle of the road to its edge
    lane: float = 0.0  # x of our lane
    wet: float = 0.0  # how wet the road is by night, 0 to 1

    def camera(self, distance: float = 0.0, clock: float = 0.0) -> Camera:
        """Our own camera, ``distance`` metres along our lane at ``clock`` seconds."""
        return Camera(x=self.lane, z=distance, clock=clock)


def blackbody(kelvin: float, power: float = 1.0) -> Triple:
    """Linear RGB of a lamp by its colour temperature: Planck's law at 610, 549 and 465 nm, white at 4500 K."""
    x = 0.014388 / np.array([610e-9, 549e-9, 465e-9])
    red, green, blue = np.expm1(x / 4500) / np.expm1(x / kelvin)
    top = max(red, green, blue) / power
    return float(red / top), float(green / top), float(blue / top)


class _Stage:
    """Solids and lights as they are put in place, with the dice that place them."""

    def __init__(self, *seed: int) -> None:
        self.rng, self.solids, self.lights = np.random.default_rng(seed), list[Solid](), list[Light]()

    def put(self, label: str, place: Triple, radii: Triple, albedo: Triple, **finish: Any) -> None:
        self.solids.append(Solid(place, radii, LABELS.index(label), albedo, **finish))

    def car(self, x: float, z: float, way: int, pace: float = 0.0, *, lit: bool = True) -> None:
        """A car with its middle at (x, z) that heads along the road or against it; parked if not lit."""
        tall, kelvin, brake = self.rng.uniform(0.24, 0.32), self.rng.choice([3200, 5500]), self.rng.choice([5.0, 14.0])
        red, white, v = (brake, 0.03 * brake, 0.02 * brake), blackbody(kelvin, 100.0), way * pace
        body = {"albedo": self.rng.choice(_PAINTS), "gloss": 0.6, "speed": v}
        self.put("car", (x, 0.63, z), (0.9, 0.36, 2.2), texture="body", lean=(0.1, 0.07), **body)
        self.put("car", (x, 0.99 + tall, z - 0.35 * way), (0.82, tall, 1.7), texture="cabin", lean=(0.25, 0.9), **body)
        self.put("road", (x, 0, z), (0.95, 0.002, 2.25), (0.01,) * 3, speed=v)  # its shade
        for side in (-0.62, 0.62):
            for axle in (-1.38, 1.38):
                self.put("car", (x + side * 1.22, 0.33, z + axle), (0.16, 0.33, 0.33), (0.02,) * 3, speed=v, lean=None)
            tail, head, dark = (x + side, 0.8, z - 2.18 * way), (x + side, 0.68, z + 2.15 * way), (0, 0, 0)
            self.put("car", tail, (0.22, 0.08, 0.05), (0.4, 0.02, 0.02), emission=red if lit else dark, speed=v)
            self.put("car", head, (0.2, 0.1, 0.12), (0.7,) * 3, emission=white if lit else dark, speed=v, lean=None)
        if lit:
            self.lights.append(Light((x, 0.66, z + 2.4 * way), blackbody(kelvin, 1000.0), "beam", way, v))
            self.lights.append(Light((x, 0.9, z - 2.4 * way), red, "beam", -way, v))

    def tree(self, x: float, z: float, tall: float) -> None:
        """A trunk, and a crown of leafy blobs on a spiral."""
        green, start = (self.rng.uniform(0.06, 0.12), self.rng.uniform(0.14, 0.2), 0.035), self.rng.uniform(0, 6)
        self.put("tree", (x, tall * 0.3, z), (0.13, tall * 0.3, 0.13), (0.12, 0.085, 0.06))
        for k, turn in enumerate(start + 2.4 * np.arange(6)):  # the golden angle spreads them evenly
            out, radii = tall * (0.19 - 0.025 * k), tall * self.rng.uniform(0.14, 0.2, 3)
            at = (x + out * np.cos(turn), tall * (0.5 + 0.07 * k), z + out * np.sin(turn))
            self.put("tree", at, tuple(radii), green, texture="leaves", lean=None)

    def roadside(self, side: int, half: float, *, town: bool) -> None:
        """Houses, trees, parked cars and people on one side of a road."""
        rng, z, texture = self.rng, -40.0, "shop" if town and self.rng.random() < 0.8 else "house"
        while z < 380:
            length, tall = 1.2 * int(rng.integers(3, 7)), 1.55 * int(rng.integers(2, 6 if town else 3)) + 0.2
            house = (side * (half + (9 if town else 16)), tall, z + length)
            self.put("building", house, (4.8, tall, length), rng.choice(_WALLS), texture=texture)
            if texture == "shop":
                self.lights.append(Light((side * (half + 2.4), 2.6, z + length), blackbody(3400, rng.uniform(4, 12))))
            z += float(2 * length + (3 * rng.integers(0, 2) if town else rng.uniform(60, 120)))
        for z in (np.arange(-20, 380, 19 if town else 6.5) + rng.uniform(0, 6)).tolist():
            x, tall = half + (1 if town else rng.uniform(3, 12)), rng.uniform(5.5, 8.5)
            self.tree(side * x, z + rng.uniform(-3, 3), tall)
        for z in (np.arange(-12, 130, 12.8 if town else 60) + rng.uniform(0, 6)).tolist():
            x, coat = side * (half + rng.uniform(0.8, 3)), rng.choice(_COATS)
            for dx, y, wide, tall in _BODY:
                self.put("pedestrian", (x + dx, y, z), (wide, tall, 0.13), coat if y == 1.13 else _SKIN, lean=None)
            if town and rng.random() < 0.8:
                self.car(side * (half - 1.1), z + 3, side, lit=False)


def make_scene(seed: int, kind: str = "street") -> Scene:
    """Furnish 420 metres of road; the same seed and kind give the same scene."""
    if seed < 0 or kind not in KINDS:
        raise OptionError(f"no scene {kind}:{seed}; seeds start at 0, kinds: {', '.join(KINDS)}{nearest(kind, KINDS)}")
    town, stage = kind == "street", _Stage(seed, KINDS.index(kind))
    rng, (half, lane, edge, pace) = stage.rng, (5.9, 1.75, 3.65, 9.0) if town else (4.1, 1.85, 3.7, 18.0)
    kelvin, x, z = rng.choice([2000.0, 2400.0, 3000.0, 4000.0]), half + 0.7, rng.uniform(14, 26)
    stage.put("sign", (x, 1.2, z), (0.03, 1.2, 0.03), _STEEL)
    stage.put("sign", (x, 2.3, z - 0.05), (0.38, 0.38, 0.04), (0.7, 0.7, 0.66), texture="ring", lean=None)
    for side in (-1, 1):
        stage.roadside(side, half, town=town)
        if town:
            stage.put("pavement", (side * (half + 30), 0, 190), (30, 0.13, 230), (0.3, 0.29, 0.27))
    for k, at in enumerate(np.arange(rng.uniform(-15, -9), 380, 27) if town else (60.0,)):
        post, tip = (half + 0.5) * (-1) ** k, (half - 1.5) * (-1) ** k
        stage.put("lamp", (post, 4, at), (0.08, 4, 0.08), _STEEL)
        stage.put("lamp", ((post + tip) / 2, 8, at), (1, 0.05, 0.05), _STEEL)
        stage.put("lamp", (tip, 7.94, at), (0.42, 0.1, 0.2), _STEEL, emission=blackbody(kelvin, 100.0), lean=None)
        stage.lights.append(Light((tip, 7.85, at), blackbody(kelvin, 200.0), "lamp"))
    for at in (rng.uniform(11, 19), rng.uniform(60, 90), 130):
        stage.car(lane, at, 1, pace)
    for at in (rng.uniform(18, 34), rng.uniform(55, 75), 110, 160):
        stage.car(-lane, at, -1, pace)
    lines = ((0.0, 0.07, 9.0), (edge, 0.06, 0.0), (-edge, 0.06, 0.0))
    return Scene(tuple(stage.solids), tuple(stage.lights), lines, half, lane, float(rng.uniform(0.2, 1)))
