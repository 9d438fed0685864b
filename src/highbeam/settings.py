"""What all settings from users share: TOML files, keys that are none, and what is wrong with a value in one line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from highbeam.errors import ConfigError, nearest

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["read_toml", "refuse_unknown", "told"]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML ({error})") from error


def refuse_unknown(values: Mapping[str, object], known: Iterable[str], name: str, table: str = "") -> None:
    """Refuse keys that no field has.

    Args:
        values: by key.
        known: the fields.
        name: of the file, or of what else says them, for the message.
        table: what stands before the keys, such as ``loss.``.

    Raises:
        ConfigError: it lists the right keys and the nearest.
    """
    fields = list(known)
    for key in values:
        if key not in fields:
            raise ConfigError(f"{name}: no key {table + key!r}{nearest(key, fields)} (keys: {', '.join(fields)})")


def told(error: ValidationError) -> str:
    """Say in one line what is wrong with which values."""
    return "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}, got {row['input']!r}" for row in error.errors())
