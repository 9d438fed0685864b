"""Train a small segmentation network on rendered roads by day, and export it to ONNX: something to evaluate with.

    python -m benchmarks.train_segmenter segmenter.onnx                        a minute or two on one core
    python -m benchmarks.train_segmenter segmenter.onnx --steps 2000 --size 160 288 --scenes 200

It has seen no night. The file takes ``(1, 3, H, W)`` RGB from 0 to 1, H and W multiples of 8, and gives scores
``(1, C, H, W)`` of the renderer's labels; the TOML file beside it says so for `highbeam.evaluation.perception`.
"""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch  # noqa: TID253 - nothing here works without it
from torch import Tensor, nn  # noqa: TID253
from torch.nn import functional  # noqa: TID253

from highbeam.nets.export import strip
from highbeam.scenes import KINDS, LABELS, make_scene, render

__all__ = ["FIRST_UNSEEN", "STRIDE", "Segmenter", "export", "pictures", "train"]

FIRST_UNSEEN = 100_000
"""Scenes from this seed on are never trained on."""
STRIDE = 8
OPSET = 18
_WIDTHS = (16, 32, 48)
_BATCH = 8


class Segmenter(nn.Module):
    """Three times half the size and back, each size's knowledge added on the way: ``(N, 3, H, W)`` to scores."""

    def __init__(self, classes: int = len(LABELS), widths: Sequence[int] = _WIDTHS) -> None:
        super().__init__()
        self.down = nn.ModuleList(_stage(a, b, 2) for a, b in zip((3, *widths[:-1]), widths, strict=True))
        self.middle = _stage(widths[-1], widths[-1], 1)
        ups = list(widths[::-1])
        self.up = nn.ModuleList(_stage(a, b, 1) for a, b in zip(ups, [*ups[1:], ups[-1]], strict=True))
        self.head = nn.Conv2d(ups[-1] + 3, classes, 3, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return scores."""
        known, x = list[Tensor](), pixels
        for stage in self.down:
            known.append(x)
            x = stage(x)
        x = self.middle(x)
        for stage, before in zip(self.up, known[::-1], strict=True):
            x = functional.interpolate(stage(x), scale_factor=2.0, mode="nearest")
            x = torch.cat([x, before], 1) if before is pixels else x + before
        scores: Tensor = self.head(x)
        return scores


def _stage(taken: int, given: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(taken, given, 3, stride, 1, bias=False),
        nn.BatchNorm2d(given),
        nn.ReLU(),
        nn.Conv2d(given, given, 3, 1, 1, bias=False),
        nn.BatchNorm2d(given),
        nn.ReLU(),
    )


def pictures(scenes: int, height: int, width: int, first: int = 0) -> tuple[Tensor, Tensor]:
    """Render scenes by day, street and country in turn: pictures ``(N, 3, H, W)`` from 0 to 1, and labels."""
    frames = [render(make_scene(first + at, KINDS[at % len(KINDS)]), height, width, time="day") for at in range(scenes)]
    images = torch.from_numpy(np.stack([frame.image for frame in frames])).permute(0, 3, 1, 2).float() / 255
    return images, torch.from_numpy(np.stack([frame.labels for frame in frames]).astype(np.int64))


def train(images: Tensor, labels: Tensor, steps: int, seed: int = 0) -> Segmenter:
    """Train a fresh network; the same arguments give the same one on the same machine."""
    torch.manual_seed(seed)
    network = Segmenter()
    optimiser = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps)
    for _ in range(steps):
        drawn = torch.randint(len(images), (_BATCH,))
        pixels, truth = images[drawn], labels[drawn]
        if torch.rand(()) < 0.5:  # noqa: PLR2004 - a coin
            pixels, truth = pixels.flip(-1), truth.flip(-1)
        loss = functional.cross_entropy(network(pixels), truth)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return network.eval()


def export(network: Segmenter, path: Path, size: tuple[int, int] | None) -> None:
    """Write the network, and ``.toml`` beside it for an evaluation.

    Args:
        network: trained.
        path: of the ONNX file.
        size: height and width that it takes; None for any multiples of 8.
    """
    height, width = size or (4 * STRIDE, 6 * STRIDE)
    sides = {2: STRIDE * torch.export.Dim("rows", min=2), 3: STRIDE * torch.export.Dim("columns", min=2)}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch about torch
        program = torch.onnx.export(
            network,
            (torch.zeros(1, 3, height, width),),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            input_names=["pixels"],
            output_names=["scores"],
            dynamic_shapes=None if size else (sides,),
        )
    if program is None:
        raise SystemExit("the exporter returned nothing")
    model = program.model_proto
    strip(model)
    path.write_bytes(model.SerializeToString())
    names = json.dumps(LABELS)
    path.with_suffix(".toml").write_text(f'task = "segmentation"\nstride = {STRIDE}\nclasses = {names}\n', "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, train, say how well it does on scenes that it has not seen, and write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--scenes", type=int, default=120)
    parser.add_argument("--size", type=int, nargs=2, default=(96, 168), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--dynamic", action="store_true", help="export for any size, in place of the one trained at")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    height, width = options.size
    if height % STRIDE or width % STRIDE:
        parser.error(f"--size takes multiples of {STRIDE}")
    network = train(*pictures(options.scenes, height, width), options.steps)
    images, labels = pictures(8, height, width, FIRST_UNSEEN)
    with torch.no_grad():
        right = (network(images).argmax(1) == labels).double().mean().item()
    print(f"{right:.1%} of the pixels of 8 unseen scenes are right")
    export(network, options.output, None if options.dynamic else (height, width))


if __name__ == "__main__":
    main()
