"""Render the bundled examples and make the figures of the README and the docs: ``python docs/make_figures.py``.

All of it is deterministic; the pictures in the repository are what this writes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import highbeam
from highbeam.cli import main as run
from highbeam.pictures import Picture, write
from highbeam.scenes import make_scene, render

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "figures"
EXAMPLES = HERE.parent / "examples"
EXAMPLE = EXAMPLES / "night_street.jpg"

ROADS = {  # kind, seed, metres along the road, exposure
    "night_street": ("street", 22, 3.0, 1.25),
    "night_lamps": ("street", 14, 0.0, 1.25),
    "night_shops": ("street", 6, 0.0, 1.25),
    "night_country": ("country", 3, 0.0, 1.6),
}


def render_examples() -> None:
    """Write each road as a dashcam would, 1280x720 in JPEG."""
    for name, (kind, seed, distance, exposure) in ROADS.items():
        scene = make_scene(seed, kind)
        frame = render(scene, 720, 1280, camera=scene.camera(distance), exposure=exposure)
        write(Picture(frame.image), EXAMPLES / f"{name}.jpg", quality=90, overwrite=True)


def before_after(width: int = 720, gap: int = 8) -> Image.Image:
    """The example as it is and as the default method gives it, side by side on white."""
    dark = Image.open(EXAMPLE)
    size = (width, round(width * dark.height / dark.width))
    panels = [picture.resize(size, Image.Resampling.LANCZOS) for picture in (dark, highbeam.enhance(dark))]
    sheet = np.full((size[1], 2 * width + gap, 3), 255, np.uint8)
    sheet[:, :width], sheet[:, width + gap :] = (np.asarray(panel) for panel in panels)
    return Image.fromarray(sheet)


def main() -> None:
    """Write the examples and both figures."""
    render_examples()
    FIGURES.mkdir(exist_ok=True)
    before_after().save(FIGURES / "before_after.jpg", quality=90)
    methods = ",".join(name for name in highbeam.methods() if name not in {"ssr", "gamma"})
    sheet = FIGURES / "methods.jpg"
    sheet.unlink(missing_ok=True)
    crops = ["--crop", "1010,290,240,180", "--crop", "90,300,240,180"]  # a pedestrian, parked cars
    code = run(["compare", str(EXAMPLE), "-o", str(sheet), "--methods", methods, "--width", "1800", *crops])
    raise SystemExit(code)


if __name__ == "__main__":
    main()
