"""The methods once more, slow and literal: written from the papers' equations, float64, with SciPy.

Nothing here is shared with the package but the constants that the papers give. Pictures are ``(H, W, 3)`` in [0, 1];
results are float64 in [0, 1], not rounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import linalg

Array = NDArray[np.float64]


def gamma(picture: Array, gamma: float = 2.5) -> Array:
    return np.asarray(picture ** (1.0 / gamma))


def surround(channel: Array, sigma: float) -> Array:
    """F * I by direct convolution, half-sample symmetric borders, reaching five standard deviations."""
    return np.asarray(ndimage.gaussian_filter(channel, sigma, mode="reflect", truncate=5.0))


def multiscale(channel: Array, sigmas: tuple[float, ...]) -> Array:
    """Sum over scales of w (log(1 + I) - log(1 + F * I)), I in 8-bit units."""
    ratios = [np.log(1.0 + channel) - np.log(1.0 + surround(channel, sigma)) for sigma in sigmas]
    return np.asarray(np.mean(ratios, axis=0))


def balance(channel: Array, low_percent: float = 1.0, high_percent: float = 1.0) -> Array:
    """Simplest colour balance by sorting every value."""
    ordered = np.sort(channel, axis=None)
    low = ordered[int(np.floor(ordered.size * low_percent / 100.0))]
    high = ordered[ordered.size - int(np.floor(ordered.size * high_percent / 100.0)) - 1]
    return np.asarray(np.clip((channel - low) / (high - low), 0.0, 1.0))


def ssr(picture: Array, sigma: float = 80.0) -> Array:
    channels = [multiscale(255.0 * picture[..., c], (sigma,)) for c in range(3)]
    return np.clip(0.5 + 0.5 * np.stack(channels, axis=2), 0.0, 1.0)


def msr(picture: Array, sigmas: tuple[float, ...] = (15.0, 80.0, 250.0)) -> Array:
    channels = [multiscale(255.0 * picture[..., c], sigmas) for c in range(3)]
    return np.clip(0.5 + 0.5 * np.stack(channels, axis=2), 0.0, 1.0)


def msrcr(picture: Array, sigmas: tuple[float, ...] = (15.0, 80.0, 250.0)) -> Array:
    """With beta, G and b at the values of the paper, to show that the balance makes them immaterial."""
    alpha, beta, gain, offset = 125.0, 46.0, 192.0, -30.0
    image = 255.0 * picture
    out = np.empty_like(image)
    for c in range(3):
        restoration = beta * (np.log(alpha * (1.0 + image[..., c])) - np.log(np.sum(1.0 + image, axis=2)))
        out[..., c] = balance(gain * (restoration * multiscale(image[..., c], sigmas) + offset))
    return out


def msrcp(picture: Array, sigmas: tuple[float, ...] = (15.0, 80.0, 250.0)) -> Array:
    image = 255.0 * picture
    intensity = image.mean(axis=2)
    balanced = 255.0 * balance(multiscale(intensity, sigmas))
    lit = intensity > 0.0  # black stays black
    amplification = np.zeros_like(intensity)
    amplification[lit] = np.minimum(255.0 / image.max(axis=2)[lit], balanced[lit] / intensity[lit])
    return np.asarray(image * amplification[..., None] / 255.0)


def illumination(lightness: Array, smoothness: float = 0.5, window: int = 5, epsilon: float = 1e-3) -> Array:
    """Minimise (T - L)^2 + lambda W (grad T)^2 at full resolution, to a relative residual of 1e-9."""
    height, width = lightness.shape
    index = np.arange(height * width).reshape(height, width)
    system = sparse.identity(height * width, format="csr")
    for axis, (here, there) in enumerate(((index[:-1], index[1:]), (index[:, :-1], index[:, 1:]))):
        gradient = np.diff(lightness, axis=axis)
        total = ndimage.convolve1d(gradient, np.ones(window), axis=axis, mode="constant")
        weight = 1.0 / (np.abs(total) * np.abs(gradient) + epsilon)
        rows = np.arange(here.size)
        ones = np.ones(here.size)
        difference = sparse.csr_matrix(
            (np.concatenate([-ones, ones]), (np.tile(rows, 2), np.concatenate([here.ravel(), there.ravel()]))),
            shape=(here.size, height * width),
        )
        system = system + smoothness * difference.T @ sparse.diags(weight.ravel()) @ difference
    jacobi = sparse.diags(1.0 / system.diagonal())
    solution, info = linalg.cg(system, lightness.ravel(), x0=lightness.ravel(), rtol=1e-9, maxiter=20_000, M=jacobi)
    assert info == 0
    return np.asarray(np.clip(solution.reshape(height, width), 0.0, 1.0))


def response(value: Array, ratio: float) -> Array:
    a, b = -0.3293, 1.1258
    return np.asarray(np.minimum(np.exp(b * (1.0 - ratio**a)) * value ** (ratio**a), 1.0))


def entropy(values: Array) -> float:
    counts = np.bincount(np.rint(255.0 * values).astype(int).ravel(), minlength=256)
    share = counts[counts > 0] / counts.sum()
    return float(-np.sum(share * np.log2(share)))


def exposure_fusion(picture: Array, largest_ratio: float = 7.0) -> Array:
    light = illumination(picture.max(axis=2))
    dark = np.cbrt(picture.prod(axis=2))[light < 0.5]
    ratios = np.arange(1.0, largest_ratio + 0.0125, 0.025)
    ratio = float(ratios[np.argmax([entropy(response(dark, k)) for k in ratios])]) if dark.size else 1.0
    weight = np.sqrt(light)[..., None]
    return np.asarray(weight * picture + (1.0 - weight) * response(picture, ratio))


def clahe(lightness: NDArray[Any], clip_limit: float = 2.0, tiles: int = 8) -> NDArray[Any]:
    """CLAHE of one 8- or 16-bit channel whose sides are multiples of ``tiles``; the same dtype out."""
    levels = 256 if lightness.dtype == np.uint8 else 65536
    height, width = lightness.shape[0] // tiles, lightness.shape[1] // tiles
    maps = np.empty((tiles, tiles, levels))
    for j in range(tiles):
        for i in range(tiles):
            tile = lightness[j * height : (j + 1) * height, i * width : (i + 1) * width]
            maps[j, i] = _clipped_equalisation(np.bincount(tile.ravel(), minlength=levels), clip_limit)
    y = (np.arange(lightness.shape[0]) + 0.5) / height - 0.5
    x = (np.arange(lightness.shape[1]) + 0.5) / width - 0.5
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, across = (y - top)[:, None], (x - left)[None, :]
    rows = [np.clip(top + step, 0, tiles - 1)[:, None] for step in (0, 1)]
    columns = [np.clip(left + step, 0, tiles - 1)[None, :] for step in (0, 1)]
    upper = (1 - across) * maps[rows[0], columns[0], lightness] + across * maps[rows[0], columns[1], lightness]
    lower = (1 - across) * maps[rows[1], columns[0], lightness] + across * maps[rows[1], columns[1], lightness]
    return np.asarray(np.rint((1 - down) * upper + down * lower).astype(lightness.dtype))


def _clipped_equalisation(histogram: NDArray[np.intp], clip_limit: float) -> Array:
    levels, pixels = histogram.size, int(histogram.sum())
    limit = max(1, int(clip_limit * pixels / levels))
    excess = int(np.maximum(histogram - limit, 0).sum())
    clipped = np.minimum(histogram, limit) + excess // levels
    rest = excess % levels
    if rest:  # what does not divide evenly goes to levels at even steps
        step = max(1, levels // rest)
        clipped[np.arange(0, levels, step)[:rest]] += 1
    return np.rint(np.cumsum(clipped) * ((levels - 1) / pixels))
