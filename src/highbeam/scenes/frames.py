"""Pictures of a scene: rays, paint, light and the camera's sensor; and the truth that belongs to them."""
# ruff: noqa: PLR2004 - the proportions of things are what this module is made of

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from highbeam.errors import OptionError
from highbeam.scenes.world import Array, Camera, Light, Scene, Solid, Triple

__all__ = ["TIMES", "Frame", "Time", "drive", "encode", "expose", "flow", "geometry", "render"]

Time: TypeAlias = Literal["night", "day"]
TIMES: tuple[Time, ...] = ("night", "day")
_SKY, _GROUND = -2, -1  # what is met where no solid is
_FINE, _BAND = 2, 120_000  # samples a pixel each way, and shaded at once: what stays in the cache
_GAIN = {"day": 1 / 240, "night": 0.62}  # from radiance to linear values where 1 is white
_NOISE = {"day": (1 / 9000, 0.001), "night": (1 / 900, 0.0022)}  # shot and read noise of the sensor
_REACH = {"lamp": 40.0, "beam": 80.0, "bulb": 14.0}  # metres, to save time


class Frame(NamedTuple):
    """A picture with what is known about it."""

    image: NDArray[np.uint8]  # (H, W, 3) sRGB: noisy, clipped, encoded
    linear: Array  # (H, W, 3) float32, the same before noise and clipping; 1 is white
    labels: NDArray[np.uint8]  # (H, W), what each pixel's centre shows: an index into LABELS
    depth: Array  # (H, W) float32, metres along the viewing axis; inf for sky
    camera: Camera


def _column(a: Array | Sequence[float]) -> Array:
    return np.array(a, np.float32)[:, None, None]


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


def _unit(a: Array) -> Array:
    return np.asarray(a / np.sqrt(_dot(a, a) + np.float32(1e-12)))


@cache
def _tile() -> Array:
    """Tileable 1/f noise, 1024 squared; mean 0, deviation 1."""
    y, x = np.meshgrid(np.fft.fftfreq(1024), np.fft.rfftfreq(1024), indexing="ij")
    white = np.fft.rfft2(np.random.default_rng(7).standard_normal((1024, 1024)))
    field = np.fft.irfft2(white / np.maximum(np.hypot(x, y), 8 / 1024))
    return np.asarray((field - field.mean()) / field.std(), np.float32)


