"""From entries to pixels, from files, clips and shards."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from highbeam.datasets.clips import frame_times
from highbeam.datasets.decoding import decode_entry, decode_run, read_span, runs
from highbeam.datasets.entries import Entry, Place
from highbeam.errors import DamagedPictureError, PictureError, PictureTooLargeError
from highbeam.pictures import Limits
from tests.datasets.makers import draw, entry, film, save, scene


def frames_of(path: Path) -> list[Entry]:
    return [Entry(f"{path.name}#{pts}", path.name, Place(path, pts)) for pts, _ in frame_times(path)]


def packed(folder: Path, *blobs: bytes) -> list[Place]:
    """Put bytes one after the other into a file, with some before and after."""
    path = folder / "x.tar"
    path.write_bytes(b"before" + b"".join(blobs) + b"after")
    places, at = [], 6
    for blob in blobs:
        places.append(Place(path, span=(at, len(blob)), sha256=hashlib.sha256(blob).hexdigest()))
        at += len(blob)
    return places


def test_a_picture(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png", 3)
    (pixels,) = decode_entry(Entry("a", "s", Place(path)))
    assert np.array_equal(pixels, scene(3))


def test_sixteen_bits_become_eight_rounded(tmp_path: Path) -> None:
    deep = np.asarray([[[0, 128, 129], [257 * 7, 257 * 7 + 128, 257 * 7 + 129], [65535, 65407, 65406]]], np.uint16)
    (pixels,) = decode_entry(Entry("a", "s", Place(save(tmp_path / "a.png", deep))))
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == [[[0, 0, 1], [7, 7, 8], [255, 255, 254]]]


def test_a_pair(tmp_path: Path) -> None:
    bright, low = draw(tmp_path / "a.png", 1), draw(tmp_path / "b.png", 2)
    halves = decode_entry(Entry("a", "s", Place(bright), Place(low)))
    assert [np.array_equal(half, scene(seed)) for half, seed in zip(halves, (1, 2), strict=True)] == [True, True]


def test_the_halves_of_a_pair_have_one_size(tmp_path: Path) -> None:
    bright, low = draw(tmp_path / "a.png"), draw(tmp_path / "b.png", size=(48, 64))
    with pytest.raises(DamagedPictureError, match=r"b\.png: is 48x64, but its bright half .*a\.png is 64x48; replace"):
        decode_entry(Entry("a", "s", Place(bright), Place(low)))


def test_limits(tmp_path: Path) -> None:
    with pytest.raises(PictureTooLargeError):
        decode_entry(Entry("a", "s", Place(draw(tmp_path / "a.png"))), limits=Limits(max_side=10))


def test_a_frame(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 8)
    entries = frames_of(tmp_path / "a.mp4")
    alone = [decode_entry(one)[0] for one in entries]
    in_a_row = [halves[0] for _, halves in decode_run(entries) if not isinstance(halves, PictureError)]
    assert len(alone) == len(in_a_row) == 8
    assert all(np.array_equal(one, other) for one, other in zip(alone, in_a_row, strict=True))


def test_runs_are_frames_of_one_clip_in_their_order() -> None:
    def frame(path: str, pts: int) -> Entry:
        return Entry(f"{path}{pts}", path, Place(Path(path), pts))

    entries = [frame("a", 0), frame("a", 5), frame("b", 6), frame("b", 2), entry("p"), entry("q"), frame("b", 9)]
    assert [[one.name for one in run] for run in runs(entries)] == [["a0", "a5"], ["b6"], ["b2"], ["p"], ["q"], ["b9"]]
    assert runs([]) == []


def test_runs_end_at_their_longest() -> None:
    clip = [Entry(str(pts), "a", Place(Path("a"), pts)) for pts in range(10)]
    assert [len(run) for run in runs(clip, 4)] == [4, 4, 2]
    assert [len(run) for run in runs(clip)] == [10]


def test_a_bad_picture_does_not_end_a_run(tmp_path: Path) -> None:
    good, bad = Entry("a", "s", Place(draw(tmp_path / "a.png"))), Entry("b", "s", Place(tmp_path / "b.png"))
    outcomes = [halves for run in runs([bad, good]) for _, halves in decode_run(run)]
    assert isinstance(outcomes[0], PictureError)
    assert not isinstance(outcomes[1], PictureError)


def test_a_clip_that_ends_early_spoils_the_rest_of_the_run(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 4)
    entries = frames_of(tmp_path / "a.mp4")
    late = replace(entries[-1], name="late", bright=replace(entries[-1].bright, pts=10**9))
    outcomes = dict(decode_run([*entries, late, replace(late, name="later")]))
    assert sum(isinstance(halves, PictureError) for halves in outcomes.values()) == 2
    assert isinstance(outcomes[late], DamagedPictureError)


def test_a_picture_in_a_shard(tmp_path: Path) -> None:
    blobs = [draw(tmp_path / f"{seed}.png", seed).read_bytes() for seed in range(3)]
    for seed, place in enumerate(packed(tmp_path, *blobs)):
        assert read_span(place) == blobs[seed]
        assert np.array_equal(decode_entry(Entry("a.jpg", "s", place))[0], scene(seed))


def test_a_shard_that_was_altered(tmp_path: Path) -> None:
    (place,) = packed(tmp_path, draw(tmp_path / "a.png").read_bytes())
    data = bytearray(place.path.read_bytes())
    data[60] ^= 1
    place.path.write_bytes(data)
    with pytest.raises(DamagedPictureError, match=r"x\.tar@6: is not what was packed"):
        decode_entry(Entry("a", "s", place))


def test_a_shard_that_is_cut_short_or_gone(tmp_path: Path) -> None:
    (place,) = packed(tmp_path, draw(tmp_path / "a.png").read_bytes())
    place.path.write_bytes(place.path.read_bytes()[:50])
    with pytest.raises(DamagedPictureError, match="SHA-256"):
        read_span(place)
    place.path.unlink()
    with pytest.raises(PictureError, match="No such file"):
        read_span(place)
