"""The command in a process of its own: start-up, exit codes, pipes, signals, a terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import SOURCE, draw, environment, files, in_process_of_its_own, program

HEAVY = {"numpy", "cv2", "PIL", "onnxruntime", "av", "torch", "rich", "scipy"}


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["-h"], ["enhance", "--help"], ["compare", "--help"]])
def test_nothing_heavy_is_imported_to_say_little(words: list[str]) -> None:
    code = f"import sys; from highbeam.cli import main; code = main({words!r}); print(code, *sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    code, *modules = ended.stdout.splitlines()[-1].split()
    loaded = {name.partition(".")[0] for name in modules}
    assert code == "0"
    assert not loaded & HEAVY
    assert len(words) > 1 or "pydantic" not in loaded  # which typer itself takes for the options of a verb


def test_version_and_help() -> None:
    assert in_process_of_its_own("--version").stdout.startswith(b"highbeam ")
    ended = in_process_of_its_own("--help")
    assert ended.returncode == 0
    for verb in (b"enhance", b"predict", b"methods", b"compare"):
        assert verb in ended.stdout


def test_exit_codes(tmp_path: Path) -> None:
    draw(tmp_path / "in" / "a.png")
    fine = in_process_of_its_own("enhance", tmp_path / "in", "-o", tmp_path / "out")
    assert (fine.returncode, fine.stdout) == (0, b"")
    (tmp_path / "in" / "empty.png").touch()
    some = in_process_of_its_own("enhance", tmp_path / "in", "-o", tmp_path / "out", "--overwrite", "--json")
    assert some.returncode == 1
    assert sorted(json.loads(line)["status"] for line in some.stdout.splitlines()) == ["done", "failed"]
    bad = in_process_of_its_own("enhance", tmp_path / "gone", "-o", tmp_path / "out")
    assert (bad.returncode, bad.stdout) == (2, b"")
    assert bad.stderr == f"error: {tmp_path / 'gone'}: no such file or folder\n".encode()
    assert b"Traceback" not in fine.stderr + some.stderr + bad.stderr


def test_relative_paths_and_globs(tmp_path: Path) -> None:
    draw(tmp_path / "in" / "deep" / "a b.PNG")
    assert in_process_of_its_own("enhance", "in/**/*.PNG", "-o", "out/here", cwd=tmp_path).returncode == 0
    assert files(tmp_path / "out") == ["here/deep/a b.PNG"]


def test_pipes(tmp_path: Path) -> None:
    data = draw(tmp_path / "a.png").read_bytes()
    ended = in_process_of_its_own("enhance", "-", "-o", "-", "--format", "jpeg", data=data)
    assert (ended.returncode, ended.stderr) == (0, b"")
    with Image.open(io.BytesIO(ended.stdout)) as image:
        assert (image.format, image.size) == ("JPEG", (24, 18))
    empty = in_process_of_its_own("enhance", "-", "-o", "-", data=b"")
    assert (empty.returncode, empty.stdout) == (1, b"")
    assert empty.stderr.startswith(b"error: <stdin>: is empty")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [["-o", "-"], ["-o", "out", "--json"]])
def test_a_full_disk_behind_standard_output(tmp_path: Path, words: list[str]) -> None:
    draw(tmp_path / "a.png")
    with Path("/dev/full").open("wb", buffering=0) as full:
        ended = subprocess.run(
            program("enhance", "a.png", *words), stdout=full, stderr=subprocess.PIPE, env=environment(), cwd=tmp_path,
            check=False,
        )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr == b"error: <stdout>: cannot be written (No space left on device); check where it goes\n"


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    for seed in range(5):
        draw(tmp_path / "in" / f"{seed}.png", seed)
    command = shlex.join(program("enhance", tmp_path / "in", "-o", tmp_path / "out", "--json", "--workers", "1"))
    ended = subprocess.run(
        ["bash", "-c", f"{command} | head -n 1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True, env=environment(), check=False,
    )  # fmt: skip
    assert len(ended.stdout.splitlines()) == 1
    assert b"Traceback" not in ended.stderr
    assert ended.returncode in {0, 1}  # 0 where everything was said before the reader went


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_whole_files_only(tmp_path: Path, number: signal.Signals, code: int) -> None:
    first = draw(tmp_path / "in" / "000.jpg", size=(600, 400))
    for i in range(1, 120):
        (tmp_path / "in" / f"{i:03}.jpg").hardlink_to(first)
    out = tmp_path / "out"
    process = subprocess.Popen(
        program("enhance", tmp_path / "in", "-o", out, "-m", "msrcr"), stderr=subprocess.PIPE, env=environment()
    )
    while not out.exists() or len(files(out)) < 4:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(number)
    sent = time.monotonic()
    _, error = process.communicate(timeout=30)
    assert time.monotonic() - sent < 5.0
    assert process.returncode == code
    done = files(out)
    assert 4 <= len(done) < 120
    assert all(name.endswith(".jpg") for name in done), "a temporary file is left"
    assert error.decode().startswith(f"stopped: {len(done)} of 120 done")
    for name in done:
        with Image.open(out / name) as image:
            image.load()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_wait_for_a_pipe(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process = subprocess.Popen(
        program("enhance", "-", "-o", tmp_path / "a.png"), stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(),
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(
        b"\x89PNG\r\n\x1a\n" + bytes(1 << 20)
    )  # more than a pipe holds: it returns once the command is reading
    process.stdin.flush()
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (code, b"")
    assert files(tmp_path) == []


def test_a_second_signal_leaves_no_temporary_file(tmp_path: Path) -> None:
    first = draw(tmp_path / "in" / "000.jpg", size=(600, 400))
    for i in range(1, 120):
        (tmp_path / "in" / f"{i:03}.jpg").hardlink_to(first)
    out = tmp_path / "out"
    process = subprocess.Popen(
        program("enhance", tmp_path / "in", "-o", out, "-m", "gamma", "-q", "--workers", "4"), env=environment(),
        stderr=subprocess.PIPE,
    )  # fmt: skip
    while not out.exists() or len(files(out)) < 4:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode in {130, 143}  # the first, where the work had ended before the second
    assert all(name.endswith(".jpg") for name in files(out)), "a temporary file is left"
    for name in files(out):
        with Image.open(out / name) as image:
            image.load()


def redirected(command: list[str], redirection: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command as a shell does, with standard streams that lead to files."""
    return subprocess.run(
        ["bash", "-c", f"{shlex.join(command)} {redirection}"], capture_output=True, env=environment(), cwd=cwd,
        check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "redirection"),
    [
        (["-", "-o", "a.png", "--overwrite"], "< a.png"),
        (["-", "-o", "a.png", "--skip-existing"], "< a.png"),
        (["-", "-o", "link.png", "--overwrite"], "< a.png"),
        (["a.png", "-o", "-"], ">> a.png"),
        (["a.png", "-o", "-"], "1<> a.png"),
        (["-", "-o", "-"], "< a.png 1<> a.png"),
        (["-", "-o", "-"], "< link.png >> a.png"),
    ],
)
def test_an_input_is_protected_through_redirections(tmp_path: Path, words: list[str], redirection: str) -> None:
    before = draw(tmp_path / "a.png").read_bytes()
    (tmp_path / "link.png").hardlink_to(tmp_path / "a.png")
    ended = redirected(program("enhance", *words), redirection, tmp_path)
    assert ended.returncode == 2, ended
    assert b"is the picture itself; an input is never overwritten" in ended.stderr
    assert (tmp_path / "a.png").read_bytes() == before
    assert files(tmp_path) == ["a.png", "link.png"]


