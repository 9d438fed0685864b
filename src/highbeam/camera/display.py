"""Between the display and the sensor's linear colours, in both directions.

The steps are those of Brooks et al., "Unprocessing Images for Learned Raw Denoising", CVPR 2019, section 3: tone
curve, gamma, colour correction, white balance. Each comes with its inverse.
"""

from __future__ import annotations

import torch
from torch import Tensor

from highbeam.camera.rows import Amount, per_row

__all__ = [
    "NEUTRAL_KELVIN",
    "add_tone",
    "balance_gains",
    "blackbody_gains",
    "camera_to_display",
    "display_to_camera",
    "linear_to_srgb",
    "mix_channels",
    "planckian_xy",
    "remove_tone",
    "srgb_to_linear",
]

NEUTRAL_KELVIN = 6504.0
"""Correlated colour temperature of sRGB's white, D65, in kelvin."""

_TYPICAL_MIX = ((1.65, -0.55, -0.10), (-0.20, 1.50, -0.30), (0.00, -0.55, 1.55))
_XYZ_TO_SRGB = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)
_JOINT, _LINEAR_JOINT = 0.04045, 0.0031308  # of the line and the curve, in display values and in light
_LOW_KELVIN, _MIDDLE_KELVIN = 2222.0, 4000.0  # where the pieces of the fit meet
_LEAST_GAIN = 0.02  # sodium light has next to no blue: keep the gain invertible


def srgb_to_linear(pictures: Tensor) -> Tensor:
    """Decode sRGB values in [0, 1] to linear light in [0, 1] (IEC 61966-2-1)."""
    curved = pictures.add(0.055).mul_(1.0 / 1.055).pow_(2.4)
    return _join_pieces(pictures > _JOINT, pictures * (1.0 / 12.92), curved)


def linear_to_srgb(light: Tensor) -> Tensor:
    """Encode linear light as sRGB values (IEC 61966-2-1); what lies outside [0, 1] is clipped first."""
    light = light.clamp(0.0, 1.0)
    curved = light.pow(1.0 / 2.4).mul_(1.055).sub_(0.055)
    return _join_pieces(light > _LINEAR_JOINT, light.mul_(12.92), curved)


def add_tone(pictures: Tensor, tone: Amount) -> Tensor:
    """Blend the tone curve in: ``(1 - tone) x + tone (3 x^2 - 2 x^3)``, an S that deepens the blacks.

    Args:
        pictures: display values in [0, 1].
        tone: 0 leaves the values, 1 is the whole smoothstep of Brooks et al. 2019, section 3.1.
    """
    share = per_row(tone, pictures)
    smooth = (3.0 - 2.0 * pictures).mul_(pictures).mul_(pictures)
    return torch.lerp(pictures, smooth, share)


def remove_tone(pictures: Tensor, tone: Amount) -> Tensor:
    """Undo :func:`add_tone`: the root of its cubic in [0, 1], in closed form (for tone 1, Brooks et al. 2019).

    About the middle, ``u = x - 1/2``, the curve is ``v = (1 + tone/2) u - 2 tone u^3``, which the triple-angle formula
    of the sine inverts.
    """
    share = per_row(tone, pictures).clamp_min(1e-4)  # below this the curve is the identity to float32
    slope = 1.0 + share / 2.0
    scale = (slope / (1.5 * share)).sqrt()
    angle = (pictures - 0.5).mul_(3.0 / (scale * slope)).clamp_(-1.0, 1.0).asin_()
    return angle.div_(3.0).sin_().mul_(scale).add_(0.5)


def display_to_camera(color_mix: Amount, red_gain: Amount, blue_gain: Amount) -> Tensor:
    """Return ``(B, 3, 3)`` from linear sRGB to the sensor's own red, green and blue.

    The inverse of :func:`camera_to_display` with the same white balance. Gains above one mean that the sensor is less
    sensitive to red and blue than to green. Brooks et al. 2019 draw 1.9 to 2.4 for red and 1.5 to 1.9 for blue.
    """
    mix, gains = _mix(color_mix), _diagonal(red_gain, blue_gain)
    return torch.inverse(mix @ gains)


