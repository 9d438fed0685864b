"""Small pictures, clips and layouts of data sets, made where a test wants them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from highbeam.datasets import Entry, Place, Survey

if TYPE_CHECKING:
    from av.video.stream import VideoStream

Rgb = NDArray[np.uint8]


def scene(seed: int = 0, size: tuple[int, int] = (64, 48), level: float = 140.0) -> Rgb:
    """A sharp picture of blocks and lines, ``(H, W, 3)``, unlike that of another seed; ``size`` is width, height."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-70.0, 70.0, (9, 9, 3))
    blocks = cv2.resize(coarse, size, interpolation=cv2.INTER_NEAREST) + level
    lines = rng.uniform(-25.0, 25.0, (size[1], 1, 1)) + rng.uniform(-25.0, 25.0, (1, size[0], 1))
    return np.asarray(np.clip(np.rint(blocks + lines), 0, 255), np.uint8)


def draw(path: Path, seed: int = 0, size: tuple[int, int] = (64, 48), level: float = 140.0) -> Path:
    """Write a picture in the format of its suffix."""
    return save(path, scene(seed, size, level))


def save(path: Path, pixels: NDArray[Any]) -> Path:
    """Write an array ``(H, W, 3)``, lossless where the format has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixels.dtype == np.uint16:
        cv2.imwrite(str(path), pixels[..., ::-1])
    else:
        Image.fromarray(pixels).save(path, lossless=True, quality=95)
    return path


def film(
    path: Path, frames: int = 20, *, fps: int = 10, size: tuple[int, int] = (64, 48), gop: int = 6, codec: str = "mpeg4"
) -> list[Rgb]:
    """Write a clip whose frames differ, and return them as drawn."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = [scene(1000 + number, size) for number in range(frames)]
    with av.open(str(path), "w") as container:
        stream = cast("VideoStream", container.add_stream(codec, rate=fps, options={"g": str(gop)}))
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], "yuv420p"
        stream.bit_rate = 4_000_000
        for pixels in drawn:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return drawn


