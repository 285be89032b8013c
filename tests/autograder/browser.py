"""Chromium, driven through a pipe in its own protocol: what a page test needs, and no library for it."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-pipe"
)


class Browser:
    """One tab. `events`: all that the browser told on its own, oldest first."""

    def __init__(self, profile: Path) -> None:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        # the protocol's descriptors are 3 and 4; above them first, so that neither is overwritten
        plumbing = f"exec {theirs_in}<&{theirs_in} 3<&{theirs_in} 4>&{theirs_out}"
        command = f'{plumbing}; exec "$0" "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", command, str(CHROMIUM), *SWITCHES.split(), f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._to, self._from = os.fdopen(ours_out, "wb"), os.fdopen(ours_in, "rb")
        self._rest, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = next(t for t in self("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._to.close()  # the browser ends when its pipe does
        self._from.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command; its result."""
        self._number += 1
        asked = {"id": self._number, "method": method, "params": parameters}
        of_tab = self._session and not method.startswith(("Target.", "SystemInfo."))
        text = json.dumps(asked | ({"sessionId": self._session} if of_tab else {}))
        self._to.write(text.encode() + b"\0")
        self._to.flush()
        while (answer := self._next()).get("id") != self._number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._from.fileno(), 1 << 20)
            if not data:
                raise RuntimeError("the browser is gone")
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def look(self, width: int, height: int, scheme: str = "light", media: str = "") -> None:
        """Take this size, colour scheme and medium."""
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, address: str) -> float:
        """Open a page; seconds from the command until it was loaded and two frames were drawn."""
        self.events.clear()
        start = time.monotonic()
        self("Page.navigate", url=address)
        drawn = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
        loaded = "document.readyState === 'complete' || new Promise(done => addEventListener('load', () => done(true)))"
        self.ask(loaded)
        self.ask(drawn)
        return time.monotonic() - start

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        done = self("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["exception"]["description"])
        return done["result"].get("value")

    def busy(self) -> float:
        """CPU seconds of all the browser's processes so far: on one core of a machine with nothing else to do, the
        clock on the wall cannot show more between two of these."""
        return sum(process["cpuTime"] for process in self("SystemInfo.getProcessInfo")["processInfo"])

    def key(self, name: str, text: str = "") -> None:
        """Press a key: "Tab", "Enter", a letter."""
        code = {"Tab": 9, "Enter": 13}.get(name, 0)
        more = {"text": text or {"Enter": "\r"}.get(name, "")}
        self("Input.dispatchKeyEvent", type="keyDown", key=name, windowsVirtualKeyCode=code, **more)
        self("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=code)

    def picture(self, whole: bool = False) -> Image.Image:
        """What is seen, or the whole page."""
        done = self("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return Image.open(io.BytesIO(base64.b64decode(done["data"]))).convert("RGB")

    def complaints(self) -> list[str]:
        """What the console, the policy or a script complained about since the page was opened; dialogs, too."""
        self.ask("1")  # all that came before is here with the answer
        kinds = (
            "Log.entryAdded",
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
            "Page.javascriptDialogOpening",
        )
        return [json.dumps(e["params"]) for e in self.events if e.get("method") in kinds]

    def requests(self) -> list[str]:
        """All addresses that the page asked for but data in itself."""
        sent = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [address for address in sent if not address.startswith("data:")]
