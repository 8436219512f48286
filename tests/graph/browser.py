# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A headless Chromium, driven by the WebDriver protocol: plain HTTP with JSON."""

import base64
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time

from harness import Skip, Wrong, need_tool

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for "a reference to an element"
ENTER, ESCAPE, TAB, CONTROL = "\ue007", "\ue00c", "\ue004", "\ue009"
LEFT, UP, RIGHT, DOWN = "\ue012", "\ue013", "\ue014", "\ue015"


class Browser:
    """with Browser(width, height) as b: b.open(path)"""

    def __init__(self, width=1200, height=900, timeout=120):
        need_tool("chromedriver", "chromium-driver")
        self.size = (width, height)
        self.timeout = timeout
        self.session = None

    def __enter__(self):
        chromium = need_tool("chromium", "chromium")
        self.folder = tempfile.mkdtemp(prefix="infbpf-browser-")
        self.driver = subprocess.Popen(
            [need_tool("chromedriver", "chromium-driver"), "--port=0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            for line in self.driver.stdout:
                if "successfully on port" in line:
                    self.port = int(line.rstrip(".\n").split()[-1])
                    break
            else:
                raise Skip("chromedriver does not start")
            # Root has no sandbox; without --disable-dev-shm-usage a small /dev/shm ends it.
            flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--no-first-run", "--disable-background-networking",
                     f"--user-data-dir={self.folder}", f"--window-size={self.size[0]},{self.size[1]}"]
            wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": flags, "binary": chromium},
                      "goog:loggingPrefs": {"browser": "ALL"}}
            try:
                self.session = self.call("POST", "", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            except Wrong as e:
                raise Skip(f"chromium does not start: {str(e).splitlines()[0]}") from e
            self.call("POST", "/timeouts", {"pageLoad": self.timeout * 1000, "script": 60000})
            self.resize(*self.size)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self.session:
                self.call("DELETE", "")
        except (OSError, Wrong):
            pass
        self.driver.terminate()
        self.driver.wait()
        self.driver.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, method, path, body=None):
        where = "/session" + (f"/{self.session}" if self.session else "") + path
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request(method, where, json.dumps(body or {}) if method == "POST" else None,
                               {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(answer, dict) and "error" in answer:
            raise Wrong(f"{method} {path}: {answer['error']}: {answer['message']}")
        return answer

    def open(self, path):
        """Returns the seconds until it was loaded and drawn."""
        start = time.monotonic()
        self.call("POST", "/url", {"url": "file://" + os.path.abspath(path)})
        self.settle()
        return time.monotonic() - start

    def run(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def settle(self):
        """Two frames on: what was asked for is drawn."""
        self.call("POST", "/execute/async", {"args": [], "script":
                  "const done = arguments[0];"
                  "requestAnimationFrame(() => requestAnimationFrame(() => done()));"})

    def resize(self, width, height):
        """The page's size: a window has a least one."""
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}})
        self.settle()

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, element, count=1):
        """Moves the pointer there and presses, as a hand does."""
        self.point(element)
        self.call("POST", "/actions", {"actions": [
            {"type": "pointer", "id": "mouse", "actions": [
                {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}] * count}]})
        self.settle()

    def point(self, element):
        self.run("arguments[0].scrollIntoView({block: 'nearest'})", {ELEMENT: element})
        self.call("POST", "/actions", {"actions": [
            {"type": "pointer", "id": "mouse", "actions": [
                {"type": "pointerMove", "origin": {ELEMENT: element}, "x": 0, "y": 0, "duration": 20}]}]})
        self.settle()

    def keys(self, *keys):
        """Pressed one after the other; a tuple together."""
        steps = []
        for key in keys:
            chord = key if isinstance(key, tuple) else (key,)
            steps += [{"type": "keyDown", "value": k} for k in chord]
            steps += [{"type": "keyUp", "value": k} for k in reversed(chord)]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": steps}]})
        self.settle()

    def scheme(self, name):
        """light or dark"""
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {
            "features": [{"name": "prefers-color-scheme", "value": name}]}})
        self.settle()

    def complaints(self):
        """What the console has at the level of an error or a warning."""
        return [e["message"] for e in self.call("POST", "/se/log", {"type": "browser"})
                if e["level"] in ("SEVERE", "WARNING")]

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("GET", "/screenshot")))
