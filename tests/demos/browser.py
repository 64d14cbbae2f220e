"""A headless browser for the tests of the explorer, driven without any further package.

Chromium and Chrome take commands in JSON, each ended by a zero byte, on the file descriptor 3, and
answer on 4 (the Chrome DevTools Protocol over a pipe).
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

# Gives two file descriptors the numbers 3 and 4, and becomes the browser.
LAUNCHER = """
import os, sys
for number, end in zip((3, 4), sys.argv[1:3]):
    os.dup2(int(end), number)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_browser() -> str | None:
    """Return the path of a browser of this machine, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """A browser with one page. Errors of the page are collected in `errors`."""

    def __init__(self, program: str, profile: Path):
        command_end, answer_end = _pipe(), _pipe()
        options = ["--headless=new", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        options += ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
        options += ["--disable-background-networking", "--hide-scrollbars", "about:blank"]

        ends = command_end[0], answer_end[1]
        command = [sys.executable, "-c", LAUNCHER, *map(str, ends), program, *options]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, pass_fds=ends, stdout=quiet, stderr=quiet)
        os.close(command_end[0])
        os.close(answer_end[1])
        self.commands, self.answers = command_end[1], answer_end[0]
        self.buffer, self.last_id, self.session = b"", 0, None
        self.errors, self.requests, self.is_phone = [], [], False
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params):
        """Send a command and return its result."""
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self.last_id:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _receive(self, timeout: float = 120):
        """Return the next message of the browser."""
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.answers], [], [], timeout)
            assert ready, "the browser does not answer"
            received = os.read(self.answers, 1 << 20)
            assert received, "the browser has ended"
            self.buffer += received
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event) -> None:
        """Collect what goes wrong in the page, and what it loads."""
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        if event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def open(self, path: Path, width: int, height: int, *, touch: bool = False) -> None:
        """Open a file in a window of this size, and wait until it is loaded."""
        self.errors.clear()
        self.requests.clear()
        metrics = {"deviceScaleFactor": 1, "mobile": touch}
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, **metrics)
        self.send("Emulation.setTouchEmulationEnabled", enabled=touch)
        self.is_phone = touch
        self.send("Page.navigate", url=path.resolve().as_uri())
        self.wait_until("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script: str):
        """Run JavaScript in the page and return its value; a promise is awaited."""
        settings = {"awaitPromise": True, "returnByValue": True}
        result = self.send("Runtime.evaluate", expression=script, **settings)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_until(self, condition: str, timeout: float = 120) -> None:
        """Wait until an expression of JavaScript is true."""
        end = time.monotonic() + timeout
        while not self.run(condition):
            assert time.monotonic() < end, f"in vain: {condition}; {self.errors}"
            time.sleep(0.02)

    def next_frame(self) -> None:
        """Wait until what was asked for has been drawn."""
        self.run("new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(f)))")

    def press(self, key: str, times: int = 1) -> None:
        """Press a key in the element that has the focus."""
        for _ in range(times):
            for kind in ("keyDown", "keyUp"):
                codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
                code = codes.get(key, 0)
                self.send(
                    "Input.dispatchKeyEvent",
                    type=kind,
                    key=key,
                    code=key,
                    windowsVirtualKeyCode=code,
                )
        self.next_frame()

    def place_on(self, element: str, x: float, y: float) -> dict[str, float]:
        """Scroll to an element, and return the window's place of fractions of its size.

        An exhibit that starts can move the others, so wait until the place stays.
        """
        script = (
            f"(() => {{ const element = document.getElementById('{element}');"
            "  element.scrollIntoView({block: 'center', behavior: 'instant'});"
            "  const {left, top, width, height} = element.getBoundingClientRect();"
            "  return [left, top, width, height]; })()"
        )
        box, previous = self.run(script), None
        while box != previous:
            self.next_frame()
            box, previous = self.run(script), box
        return {"x": box[0] + x * box[2], "y": box[1] + y * box[3]}

    def drag(self, element: str, *, start: tuple, end: tuple, touch: bool = False) -> None:
        """Drag from a place on an element to another, with a finger or the mouse."""
        a, b = self.place_on(element, *start), self.place_on(element, *end)
        self.run(
            "released = false; for (const kind of ['pointerup', 'pointercancel'])"
            "  addEventListener(kind, () => (released = true), {once: true})"
        )
        if touch:
            for kind, points in (("touchStart", [a]), ("touchMove", [b]), ("touchEnd", [])):
                if kind == "touchEnd" and a != b:
                    # The finger rests before it leaves. Else the browser would take the drag for a
                    # fling, and the next tap only ends a fling.
                    time.sleep(0.2)
                self.send("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        else:
            for kind, point in (("mousePressed", a), ("mouseMoved", b), ("mouseReleased", b)):
                button = {"button": "left", "buttons": 1, "clickCount": 1}
                self.send("Input.dispatchMouseEvent", type=kind, **point, **button)
        self.wait_until("released")
        self.next_frame()

    def screenshot(self, path: Path, element: str | None = None) -> None:
        """Save a picture of an element, or of the whole page."""
        clip = {}
        name = f"getElementById('{element}')" if element else "documentElement"
        box = self.run(
            f"((b) => ({{x: b.left + scrollX, y: b.top + scrollY, width: b.width, "
            f"height: b.height}}))(document.{name}.getBoundingClientRect())"
        )
        clip = {"clip": box | {"scale": 1}}
        result = self.send("Page.captureScreenshot", captureBeyondViewport=True, **clip)
        path.write_bytes(base64.b64decode(result["data"]))

    def close(self) -> None:
        """End the browser."""
        self.session = None
        with contextlib.suppress(AssertionError, OSError):
            self.send("Browser.close")
        os.close(self.commands)
        os.close(self.answers)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _pipe() -> tuple[int, int]:
    """Open a pipe whose file descriptors are neither 3 nor 4."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved
