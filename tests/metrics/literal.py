"""Slow versions of the metrics, written from the equations, pixel by pixel or with SciPy; nothing of the package."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize, signal, special

Array: TypeAlias = NDArray[Any]
Double: TypeAlias = NDArray[np.float64]

WHITE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}


def unit(pixels: Array) -> Double:
    return pixels.astype(np.float64) / WHITE[pixels.dtype.name]


def luma(pixels: Array) -> Double:
    red, green, blue = np.moveaxis(unit(pixels), 2, 0)
    return np.asarray(0.299 * red + 0.587 * green + 0.114 * blue)


def window() -> Double:
    weights = np.array([[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for j in range(-5, 6)] for i in range(-5, 6)])
    return np.asarray(weights / weights.sum())


def ssim_terms(x: Double, y: Double) -> tuple[Double, Double]:
    """l and cs of Wang 2004, eq. 6 and 13, from weighted moments around the local mean's expansion."""

    def mean(values: Double) -> Double:
        return np.asarray(signal.convolve2d(values, window(), mode="valid"))

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    return (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4), (2 * cov + 9e-4) / (vx + vy + 9e-4)


def ms_ssim(a: Array, b: Array) -> float:
    """Wang 2003, eq. 7, with its weights and a 2 x 2 mean between scales."""
    total = 0.0
    for channel in range(3):
        x, y = unit(a)[..., channel], unit(b)[..., channel]
        value = 1.0
        for scale, weight in enumerate([0.0448, 0.2856, 0.3001, 0.2363, 0.1333]):
            if scale:
                x, y = halve(x), halve(y)
            luminance, structure = ssim_terms(x, y)
            term = (luminance * structure).mean() if scale == 4 else structure.mean()
            value *= max(0.0, float(term)) ** weight
        total += value / 3
    return total


def halve(x: Double) -> Double:
    """A 2 x 2 mean with the mirrored border that repeats the last sample, every second place."""
    return np.asarray(ndimage.uniform_filter(x, 2, mode="reflect", origin=-1)[::2, ::2])


def gmsd(a: Array, b: Array) -> float:
    """Xue 2014, eq. 1 to 6, with luma in 0 to 255 as there."""
    maps = []
    for pixels in (a, b):
        small = signal.convolve2d(255 * luma(pixels), np.full((2, 2), 0.25), mode="valid")[::2, ::2]
        prewitt = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]]) / 3
        across, down = (signal.convolve2d(small, k, mode="valid") for k in (prewitt, prewitt.T))
        maps.append(np.hypot(across, down))
    similarity = (2 * maps[0] * maps[1] + 170) / (maps[0] ** 2 + maps[1] ** 2 + 170)
    return float(np.sqrt(np.mean((similarity - similarity.mean()) ** 2)))


def loe(output: Array, source: Array) -> float:
    """Wang 2013: U(a, b) = a >= b, exclusive or, summed over all pairs, over the number of places."""
    x, y = (areas(unit(pixels).max(axis=2)) for pixels in (output, source))
    wrong = 0
    for at in np.ndindex(x.shape):
        wrong += int(np.sum((x[at] >= x - 1e-6) != (y[at] >= y - 1e-6)))
    return wrong / x.size