def test_redirections_between_files_work(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    assert redirected(program("enhance", "-", "-o", "b.png"), "< a.png", tmp_path).returncode == 0
    assert redirected(program("enhance", "-", "-o", "-"), "< a.png > c.png", tmp_path).returncode == 0
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "c.png").read_bytes()


def test_a_closed_standard_input(tmp_path: Path) -> None:
    for output in ("a.png", "-"):
        ended = redirected(program("enhance", "-", "-o", output), "<&-", tmp_path)
        assert ended.returncode == 2
        assert ended.stderr == b"error: - reads a picture from standard input, which is closed; redirect it\n"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
@pytest.mark.parametrize("output", ["-", "a.png"])
def test_a_stream_that_never_ends(tmp_path: Path, output: str) -> None:
    ended = redirected(program("enhance", "-", "-o", output), "< /dev/zero", tmp_path)
    assert ended.returncode == 1
    assert b"is not a picture of any known kind" in ended.stderr
    endless = "< <(head -c 512 a.jpg; cat /dev/zero)"
    draw(tmp_path / "a.jpg")
    ended = redirected(program("enhance", "-", "-o", output, "--max-pixels", "1000"), endless, tmp_path)
    assert ended.returncode == 1
    assert b"more than 67116864 bytes" in ended.stderr
    assert files(tmp_path) == ["a.jpg"]


def seen_on_a_terminal(*words: str | Path) -> str:
    """What the command writes to a terminal as its standard error."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        program(*words),
        stderr=slave,
        stdout=subprocess.DEVNULL,
        env={**environment(), "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(slave)
    seen = b""
    try:
        while piece := os.read(master, 4096):
            seen += piece
    except OSError:  # how a terminal tells that its last user is gone
        pass
    finally:
        os.close(master)
    assert process.wait(30) == 0
    return seen.decode()


def test_progress_is_for_terminals(tmp_path: Path) -> None:
    for seed in range(6):
        draw(tmp_path / "in" / f"{seed}.png", seed)
    seen = seen_on_a_terminal("enhance", tmp_path / "in", "-o", tmp_path / "one")
    assert "6/6" in seen
    assert "pictures/s" in seen
    assert "6 done in" in seen
    assert seen_on_a_terminal("enhance", tmp_path / "in", "-o", tmp_path / "two", "--quiet") == ""


def test_the_package_runs_as_a_program() -> None:
    assert Path(SOURCE, "highbeam", "__main__.py").is_file()
    ended = in_process_of_its_own("methods", "gamma")
    assert ended.returncode == 0
    assert ended.stdout.startswith(b"gamma  ")
