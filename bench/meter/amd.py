"""AMD GPUs: the files of the amdgpu driver under Linux's hwmon, an energy counter or else the board's power.

hwmon's energy1_input is microjoules, power1_average and power1_input are microwatts (kernel documentation,
hwmon/sysfs-interface). Which of them a board has depends on its generation; most have only the power.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from bench.meter.power import PowerIntegral
from bench.meter.sensor import NoSensor
from bench.store.record import Quality

HWMON = Path("/sys/class/hwmon")
NO_DRIVER = (
    "if there is one, load the kernel module (modprobe amdgpu); in a container, mount /sys/class/hwmon and what it links to"
)
NO_ENERGY = "this board has no energy counter; its power reading is integrated instead, where it has one"
NO_POWER = "this board or its driver tells no power: joules of the GPU can't be measured here"
NOT_ALLOWED = "let this user read the file (chmod a+r)"


class AmdEnergy:
    """Joules that the board counts itself."""

    source = "amdgpu energy counter"
    quality: Quality = "measured"
    shared: bool | None = None  # the driver doesn't tell who else computes on the board
    shortest_window_s = 2.0
    sample_every_s: float | None = None

    def __init__(self, device: str, root: Path = HWMON) -> None:
        """Raises NoSensor, with the reason, where the driver's files aren't there or may not be read."""
        folder, self.scope = _board(device, root)
        self._file = _first(folder, ("energy1_input",), NO_ENERGY)

    def joules(self) -> float:
        return _millionths(self._file)


class AmdPower(PowerIntegral):
    """For boards that tell only their power."""

    source = f"amdgpu power, integrated over readings every {PowerIntegral.sample_every_s} s"
    shared: bool | None = None

    def __init__(self, device: str, root: Path = HWMON) -> None:
        """Raises NoSensor, with the reason, where the driver's files aren't there or may not be read."""
        folder, self.scope = _board(device, root)
        file = _first(folder, ("power1_average", "power1_input"), NO_POWER)
        super().__init__(lambda: _millionths(file))


def _board(device: str, root: Path) -> tuple[Path, str]:
    """The hwmon folder of the board that torch uses, by its PCI address, and what the counter covers."""
    boards = {}
    for folder in sorted(root.glob("hwmon*")):
        try:
            if (folder / "name").read_text().strip() == "amdgpu":
                boards[(folder / "device").resolve().name] = folder
        except OSError:
            continue
    if not boards:
        raise NoSensor(f"no board of the amdgpu driver under {root}", NO_DRIVER)
    address = _pci_address(device)
    if address is None and len(boards) == 1:
        address = next(iter(boards))
    if address not in boards:
        known = ", ".join(boards)
        raise NoSensor(f"torch's GPU is at PCI {address or 'unknown'}, the amdgpu driver's are at {known}", NO_DRIVER)
    return boards[address], f"GPU at PCI {address}"


def _pci_address(device: str) -> str | None:
    """As in /sys, "0000:03:00.0"; None where torch doesn't tell, or has no GPU."""
    if not torch.cuda.is_available():
        return None
    about: Any = torch.cuda.get_device_properties(torch.device(device))  # torch's stubs leave these fields out
    try:
        return f"{about.pci_domain_id:04x}:{about.pci_bus_id:02x}:{about.pci_device_id:02x}.0"
    except AttributeError:  # an older torch
        return None


def _first(folder: Path, names: tuple[str, ...], remedy: str) -> Path:
    """The first of these files that can be read."""
    reason = f"{folder} has no {' or '.join(names)}"
    for name in names:
        try:
            _millionths(folder / name)
            return folder / name
        except FileNotFoundError:
            continue
        except OSError as error:  # some boards have the file and no reading behind it
            reason, remedy = str(error), NOT_ALLOWED if isinstance(error, PermissionError) else remedy
    raise NoSensor(reason, remedy)


def _millionths(file: Path) -> float:
    """Joules or watts. Raises OSError where there is no number to be read."""
    try:
        return int(file.read_text()) / 1e6
    except ValueError as error:
        raise OSError(f"{file}: {error}") from error
