"""Data to train and test with: readers of known layouts, packing into shards, and a loader of crops. Without torch.

::

    entries = open_dataset("bdd100k", Path("bdd100k")).entries      # daytime pictures
    index = pack(["day/", "clips/*.mp4"], Path("shards"))           # sifted, divided by source, packed
    entries = open_dataset("shards", Path("shards"), split="train").entries
    with Loader(entries, LoaderOptions(batch=16, crop=256)) as loader:
        batch = next(loader)                                        # batch.bright: (16, 256, 256, 3) uint8
"""

from __future__ import annotations

from highbeam.datasets.checking import Findings, check
from highbeam.datasets.decoding import decode_entry
from highbeam.datasets.entries import Bad, Entry, Light, Place, Split, Survey
from highbeam.datasets.gathering import gather
from highbeam.datasets.layouts import LAYOUTS, Layout, find_layout, guide, open_dataset
from highbeam.datasets.loader import Batch, Cache, Loader, LoaderOptions, Waiting, central_batches
from highbeam.datasets.order import Order, Share
from highbeam.datasets.packing import PackOptions, pack
from highbeam.datasets.shards import Index, read_index
from highbeam.datasets.splits import assign_splits, without_shared_sources

__all__ = [
    "LAYOUTS",
    "Bad",
    "Batch",
    "Cache",
    "Entry",
    "Findings",
    "Index",
    "Layout",
    "Light",
    "Loader",
    "LoaderOptions",
    "Order",
    "PackOptions",
    "Place",
    "Share",
    "Split",
    "Survey",
    "Waiting",
    "assign_splits",
    "central_batches",
    "check",
    "decode_entry",
    "find_layout",
    "gather",
    "guide",
    "open_dataset",
    "pack",
    "read_index",
    "without_shared_sources",
]
