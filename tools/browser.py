"""A headless Chromium, driven over a pipe by its DevTools protocol: no port is opened, and no page it shows may reach a network.

For the tests of pages, and for pictures of them: `python -m tools.browser PAGE.html PICTURE.png`.
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
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from tools.dev import BROWSERS

HUNG_S = 60.0  # no page of ours takes so long on any machine
FIRST_FREE = 10  # of file descriptors: 3 and 4 are the protocol's
# Puts the two ends where the protocol has them, and becomes the browser. (A shell such as dash knows no descriptor past 9.)
LAUNCH = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def program() -> str | None:
    """Where a browser is; None if there is none."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


class BrowserError(Exception):
    """The browser did not do what it was told, in its own words."""


class Browser:
    """One browser process. `tab` opens a page in it."""

    def __init__(self, path: str) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        high = [fcntl.fcntl(one, fcntl.F_DUPFD, FIRST_FREE) for one in (theirs_in, theirs_out)]
        # As root, as in a container, Chromium starts without its sandbox alone; it is shown nothing but pages made here.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [path, *FLAGS, *sandbox, f"--user-data-dir={self._profile.name}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, *map(str, high), *command],
            pass_fds=high,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for one in (theirs_in, theirs_out, *high):
            os.close(one)
        self._out, self._in = ours_out, ours_in
        self._rest = b""
        self._last_id = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it, whatever it is doing."""
        with contextlib.suppress(BrowserError, OSError):
            self.ask("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)
        self._profile.cleanup()

    @contextlib.contextmanager
    def tab(self, page: Path, **looks: Any) -> Iterator[Tab]:
        """This file in a tab of its own. `looks`: as `Tab.look` takes them."""
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        try:
            tab = Tab(self, session)
            tab.look(**looks)
            tab.open(page)
            yield tab
        finally:
            self.ask("Target.closeTarget", {"targetId": target})

    def ask(self, method: str, params: Mapping[str, Any] | None = None, session: str | None = None) -> dict[str, Any]:
        """One command's answer. Raises: BrowserError."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": params or {}, **({"sessionId": session} if session else {})}
        self._write(json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != message["id"]:
            self.events.append(answer)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        found: dict[str, Any] = answer["result"]
        return found

    def wait_for(self, method: str, session: str, since: int) -> None:
        """Until an event of this name has come in that session, after so many of any. Raises: BrowserError."""
        while not any(event.get("method") == method and event.get("sessionId") == session for event in self.events[since:]):
            self.events.append(self._read())

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._out, data) :]

    def _read(self) -> dict[str, Any]:
        ends = time.monotonic() + HUNG_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, ends - time.monotonic()))
            piece = os.read(self._in, 1 << 20) if ready else b""
            if not piece:
                raise BrowserError("the browser hangs" if not ready else "the browser has ended")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found


class Tab:
    """One page in a browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command about this page."""
        return self._browser.ask(method, params, self._session)

    def look(self, *, width: int = 1280, height: int = 800, dark: bool = False, phone: bool = False, paper: bool = False) -> None:
        """How large the window is, which colours its reader likes, and whether it is a phone, or paper."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media="print" if paper else "", features=[scheme])

    def open(self, page: Path) -> None:
        """Load it, and wait until it is there."""
        self._load("Page.navigate", url=page.resolve().as_uri())

    def reload_without_script(self) -> None:
        """The same page as in a browser that runs no script."""
        self.ask("Emulation.setScriptExecutionDisabled", value=True)
        self._load("Page.reload")

    def run(self, script: str) -> Any:
        """The value of this expression in the page. Raises: BrowserError with what it threw."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True)
        if "exceptionDetails" in answer:
            raise BrowserError(str(answer["exceptionDetails"].get("exception", {}).get("description", answer["exceptionDetails"]["text"])))
        return answer["result"].get("value")

    def press(self, key: str, code: int = 0, text: str = "", modifiers: int = 0) -> None:
        """One key, as a person presses it."""
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, modifiers=modifiers, **more)

    def type(self, text: str) -> None:
        """A text into what has the focus."""
        self.ask("Input.insertText", text=text)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """What is on the screen, or the whole page, as a PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        data = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **({"clip": self._all()} if whole else {}))
        path.write_bytes(base64.b64decode(data["data"]))

    def paper(self, path: Path) -> None:
        """The page as it is printed, as a PDF."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.ask("Page.printToPDF", printBackground=False, preferCSSPageSize=True)["data"]))

    def complaints(self) -> list[str]:
        """What the page's console holds, exceptions and refusals of its own policy among it, and dialogs that it opened."""
        self.run("new Promise((done) => setTimeout(done, 0))")
        told = []
        for event in self._mine():
            params = event["params"]
            match event["method"]:
                case "Runtime.consoleAPICalled":
                    told.append(" ".join(str(one.get("value", one.get("description"))) for one in params["args"]))
                case "Runtime.exceptionThrown":
                    told.append(str(params["exceptionDetails"].get("exception", {}).get("description", params["exceptionDetails"]["text"])))
                case "Log.entryAdded":
                    told.append(params["entry"]["text"])
                case "Page.javascriptDialogOpening":
                    told.append(f"dialog: {params['message']}")
                case _:
                    pass
        return told

    def asked_for(self) -> list[str]:
        """Every address that the page asked for, its own among them."""
        return [event["params"]["request"]["url"] for event in self._mine() if event["method"] == "Network.requestWillBeSent"]

    def _load(self, method: str, **params: Any) -> None:
        since = len(self._browser.events)
        self.ask(method, **params)
        self._browser.wait_for("Page.loadEventFired", self._session, since)

    def _mine(self) -> list[dict[str, Any]]:
        return [event for event in self._browser.events if event.get("sessionId") == self._session and "method" in event]

    def _all(self) -> dict[str, float]:
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}


def main() -> None:
    """One picture of one page."""
    if len(sys.argv) != 3 or (path := program()) is None:
        sys.exit("Write: python -m tools.browser PAGE.html PICTURE.png, where Chromium is installed (make browser).")
    with Browser(path) as browser, browser.tab(Path(sys.argv[1])) as tab:
        tab.picture(Path(sys.argv[2]), whole=True)


if __name__ == "__main__":
    main()