def areas(values: Double) -> Double:
    """Means over areas, the shorter side to 50, for sizes that divide."""
    factor = max(1, min(values.shape) // 50)
    rows, columns = values.shape[0] // factor, values.shape[1] // factor
    means = [[values[i * factor : (i + 1) * factor, j * factor : (j + 1) * factor].mean() for j in range(columns)]
             for i in range(rows)]  # fmt: skip
    return np.array(means)


def highlight_growth(output: Array, source: Array) -> float:
    counts = [sum(value >= 0.9 for value in luma(pixels).ravel().tolist()) for pixels in (output, source)]
    after, before = (count / luma(source).size + 1e-4 for count in counts)
    return after / before


def blocks_16(pixels: Array) -> list[Double]:
    values = luma(pixels)
    rows, columns = values.shape[0] // 16, values.shape[1] // 16
    return [values[16 * i : 16 * i + 16, 16 * j : 16 * j + 16] for i in range(rows) for j in range(columns)]


def noise_of(block: Double) -> float:
    """Standard deviation around the plane of least squares, 256 samples and three parameters."""
    y, x = np.mgrid[0:16, 0:16]
    design = np.stack([np.ones(256), x.ravel(), y.ravel()], axis=1)
    solution = np.linalg.lstsq(design, block.ravel(), rcond=None)[0]
    return math.sqrt(float(np.sum((block.ravel() - design @ solution) ** 2)) / 253)


def flat_pairs(output: Array, source: Array) -> list[tuple[Double, Double]]:
    fit = []
    for after, before in zip(blocks_16(output), blocks_16(source), strict=True):
        if 0.02 <= before.mean() <= 0.8 and after.mean() <= 0.95:
            parts = [before[4 * i : 4 * i + 4, 4 * j : 4 * j + 4].mean() for i in range(4) for j in range(4)]
            fit.append((float(np.std(parts) / before.mean()), after, before))
    fit.sort(key=lambda row: row[0])
    return [(after, before) for _, after, before in fit[: math.ceil(0.1 * len(fit))]]


def noise_amplification(output: Array, source: Array) -> float:
    pairs, rounding = flat_pairs(output, source), 1 / 255 / 12**0.5
    after, before = (max(float(np.median([noise_of(pair[k]) for pair in pairs])), rounding) for k in (0, 1))
    return after / before


def noise_level(output: Array, source: Array) -> float:
    return 50 * float(np.median([noise_of(after) / after.mean() for after, _ in flat_pairs(output, source)]))


def blockiness(output: Array, source: Array) -> float:
    values, dark = luma(output), luma(source) <= 0.200001
    borders: list[float] = []
    inside: list[float] = []
    for i, j in np.ndindex(values.shape):
        for k, m, last in ((i, j + 1, j % 8 == 7), (i + 1, j, i % 8 == 7)):
            if k < values.shape[0] and m < values.shape[1] and dark[i, j] and dark[k, m]:
                (borders if last else inside).append(abs(float(values[i, j] - values[k, m])))
    return float((np.mean(borders) + 0.1 / 255) / (np.mean(inside) + 0.1 / 255))


def to_xyz() -> Double:
    """RGB to XYZ from the chromaticities of BT.709 and D65."""
    xy = np.array([[0.64, 0.33], [0.30, 0.60], [0.15, 0.06], [0.3127, 0.3290]])
    columns = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]])
    return np.asarray(columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3]))


def linear(pixels: Array) -> Double:
    return np.array([v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in unit(pixels).ravel().tolist()]
                    ).reshape(pixels.shape)  # fmt: skip


