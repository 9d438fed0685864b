"""What the node does, without ROS: messages in, messages out, and always the latest one first.

Works on any objects with the fields of ``sensor_msgs/Image`` or ``sensor_msgs/CompressedImage`` whose classes take
them as keywords, as those of ``rclpy`` do.
"""

from __future__ import annotations

import array
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from highbeam.logs.frames import enhance_file, enhance_samples
from highbeam.logs.messages import ImageLayout

__all__ = ["Latest", "MessageEnhancer", "Worker"]

_T = TypeVar("_T")
Enhance = Callable[[NDArray[Any]], NDArray[Any]]


class MessageEnhancer:
    """Enhances messages.

    Attributes:
        enhance: the method, ``(H, W, 3)`` RGB of ``uint8`` or ``uint16`` to the same; it may remember the frames
            before, as one that is held steady does, and is called by one thread.
    """

    def __init__(self, enhance: Enhance) -> None:
        self.enhance = enhance

    def __call__(self, message: Any) -> Any:  # noqa: ANN401 - ROS makes its classes when it is built
        """Return a new message with the same header, encoding and layout.

        Raises:
            highbeam.logs.errors.FrameError: the picture is damaged, or of an encoding that is not taken.
        """
        return self._image(message) if hasattr(message, "encoding") else self._compressed(message)

    def _image(self, message: Any) -> Any:  # noqa: ANN401
        layout = ImageLayout(message.height, message.width, message.encoding, bool(message.is_bigendian), message.step)
        made = enhance_samples(layout, memoryview(message.data).cast("B"), self.enhance)
        return type(message)(
            header=message.header,
            height=message.height,
            width=message.width,
            encoding=message.encoding,
            is_bigendian=message.is_bigendian,
            step=message.step,
            data=_like(message.data, made),
        )

    def _compressed(self, message: Any) -> Any:  # noqa: ANN401
        made = enhance_file(message.format, bytes(message.data), self.enhance)
        return type(message)(header=message.header, format=message.format, data=_like(message.data, made))


def _like(old: object, data: bytes | bytearray) -> Any:  # noqa: ANN401
    """Return bytes in the class that a message had them in; ``rclpy`` takes arrays of this kind without a copy."""
    return array.array("B", data) if isinstance(old, array.array) else np.frombuffer(data, np.uint8)


class Latest(Generic[_T]):
    """A place for one thing: what is put there takes the place of what was not fetched yet.

    So a slow method drops frames and never falls behind.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._thing: _T | None = None
        self._closed = False
        self.dropped = 0

    def put(self, thing: _T) -> None:
        """Leave a thing."""
        with self._changed:
            self.dropped += self._thing is not None
            self._thing = thing
            self._changed.notify()

    def get(self) -> _T | None:
        """Wait for a thing and take it; None once the place is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._thing is not None)
            thing, self._thing = self._thing, None
            return None if self._closed else thing

    def close(self) -> None:
        """Let whoever waits go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


@dataclass
class Worker:
    """Enhances the latest message in a thread of its own.

    Attributes:
        enhance: makes a message of a message.
        publish: takes the results.
        warn: takes what is wrong with a message.
        done: how many were published.
        failed: how many could not be enhanced or published.
        seconds: that the last one took.
    """

    enhance: Callable[[Any], Any]
    publish: Callable[[Any], None]
    warn: Callable[[str], None]
    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    _latest: Latest[Any] = field(default_factory=Latest)
    _thread: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """How many messages were overtaken by later ones."""
        return self._latest.dropped

    def start(self) -> None:
        """Begin to work."""
        self._thread = threading.Thread(target=self._run, name="highbeam", daemon=True)
        self._thread.start()

    def take(self, message: Any) -> None:  # noqa: ANN401
        """Leave a message to be enhanced; returns at once."""
        self._latest.put(message)

    def stop(self) -> None:
        """End after the message that is in work."""
        self._latest.close()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (message := self._latest.get()) is not None:
            start = time.monotonic()
            try:
                made = self.enhance(message)
                self.seconds = time.monotonic() - start
                self.publish(made)
            except Exception as error:  # noqa: BLE001 - one bad frame must not end the work of this thread
                self.failed += 1
                self.warn(f"a frame is left out: {error}")
            else:
                self.done += 1