def pair(folder: Path, name: str, seed: int = 0, size: tuple[int, int] = (64, 48)) -> None:
    """Write ``low/NAME`` and ``high/NAME`` below a folder."""
    bright = scene(seed, size)
    save(folder / "high" / name, bright)
    save(folder / "low" / name, np.asarray(bright // 12, np.uint8))


def lol_v1(root: Path, train: int = 4, test: int = 2) -> Path:
    """LOL-v1 with a few pairs."""
    for number in range(train):
        pair(root / "our485", f"{number + 2}.png", number)
    for number in range(test):
        pair(root / "eval15", f"{100 + number}.png", 50 + number)
    return root


def bdd100k(root: Path, *, labels: str = "list") -> Path:
    """BDD100K with three drivers by day, one at dusk, one by night and one picture without label."""
    times = {
        "aaaa1111-00000001": "daytime",
        "aaaa1111-00000002": "daytime",
        "bbbb2222-00000001": "daytime",
        "cccc3333-00000001": "night",
        "dddd4444-00000001": "dawn/dusk",
        "eeee5555-00000001": "undefined",
    }
    for number, stem in enumerate([*times, "ffff6666-00000001"]):
        draw(root / "images" / "100k" / "train" / f"{stem}.jpg", number)
    draw(root / "images" / "100k" / "test" / "99990000-00000001.jpg", 90)
    frames = [
        {"name": f"{stem}.jpg", "attributes": {"weather": "clear", "timeofday": time}, "labels": [{"id": 1}]}
        for stem, time in times.items()
    ]
    folder = root / "labels"
    if labels == "list":
        write_json(folder / "bdd100k_labels_images_train.json", frames)
    elif labels == "det_20":
        write_json(folder / "det_20" / "det_train.json", frames)
    elif labels == "single":
        for frame in frames:
            stem = str(frame["name"]).removesuffix(".jpg")
            write_json(folder / "100k" / "train" / f"{stem}.json", frame | {"name": stem})
    return root


def nuscenes(root: Path) -> Path:
    """NuScenes with two logs, the second with a scene by day and one by night."""
    logs = ("n015-2018-07-24-11-22-45+0800", "n008-2018-08-30-15-16-55-0400")
    start = 1_532_402_927_000_000
    pictures = [(logs[0], start), (logs[0], start + 500_000), (logs[1], start), (logs[1], start + 40_000_000)]
    for seed, (log, time) in enumerate(pictures):
        draw(root / "samples" / "CAM_FRONT" / f"{log}__CAM_FRONT__{time + 12_000}.jpg", seed)
    spans: list[tuple[str, int, int, int, str]] = [
        ("s0", 0, start, start + 19_500_000, "Wait at intersection, peds"),
        ("s1", 1, start, start, "Busy street"),
    ]
    spans.append(("s2", 1, start + 39_900_000, start + 59_000_000, "Night, parked cars"))
    samples, scenes = [], []
    for name, number, first, last, description in spans:
        samples += [{"token": f"{name}a", "timestamp": first}, {"token": f"{name}b", "timestamp": last}]
        scenes.append(
            {
                "token": name,
                "log_token": f"l{number}",
                "description": description,
                "first_sample_token": f"{name}a",
                "last_sample_token": f"{name}b",
            }
        )
    tables = root / "v1.0-mini"
    write_json(tables / "sample.json", samples)
    write_json(tables / "scene.json", scenes)
    write_json(tables / "log.json", [{"token": f"l{number}", "logfile": log} for number, log in enumerate(logs)])
    return root


def cityscapes(root: Path) -> Path:
    """Cityscapes with four cities."""
    for number, city in enumerate(("train/aachen", "train/bochum", "val/lindau", "test/berlin")):
        name = f"{city.partition('/')[2]}_000000_000019_leftImg8bit.png"
        draw(root / "leftImg8bit" / city / name, number)
    return root


def kitti(root: Path) -> Path:
    """KITTI with two raw drives and a benchmark."""
    draw(root / "2011_09_26" / "2011_09_26_drive_0001_sync" / "image_02" / "data" / "0000000000.png", 1)
    draw(root / "2011_09_26" / "2011_09_26_drive_0002_sync" / "image_02" / "data" / "0000000000.png", 2)
    draw(root / "2011_09_26" / "2011_09_26_drive_0002_sync" / "image_03" / "data" / "0000000000.png", 3)
    draw(root / "training" / "image_2" / "000000.png", 4)
    draw(root / "testing" / "image_2" / "000000.png", 5)
    return root


def acdc(root: Path) -> Path:
    """ACDC with one sequence of night and one of rain, each with its reference."""
    for number, (condition, sequence) in enumerate((("night", "GOPR0351"), ("rain", "GP010400"))):
        for part, end in (("train", "rgb_anon"), ("train_ref", "rgb_ref_anon")):
            name = f"{sequence}_frame_000001_{end}.png"
            draw(root / "rgb_anon" / condition / part / sequence / name, 10 * number + len(part))
    return root


def dark_zurich(root: Path) -> Path:
    """Dark Zurich with a training sequence of each time and the validation sequence with its reference."""
    base = root / "rgb_anon"
    for number, time in enumerate(("day", "twilight", "night")):
        draw(base / "train" / time / f"GOPR034{number}" / f"GOPR034{number}_frame_000001_rgb_anon.png", number)
    draw(base / "val" / "night" / "GOPR0356" / "GOPR0356_frame_000321_rgb_anon.png", 7)
    draw(base / "val_ref" / "day" / "GOPR0356_ref" / "GOPR0356_frame_000001_ref_rgb_anon.png", 8)
    return root


def write_json(path: Path, value: object) -> Path:
    """Write JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def entry(name: str, source: str = "a", **fields: Any) -> Entry:
    """An entry whose file need not be there."""
    return Entry(name, source, Place(Path(name)), **fields)


def faultless(survey: Survey) -> bool:
    """Whether a survey found no fault."""
    return not (survey.missing or survey.halves or survey.bad)


def names(entries: Iterable[Entry]) -> list[str]:
    """The names of entries."""
    return [one.name for one in entries]


def files(folder: Path) -> list[str]:
    """Every file and folder below a folder, hidden ones included."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def content(paths: Sequence[Path]) -> list[bytes]:
    """The bytes of files."""
    return [path.read_bytes() for path in paths]
