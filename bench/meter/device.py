"""Seconds on the device's own clock."""

from __future__ import annotations

import torch


class DeviceTimer:
    """CUDA events before and after: from the first operation's start to the last one's end, waits for the CPU included."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._cuda = self._device.type == "cuda"

    def synchronise(self) -> None:
        """Wait until the device has done what it was given."""
        if self._cuda:
            torch.cuda.synchronize(self._device)

    def start(self) -> None:
        if self._cuda:
            self._started = self._event()

    def stop(self) -> None:
        """Also waits for the device."""
        if self._cuda:
            self._stopped = self._event()
        self.synchronise()

    def seconds(self) -> float | None:
        """Between start and stop; None on a device without such a clock."""
        return self._started.elapsed_time(self._stopped) / 1e3 if self._cuda else None

    def _event(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event
