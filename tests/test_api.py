"""``highbeam.enhance`` keeps the type of what it is given; the package's public face is light and complete."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import highbeam
from highbeam.errors import (
    ArrayError,
    DamagedPictureError,
    HighbeamError,
    OptionError,
    OutputError,
    PictureError,
    PictureTooLargeError,
    UnknownMethodError,
    UsageError,
)
from highbeam.pictures import colour
from highbeam.weights import catalog


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    held = io.BytesIO()
    image.save(held, format, **options)
    return held.getvalue()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_array_to_array(dtype: str, night: NDArray[np.uint8]) -> None:
    white = {"uint8": 1, "uint16": 257, "float32": 1 / 255}[dtype]
    picture = (night * np.float64(white)).astype(dtype)
    out = highbeam.enhance(picture, "gamma")
    assert isinstance(out, np.ndarray)
    assert out.dtype == picture.dtype
    np.testing.assert_array_equal(out, highbeam.load("gamma")(picture))


def test_the_default_method_is_used(night: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(highbeam.enhance(night), highbeam.load()(night))


def test_options_reach_the_method(night: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(highbeam.enhance(night, "gamma", strength=0.0), night)
    assert highbeam.enhance(night, "gamma", gamma=4).mean() > highbeam.enhance(night, "gamma", gamma=2).mean()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_image_to_image_of_the_same_mode(mode: str, night: NDArray[np.uint8]) -> None:
    image = Image.fromarray(night).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    out = highbeam.enhance(image, "gamma")
    assert isinstance(out, Image.Image)
    assert (out.mode, out.size) == (mode, image.size)
    assert np.asarray(out.convert("L")).mean() > np.asarray(image.convert("L")).mean()
    if mode.endswith("A"):
        assert out.getchannel("A").tobytes() == image.getchannel("A").tobytes()


@pytest.mark.parametrize(("mode", "becomes"), [("P", "RGB"), ("CMYK", "RGB"), ("YCbCr", "RGB"), ("1", "L")])
def test_other_image_modes_become_what_methods_work_on(mode: str, becomes: str, night: NDArray[np.uint8]) -> None:
    assert highbeam.enhance(Image.fromarray(night).convert(mode), "gamma").mode == becomes


def test_a_palette_with_transparency_keeps_it(night: NDArray[np.uint8]) -> None:
    image = Image.fromarray(night).convert("P")
    image.info["transparency"] = 0
    out = highbeam.enhance(image, "gamma")
    assert out.mode == "RGBA"
    assert "transparency" not in out.info


def test_a_sixteen_bit_grey_image_stays_one(night: NDArray[np.uint8]) -> None:
    grey = night[..., 0].astype(np.uint16) * 200
    out = highbeam.enhance(Image.fromarray(grey), "gamma")
    assert out.mode == "I;16"
    values = np.asarray(out)
    assert values.max() > 255
    expected = highbeam.enhance(np.repeat(grey[..., None], 3, axis=2), "gamma")[..., 0]
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_images_without_a_white_level_are_refused(mode: str) -> None:
    with pytest.raises(ArrayError, match="white level"):
        highbeam.enhance(Image.new(mode, (4, 4)))


def test_an_image_keeps_its_profile_and_exif(night: NDArray[np.uint8]) -> None:
    image = Image.fromarray(night)
    image.info |= {"icc_profile": colour.srgb_profile(), "exif": b"kept"}
    assert highbeam.enhance(image, "gamma").info == image.info


def test_a_profile_that_no_longer_fits_goes(night: NDArray[np.uint8]) -> None:
    inks = Image.fromarray(night).convert("CMYK")
    inks.info["icc_profile"] = colour.srgb_profile()[:16] + b"CMYK" + colour.srgb_profile()[20:]
    assert highbeam.enhance(inks, "gamma").info.get("icc_profile") in (None, colour.srgb_profile())
    lab = Image.fromarray(night).convert("HSV")
    lab.info["icc_profile"] = b"no profile"
    assert "icc_profile" not in highbeam.enhance(lab, "gamma").info


def test_grey_with_a_transparent_level_becomes_grey_and_alpha(night: NDArray[np.uint8]) -> None:
    image = Image.fromarray(night[..., 0])
    image.info["transparency"] = int(night[0, 0, 0])
    out = highbeam.enhance(image, "gamma")
    assert out.mode == "LA"
    assert np.asarray(out.getchannel("A"))[0, 0] == 0


def test_a_truncated_image_is_a_damaged_picture(night: NDArray[np.uint8]) -> None:
    data = encoded(Image.fromarray(night), "PNG")
    with (
        pytest.raises(DamagedPictureError, match="<PIL image>: cannot be decoded"),
        Image.open(io.BytesIO(data[: len(data) // 2])) as image,
    ):
        highbeam.enhance(image)


def test_limits_can_be_set(tmp_path: Path, night: NDArray[np.uint8]) -> None:
    source = tmp_path / "night.png"
    source.write_bytes(encoded(Image.fromarray(night), "PNG"))
    small = highbeam.Limits(max_pixels=1000)
    for picture in (source, source.read_bytes()):
        with pytest.raises(PictureTooLargeError, match="1000"):
            highbeam.enhance(picture, limits=small)
    with pytest.raises(PictureTooLargeError, match="night.png"):
        highbeam.enhance(source, output=tmp_path / "out.png", limits=small)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "AVIF"])
def test_bytes_to_bytes_of_the_same_format(format: str, night: NDArray[np.uint8]) -> None:
    out = highbeam.enhance(encoded(Image.fromarray(night), format), "gamma")
    assert isinstance(out, bytes)
    with Image.open(io.BytesIO(out)) as image:
        assert image.format == format
        assert image.size == (night.shape[1], night.shape[0])


def test_sixteen_bits_survive_from_bytes_to_bytes(night: NDArray[np.uint8]) -> None:
    deep = night.astype(np.uint16) * 100 + 13
    data = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    out = cv2.imdecode(np.frombuffer(highbeam.enhance(data, "gamma"), np.uint8), cv2.IMREAD_UNCHANGED)
    assert out is not None
    np.testing.assert_array_equal(out[..., ::-1], highbeam.enhance(deep, "gamma"))


@pytest.mark.parametrize("as_type", [str, Path])
def test_path_to_bytes_and_path_to_file(as_type: Any, tmp_path: Path, night: NDArray[np.uint8]) -> None:
    source = tmp_path / "nächtliche straße.png"
    source.write_bytes(encoded(Image.fromarray(night), "PNG"))
    data = highbeam.enhance(as_type(source), "gamma")
    assert data == highbeam.enhance(source.read_bytes(), "gamma")
    made = highbeam.enhance(as_type(source), "gamma", output=as_type(tmp_path / "out.webp"))
    assert made == tmp_path / "out.webp"
    with Image.open(made) as image:
        assert image.format == "WEBP"


def test_an_input_is_never_overwritten(tmp_path: Path, night: NDArray[np.uint8]) -> None:
    source = tmp_path / "night.png"
    source.write_bytes(encoded(Image.fromarray(night), "PNG"))
    os.link(source, tmp_path / "same.png")
    before = source.read_bytes()
    for output in (source, tmp_path / "same.png"):
        with pytest.raises(OutputError, match="never overwritten"):
            highbeam.enhance(source, output=output, overwrite=True)
    assert source.read_bytes() == before


def test_an_existing_output_is_kept_unless_told(tmp_path: Path, night: NDArray[np.uint8]) -> None:
    source, output = tmp_path / "night.png", tmp_path / "out.png"
    source.write_bytes(encoded(Image.fromarray(night), "PNG"))
    output.write_bytes(b"precious")
    with pytest.raises(HighbeamError, match="out.png"):
        highbeam.enhance(source, output=output)
    assert output.read_bytes() == b"precious"
    highbeam.enhance(source, output=output, overwrite=True)
    assert output.read_bytes() != b"precious"


def test_bad_files_name_themselves(tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    with pytest.raises(DamagedPictureError, match="bad.png") as caught:
        highbeam.enhance(bad)
    assert isinstance(caught.value, PictureError)
    with pytest.raises(PictureError, match="gone.png"):
        highbeam.enhance(tmp_path / "gone.png")


@pytest.mark.parametrize("wrong", [None, 3, [1, 2], object()])
def test_other_types_are_refused(wrong: Any) -> None:
    with pytest.raises(ArrayError, match="expected an array, a PIL image, bytes or a path"):
        highbeam.enhance(wrong)


def test_an_output_needs_a_path(tmp_path: Path, night: NDArray[np.uint8]) -> None:
    wrong: Any = night
    with pytest.raises(UsageError, match="output"):
        highbeam.enhance(wrong, output=tmp_path / "x.png")


def test_unknown_methods_and_options_are_refused(night: NDArray[np.uint8]) -> None:
    with pytest.raises(UnknownMethodError, match="did you mean 'clahe'"):
        highbeam.enhance(night, "clae")
    with pytest.raises(OptionError, match="did you mean 'gamma'"):
        highbeam.enhance(night, "gamma", gama=2)


def test_methods_is_a_list_of_names_and_a_package() -> None:
    classical = ("gamma", "clahe", "ssr", "msr", "msrcr", "msrcp", "exposure-fusion")
    assert highbeam.methods() == (*catalog(), *classical)
    code = "import highbeam, highbeam.methods.registry; from highbeam.methods import load; print(*highbeam.methods())"
    assert run(code).split()[-1] == "exposure-fusion"


def test_everything_public_can_be_had() -> None:
    for name in highbeam.__all__:
        assert getattr(highbeam, name) is not None
    assert set(highbeam.__all__) == set(dir(highbeam))
    with pytest.raises(AttributeError, match="enhanse"):
        _ = highbeam.enhanse


def run(code: str) -> str:
    """Run Python in a fresh process and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = run("import sys, highbeam; print(*sorted({m.split('.')[0] for m in sys.modules}))").split()
    assert not {"numpy", "cv2", "PIL", "pydantic", "onnxruntime", "av", "torch", "typer", "rich"} & set(loaded)


def test_enhancing_never_imports_torch() -> None:
    code = (
        "import sys, numpy, highbeam; highbeam.enhance(numpy.zeros((8, 8, 3), 'uint8')); print('torch' in sys.modules)"
    )
    assert run(code).strip() == "False"
