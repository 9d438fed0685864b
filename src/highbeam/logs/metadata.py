"""What rosbag2 says of a bag in ``metadata.yaml``, and in the same words within its files."""

from __future__ import annotations

import copy
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from highbeam.errors import DamagedLogError, UnsupportedLogError

__all__ = ["NAME", "BagFiles", "bag_files", "retold"]

NAME = "metadata.yaml"
_KEY = "rosbag2_bagfile_information"
_ENDINGS = (".db3", ".mcap", ".db3.zstd", ".mcap.zstd")
_NUMBER = re.compile(r"(\d+)")
_SAFEST = "zstd"


@dataclass(frozen=True)
class BagFiles:
    """The files of a bag.

    Attributes:
        files: in the order of the recording.
        mode: ``message`` or ``file`` where these are packed one by one, else empty.
        text: of ``metadata.yaml``; None where there is none.
    """

    files: tuple[Path, ...]
    mode: str = ""
    text: str | None = None


def bag_files(folder: Path) -> BagFiles:
    """Find the files of a bag.

    Raises:
        DamagedLogError: the metadata cannot be read, or a file is not there.
        UnsupportedLogError: it is packed in a way that is not known.
    """
    place = folder / NAME
    if not place.is_file():  # a recorder that was killed left none
        files = sorted((path for path in folder.iterdir() if path.name.endswith(_ENDINGS)), key=_natural)
        if not files:
            raise UnsupportedLogError(str(folder), f"is no log: it has neither {NAME} nor .db3 or .mcap files")
        return BagFiles(tuple(files), "file" if files[0].suffix == ".zstd" else "")
    text = place.read_text(encoding="utf-8", errors="surrogateescape")
    try:
        said = YAML(typ="safe").load(text)[_KEY]
        paths = tuple(folder / PurePosixPath(name).name for name in said["relative_file_paths"])
        mode = str(said.get("compression_mode") or "").lower().replace("none", "")
        packing = str(said.get("compression_format") or "")
    except (YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise DamagedLogError(str(folder), f"{NAME} cannot be read ({error}); get an undamaged copy") from error
    if mode not in {"", "file", "message"} or (mode and packing != _SAFEST):
        raise UnsupportedLogError(str(folder), f"is packed by {mode} with {packing}, and only {_SAFEST} is known")
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise DamagedLogError(str(folder), f"lacks {', '.join(missing)}, which {NAME} names; add what is missing")
    return BagFiles(paths, mode, text)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Put ``log_10`` after ``log_9``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBER.split(path.name)]


def retold(text: str, added: Mapping[str, str], counts: Mapping[str, int], files: Mapping[str, int]) -> str:
    """Return metadata with the topics that were added and the numbers of messages that there are now.

    Args:
        text: the metadata, of a folder or within a file.
        added: names of the new topics, by the names of those beside which they are.
        counts: messages by topic.
        files: messages by the name of the file; those of files that are not named stay as they are.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 20  # long texts keep to their lines
    try:
        whole = yaml.load(text)
        said = whole.get(_KEY, whole)
        _retell(said, added, counts, files)
    except (YAMLError, KeyError, TypeError, AttributeError, ValueError):
        return text
    page = io.StringIO()
    yaml.dump(whole, page)
    return page.getvalue()


def _retell(said: Any, added: Mapping[str, str], counts: Mapping[str, int], files: Mapping[str, int]) -> None:  # noqa: ANN401
    rows = said["topics_with_message_count"]
    for row in list(rows):
        name = row["topic_metadata"]["name"]
        if name in added:
            other = copy.deepcopy(row)
            other["topic_metadata"]["name"] = added[name]
            rows.append(other)
    for row in rows:
        row["message_count"] = counts.get(row["topic_metadata"]["name"], 0)
    said["message_count"] = sum(counts.values())
    for row in said.get("files") or ():
        row["message_count"] = files.get(PurePosixPath(row["path"]).name, row["message_count"])
