"""Every encoding of pictures in messages: what a method sees, and what comes out."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.logs.bayer import demosaiced, mosaicked
from highbeam.logs.errors import FrameError, UnsupportedFrameError
from highbeam.logs.frames import ENCODINGS, enhance_file, enhance_samples
from highbeam.logs.messages import compressed_layout, exchanged, image_layout
from highbeam.pictures import Picture, decode, encode
from tests.logs import making
from tests.logs.making import Frame, Pixels, inverted, noise

ORDERS = {"rgb": (0, 1, 2), "bgr": (2, 1, 0), "rgba": (0, 1, 2, 3), "bgra": (2, 1, 0, 3)}
PATTERNS = ("rggb", "bggr", "gbrg", "grbg")
SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def samples(encoding: str, height: int, width: int, seed: int) -> Pixels:
    """Random samples, ``(H, W)`` or ``(H, W, C)``."""
    dtype = np.uint16 if encoding.endswith("16") else np.uint8
    name = encoding.removesuffix("16").removesuffix("8")
    channels = len(ORDERS.get(name, "x"))
    made = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
    return made if channels > 1 else made[..., 0]


def through(frame: Frame, method: Any, *, ros1: bool = False) -> tuple[Any, Any]:
    """A message's object before and after."""
    data = making.packed(making.image(frame, ros1=ros1), ros1=ros1)
    layout = image_layout(data, "ros1" if ros1 else "cdr")
    made = enhance_samples(layout, data[layout.start : layout.end], method)
    whole = data[: layout.start] + bytes(made) + data[layout.end :]
    said = [making.Said("", making.IMAGE, 0, one) for one in (data, whole)]
    return making.unpacked(said[0], ros1=ros1), making.unpacked(said[1], ros1=ros1)


def pixels_of(message: Any, like: Frame) -> Pixels:
    """The samples of a message, by rows and without padding."""
    rows = message.data.reshape(message.height, message.step)[:, : like.pixels[0].nbytes]
    stored = like.pixels.dtype.newbyteorder(">" if message.is_bigendian else "<")
    return np.ascontiguousarray(rows).view(stored).reshape(like.pixels.shape).astype(like.pixels.dtype)


def test_the_encodings() -> None:
    bits = ("8", "16")
    assert set(ENCODINGS) == {name + n for n in bits for name in [*ORDERS, "mono", *(f"bayer_{p}" for p in PATTERNS)]}


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(size=SIZES, rows=st.tuples(st.integers(0, 5), st.booleans()), ros1=st.booleans(), seed=st.integers(0, 99))
def test_a_method_sees_rgb_and_the_encoding_stays(
    encoding: str, size: tuple[int, int], rows: tuple[int, bool], *, ros1: bool, seed: int
) -> None:
    frame = Frame(samples(encoding, *size, seed), encoding, *rows)
    seen: list[Pixels] = []

    def method(pixels: Pixels) -> Pixels:
        seen.append(pixels.copy())
        return inverted(pixels)

    before, after = through(frame, method, ros1=ros1)
    for name in ("header", "height", "width", "encoding", "is_bigendian", "step"):
        assert getattr(after, name) == getattr(before, name)
    stored, name = frame.pixels, encoding.removesuffix("16").removesuffix("8")
    wanted = inverted(stored)
    if name in {"rgba", "bgra"}:
        wanted[..., 3] = stored[..., 3]
    assert np.array_equal(pixels_of(after, frame), wanted)
    tail = frame.pixels[0].nbytes
    assert np.all(after.data.reshape(size[0], -1)[:, tail:] == 0xAB)
    (rgb,) = seen
    assert (rgb.shape, rgb.dtype.isnative, rgb.dtype.itemsize) == ((*size, 3), True, stored.dtype.itemsize)
    if name in ORDERS:
        assert np.array_equal(rgb, stored[..., ORDERS[name][:3]])
    elif name == "mono":
        assert np.array_equal(rgb, np.repeat(stored[..., None], 3, axis=-1))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("pattern", PATTERNS)
@given(size=SIZES, seed=st.integers(0, 99))
def test_mosaics_come_back(pattern: str, dtype: Any, size: tuple[int, int], seed: int) -> None:
    mosaic = noise(*size, seed, dtype)[..., 0]
    colours = demosaiced(mosaic, pattern)
    assert (colours.shape, colours.dtype) == ((*size, 3), mosaic.dtype)
    assert np.array_equal(mosaicked(colours, pattern), mosaic)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_demosaicing_is_opencvs_within_the_border(pattern: str) -> None:
    mosaic = noise(9, 12, 3)[..., 0]
    code = {  # OpenCV names a pattern by its second row, from the second column on
        "rggb": cv2.COLOR_BayerBG2RGB,
        "bggr": cv2.COLOR_BayerRG2RGB,
        "gbrg": cv2.COLOR_BayerGR2RGB,
        "grbg": cv2.COLOR_BayerGB2RGB,
    }[pattern]
    ours, theirs = demosaiced(mosaic, pattern), cv2.cvtColor(mosaic, code)
    assert np.abs(ours.astype(int) - theirs)[1:-1, 1:-1].max() <= 1


@pytest.mark.parametrize("pattern", PATTERNS)
def test_one_colour_is_one_colour_also_at_the_borders(pattern: str) -> None:
    colour = np.broadcast_to(np.array([200, 90, 10], np.uint8), (5, 7, 3))
    assert np.array_equal(demosaiced(mosaicked(colour, pattern), pattern), colour)


