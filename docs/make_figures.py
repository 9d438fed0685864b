"""Make the pictures of the README and the docs from the bundled examples: ``python docs/make_figures.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import highbeam
from highbeam.cli import main as run

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "figures"
EXAMPLE = HERE.parent / "examples" / "night_street.jpg"


def before_after(width: int = 720, gap: int = 8) -> Image.Image:
    """The example as it is and as the default method gives it, side by side on white."""
    dark = Image.open(EXAMPLE)
    size = (width, round(width * dark.height / dark.width))
    panels = [picture.resize(size, Image.Resampling.LANCZOS) for picture in (dark, highbeam.enhance(dark))]
    sheet = np.full((size[1], 2 * width + gap, 3), 255, np.uint8)
    sheet[:, :width], sheet[:, width + gap :] = (np.asarray(panel) for panel in panels)
    return Image.fromarray(sheet)


def main() -> None:
    """Write both figures."""
    FIGURES.mkdir(exist_ok=True)
    before_after().save(FIGURES / "before_after.jpg", quality=90)
    methods = ",".join(name for name in highbeam.methods() if name not in {"ssr", "gamma"})
    sheet = FIGURES / "methods.jpg"
    sheet.unlink(missing_ok=True)
    code = run(["compare", str(EXAMPLE), "-o", str(sheet), "--methods", methods, "--width", "1800"])
    raise SystemExit(code)


if __name__ == "__main__":
    main()
