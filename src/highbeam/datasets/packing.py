"""Packing pictures, pairs and frames of clips into shards: sift, divide by source, shrink, encode, write.

Every picture is decoded twice, once to judge it and once to encode it: the sifting decides which sources fill which
split, and no more than a few pictures are ever in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from highbeam.datasets.decoding import Halves, decode_run, runs
from highbeam.datasets.entries import Bad, Entry, Light, Split
from highbeam.datasets.filters import Sieve, Traits, shrunk, traits_of
from highbeam.datasets.gathering import gather
from highbeam.datasets.publishing import check_target, published
from highbeam.datasets.shards import INDEX, Index, PackedPicture, PackedShard, PackedSource, ShardWriter
from highbeam.datasets.splits import assign_splits, without_shared_sources
from highbeam.datasets.work import Bar, in_order, no_bar
from highbeam.errors import LayoutError, OptionError, OutputError, PictureError, nearest
from highbeam.pictures import FORMATS, Picture, encode, write_bytes

__all__ = ["PackOptions", "Sifted", "pack", "sift"]

_LOSSLESS = 100
_LOWEST_QUALITY = 50
_QUALITY_STEP = 5
_TRIED = 48
"""Pictures from whose sizes those of all are foreseen."""
_OVERHEAD = 1400
"""Bytes that a picture takes beside itself: header, padding, its lines in the index."""
_SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class PackOptions:
    """How to pack.

    Attributes:
        lights: of data sets that tell, which pictures to take.
        every: seconds between two frames that are taken of a clip; 0 takes all.
        sequence: regular expression on names that divides sources further.
        max_side: pixels of the longer side; larger pictures are shrunk, None leaves them.
        format: of the bright pictures, a key of ``FORMATS``; dark halves are always lossless WebP.
        quality: of the bright pictures, 1 to 100; with a limit the best that is tried.
        limit: bytes that everything together may take; the quality falls, down to 50, until it fits.
        shard_size: bytes of a shard at most.
        val: fraction of the pictures that may be in validation.
        val_sources: names or patterns of the sources that do, instead of a fraction.
        seed: of the choice of sources.
        official: keep published splits to the letter, also where they share a source.
        min_brightness: see :class:`~highbeam.datasets.filters.Sieve`.
        min_sharpness: likewise.
        max_likeness: likewise.
        workers: threads.

    Raises:
        OptionError: a value out of range.
    """

    lights: tuple[Light, ...] = ("day",)
    every: float = 1.0
    sequence: str | None = None
    max_side: int | None = None
    format: str = "webp"
    quality: int = 90
    limit: int | None = None
    shard_size: int = 64_000_000
    val: float = 0.1
    val_sources: tuple[str, ...] = ()
    seed: int = 0
    official: bool = False
    min_brightness: float = 0.2
    min_sharpness: float = 0.5
    max_likeness: int = 2
    workers: int = 1

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise OptionError(f"no format {self.format!r}{nearest(self.format, FORMATS)} ({', '.join(FORMATS)})")
        least = {"max_side": 16, "limit": 1, "shard_size": 4096, "workers": 1, "quality": 1, "seed": 0}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise OptionError(f"{name} must be at least {bound}, got {value}")
        if self.quality > _LOSSLESS:
            raise OptionError(f"quality must be at most {_LOSSLESS}, got {self.quality}")

    @property
    def sieve(self) -> Sieve:
        """A sieve that has seen nothing yet."""
        return Sieve(self.min_brightness, self.min_sharpness, self.max_likeness)


@dataclass(frozen=True)
class Sifted:
    """What is left after sifting.

    Attributes:
        entries: that are kept, in their order.
        dropped: how many are not, by reason.
        bad: files that could not be read.
    """

    entries: tuple[Entry, ...]
    dropped: dict[str, int]
    bad: tuple[Bad, ...]


def pack(
    words: Sequence[str], out: Path, options: PackOptions | None = None, *, overwrite: bool = False, bar: Bar = no_bar
) -> Index:
    """Pack what is meant by the words into a folder of shards, which appears whole or not at all.

    Args:
        words: see :func:`~highbeam.datasets.gathering.gather`.
        out: the folder; it may be there if it is empty.
        options: how.
        overwrite: replace packed shards.
        bar: shows the progress of sifting, then of packing.

    Returns:
        The index, which says what was packed, what was dropped and which files were bad.

    Raises:
        UsageError: a word names nothing, the folder is taken, an option is out of range, or the limit too tight.
        DatasetError: a data set lacks something, a half of a pair is missing, or nothing is left.
        PictureWriteError: the disk did not take it.
    """
    options = options or PackOptions()
    check_target(out, overwrite=overwrite)
    found = gather(words, lights=options.lights, every=options.every, sequence=options.sequence)
    check_target(out, (place.path for entry in found.entries for place in entry.places), overwrite=overwrite)
    with bar(len(found.entries)) as step:
        sifted = sift(found.entries, options, step)
    sifted = Sifted(sifted.entries, sifted.dropped, found.bad + sifted.bad)
    if not sifted.entries:
        raise LayoutError(f"{', '.join(words)}: nothing is left to pack ({_told(sifted)})")
    divided = assign_splits(
        sifted.entries, fraction=options.val, chosen=options.val_sources, seed=options.seed, official=options.official
    )
    with published(out) as folder:
        return _fill(folder, Sifted(divided, sifted.dropped, sifted.bad), options, bar)


def sift(entries: Sequence[Entry], options: PackOptions, step: Callable[[], None] = lambda: None) -> Sifted:
    """Leave out what is too dark, blurred, seen before or bad, and training pictures of a source that tests.

    Args:
        entries: to judge, in their order; of two that look alike, the first stays.
        options: how.
        step: called after each.
    """
    whole = entries if options.official else without_shared_sources(entries)
    dropped = Counter(shared=len(entries) - len(whole))
    sieve, kept, bad = options.sieve, list[Entry](), list[Bad]()
    with in_order(_judge_run, runs(whole), options.workers) as judged:
        for entry, outcome in judged:
            step()
            if isinstance(outcome, PictureError):
                bad.append(Bad(entry.name, outcome.reason))
                continue
            verdict = sieve.judge(outcome)
            dropped[verdict] += 1
            if verdict == "kept":
                kept.append(entry)
    counts = {reason: dropped[reason] for reason in ("dark", "blurred", "duplicate", "shared")}
    return Sifted(tuple(kept), counts, tuple(bad))


def _judge_run(run: Sequence[Entry]) -> Iterator[tuple[Entry, Traits | PictureError]]:
    for entry, halves in decode_run(run):
        yield entry, halves if isinstance(halves, PictureError) else traits_of(halves[0])


def _told(sifted: Sifted) -> str:
    counts = [f"{count} {reason}" for reason, count in sifted.dropped.items() if count]
    if sifted.bad:
        counts.append(f"{len(sifted.bad)} bad, such as {sifted.bad[0].name}: {sifted.bad[0].reason}")
    return ", ".join(counts)


@dataclass(frozen=True)
class _Encoded:
    """Encoded halves with their suffixes, and the size of the picture in pixels."""

    parts: tuple[tuple[bytes, str], ...]
    width: int
    height: int


def _fill(folder: Path, sifted: Sifted, options: PackOptions, bar: Bar) -> Index:
    """Write shards and index, with less quality as long as they do not fit."""
    quality = _foreseen_quality(sifted.entries, options)
    while True:
        with bar(len(sifted.entries)) as step:
            index = _write(folder, sifted, options, quality, step)
        data = index.to_bytes()
        total = len(data) + sum(shard.bytes for shard in index.shards)
        if options.limit is None or total <= options.limit:
            if not index.pictures:
                raise LayoutError(f"nothing could be packed: {index.bad[-1][0]}: {index.bad[-1][1]}")
            write_bytes(data, folder / INDEX)
            return index
        for shard in index.shards:
            (folder / shard.file).unlink()
        quality = _less(quality, total, options.limit)


def _foreseen_quality(entries: Sequence[Entry], options: PackOptions) -> int:
    """Return the best quality at which some of the pictures say that all will fit."""
    if options.limit is None:
        return options.quality
    some = entries[:: -(-len(entries) // _TRIED)]
    quality = options.quality
    while True:
        with _encoded(some, options, quality) as outcomes:
            encoded = [outcome for _, outcome in outcomes if isinstance(outcome, _Encoded)]
        sizes = [sum(len(data) for data, _ in one.parts) + _OVERHEAD for one in encoded]
        total = round(sum(sizes) / max(1, len(sizes)) * len(entries))
        if total <= options.limit:
            return quality
        quality = _less(quality, total, options.limit)


def _less(quality: int, total: int, limit: int) -> int:
    if quality <= _LOWEST_QUALITY:
        raise OutputError(
            f"at quality {quality} the shards take {total} bytes, and the limit is {limit};"
            " shrink the pictures, take fewer frames, or raise the limit"
        )
    return max(_LOWEST_QUALITY, quality - _QUALITY_STEP)


def _write(folder: Path, sifted: Sifted, options: PackOptions, quality: int, step: Callable[[], None]) -> Index:
    writers = {split: ShardWriter(folder, split, options.shard_size) for split in _SPLITS}
    pictures, bad = list[PackedPicture](), list(sifted.bad)
    with _encoded(sifted.entries, options, quality) as outcomes:
        for entry, outcome in outcomes:
            step()
            if isinstance(outcome, PictureError):
                bad.append(Bad(entry.name, outcome.reason))
                continue
            split = entry.split or "train"
            parts = writers[split].add(outcome.parts)
            size = outcome.width, outcome.height
            pictures.append(PackedPicture(entry.name, entry.source, split, entry.light, *size, parts))
    for writer in writers.values():
        writer.finish()
    shards = [shard for writer in writers.values() for shard in writer.shards]
    return _index(pictures, shards, Sifted((), sifted.dropped, tuple(bad)), options, quality)


def _encoded(
    entries: Sequence[Entry], options: PackOptions, quality: int
) -> AbstractContextManager[Iterator[tuple[Entry, _Encoded | PictureError]]]:
    def encode_run(run: Sequence[Entry]) -> Iterator[tuple[Entry, _Encoded | PictureError]]:
        return ((entry, _encode(halves, options, quality)) for entry, halves in decode_run(run))

    return in_order(encode_run, runs(entries), options.workers)


def _encode(halves: Halves | PictureError, options: PackOptions, quality: int) -> _Encoded | PictureError:
    if isinstance(halves, PictureError):
        return halves
    small = [half if options.max_side is None else shrunk(half, options.max_side) for half in halves]
    wanted = [(options.format, quality), ("webp", _LOSSLESS)]  # what is dark has its signal in the last bits
    try:
        parts = tuple(
            (encode(Picture(half), format=name, quality=best), FORMATS[name].suffixes[0])
            for half, (name, best) in zip(small, wanted, strict=False)
        )
    except PictureError as error:  # larger than the format takes
        return error
    return _Encoded(parts, small[0].shape[1], small[0].shape[0])


def _index(
    pictures: Sequence[PackedPicture], shards: Sequence[PackedShard], sifted: Sifted, options: PackOptions, quality: int
) -> Index:
    sizes = Counter(picture.source for picture in pictures)
    splits: dict[str, Split] = {picture.source: picture.split for picture in pictures}
    told = asdict(options) | {"quality": quality}
    settings = {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}
    del settings["workers"]  # makes no difference
    return Index(
        settings=settings,
        dropped=sifted.dropped | {"bad": len(sifted.bad)},
        bad=tuple((bad.name, bad.reason) for bad in sifted.bad),
        sources={source: PackedSource(splits[source], sizes[source]) for source in sizes},
        shards=tuple(shards),
        pictures=tuple(pictures),
    )
