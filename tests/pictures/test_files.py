"""A file is written whole or not at all, and never over another unasked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from highbeam.errors import OutputError, PictureWriteError
from highbeam.pictures import write_bytes
from highbeam.pictures.files import _move_without_overwriting, _written


def test_bytes_arrive_and_nothing_else(tmp_path: Path) -> None:
    write_bytes(b"abc", tmp_path / "ü.bin")
    write_bytes(b"", str(tmp_path / "empty"))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"ü.bin": b"abc", "empty": b""}


def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    place = tmp_path / "x"
    place.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists already"):
        write_bytes(b"new", place)
    assert place.read_bytes() == b"old"
    write_bytes(b"new", place, overwrite=True)
    assert place.read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_mode_is_that_of_any_new_file(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_bytes(b"x", tmp_path / "x")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "input")
    with pytest.raises(OutputError):
        write_bytes(b"new", tmp_path / "link")
    write_bytes(b"new", tmp_path / "link", overwrite=True)
    assert (tmp_path / "input").read_bytes() == b"precious"
    assert (tmp_path / "link").read_bytes() == b"new"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for place in ("missing/x", "file/x", "folder", "n" * 300, "nul\0byte"):
        with pytest.raises(PictureWriteError, match="cannot be written") as caught:
            write_bytes(b"abc", tmp_path / place, overwrite=True)
        assert caught.value.name == str(tmp_path / place)
    with pytest.raises(OutputError):
        write_bytes(b"abc", tmp_path / "folder")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PictureWriteError, match="cannot be written"):
            write_bytes(b"abc", tmp_path / "x")
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "from highbeam.pictures import write_bytes; write_bytes(bytes(5000), sys.argv[1])"
    )
    place = tmp_path / "x"
    result = subprocess.run([sys.executable, "-c", program, str(place)], capture_output=True, text=True, check=False)
    assert "PictureWriteError" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with _written(b"abc", tmp_path) as temporary:
            assert temporary.read_bytes() == b"abc"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_from_outside_leaves_nothing_half(tmp_path: Path) -> None:
    program = (
        "import signal, sys\nfrom highbeam.pictures import write_bytes\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored, where a shell has put the tests behind
        "print('ready', flush=True)\n"
        "for number in range(10**6):\n    write_bytes(bytes(1 << 20), sys.argv[1] + str(number % 7), overwrite=True)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "x")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        threading.Event().wait(0.3)
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert all(file.stat().st_size == 1 << 20 for file in tmp_path.iterdir())
    assert not [file for file in tmp_path.iterdir() if not file.name.startswith("x")]


def test_of_many_writers_to_one_name_one_wins_and_the_rest_are_told(tmp_path: Path) -> None:
    outcomes = []
    gate = threading.Barrier(8)

    def writer(number: int) -> None:
        gate.wait()
        try:
            write_bytes(bytes([number]) * 10_000, tmp_path / "x")
            outcomes.append(number)
        except OutputError:
            outcomes.append(-1)

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [number for number in outcomes if number >= 0]
    assert (tmp_path / "x").read_bytes() == bytes([winner]) * 10_000
    assert len(list(tmp_path.iterdir())) == 1


def test_without_hard_links_the_name_is_taken_first(tmp_path: Path) -> None:
    """A directory cannot be linked anywhere, as no file can on some file systems."""
    source = tmp_path / "source"
    source.mkdir()
    with pytest.raises(OSError, match="directory"):
        _move_without_overwriting(source, tmp_path / "place")
    assert not (tmp_path / "place").exists()
    (tmp_path / "place").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        _move_without_overwriting(source, tmp_path / "place")
    assert (tmp_path / "place").read_bytes() == b"old"
