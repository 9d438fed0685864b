"""The one table of layouts: where a data set is had, on what terms, what its folder looks like, and who reads it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from highbeam.datasets.dark_drive import scan_dark_drive
from highbeam.datasets.driving import scan_acdc, scan_cityscapes, scan_dark_zurich, scan_kitti
from highbeam.datasets.entries import Light, Split, Survey, every_seconds, selected
from highbeam.datasets.folders import scan_folder, scan_pairs
from highbeam.datasets.labelled import scan_bdd100k, scan_nuscenes
from highbeam.datasets.lol import scan_lol_v1, scan_lol_v2_real, scan_lol_v2_synthetic
from highbeam.datasets.shards import scan_shards
from highbeam.errors import LayoutError, MissingHalfError, UnknownDatasetError, UsageError, nearest

__all__ = ["LAYOUTS", "Layout", "find_layout", "guide", "open_dataset", "refuse_incomplete", "survey"]


@dataclass(frozen=True)
class Layout:
    """One row of the table.

    Attributes:
        name: what users call it by.
        title: one line for a list.
        where: address, and what to fetch there.
        terms: as far as known; those at the source count.
        tree: what the folder must look like.
        notes: what is read, what a source is, what to know before use.
        scan: surveys a root folder; finds fault with what is missing, but raises nothing for it.
    """

    name: str
    title: str
    where: str
    terms: str
    tree: str
    notes: str
    scan: Callable[[Path], Survey]


_ROWS = (
    Layout(
        name="folder",
        title="Day pictures and clips in a folder, to be darkened on the fly",
        where="your own pictures and clips",
        terms="yours",
        tree="""
            ROOT/**/*.{jpg,png,tif,webp,avif,bmp}
            ROOT/**/*.{mp4,mov,mkv,webm,avi,mpg,ts}
        """,
        notes="Everything in it is taken for day. Each folder that holds pictures, and each clip, is one source.",
        scan=scan_folder,
    ),
    Layout(
        name="pairs",
        title="Pairs of a dark and a bright picture in two folders, matched by stem",
        where="your own pictures",
        terms="yours",
        tree="""
            ROOT/low/a.png      ROOT/high/a.jpg
            ROOT/low/b/c.png    ROOT/high/b/c.png
        """,
        notes="Also called low/ and normal/, input/ and target/, dark/ and day/, or dark/ and reference/ as"
        " `highbeam darken` writes them. Both halves have one size. A half that is missing is an error.",
        scan=scan_pairs,
    ),
    Layout(
        name="lol-v1",
        title="LOL: 500 pairs of short and long exposures, mostly indoors",
        where="https://daooshee.github.io/BMVC2018website/ (Wei et al., BMVC 2018)",
        terms="published for research, without a licence text",
        tree="""
            ROOT/our485/low/2.png     ROOT/our485/high/2.png     485 pairs to train with
            ROOT/eval15/low/1.png     ROOT/eval15/high/1.png     15 pairs to test with
            ROOT/scenes.json          optional: {"groups": [["our485/2.png", "eval15/1.png"], ...]}
        """,
        notes="Its split is not by scene: 14 of the 15 test pictures have a training picture of the same scene. With"
        " scenes.json every group of pictures of one scene is one source.",
        scan=scan_lol_v1,
    ),
    Layout(
        name="lol-v2-real",
        title="LOL-v2, captured: 789 pairs of short and long exposures",
        where="https://github.com/flyywh/CVPR-2020-Semi-Low-Light (Yang et al., TIP 2021)",
        terms="published for research, without a licence text",
        tree="""
            ROOT/Real_captured/Train/Low/low00001.png   ROOT/Real_captured/Train/Normal/normal00001.png   689 pairs
            ROOT/Real_captured/Test/Low/low00690.png    ROOT/Real_captured/Test/Normal/normal00690.png    100 pairs
        """,
        notes="89 of its 100 test pairs are pictures of LOL-v1, 86 of them from its training half: quote no figure"
        " on it for a network that was trained on LOL-v1.",
        scan=scan_lol_v2_real,
    ),
    Layout(
        name="lol-v2-synthetic",
        title="LOL-v2, synthetic: 1000 pairs darkened from raw pictures",
        where="https://github.com/flyywh/CVPR-2020-Semi-Low-Light (Yang et al., TIP 2021)",
        terms="published for research, without a licence text",
        tree="""
            ROOT/Synthetic/Train/Low/*.png   ROOT/Synthetic/Train/Normal/*.png   900 pairs of the same names
            ROOT/Synthetic/Test/Low/*.png    ROOT/Synthetic/Test/Normal/*.png    100 pairs
        """,
        notes="Each of the two parts is one source.",
        scan=scan_lol_v2_synthetic,
    ),
    Layout(
        name="bdd100k",
        title="BDD100K: 100,000 dashcam pictures with the time of day",
        where="http://bdd-data.berkeley.edu/ (Yu et al., CVPR 2020): 100K Images, and Labels or Detection 2020 Labels",
        terms="the BDD100K licence: education, research and not-for-profit purposes",
        tree="""
            ROOT/images/100k/{train,val,test}/*.jpg
            ROOT/labels/bdd100k_labels_images_{train,val}.json     or
            ROOT/labels/det_20/det_{train,val}.json                or
            ROOT/labels/100k/{train,val}/*.json
        """,
        notes="Daytime only, by attributes.timeofday; a few labels are wrong, which the filter for dark pictures"
        " catches. Pictures whose names agree up to the dash are one source.",
        scan=scan_bdd100k,
    ),
    Layout(
        name="cityscapes",
        title="Cityscapes: 5,000 (and 20,000) pictures of 50 cities by day",
        where="https://www.cityscapes-dataset.com/ (Cordts et al., CVPR 2016): leftImg8bit_trainvaltest.zip,"
        " leftImg8bit_trainextra.zip; registration needed",
        terms="research, teaching, scientific publication and personal experimentation; not commercial, not passed on",
        tree="""
            ROOT/leftImg8bit/{train,val,test,train_extra}/CITY/CITY_000000_000019_leftImg8bit.png
        """,
        notes="Each city is one source.",
        scan=scan_cityscapes,
    ),
    Layout(
        name="kitti",
        title="KITTI: drives around Karlsruhe by day, raw or from the benchmarks",
        where="https://www.cvlibs.net/datasets/kitti/ (Geiger et al., CVPR 2012): synced and rectified raw data, or the"
        " left colour pictures of the object or road benchmark",
        terms="CC BY-NC-SA 3.0",
        tree="""
            ROOT/2011_09_26/2011_09_26_drive_0001_sync/image_02/data/0000000000.png     raw
            ROOT/{training,testing}/image_2/000000.png                                  benchmark
        """,
        notes="Left colour camera. Each raw drive is one source; the benchmarks' training pictures together are one.",
        scan=scan_kitti,
    ),
    Layout(
        name="nuscenes",
        title="nuScenes: drives in Boston and Singapore by day and night",
        where="https://www.nuscenes.org/ (Caesar et al., CVPR 2020): v1.0-mini or v1.0-trainval; registration needed",
        terms="CC BY-NC-SA 4.0 with the nuScenes terms of use; commercial use by licence from Motional",
        tree="""
            ROOT/samples/CAM_FRONT/n015-2018-07-24-11-22-45+0800__CAM_FRONT__1532402927612460.jpg
            ROOT/v1.0-{mini,trainval,test}/{scene,sample,log}.json
        """,
        notes="Front camera, key frames. A scene is by night where its description says so. Each log is one source.",
        scan=scan_nuscenes,
    ),
    Layout(
        name="acdc",
        title="ACDC: fog, night, rain and snow, each with the same route by day in fair weather",
        where="https://acdc.vision.ee.ethz.ch/ (Sakaridis et al., ICCV 2021): rgb_anon_trainvaltest.zip; registration"
        " needed",
        terms="research, not commercial",
        tree="""
            ROOT/rgb_anon/{fog,night,rain,snow}/{train,val,test}/GOPR0351/GOPR0351_frame_000001_rgb_anon.png
            ROOT/rgb_anon/{fog,night,rain,snow}/{train,val,test}_ref/GOPR0351/GOPR0351_frame_000001_rgb_ref_anon.png
        """,
        notes="Night pictures are night; all else, references included, is day. A sequence with its references is one"
        " source. The references show the same places from another pass: they are no pairs.",
        scan=scan_acdc,
    ),
    Layout(
        name="dark-zurich",
        title="Dark Zurich: the same routes by day, at twilight and by night",
        where="https://www.trace.ethz.ch/publications/2019/GCMA_UIoU/ (Sakaridis et al., ICCV 2019):"
        " Dark_Zurich_{train,val,test}_anon",
        terms="research, not commercial",
        tree="""
            ROOT/rgb_anon/train/{day,twilight,night}/GOPR0345/GOPR0345_frame_000001_rgb_anon.png
            ROOT/rgb_anon/{val,test}/night/GOPR0356/*.png
            ROOT/rgb_anon/{val,test}_ref/day/GOPR0356_ref/*.png
        """,
        notes="Twilight counts as dusk. Each sequence is one source. Day and night were matched by GPS: they are no"
        " pairs.",
        scan=scan_dark_zurich,
    ),
    Layout(
        name="dark_drive",
        title="Day pictures of driving, and the same darkened by several laws, to test with",
        where="made once from Cityscapes, TuSimple and nuScenes pictures; one of your own has the same folders",
        terms="those of the data sets that its pictures are from: research, not commercial",
        tree="""
            ROOT/reference/cityscapes_aachen_000000_000019.png
            ROOT/gamma/cityscapes_aachen_000000_000019.png
            ROOT/sensor/cityscapes_aachen_000000_000019.png
        """,
        notes="All of it is for testing: nothing is trained on it. Each folder beside reference/ is a set of its own."
        " What stands before the first _ of a name is the data set that a picture is from, which is its source.",
        scan=scan_dark_drive,
    ),
    Layout(
        name="shards",
        title="What `highbeam data pack` made",
        where="made by `highbeam data pack SRC... -o ROOT`",
        terms="those of the packed pictures",
        tree="""
            ROOT/index.json
            ROOT/{train,val,test}-0000.tar
        """,
        notes="The index tells every picture's source, split and SHA-256, and how many were dropped and why.",
        scan=scan_shards,
    ),
)

LAYOUTS: dict[str, Layout] = {row.name: row for row in _ROWS}


def find_layout(name: str) -> Layout:
    """Return a layout by name.

    Raises:
        UnknownDatasetError: there is none of that name.
    """
    if name not in LAYOUTS:
        raise UnknownDatasetError(f"no data set {name!r}{nearest(name, LAYOUTS)} (data sets: {', '.join(LAYOUTS)})")
    return LAYOUTS[name]


def guide(layout: Layout) -> str:
    """Say where a data set is had, on what terms, and what its folder must look like."""
    tree = "\n".join(f"  {line}" if line else "" for line in inspect.cleandoc(layout.tree).splitlines())
    return (
        f"{layout.name}: {layout.title}\n\nFrom:   {layout.where}\n"
        f"Terms:  {layout.terms} (as far as known: read those at the source)\n\n{tree}\n\n{layout.notes}\n\n"
        f"Check it with: highbeam data check {layout.name} ROOT"
    )


def survey(name: str, root: Path) -> Survey:
    """Look through a data set, and find fault with what is missing without stopping at it.

    Raises:
        UnknownDatasetError: there is no layout of that name.
        UsageError: the root is not there.
    """
    layout = find_layout(name)
    if not root.exists() or (not root.is_dir() and name != "folder"):
        raise UsageError(f"{root}: no such folder")
    return layout.scan(root)


def open_dataset(
    name: str, root: Path, *, lights: Sequence[Light] = ("day",), split: Split | None = None, every: float = 1.0
) -> Survey:
    """Find the pictures or pairs of a data set.

    Args:
        name: of a layout.
        root: its folder.
        lights: under which the pictures were taken; pairs go by their bright halves, which count as day.
        split: keep one of the data set's own only.
        every: seconds between two frames that are taken of a clip; 0 takes all.

    Returns:
        The entries, and files that cannot be used.

    Raises:
        UsageError: no such layout, or no such folder.
        LayoutError: something the layout asks for is missing, or no entry is left.
        MissingHalfError: a picture of a pair has no other half.
    """
    found = selected(survey(name, root), lights, split)
    refuse_incomplete(found, name)
    entries = every_seconds(found.entries, every)
    if not entries:
        wanted = " or ".join(lights) + (f", split {split}" if split else "")
        raise LayoutError(f"{root}: no usable picture of {name} (light: {wanted}); `highbeam data check` says more")
    return Survey(entries, bad=found.bad)


def refuse_incomplete(found: Survey, name: str) -> None:
    """Raise what a survey has found missing.

    Raises:
        MissingHalfError: a picture of a pair has no other half.
        LayoutError: a folder or a table is missing.
    """
    if found.halves:
        raise MissingHalfError(found.halves)
    if found.missing:
        raise LayoutError(
            f"{'; '.join(missing.what for missing in found.missing)}; `highbeam data guide {name}` shows the layout"
        )
