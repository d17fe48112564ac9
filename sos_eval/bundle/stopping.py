"""What stops a process: the signals, and how the few steps that must not be torn apart hold them off."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Stopped", "stop_if_told", "stopped_in_order", "unbroken"]

#: Ctrl-C, a scheduler or `kill`, a terminal that was closed (which Windows does not have).
_STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


#: The signals that came: a library that calls back from C can lose the exception that one raises.
_told: list[int] = []


class Stopped(KeyboardInterrupt):
    """A signal that ends the process, once what is half-written was taken back.

    Attributes
    ----------
    number
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def stopped_in_order() -> Iterator[None]:
    """Let every signal that stops a process take back what is half-written, as Ctrl-C does.

    A signal that whoever started the process has it ignore (`nohup`) stays ignored.
    """
    ours = [n for n in _STOPS if n != signal.SIGINT and signal.getsignal(n) == signal.SIG_DFL]
    _told.clear()
    for number in ours:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        _told.clear()
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _stop(number: int, frame: FrameType | None) -> None:
    _told.append(number)
    raise Stopped(number)


def stop_if_told() -> None:
    """Stop where a signal came that something in between took for a failure of its own.

    Raises
    ------
    Stopped
        One came.
    """
    if _told:
        raise Stopped(_told[-1])


@contextmanager
def unbroken() -> Iterator[None]:
    """Hold signals off for a few steps that belong together; one that came meanwhile is told right after."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in _STOPS}
    held = [number for number, handler in before.items() if callable(handler)]
    for number in held:
        signal.signal(number, lambda n, frame: came.append(n))
    try:
        yield
    finally:
        for number in held:
            signal.signal(number, before[number])
    if came:
        signal.raise_signal(came[0])
