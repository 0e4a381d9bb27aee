"""A page in headless Chromium, driven through its DevTools protocol over a pipe: real clicks, real keys, no further package."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

PATIENCE = 120  # seconds for one answer; the machine may be busy

_KEYS = {"Enter": (13, "\r"), " ": (32, " "), "Tab": (9, "")}


def chromium() -> str | None:
    """The path of a Chromium, None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """One window. `messages` gathers what the page logs or throws, `requests` the addresses that it asks for."""

    def __init__(self, program: str, width: int = 1280, height: int = 900) -> None:
        self.messages: list[str] = []
        self.requests: list[str] = []
        self._count = 0
        self._buffer = b""
        self._events: list[str] = []
        self._profile = tempfile.mkdtemp(prefix="browser-")
        self._process = self._start(program)
        try:
            target = self._ask("Target.createTarget", {"url": "about:blank"}, page=False)
            attached = self._ask("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}, page=False)
            self._session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self._ask(f"{domain}.enable")
            self.resize(width, height)
        except BaseException:
            self.close()
            raise

    def _start(self, program: str) -> int:
        """Chromium reads commands from descriptor 3 and answers on 4."""
        read_commands, self._commands = os.pipe()
        self._answers, write_answers = os.pipe()
        # Out of the way, so that putting one end in its place does not overwrite the other.
        theirs = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10) for descriptor in (read_commands, write_answers)]
        arguments = ["--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        arguments += [
            f"--user-data-dir={self._profile}",
            "--no-first-run",
            "--hide-scrollbars",
            "--disable-background-networking",
        ]
        quiet = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, theirs[0], 3), (os.POSIX_SPAWN_DUP2, theirs[1], 4)]
        actions += [(os.POSIX_SPAWN_DUP2, quiet, 1), (os.POSIX_SPAWN_DUP2, quiet, 2)]
        process = os.posix_spawn(program, [program, *arguments], os.environ, file_actions=actions, setpgroup=0)
        for descriptor in (read_commands, write_answers, quiet, *theirs):
            os.close(descriptor)
        return process

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._commands)
        os.close(self._answers)
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, path: Path) -> None:
        self._events.clear()
        self._ask("Page.navigate", {"url": path.as_uri()})
        while "Page.loadEventFired" not in self._events:
            self._read()

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives; fails with the page's own error."""
        answer = self._ask("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Press the mouse in the middle of an element, as a reader would: what covers it gets the click."""
        self.value(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        box = self.value(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()")
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", {"type": kind, **place})

    def press(self, key: str) -> None:
        """One of Enter, space and Tab, for whatever has the focus."""
        code, text = _KEYS[key]
        common = {"key": key, "windowsVirtualKeyCode": code}
        self._ask("Input.dispatchKeyEvent", {"type": "keyDown", "text": text, **common})
        self._ask("Input.dispatchKeyEvent", {"type": "keyUp", **common})

    def write(self, selector: str, text: str) -> None:
        """Type into a field after emptying it."""
        self.value(f"(field => {{ field.focus(); field.select(); }})(document.querySelector({json.dumps(selector)}))")
        self._ask("Input.insertText", {"text": text})

    def prefer(self, scheme: str) -> None:
        """What the reader's system asks for: light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._ask("Emulation.setEmulatedMedia", {"features": features})

    def resize(self, width: int, height: int = 900) -> None:
        given = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", given)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        answer = self._ask("Page.captureScreenshot", {"captureBeyondViewport": whole, "format": "png"})
        path.write_bytes(base64.b64decode(answer["data"]))

    def _ask(self, method: str, params: dict[str, Any] | None = None, *, page: bool = True) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": params or {}}
        if page:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _read(self) -> dict[str, Any]:
        """The next message; events among them are noted."""
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._answers, 1 << 16) if ready else b""
            if not data:
                raise AssertionError("Chromium ended" if ready else f"Chromium gave no answer in {PATIENCE} s")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event: str, given: dict[str, Any]) -> None:
        self._events.append(event)
        if event == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        elif event in {"Runtime.exceptionThrown", "Runtime.consoleAPICalled"}:
            self.messages.append(json.dumps(given))
        elif event == "Log.entryAdded":
            self.messages.append(given["entry"]["text"])
