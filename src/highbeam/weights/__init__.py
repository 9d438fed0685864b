"""The trained networks that ship with Highbeam, and the catalogue that says what each one is.

``catalog.toml`` has one table per network. A file is verified against its SHA-256 before it is first used.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from highbeam.errors import WeightsError
from highbeam.settings import told

__all__ = ["CATALOG", "FOLDER", "Kind", "WeightFile", "Weights", "catalog", "path_of", "read_catalog", "verify"]

FOLDER = Path(__file__).parent
CATALOG = FOLDER / "catalog.toml"

Kind: TypeAlias = Literal["uint8", "float32", "safetensors"]
"""Two ONNX files, for 8-bit pictures and for float32 ones in [0, 1], and the same weights for torch."""

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_STRICT)
class WeightFile:
    """One file of a network.

    Attributes:
        file: its name in the folder, without a path.
        sha256: of its bytes, in hexadecimal.
        size: bytes.
    """

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size: Annotated[int, Field(gt=0)]


@dataclass(frozen=True, config=_STRICT)
class Weights:
    """One row of the catalogue.

    Attributes:
        summary: one line for a list.
        source: the papers that the network is after.
        architecture: a name of ``highbeam.nets.NETWORKS``.
        changes: fields of the architecture's configuration that differ from the table's.
        parameters: how many numbers it has learned.
        licence: of the weights.
        data: what it was trained with.
        trained_on: names of the data sets among it, as ``highbeam data guide`` has them, or folders' own; by them an
            evaluation tells whether it has seen what it is tested on.
        terms: those of the data, as far as known.
        training: steps, device, time.
        config: the configuration, in the repository.
        commit: of the code that trained it.
        figures: what was measured, by name.
        files: by kind.
    """

    summary: str
    source: str
    architecture: str
    parameters: int
    licence: str
    data: str
    terms: str
    training: str
    config: str
    commit: str
    files: dict[Kind, WeightFile]
    figures: dict[str, float] = Field(default_factory=dict)
    changes: dict[str, int | float | str | list[int]] = Field(default_factory=dict)
    trained_on: list[str] = Field(default_factory=list)


@lru_cache(maxsize=1)
def catalog() -> Mapping[str, Weights]:
    """Return the rows of the shipped catalogue by name.

    Raises:
        WeightsError: the catalogue is damaged.
    """
    return read_catalog(CATALOG)


def read_catalog(path: Path) -> Mapping[str, Weights]:
    """Read a catalogue; one that is not there has no rows.

    Raises:
        WeightsError: it cannot be read, or a row is not as it should be.
    """
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return MappingProxyType(TypeAdapter(dict[str, Weights]).validate_python(rows))
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); install highbeam again") from error
    except tomllib.TOMLDecodeError as error:
        raise WeightsError(f"{path}: is not TOML ({error}); install highbeam again") from error
    except ValidationError as error:
        raise WeightsError(f"{path}: {told(error)}") from None


def path_of(name: str, kind: Kind) -> Path:
    """Return the verified file of a network in the catalogue.

    Raises:
        WeightsError: there is none, or it is not the one that was released.
    """
    row = catalog().get(name)
    if row is None or kind not in row.files:
        raise WeightsError(f"no {kind} file of a network {name!r} in the catalogue")
    path = FOLDER / row.files[kind].file
    _verified(path, row.files[kind].sha256)
    return path


def verify(path: Path, sha256: str) -> None:
    """Hold a file against its checksum.

    Raises:
        WeightsError: it cannot be read, or has other bytes.
    """
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); install highbeam again") from error
    if found != sha256:
        raise WeightsError(f"{path}: is not the file that was released (SHA-256 {found}); install highbeam again")


@lru_cache(maxsize=64)
def _verified(path: Path, sha256: str) -> None:
    """Verify a file once per process; a failure is not remembered."""
    verify(path, sha256)
