"""The issuer's pages in a real browser, as wide as a phone: what they say, that every control has a name, that they fit.

pages.py DRIVER SPKI PICTURES
"""

import base64
import datetime
import hashlib
import http.server
import json
import os
import pathlib
import secrets
import ssl
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

from webdriver import ENTER, TAB, Browser

driver, spki, pictures = sys.argv[1:]
ISSUER = os.environ["IAM_URL"] + "/"
INSTITUTE = os.environ["INSTITUTE_URL"]
ADMIN = os.environ["IAM_ADMIN_URL"]
POLICY = os.environ["POLICY"]
COMPAT = os.environ["COMPAT"]
WIDTH = 390
ALICE = "a1b98335-9649-4fb0-961d-5a49ce108d49"
context = ssl.create_default_context(cafile=os.environ["CARNET_DIR"] + "/ca.pem")
pathlib.Path(pictures).mkdir(parents=True, exist_ok=True)


def discovery():
    with urllib.request.urlopen(ISSUER + ".well-known/openid-configuration", timeout=120, context=context) as answer:
        return json.load(answer)


def post(path, data, kind="application/x-www-form-urlencoded", user=None):
    """What a client sends to the issuer: status and JSON."""
    headers = {"Content-Type": kind}
    if user:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(user).encode()).decode()
    request = urllib.request.Request(ISSUER + path, data.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=120, context=context) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as problem:
        return problem.code, json.load(problem)


def administer(method, path, body):
    """What the issuer's administrator does behind people's backs."""
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["ADMIN_SECRET"]}
    request = urllib.request.Request(ADMIN + path, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=120, context=context) as answer:
        return json.load(answer)


class Application(http.server.BaseHTTPRequestHandler):
    """The application that a person comes back to."""

    came = []

    def do_GET(self):
        if self.path.startswith("/callback"):
            self.came.append(urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Application</title><h1>Welcome back</h1>")

    def log_message(self, *_):
        pass


application = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
threading.Thread(target=application.serve_forever, daemon=True).start()
CALLBACK = f"http://localhost:{application.server_port}/callback"
LONG = "An analysis portal with a rather long name, as people give them"
status, client = post(
    discovery()["registration_endpoint"].removeprefix(ISSUER),
    json.dumps(
        {
            "client_name": LONG,
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code"],
            "scope": "openid profile email wlcg.groups offline_access compute.read",
        }
    ),
    "application/json",
)
assert status == 201, (status, client)

# What is wrong with a page for somebody with a phone, or with bad eyes, or none; an empty list is good.
LOOK = r"""
const wrong = [];
const root = document.documentElement;
if (root.lang !== "en") wrong.push("the page does not say its language");
if (!document.querySelector("meta[name=viewport][content*='width=device-width']")) wrong.push("no viewport");
if (root.scrollWidth > window.innerWidth) wrong.push(`scrolls sideways: ${root.scrollWidth} > ${window.innerWidth}`);
if (document.scripts.length) wrong.push("has a script");
if (document.querySelectorAll("main").length !== 1) wrong.push("no main landmark");
if (document.querySelectorAll("h1").length !== 1) wrong.push("not one heading");
const light = (color) => {
  const part = color.match(/[\d.]+/g).slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor;
    if (!/, 0\)$|transparent/.test(color)) return color;
  }
  return "rgb(255, 255, 255)";
};
for (const element of document.body.querySelectorAll("*")) {
  const box = element.getBoundingClientRect();
  if (!box.width) continue;
  const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) || element.matches("input[type=submit]");
  if (says) {
    const [one, two] = [light(getComputedStyle(element).color), light(ground(element))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (two + 0.05);
    if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(1)} of ${element.outerHTML.slice(0, 80)}`);
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (size < 12) wrong.push(`letters of ${size} px: ${element.outerHTML.slice(0, 80)}`);
  }
  if (element.matches("button, input[type=submit], input[type=text], input[type=password]") && box.height < 24) wrong.push(`${box.height} px high: ${element.outerHTML.slice(0, 80)}`);
  if (box.right > window.innerWidth + 0.5 || box.left < -0.5) wrong.push(`sticks out: ${element.outerHTML.slice(0, 80)}`);
}
return wrong;
"""
looked = []


def look(name, title, heading, controls):
    """The page that is open: its title, its heading, and what can be used on it as a screen reader tells it."""
    assert browser.title == title, (browser.title, title)
    assert browser.one("h1").text == heading, (browser.one("h1").text, heading)
    wrong = browser.run(LOOK)
    assert not wrong, (name, wrong)
    assert browser.run("return window.innerWidth") == WIDTH
    found = [(one.role, one.label) for one in browser.all("input, button, select, textarea, a[href]") if one.shown]
    assert found == controls, f"{name}: {found}"
    browser.picture(f"{pictures}/{name}.png")
    looked.append(name)


def authorize(**more):
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": client["client_id"],
        "redirect_uri": CALLBACK,
        "scope": " ".join(WORDS),
        "state": secrets.token_urlsafe(8),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    } | more
    browser.open(ISSUER + "authorize?" + urllib.parse.urlencode(asked))
    return asked["state"], verifier


