"""Pictures in files: decode, encode and inspect them without losing what came along.

Orientation is applied; bit depth, EXIF, colour profile, XMP, resolution and transparency are kept.
"""

from highbeam.pictures.files import write_bytes
from highbeam.pictures.formats import FORMATS, SUFFIXES, Format, format_of_suffix
from highbeam.pictures.picture import Header, Limits, Picture
from highbeam.pictures.reading import decode, inspect, read, read_stream
from highbeam.pictures.writing import encode, write

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Format",
    "Header",
    "Limits",
    "Picture",
    "decode",
    "encode",
    "format_of_suffix",
    "inspect",
    "read",
    "read_stream",
    "write",
    "write_bytes",
]