def camera_to_display(color_mix: Amount) -> Tensor:
    """Return ``(B, 3, 3)`` from white-balanced sensor colours to linear sRGB.

    Args:
        color_mix: 0 for the identity, 1 for the colour correction of a typical consumer sensor under daylight: its
            rows sum to one, and its negative entries amplify chroma noise.
    """
    return _mix(color_mix)


def mix_channels(pictures: Tensor, matrix: Tensor) -> Tensor:
    """Apply ``(B, 3, 3)``, or one ``(1, 3, 3)`` for all, to the channels of ``(B, 3, H, W)``."""
    matrix = matrix.to(pictures).expand(len(pictures), 3, 3)
    return torch.bmm(matrix, pictures.flatten(2)).reshape(pictures.shape)


def balance_gains(red_gain: Amount, blue_gain: Amount, kelvin: Amount, awb: Amount) -> Tensor:
    """White-balance gains ``(B, 3)`` of the camera at night.

    Args:
        red_gain: of the sensor under daylight; green has 1.
        blue_gain: likewise.
        kelvin: colour temperature of the scene's light.
        awb: share of the light's colour, in the logarithm, that automatic white balance removes; 0 leaves the whole
            cast in the picture, 1 none.
    """
    white = _diagonal(red_gain, blue_gain).diagonal(dim1=1, dim2=2)
    share = torch.as_tensor(awb, dtype=torch.float32).reshape(-1, 1)
    return white * blackbody_gains(kelvin).pow(-share)


def blackbody_gains(kelvin: Amount) -> Tensor:
    """Return ``(B, 3)``: the linear sRGB colour of a black body against that of one at 6504 K, of the same luminance.

    Args:
        kelvin: 1667 to 25000 K: sodium lamps near 2000, halogen 3200, white LEDs 4000 to 6500. At 6504 K all gains are
            exactly one.

    The chromaticity is the cubic fit of Kim et al., US patent 7024034 (2002), to the Planckian locus.
    """
    warm = torch.as_tensor(kelvin, dtype=torch.float32).reshape(-1)
    both = torch.cat((warm, warm.new_full((1,), NEUTRAL_KELVIN)))
    x, y = planckian_xy(both)
    xyz = torch.stack((x / y, torch.ones_like(x), (1.0 - x - y) / y), dim=1)
    rgb = xyz @ xyz.new_tensor(_XYZ_TO_SRGB).T
    return (rgb[:-1] / rgb[-1:]).clamp_min(_LEAST_GAIN)


def planckian_xy(kelvin: Tensor) -> tuple[Tensor, Tensor]:
    """CIE 1931 chromaticity of a black body of 1667 to 25000 K (Kim et al. 2002)."""
    t = 1e3 / kelvin.double()
    low = ((-0.2661239 * t - 0.2343589) * t + 0.8776956) * t + 0.179910
    high = ((-3.0258469 * t + 2.1070379) * t + 0.2226347) * t + 0.240390
    x = torch.where(kelvin <= _MIDDLE_KELVIN, low, high)
    coldest = ((-1.1063814 * x - 1.34811020) * x + 2.18555832) * x - 0.20219683
    middle = ((-0.9549476 * x - 1.37418593) * x + 2.09137015) * x - 0.16748867
    hottest = ((3.0817580 * x - 5.87338670) * x + 3.75112997) * x - 0.37001483
    y = torch.where(kelvin <= _LOW_KELVIN, coldest, torch.where(kelvin <= _MIDDLE_KELVIN, middle, hottest))
    return x.to(kelvin.dtype), y.to(kelvin.dtype)


def _mix(color_mix: Amount) -> Tensor:
    share = torch.as_tensor(color_mix, dtype=torch.float32).reshape(-1, 1, 1)
    return torch.lerp(torch.eye(3, device=share.device), share.new_tensor(_TYPICAL_MIX), share)


def _diagonal(red_gain: Amount, blue_gain: Amount) -> Tensor:
    red = torch.as_tensor(red_gain, dtype=torch.float32).reshape(-1)
    blue = torch.as_tensor(blue_gain, dtype=torch.float32).reshape(-1)
    one = torch.ones_like(red + blue)
    return torch.diag_embed(torch.stack((red * one, one, blue * one), dim=1))


def _join_pieces(above: Tensor, line: Tensor, curve: Tensor) -> Tensor:
    """Take the curve above the joint, else the line; in place, four times as fast as ``where`` on a CPU."""
    return curve.sub_(line).mul_(above).add_(line)