def _noise(a: Array, b: Array, per_metre: float) -> Array:
    """Fractal noise at points of a plane, ``per_metre`` texels to the metre."""
    maps = np.zeros((2, a.size // 128 + 1, 128), np.float32)  # OpenCV takes no side beyond 32767
    maps.reshape(2, -1)[:, : a.size] = np.stack([a.ravel(), b.ravel()]) * np.float32(per_metre) % 1024
    drawn = cv2.remap(_tile(), maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(drawn, np.float32).ravel()[: a.size].reshape(a.shape)


def _meet(solid: Solid, start: Array, rays: Array) -> Array:
    """How far along rays ``(3, R, C)`` a solid begins, seen from ``start``, ``(3, 1, 1)``; inf: nowhere."""
    start = start - _column(solid.place)
    if solid.lean is not None:
        sides, rate = solid.planes[:, :3], np.einsum("kc,cij->kij", solid.planes[:, :3], rays)
        t = (solid.planes[:, 3:] - sides @ start[:, :, 0])[:, :, None] / np.where(rate == 0, np.float32(1e-9), rate)
        enter, leave = np.where(rate < 0, t, -np.inf).max(axis=0), np.where(rate < 0, np.inf, t).min(axis=0)
        return np.where((enter < leave) & (enter > 0), enter, np.float32(np.inf))
    q, p = rays / _column(solid.radii), start / _column(solid.radii)
    a, b = _dot(q, q), _dot(q, p)
    root = b * b - a * (_dot(p, p) - 1)
    half = np.sqrt(np.maximum(root, 0))
    enter = np.where((root > 0) & (b + half < 0), (-b - half) / a, np.float32(np.inf))
    if solid.texture == "leaves":  # a ragged rim: the shorter the way through, the more of it is air
        x, y, z = start + np.where(root > 0, (-b - half) / a, 0) * rays
        enter[_noise(x + 0.7 * z, y + 0.4 * z, 70.0) > 3.2 * half / np.sqrt(a) - 0.9] = np.inf
    return enter


class _View:
    """What a camera sees on a raster of ``fine`` by ``fine`` samples a pixel; u and v are tangents of its axes."""

    def __init__(self, scene: Scene, camera: Camera, height: int, width: int, fine: int = 1) -> None:
        scale, clock = camera.focal(width) * fine, camera.clock
        self.u, self.v = (((np.arange(n * fine) + 0.5 - n * fine / 2) / scale).astype("f4") for n in (width, height))
        self.scene, self.place = scene, np.array([camera.x, camera.height, camera.z], np.float32)
        self.solids = [s._replace(place=(*s.place[:2], s.place[2] + s.speed * clock)) for s in scene.solids]
        self.lights = [q._replace(place=(*q.place[:2], q.place[2] + q.speed * clock)) for q in scene.lights]
        self.bounds = [s.place for s in self.solids], [s.radii for s in self.solids]

    def windows(self, places: Sequence[Triple], radii: Sequence[Triple], rows: slice) -> Iterator[tuple[int, Any]]:
        """Which bounds may be seen in some rows, and the part of these rows that holds each."""
        middle = np.reshape(places, (-1, 3)) - self.place
        low, high = middle - np.reshape(radii, (-1, 3)), middle + np.reshape(radii, (-1, 3))
        near, far = np.maximum(low[:, 2:], 0.25), np.maximum(high[:, 2:], 0.25)
        left, bottom = np.minimum(low / near, low / far)[:, :2].T
        right, top = np.maximum(high / near, high / far)[:, :2].T
        (c0, c1), (r0, r1) = np.searchsorted(self.u, [left, right]), np.searchsorted(self.v[rows], [-top, -bottom])
        for k in np.flatnonzero((c0 < c1) & (r0 < r1) & (high[:, 2] > 0.25)).tolist():
            yield k, np.s_[..., r0[k] : r1[k], c0[k] : c1[k]]

    def cast(self, rows: slice) -> tuple[Array, Array, NDArray[np.int16]]:
        """Rays ``(3, R, C)`` of forward part 1; depth, inf for sky; and the number of the solid that is met."""
        right, down = np.meshgrid(self.u, self.v[rows])
        rays, flat = np.stack([right, -down, np.ones_like(down)]), np.maximum(down, np.float32(1e-6))
        depth = np.where(down > 0, self.place[1] / flat, np.float32(np.inf))
        index = np.where(down > 0, _GROUND, _SKY).astype(np.int16)
        for k, at in self.windows(*self.bounds, rows):
            t = _meet(self.solids[k], _column(self.place), rays[at])
            index[at][t < depth[at]] = k
            np.minimum(depth[at], t, out=depth[at])
        return rays, depth, index


def _ground(scene: Scene, x: Array, z: Array) -> NDArray[np.uint8]:
    """Labels of the plane y = 0: terrain, road or lane line."""
    label = np.where(np.abs(x) > scene.half_width, 3, 1).astype(np.uint8)
    for at, half, period in scene.lines:
        label[(np.abs(x - at) < half) & (z % (period or 1) <= (period / 3 or 1))] = 2
    return label


def _asphalt(scene: Scene, points: Array, depth: Array) -> Array:
    """The look of the ground at points ``(3, N)``: rows as of :func:`_paint`."""
    (x, y, z), label = points, _ground(scene, points[0], points[2])
    grain = 0.1 * _noise(x, z, 40.0) + 0.12 * _noise(z, x, 300.0) * np.clip(12 / depth, 0, 1)
    colour = np.array([(0, 0, 0), (0.1,) * 3, (0.6,) * 3, (0.085, 0.11, 0.035)])[label].T * np.maximum(1 + grain, 0.3)
    gloss = scene.wet * (label < 3) * np.clip(0.4 + 0.5 * _noise(x, z * 0.4, 50.0), 0.05, 1)
    return np.vstack([0 * x, 0 * y + 1, 0 * z, colour, 0 * points, gloss])


def _paint(solid: Solid, points: Array) -> Array:
    """The look of a solid at points ``(3, N)``: normal, albedo, radiance given off (three rows each), and gloss."""
    x, y, z = local = points - _column(solid.place)[:, 0]
    albedo, glow = (np.repeat(_column(c)[:, 0], x.size, axis=1) for c in (solid.albedo, solid.emission))
    inside, edge = solid.planes[:, 3:] - solid.planes[:, :3] @ local, np.float32(0.06 if solid.gloss else 0.003)
    normals = _unit(solid.planes[:, :3].T @ np.exp((inside.min(axis=0) - inside) / edge))  # cars have rounded edges
    if solid.lean is None:
        normals = _unit(local / _column(solid.radii)[:, 0] ** 2)
    match solid.texture:
        case "body":
            albedo[:, (np.hypot(np.abs(z) - 1.38, y + 0.3) < 0.4) | (y < -0.26)] = 0.015
        case "cabin":
            pillar = (np.partition(inside, 1, axis=0)[1] < 0.05) | (np.abs(z + 0.1) < 0.04)
            albedo[:, (normals[1] < 0.8) & ~pillar] = 0.012
        case "ring":
            albedo[1:, np.hypot(x, y) > 0.28] = 0.02
        case "leaves":
            rough = np.stack([_noise(points[k], points[k - 1] + points[k - 2], 90.0) for k in range(3)])
            albedo, normals = albedo * np.clip(1 + 0.4 * rough[0], 0.35, 1.9), _unit(normals + 0.4 * rough)
        case "shop" | "house":
            _facade(solid, local, normals, albedo, glow)
        case _:
            albedo *= 1 + 0.08 * _noise(points[0] + points[1], points[2], 60.0)
    return np.vstack([normals, albedo, glow, np.full(x.size, solid.gloss)])


def _facade(solid: Solid, local: Array, normals: Array, albedo: Array, glow: Array) -> None:
    """Windows in light frames on a wall, some of them lit; shops on the ground floor where there are any."""
    x, y, z = local + _column(solid.radii)[:, 0]
    (i, u), (j, v) = (np.divmod(a, 1) for a in (np.where(np.abs(normals[0]) > 0.5, z, x) / 2.4, y / 3.1))
    shop = (j == 0) & (solid.texture == "shop")
    width, height, middle = np.where(shop, [[0.45], [0.37], [0.42]], [[0.24], [0.28], [0.52]])
    outside = np.maximum(np.abs(u - 0.5) - width, np.abs(v - middle) - height)
    outside[(np.abs(normals[1]) > 0.5) | (y > 2 * solid.radii[1] - 0.3)] = 1
    glass, draw = (outside < 0) & (np.abs(u - 0.5) > 0.015), np.sin(i * 13 + j * 78 + solid.place[2]) * 43758.5 % 1
    albedo[:, outside < 0.04], albedo[:, glass] = 0.4, 0.02
    light = np.where(shop, 0.8 - 0.5 * (v < 0.3), 0.15 + 1.6 * draw) * (glass & (draw < np.where(shop, 0.75, 0.25)))
    glow += light * np.stack([0.75 + draw, 0.62 + 0.4 * draw, 0.3 + 0.3 * (draw * 7 % 1)])


def _shine(lamp: Light, points: Array, rays: Array, look: Array, light: Array) -> None:
    """Add a lamp's irradiance by the inverse square of the distance, and what wet and glossy surfaces mirror of it."""
    to, power = _column(lamp.place) - points, _column(lamp.power)
    square = _dot(to, to)
    if square.min() > _REACH[lamp.profile] ** 2:
        return
    to /= np.sqrt(square)
    fade = np.clip(2.8 * (1 - square / _REACH[lamp.profile] ** 2), 0, 1)  # 1 up to 0.8 of the reach
    share = np.clip(to[1], 0, 1) if lamp.profile == "lamp" else 1.0
    if lamp.profile == "beam":
        aside, dip = to[:2] / np.maximum(-lamp.heading * to[2], 0.01)
        share = np.clip(0.5 + dip / 0.03, 0.05, 1) * np.exp(-((aside / 0.45) ** 2) - np.abs(dip) / 0.3)
    flux = share * fade / square * np.maximum(_dot(look[:3], to), 0)
    light += power * flux
    on = flux * look[9] > 1e-5
    half = _unit(to[:, on] - rays[:, on])
    mirror = np.maximum(_dot(half, look[:3, on]), 0) ** 64 * (0.04 + 0.96 * (1 - _dot(half, to[:, on])) ** 5)  # Schlick
    look[6:9, on] += power[:, 0] * 2.9 * mirror * flux[on] * look[9, on] / np.sqrt(_dot(look[:3, on], to[:, on]))


def _sky(way: Array, *, day: bool) -> Array:
    """Radiance of the sky along unit vectors ``(3, N)``."""
    up = np.clip(way[1], 0, 1)
    cloud = day * np.clip(4.5 * up * _noise(way[0] / (up + 0.12), way[2] / (up + 0.12), 50.0), 0, 0.85)
    zenith, horizon = ((28, 62, 143), (143, 120, 69)) if day else ((0.0015, 0.0016, 0.0025), (0.0045, 0.0049, 0.0075))
    clear = _column(zenith)[:, 0] + _column(horizon)[:, 0] * np.exp(-4.5 * up)
    return np.asarray(clear + (218 - clear) * cloud)


def _radiance(view: _View, rows: slice, *, day: bool) -> Array:
    """Radiance that a band of samples receives, linear RGB ``(3, R, C)``."""
    rays, depth, index = view.cast(rows)
    points = _column(view.place) + np.minimum(depth, np.float32(1e6)) * rays
    rays, ground, sky, look = _unit(rays), index == _GROUND, index == _SKY, np.zeros((10, *depth.shape), np.float32)
    look[:, ground] = _asphalt(view.scene, points[:, ground], depth[ground])
    for k, at in view.windows(*view.bounds, rows):
        on = index[at] == k
        if on.any():
            look[at][:, on] = _paint(view.solids[k], points[at][:, on])
    look[6:9] *= not day
    look[6:9, sky] = _sky(rays[:, sky], day=day)
    veil = _column((124, 140, 160) if day else (0.006, 0.0065, 0.01))
    light = veil * 2 * (0.6 + 0.4 * look[1])
    if day:
        light += _column((1000, 930, 810)) * np.maximum(_dot(_column((-0.5, 0.72, -0.48)), look), 0)
    else:
        x, _, z = view.place.tolist()
        lights = [*view.lights, Light((x, 0.66, z + 1.7), (900, 830, 710), "beam")]
        for k, at in view.windows([q.place for q in lights], [(_REACH[q.profile],) * 3 for q in lights], rows):
            _shine(lights[k], points[at], rays[at], look[at], light[at])
    clear = np.where(sky, 1, np.exp(-depth / 900))
    return np.asarray((look[3:6] * light / np.pi + look[6:9]) * clear + veil * (1 - clear), np.float32)


def encode(linear: Array) -> NDArray[np.uint8]:
    """Clip linear light to [0, 1] and encode it as 8-bit sRGB (IEC 61966-2-1)."""
    x = np.clip(linear, 0, 1)
    return (np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055) * 255 + 0.5).astype(np.uint8)


def expose(linear: Array, shot: float, read: float, seed: int | Sequence[int]) -> Array:
    """A sensor's reading, not yet clipped: Poisson photons, Gaussian read noise; variance shot * mean + read^2."""
    rng = np.random.default_rng(seed)
    photons = rng.poisson(np.clip(linear, 0, 4) / shot)
    return np.asarray(photons * shot + read * rng.standard_normal(linear.shape), np.float32)


def _bloom(linear: Array) -> Array:
    """Scatter part of the light as a lens does, in proportion to the width of the picture."""
    (height, width), out = linear.shape[:2], linear * np.float32(0.88)
    for sigma, share in ((2.2, 0.06), (11.0, 0.035), (55.0, 0.025)):  # pixels where there are 1280, share of the light
        coarse = max(1, int(sigma / 4 * width / 1280))
        small = cv2.resize(linear, (max(1, width // coarse), max(1, height // coarse)), interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(small, (0, 0), max(sigma * width / 1280 / coarse, 0.1))
        out += np.float32(share) * cv2.resize(soft, (width, height))
    return out


def geometry(scene: Scene, camera: Camera, height: int, width: int) -> tuple[NDArray[np.uint8], Array]:
    """Labels ``(H, W)`` uint8 and depth ``(H, W)`` float32 in metres, at the centres of pixels."""
    rays, depth, index = _View(scene, camera, height, width).cast(slice(0, height))
    labels, on = np.array([*(s.label for s in scene.solids), 0, 1], np.uint8)[index], index == _GROUND
    labels[on] = _ground(scene, camera.x + rays[0, on] * depth[on], camera.z + depth[on])
    return labels, depth


def render(
    scene: Scene,
    height: int,
    width: int,
    *,
    time: Time = "night",
    camera: Camera | None = None,
    exposure: float = 1.0,
    noise_seed: int | Sequence[int] | None = 0,
) -> Frame:
    """Take a picture, by default from :meth:`Scene.camera`; the same arguments give the same bytes.

    ``exposure`` is a factor on the light; ``noise_seed`` says which noise to draw, None for none.
    """
    if min(height, width) < 1 or time not in _GAIN:
        raise OptionError(f"no {height} by {width} picture by {time}; ask for at least 1 by 1, by night or day")
    camera = camera or scene.camera()
    view, linear = _View(scene, camera, height, width, _FINE), np.empty((height, width, 3), np.float32)
    band = max(1, _BAND // (width * _FINE * _FINE))
    for top in range(0, height, band):
        samples = _radiance(view, slice(top * _FINE, min(top + band, height) * _FINE), day=time == "day")
        linear[top : top + band] = samples.reshape(3, -1, _FINE, width, _FINE).mean(axis=(2, 4)).transpose(1, 2, 0)
    linear = _bloom(linear) * np.float32(exposure * _GAIN[time])
    seen = linear if noise_seed is None else expose(linear, *_NOISE[time], noise_seed)
    return Frame(encode(seen), linear, *geometry(scene, camera, height, width), camera)


def flow(scene: Scene, a: Camera, b: Camera, height: int, width: int) -> tuple[Array, NDArray[np.bool_]]:
    """Optical flow from camera ``a`` to ``b``, exact from geometry; traffic moves with the clocks.

    Returns how many pixels right and down each pixel moves, ``(H, W, 2)``, NaN where it gets behind ``b``; and where
    ``b`` shows it, neither hidden nor outside, ``(H, W)``.
    """
    (rays, depth, index), (_, _, other) = (_View(scene, c, height, width).cast(slice(0, height)) for c in (a, b))
    far, speed = np.minimum(depth, 1e9), np.array([*(s.speed for s in scene.solids), 0, 0])[index]
    z = far + (a.z - b.z) + speed * (b.clock - a.clock)
    x, y = rays[0] * far + (a.x - b.x), -rays[1] * far - (a.height - b.height)
    x, y = (b.focal(width) * v / np.where(z > 0, z, np.nan) + n / 2 for v, n in ((x, width), (y, height)))
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    column, row = (np.where(inside, v, 0).astype(int) for v in (x, y))
    moved = np.stack([x - np.arange(width) - 0.5, y - np.arange(height)[:, None] - 0.5], axis=2)
    return moved.astype(np.float32), inside & (other[row, column] == index)


def drive(scene: Scene, frames: int, height: int, width: int, jitter: float = 0.0, **options: Any) -> Iterator[Frame]:
    """Drive along our lane at 12 m/s and 10 frames a second; fresh noise, and log-normal ``jitter`` of the exposure."""
    seed, exposure = options.pop("noise_seed", 0), options.pop("exposure", 1.0)
    for k, wobble in enumerate(np.random.default_rng([seed or 0, frames]).standard_normal(frames)):
        options |= {"exposure": exposure * np.exp(jitter * wobble), "noise_seed": None if seed is None else (seed, k)}
        yield render(scene, height, width, camera=scene.camera(1.2 * k, 0.1 * k), **options)