def test_grey_stays_grey_where_a_method_makes_colours() -> None:
    frame = Frame(samples("mono16", 3, 4, 1), "mono16")
    _, after = through(frame, lambda pixels: np.stack([pixels[..., 0] // 2, *[pixels[..., 0] // 4] * 2], axis=-1))
    wanted = (frame.pixels // 2 + 2 * (frame.pixels // 4).astype(np.uint32) + 1) // 3
    assert np.array_equal(pixels_of(after, frame), wanted)


@pytest.mark.parametrize("encoding", ["8UC3", "32FC1", "16UC1", "yuv422", "", "RGB8"])
def test_other_encodings_are_refused_with_a_list(encoding: str) -> None:
    with pytest.raises(UnsupportedFrameError, match=r"bayer_rggb8.*rgb16") as caught:
        through(Frame(noise(2, 2), encoding), inverted)
    assert repr(encoding) in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [{"height": 0}, {"width": 0}, {"step": 5}, {"height": 3}, {"width": 2**31}, {"step": 2**31}, {"height": 2**32 - 1}],
)
def test_sizes_that_do_not_fit_are_damage(changes: dict[str, int]) -> None:
    message = making.image(Frame(noise(2, 2)))
    for name, value in changes.items():
        setattr(message, name, value)
    data = making.packed(message)
    layout = image_layout(data, "cdr")
    with pytest.raises(FrameError, match="no picture|too few"):
        enhance_samples(layout, data[layout.start : layout.end], inverted)


@pytest.mark.parametrize("ros1", [False, True])
def test_every_cut_of_a_message_is_damage(*, ros1: bool) -> None:
    form = "ros1" if ros1 else "cdr"
    whole = making.packed(making.image(Frame(noise(2, 2)), ros1=ros1), ros1=ros1)
    file = making.packed(making.compressed(b"x" * 9, ros1=ros1), ros1=ros1)
    for end in range(len(whole)):
        with pytest.raises(FrameError):
            image_layout(whole[:end], form)
    for end in range(len(file)):
        with pytest.raises(FrameError):
            compressed_layout(file[:end], form)
    with pytest.raises(FrameError, match="4 bytes more than its type"):
        image_layout(whole + bytes(4), form)
    assert image_layout(whole + bytes(3), form) == image_layout(whole, form)


def test_other_encapsulations() -> None:
    data = making.packed(making.image(Frame(noise(2, 2))))
    with pytest.raises(FrameError, match="not plain CDR: it begins with 0003"):
        image_layout(b"\0\x03" + data[2:], "cdr")
    big = making.ROS2.serialize_cdr(making.image(Frame(noise(2, 3))), making.IMAGE, little_endian=False)
    layout = image_layout(big, "cdr")
    assert (layout.height, layout.width, layout.encoding, layout.step) == (2, 3, "rgb8", 9)


@pytest.mark.parametrize("ros1", [False, True])
@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("jpeg", making.jpeg()),
        ("rgb8; jpeg compressed bgr8", making.jpeg(1)),
        ("png", making.png(noise(5, 7))),
        ("mono16; png compressed mono16", making.png(noise(5, 7, 1, np.uint16)[..., 0])),
        ("png", encode(Picture(noise(3, 4), alpha=noise(3, 4, 9)[..., 0]))),
    ],
)
def test_files_in_messages(format: str, data: bytes, *, ros1: bool) -> None:
    whole = making.packed(making.compressed(data, format, ros1=ros1), ros1=ros1)
    layout = compressed_layout(whole, "ros1" if ros1 else "cdr")
    assert whole[layout.start : layout.end] == data
    made = enhance_file(layout.format, data, inverted)
    after = making.unpacked(making.Said("", making.COMPRESSED, 0, exchanged(whole, layout, made)), ros1=ros1)
    assert (after.header, after.format) == (making.stamp(0, "front", ros1=ros1), format)
    old, new = decode(data), decode(after.data.tobytes())
    assert (new.format, new.grey, new.pixels.dtype) == (old.format, old.grey, old.pixels.dtype)
    assert np.abs(new.pixels.astype(int) - inverted(old.pixels)).mean() < (8 if old.format == "jpeg" else 1e-9)
    assert np.array_equal([] if new.alpha is None else new.alpha, [] if old.alpha is None else old.alpha)


def test_a_big_endian_file_message() -> None:
    whole = bytes(making.ROS2.serialize_cdr(making.compressed(b"abc"), making.COMPRESSED, little_endian=False))
    made = exchanged(whole, compressed_layout(whole, "cdr"), b"longer")
    assert making.unpacked(making.Said("", making.COMPRESSED, 0, made)).data.tobytes() == b"longer"


@pytest.mark.parametrize(
    ("format", "data", "kind"),
    [
        ("16UC1; compressedDepth png", making.jpeg(), UnsupportedFrameError),
        ("h264", b"\0\0\0\1\x67" + bytes(20), UnsupportedFrameError),
        ("jpeg", making.jpeg()[:-30], FrameError),
        ("jpeg", b"", FrameError),
    ],
)
def test_files_that_are_not_taken(format: str, data: bytes, kind: type[Exception]) -> None:
    with pytest.raises(FrameError) as caught:
        enhance_file(format, data, inverted)
    assert type(caught.value) is kind
