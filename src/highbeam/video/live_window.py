"""A preview window, where there is a screen."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from highbeam.errors import SinkError, UsageError
from highbeam.methods.base import Pixels
from highbeam.video.live_sinks import Sink

if TYPE_CHECKING:
    import tkinter as tk

    from PIL.ImageTk import PhotoImage

__all__ = ["WindowSink", "check_display"]

_OTHERS = "-o live.mp4, -o - or -o http://127.0.0.1:8080"
_SHARE = 0.9
"""Of the screen that a window may cover."""


def check_display() -> None:
    """See that there is a screen to open a window on.

    Raises:
        UsageError: there is none.
    """
    if platform.system() in {"Windows", "Darwin"} or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    raise UsageError(f"-o window: there is no display here; use {_OTHERS}")


class WindowSink(Sink):
    """Shows each frame in a window, shrunk where the screen is smaller; closing it, or q or Escape, ends the run."""

    def __init__(self, title: str) -> None:
        self.name = "window"
        self._title = title
        self._root: tk.Tk | None = None
        self._label: tk.Label | None = None
        self._shown: PhotoImage | None = None
        self._wanted = True

    def open(self) -> None:
        """Open the window.

        Raises:
            SinkError: there is no toolkit for it, or no screen.
        """
        try:
            import tkinter as tk  # noqa: PLC0415 - not every Python has it
        except ImportError as error:
            raise SinkError(
                self.name, f"this Python has no tkinter; install it (python3-tk), or use {_OTHERS}"
            ) from error
        try:
            self._root = tk.Tk(className="Highbeam")
        except tk.TclError as error:
            raise SinkError(self.name, f"cannot be opened ({error}); use {_OTHERS}") from error
        self._root.title(self._title)
        self._root.protocol("WM_DELETE_WINDOW", self._leave)
        for key in ("q", "<Escape>"):
            self._root.bind(key, lambda _: self._leave())
        self._label = tk.Label(self._root, borderwidth=0, background="black", text="waiting for the first frame")
        self._label.pack()
        self._root.update()

    def _leave(self) -> None:
        self._wanted = False

    def write(self, pixels: Pixels, at: float) -> None:  # noqa: ARG002 - it is seen now
        """Show a frame."""
        from PIL import Image, ImageTk  # noqa: PLC0415 - brings tkinter

        if self._root is None or self._label is None:
            return
        image = Image.fromarray(pixels)
        room = (self._root.winfo_screenwidth() * _SHARE, self._root.winfo_screenheight() * _SHARE)
        if image.width > room[0] or image.height > room[1]:
            image.thumbnail(room, Image.Resampling.BILINEAR)
        self._shown = ImageTk.PhotoImage(image, master=self._root)  # kept: the toolkit holds it only weakly
        self._label.configure(image=str(self._shown))
        self._root.update()

    def idle(self) -> bool:
        """Answer the mouse and the keyboard; returns whether the window is still wanted."""
        if self._root is not None:
            self._root.update()
        return self._wanted

    def close(self) -> None:
        """Close the window."""
        root, self._root = self._root, None
        if root is not None:
            self._shown = None
            root.destroy()
