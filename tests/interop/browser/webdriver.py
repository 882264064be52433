"""A browser driven over the WebDriver protocol (W3C Recommendation), with nothing but the standard library."""

import base64
import json
import pathlib
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
TAB, ENTER = "\ue004", "\ue007"

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Fault(Exception):
    """An error of the protocol; its name is the first argument."""


class Element:
    def __init__(self, browser, reference):
        self.browser, self.at = browser, f"/element/{reference}"

    def _get(self, what):
        return self.browser.call("GET", self.at + what)

    def click(self):
        self.browser.call("POST", self.at + "/click", {})

    def keys(self, text):
        self.browser.call("POST", self.at + "/value", {"text": text})

    def clear(self):
        self.browser.call("POST", self.at + "/clear", {})

    text = property(lambda self: self._get("/text"))
    shown = property(lambda self: self._get("/displayed"))
    # Name and role as a screen reader is told them.
    label = property(lambda self: self._get("/computedlabel"))
    role = property(lambda self: self._get("/computedrole"))


class Browser:
    """A fresh browser with a window of that size, that takes the server's key `spki` as known."""

    def __init__(self, driver, width, height, profile, spki):
        self.driver = driver
        options = {
            "args": [
                *FLAGS,
                f"--user-data-dir={profile}",
                f"--ignore-certificate-errors-spki-list={spki}",
                "--lang=en",
            ],
            "mobileEmulation": {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 2.0}},
        }
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "timeouts": {"pageLoad": 120000, "implicit": 0}}
        self.session = ""
        answer = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = "/session/" + answer["sessionId"]
        self.version = answer["capabilities"]["browserVersion"]

    def _send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.driver + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=180) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as problem:
            value = json.load(problem)["value"]
            raise Fault(value["error"], value["message"].splitlines()[0]) from None

    def call(self, method, path, body=None):
        return self._send(method, self.session + path, body)

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    url = property(lambda self: self.call("GET", "/url"))
    title = property(lambda self: self.call("GET", "/title"))

    def all(self, css):
        found = self.call("POST", "/elements", {"using": "css selector", "value": css})
        return [Element(self, one[ELEMENT]) for one in found]

    def one(self, css):
        found = self.all(css)
        assert len(found) == 1, f"{len(found)} elements are {css} at {self.url}: {self.all('body')[0].text}"
        return found[0]

    def run(self, script):
        """A function body in the page; only for looking."""
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def leave(self, act, *arguments):
        """Does what leads to another page, and waits until that one is there."""
        self.run("window.before = true")
        act(*arguments)
        for _ in range(1200):
            try:
                if self.run("return !window.before && document.readyState === 'complete'"):
                    return
            except Fault:
                # Between two pages there is nothing to ask.
                pass
            time.sleep(0.1)
        raise AssertionError(f"no other page after {self.url}")

    def focused(self):
        return Element(self, self.call("GET", "/element/active")[ELEMENT])

    def picture(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def close(self):
        self.call("DELETE", "")