LOGIN = [("textbox", "Username"), ("textbox", "Password"), ("button", "Login"), ("button", "Sign in with Example Institute")]
AT_HOME = [("textbox", "Username"), ("textbox", "Password"), ("button", "Log in"), ("button", "Cancel")]
ACCEPT = [("button", "I accept")]
REMEMBER = [("radio", "until I revoke it"), ("radio", "for one hour"), ("radio", "ask me again next time")]
CONSENT = [*REMEMBER, ("button", "Authorize"), ("button", "Deny")]
WORDS = {
    "openid": "know who you are",
    "profile": "see your name",
    "wlcg.groups": "see your groups",
    "compute.read": "see your jobs",
    "offline_access": "go on while you are away, until you revoke it",
}


def consent(name, client_name, wanted):
    """The consent page: every scope with its words; in June 2021 each has a box of its own."""
    lines = [line.text for line in browser.all("li")]
    boxes = [("checkbox", line) for line in lines] if COMPAT == "iam-1.7" else []
    look(name, "wlcg - Approve access", f"Approve access for {client_name}", boxes + CONSENT)
    assert sorted(line.split()[-1] for line in lines) == sorted(wanted), lines
    for line in lines:
        words, _, scope = line.rpartition(" ")
        assert words == WORDS.get(scope, words) and words.strip(), line


def policy(name, text, why):
    """The acceptable use policy, and why it is shown."""
    look(name, "wlcg - Acceptable use policy", "Acceptable use policy", ACCEPT)
    assert browser.one("blockquote").text == text
    assert browser.one("[role=status]").text.startswith(why), browser.one("[role=status]").text


def go_home(name, password):
    """From the issuer's login page to the institute's, with name and password."""
    browser.leave(browser.all("form[action='/openid_connect_login'] button")[0].click)
    assert browser.url.startswith(INSTITUTE), browser.url
    browser.focused().keys(name + TAB)
    browser.leave(browser.focused().keys, password + ENTER)


CODE = [("textbox", "Enter the code that your device shows"), ("button", "Submit")]

