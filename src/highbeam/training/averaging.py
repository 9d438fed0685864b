"""The mean of the weights of several ends of one training.

    python -m highbeam.training.averaging CHECKPOINT CHECKPOINT... -o AVERAGED.safetensors

Ends of one training differ in how bright they make what they have not seen, by as much as a decibel. Where they started
from the same weights, the mean of their weights is a network that lies between them (Izmailov et al. 2018, stochastic
weight averaging; Wortsman et al. 2022, model soups).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from highbeam.errors import HighbeamError, TrainingError
from highbeam.training.exporting import Trained, load_trained, save_weights

__all__ = ["average", "main"]


@torch.no_grad()
def average(ends: Sequence[Trained]) -> Trained:
    """Average networks of one kind, each weighing the same; those of a checkpoint are averaged over its steps already.

    Args:
        ends: at least one; the first one's network is changed in place and returned.

    Raises:
        TrainingError: they are of different networks.
    """
    first = ends[0]
    for other in ends[1:]:
        if (other.name, other.changes) != (first.name, first.changes):
            raise TrainingError(f"weights of {first.name} and of {other.name} are of different networks")
    states = [end.network.state_dict() for end in ends]
    for name, value in first.network.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.stack([state[name].double() for state in states]).mean(0))
    return Trained(first.network, first.name, first.changes, max(end.step for end in ends))


def main() -> None:
    """Read the command line, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ends", type=Path, nargs="+", metavar="CHECKPOINT", help="or a .safetensors file")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="AVERAGED.safetensors")
    words = parser.parse_args()
    if words.output.suffix != ".safetensors":
        parser.error(f"{words.output}: name a .safetensors file")
    try:
        save_weights(average([load_trained(path) for path in words.ends]), words.output)
    except (HighbeamError, OSError) as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    main()
