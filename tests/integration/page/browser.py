"""A browser without a screen, by the WebDriver protocol (W3C) and the standard library alone.

    with Browser(scratch_directory) as b:
        b.open("http://127.0.0.1:8080/")
        b.until("the state is there", "return document.querySelector('main').hidden === false")
        b.click("#pause")

Whatever the page wrote to the console since the last look is in b.console()."""
import base64
import http.client
import json
import os
import socket
import subprocess
import time

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Failure(Exception):
    pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Browser:
    def __init__(self, scratch, width=1280, height=900, dark=False, script=True, motion=True):
        self.port = free_port()
        env = dict(os.environ, HOME=scratch, XDG_CONFIG_HOME=f"{scratch}/config", XDG_CACHE_HOME=f"{scratch}/cache", TZ="UTC")
        self.log = open(f"{scratch}/chromedriver.log", "ab")
        self.driver = subprocess.Popen(["chromedriver", f"--port={self.port}"], stdout=self.log, stderr=self.log, env=env)
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                     "--disable-background-networking", "--no-first-run", f"--window-size={width},{height}"]
        if dark:
            arguments.append("--blink-settings=preferredColorScheme=0")
        if not motion:
            arguments.append("--force-prefers-reduced-motion")
        options = {"args": arguments}
        if not script:
            options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
        wish = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = None
        try:
            self.wait_for_driver()
            self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wish}})["sessionId"]
            if width < 500:  # a window has a least width, a phone has not
                self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=True)
            self.dark(dark)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.session:
            try:
                self.call("DELETE", f"/session/{self.session}")
            except (OSError, Failure, http.client.HTTPException):
                pass
        self.driver.terminate()
        self.driver.wait()
        self.log.close()

    # ---- the protocol ----

    def call(self, method, path, body=None):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        link.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        value = json.loads(link.getresponse().read())["value"]
        link.close()
        if isinstance(value, dict) and value.get("error"):
            raise Failure(f"{method} {path}: {value['error']}: {value['message'].splitlines()[0]}")
        return value

    def ask(self, method, path, body=None):
        return self.call(method, f"/session/{self.session}{path}", body)

    def wait_for_driver(self):
        until = time.monotonic() + 60
        while True:
            try:
                if self.call("GET", "/status")["ready"]:
                    return
            except (OSError, http.client.HTTPException):
                pass
            if time.monotonic() > until or self.driver.poll() is not None:
                raise Failure("chromedriver did not start; see its log")
            time.sleep(0.05)

    def devtools(self, command, **parameters):
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    # ---- what a person does ----

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, what, script, *arguments):
        end = time.monotonic() + 60
        while not self.run(script, *arguments):
            if time.monotonic() > end:
                raise Failure(f"waited in vain for: {what}; the page says: {self.text('body')[:1500]}")
            time.sleep(0.1)

    def find(self, selector):
        return self.ask("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.ask("POST", f"/element/{self.find(selector)}/click", {})

    def keys(self, *keys):
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def text(self, selector):
        return self.run("const e = document.querySelector(arguments[0]); return e ? e.innerText : ''", selector)

    def dark(self, yes):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if yes else "light"}])

    def console(self):
        return [entry for entry in self.ask("POST", "/se/log", {"type": "browser"})]

    def picture(self, path):
        """The whole page, not only what fits."""
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True,
                             clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))