browser = Browser(driver, WIDTH, 844, os.path.abspath("profile"), spki)
try:
    # --- login: a wrong password, then the right one, with the keyboard alone
    state, verifier = authorize()
    look("login", "wlcg - Log in", "Log in to wlcg", LOGIN)
    assert browser.focused().label == "Username"
    browser.focused().keys("alice" + TAB)
    assert browser.focused().label == "Password"
    browser.leave(browser.focused().keys, "wrong" + ENTER)
    look("login-failed", "wlcg - Log in", "Log in to wlcg", LOGIN)
    assert browser.one("[role=alert]").text == "Invalid username or password."
    browser.focused().keys("alice" + TAB)
    browser.leave(browser.focused().keys, "alice-password" + ENTER)

    # --- the acceptable use policy stands before everything else
    policy("policy", POLICY, "You have not accepted these rules yet.")
    browser.leave(browser.one("button").click)

    # --- consent: every scope in words
    if COMPAT == "iam-1.7":
        # It has forgotten what the person came for.
        state, verifier = authorize()
    consent("consent", LONG, WORDS)
    assert "Alice Doe" in browser.one("main").text
    browser.leave(browser.all("button")[0].click)
    assert browser.one("h1").text == "Welcome back", browser.url
    came = Application.came.pop()
    assert came["state"] == [state] and came.get("iss") == ([ISSUER] if COMPAT == "strict" else None), came
    status, tokens = post(
        "token",
        urllib.parse.urlencode(
            {"grant_type": "authorization_code", "code": came["code"][0], "redirect_uri": CALLBACK, "code_verifier": verifier}
        ),
        user=(client["client_id"], client["client_secret"]),
    )
    assert status == 200 and sorted(tokens["scope"].split()) == sorted(WORDS), tokens.get("scope")

    # --- somebody who is logged in is asked nothing but consent, and may refuse
    state, _ = authorize()
    browser.leave(browser.all("button")[1].click)
    assert browser.one("h1").text == "Welcome back", browser.url
    came = Application.came.pop()
    assert came["error"] == ["access_denied"] and came["state"] == [state] and "code" not in came, came

    # --- remembered for an hour: the second time nobody is asked
    authorize()
    browser.all("input[type=radio]")[1].click()
    browser.leave(browser.all("button")[0].click)
    assert "code" in Application.came.pop()
    authorize()
    assert browser.one("h1").text == "Welcome back" and "code" in Application.came.pop()

    # --- a device: no such code, the right one, consent, done
    status, device = post(
        "devicecode", urllib.parse.urlencode({"client_id": "trainee", "scope": "openid storage.read:/data"}), user=("trainee", "trainee-secret")
    )
    assert status == 200, (status, device)
    browser.open(device["verification_uri"])
    look("device", "wlcg - Connect a device", "Connect a device", CODE)
    browser.leave(browser.focused().keys, "NOSUCH" + ENTER)
    look("device-unknown-code", "wlcg - Connect a device", "Connect a device", CODE)
    assert browser.one("[role=alert]").text == "The code that you entered was not found."
    browser.leave(browser.one("#user_code").keys, device["user_code"] + ENTER)
    consent("device-consent", "Trainee's token agent", ["openid", "storage.read:/data"])
    assert device["user_code"] in browser.one("main").text
    browser.leave(browser.all("button")[0].click)
    look("device-approved", "wlcg - Device", "The device has been approved.", [])
    poll = urllib.parse.urlencode({"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device["device_code"]})
    status, tokens = post("token", poll, user=("trainee", "trainee-secret"))
    assert status == 200, (status, tokens)
    part = tokens["access_token"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sub"] == ALICE

    # --- a device, refused; by the link that has the code in it
    status, device = post("devicecode", urllib.parse.urlencode({"client_id": "trainee", "scope": "openid"}), user=("trainee", "trainee-secret"))
    browser.open(device["verification_uri_complete"])
    browser.leave(browser.all("button")[1].click)
    look("device-refused", "wlcg - Device", "The device has not been approved.", [])

    # --- what went wrong is said on a page
    authorize(redirect_uri="https://elsewhere.example/")
    look("error-redirect", "wlcg - Error", "OAuth Error", [])
    assert browser.url.startswith(ISSUER), browser.url
    authorize(client_id="nobody")
    look("error-client", "wlcg - Error", "OAuth Error", [])
    browser.open(ISSUER + "no/such/page")
    look("error-not-found", "wlcg - An unexpected error occurred", "404. Not Found", [("link", "Back to Login Page")])

    # --- home, and out
    browser.open(ISSUER)
    look("home", "wlcg - Home", "Alice Doe", [("button", "Log out")])
    assert sorted(line.text for line in browser.all("li")) == ["/wlcg", "/wlcg/test", "/wlcg/xfers"]
    browser.leave(browser.one("button").click)
    look("logged-out", "wlcg - Log in", "Log in to wlcg", LOGIN)
    assert browser.one("[role=status]").text == "You are logged out."
    browser.open(ISSUER + "dashboard")
    assert browser.one("h1").text == "Log in to wlcg"

    # --- with the home institute: a wrong password there, a change of mind, and then all the way through
    state, _ = authorize()
    browser.leave(browser.all("form[action='/openid_connect_login'] button")[0].click)
    assert browser.url.startswith(INSTITUTE), browser.url
    look("institute-login", "Example Institute - Log in", "Example Institute", AT_HOME)
    browser.focused().keys("b.roe" + TAB)
    browser.leave(browser.focused().keys, "wrong" + ENTER)
    look("institute-login-failed", "Example Institute - Log in", "Example Institute", AT_HOME)
    assert browser.one("[role=alert]").text == "Invalid username or password."
    browser.leave(browser.one("button").click)
    look("institute-refused", "wlcg - Log in", "Log in to wlcg", LOGIN)
    assert browser.one("[role=alert]").text == "Example Institute refused: access_denied: The person did not want to log in."
    go_home("b.roe", "institute-password")
    policy("institute-policy", POLICY, "You have not accepted these rules yet.")
    browser.leave(browser.one("button").click)
    if COMPAT == "iam-1.7":
        state, _ = authorize()
    consent("institute-consent", LONG, WORDS)
    assert "Bob Roe" in browser.one("main").text
    browser.leave(browser.all("button")[0].click)
    came = Application.came.pop()
    assert came["state"] == [state] and "code" in came, came

    # --- the signature lapses, and the rules change: the person who is logged in signs again, and reads why
    today = datetime.datetime.fromtimestamp(administer("POST", "/clock", {"advance": 0})["now"], datetime.UTC).date()
    administer("POST", "/clock", {"advance": 30 * 86400})
    authorize()
    policy("policy-lapsed", POLICY, f"You accepted these rules on {today}. That was good for 30 days")
    browser.leave(browser.one("button").click)
    authorize()
    assert browser.one("h1").text == f"Approve access for {LONG}", browser.url
    administer("PUT", "/aup", {"text": "Be kind.", "validity_days": 30})
    authorize()
    policy("policy-changed", "Be kind.", "These rules changed on ")
    browser.leave(browser.one("button").click)

    # --- somebody whom only the institute knows
    browser.open(ISSUER + "logout")
    browser.open(INSTITUTE + "/logout")
    look("institute-logged-out", "Example Institute - Logged out", "You are logged out of Example Institute.", [])
    browser.open(ISSUER)
    go_home("c.new", "institute-password")
    look("no-account", "wlcg - No account", "You have no account at wlcg", [("link", "Back to Login Page")])
    lines = [line.text for line in browser.all("li")]
    assert lines == [f"Identity provider: {INSTITUTE}", "Subject: c.new@institute.example", "Name: Carol New", "Mail address: c.new@institute.example"], lines
    browser.open(ISSUER + "dashboard")
    assert browser.one("h1").text == "Log in to wlcg"
    print(f"{COMPAT}: Chromium {browser.version}: {len(looked)} pages")
finally:
    browser.picture(f"{pictures}/last.png")
    browser.close()