def lab(light: Double) -> Double:
    matrix = to_xyz()
    x, y, z = (
        np.where(v > 216 / 24389, np.abs(v) ** (1 / 3), (24389 / 27 * v + 16) / 116)
        for v in np.moveaxis(light @ (matrix / matrix.sum(axis=1, keepdims=True)).T, -1, 0)
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def grey_cast(output: Array, source: Array) -> float:
    luminance = to_xyz()[1]
    moved = []
    after, before = linear(output), linear(source)
    for i, j in np.ndindex(source.shape[0] // 8, source.shape[1] // 8):
        x, y = (p[8 * i : 8 * i + 8, 8 * j : 8 * j + 8].mean(axis=(0, 1)) for p in (after, before))
        if y @ luminance < 0.003 or x.max() > 0.9:
            continue
        _, a, b = lab(y / (y @ luminance) * (66 / 116) ** 3)
        if math.hypot(a, b) <= 10:
            moved.append(lab(x) - lab(y * (x @ luminance) / (y @ luminance)))
    return float(np.hypot(*np.mean(moved, axis=0)[1:]))


def signal_hue_shift(output: Array, source: Array) -> float:
    turns = []
    after, before, values = lab(linear(output)), lab(linear(source)), unit(source)
    for at in np.ndindex(source.shape[:2]):
        if values[at].max() < 0.5 or values[at].min() > 0.5 * values[at].max() + 1e-6:
            continue
        (_, a, b), (_, c, d) = after[at], before[at]
        turn = abs(math.degrees(math.atan2(b, a) - math.atan2(d, c)))
        turns.append(90.0 if math.hypot(a, b) < 5 else min(turn, 360 - turn))
    return float(np.mean(turns))


def relative(frames: Sequence[Array]) -> list[float]:
    means = [float(luma(frame).mean()) for frame in frames]
    return [mean / (sum(means) / len(means)) for mean in means]


def flicker(outputs: Sequence[Array], sources: Sequence[Array]) -> float:
    out, given = ([b - a for a, b in pairwise(relative(frames))] for frames in (outputs, sources))
    k = max(0.0, sum(x * y for x, y in zip(out, given, strict=True)) / sum(y * y for y in given))
    return 100 * sum(abs(x - k * y) for x, y in zip(out, given, strict=True)) / len(out)


def flicker_ratio(outputs: Sequence[Array], sources: Sequence[Array]) -> float:
    after, before = (
        100 * float(np.mean([abs(b - a) for a, b in pairwise(relative(frames))])) for frames in (outputs, sources)
    )
    return (after + 0.01) / (before + 0.01)


def warped_difference(frames: Sequence[Array], flows: Sequence[tuple[Double, Array]]) -> float:
    """The warping error of Lai 2018 under its root, for given flows and places; percent of the mean luma."""
    squares = []
    for (now, later), (flow, same) in zip(pairwise(frames), flows, strict=True):
        rows, columns = np.mgrid[0 : same.shape[0], 0 : same.shape[1]]
        at = [rows + flow[..., 1], columns + flow[..., 0]]
        for channel in range(3):
            moved = ndimage.map_coordinates(unit(later)[..., channel], at, order=1, mode="nearest")
            squares.append(((unit(now)[..., channel] - moved) ** 2)[same])
    return 100 * math.sqrt(np.concatenate(squares).mean()) / float(np.mean([luma(frame).mean() for frame in frames]))


def niqe(pixels: Array, mean: Double, covariance: Double) -> float:
    """Mittal 2013, patch by patch, shapes found by a solver."""
    rows, columns = pixels.shape[0] // 96, pixels.shape[1] // 96
    fine = 255 * luma(pixels)[: rows * 96, : columns * 96]
    half = (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]) / 4
    maps = [(96, normalised(fine)), (48, normalised(half))]
    found = np.array([
        [number for side, values in maps for number in patch_features(values[i * side :, j * side :][:side, :side])]
        for i in range(rows) for j in range(columns)
    ])  # fmt: skip
    away = found.mean(axis=0) - mean
    return math.sqrt(away @ np.linalg.pinv((np.cov(found.T) + covariance) / 2) @ away)


def normalised(values: Double) -> Double:
    weights = np.array([[math.exp(-(i * i + j * j) / 2 / (7 / 6) ** 2) for j in range(-3, 4)] for i in range(-3, 4)])
    weights /= weights.sum()
    mean = ndimage.correlate(values, weights, mode="nearest")
    variance = ndimage.correlate(values**2, weights, mode="nearest") - mean**2
    return np.asarray((values - mean) / (np.sqrt(np.abs(variance)) + 1))


def patch_features(patch: Double) -> list[float]:
    pairs = [
        patch[:, :-1] * patch[:, 1:],
        patch[:-1] * patch[1:],
        patch[:-1, :-1] * patch[1:, 1:],
        patch[:-1, 1:] * patch[1:, :-1],
    ]
    shape = solve(np.abs(patch).mean() ** 2 / (patch**2).mean())
    found = [shape, math.sqrt((patch**2).mean() * special.gamma(1 / shape) / special.gamma(3 / shape))]
    for values in pairs:
        left = math.sqrt((values[values < 0] ** 2).mean())
        right = math.sqrt((values[values > 0] ** 2).mean())
        skew, ratio = left / right, np.abs(values).mean() ** 2 / (values**2).mean()
        shape = solve(ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2)
        one, two, three = (special.gamma(k / shape) for k in (1, 2, 3))
        scale = math.sqrt(one / three)
        found += [shape, (right - left) * scale * two / one, left * scale, right * scale]
    return found


def solve(ratio: float) -> float:
    """The shape a with G(2/a)^2 / (G(1/a) G(3/a)) = ratio."""

    def away(shape: float) -> float:
        one, two, three = (special.gammaln(k / shape) for k in (1, 2, 3))
        return float(np.exp(2 * two - one - three) - ratio)

    return float(optimize.brentq(away, 0.2, 10.0, xtol=1e-12))
