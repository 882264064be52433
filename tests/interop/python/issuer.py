"""The served world as the Python cases see it, and a person at the issuer's pages."""

import base64
import html.parser
import json
import os
import urllib.parse
import uuid

import requests

ISSUER = os.environ["IAM_URL"] + "/"
SE1 = os.environ["SE1_URL"]
SE2 = os.environ["SE2_URL"]
ALGORITHM = os.environ["ALGORITHM"]
ANY = "https://wlcg.cern.ch/jwt/v1/any"
ALICE = "a1b98335-9649-4fb0-961d-5a49ce108d49"
CLIENT = ("trainee", "trainee-secret")
REDIRECT = "http://localhost:8080/"


def metadata():
    return requests.get(ISSUER + ".well-known/openid-configuration", timeout=60).json()


def token(**form):
    """A token answer of client trainee; checks nothing but the status."""
    form.setdefault("grant_type", "client_credentials")
    answer = requests.post(ISSUER + "token", auth=CLIENT, data=form, timeout=60)
    assert answer.status_code == 200, (answer.status_code, answer.text)
    return answer.json()


def claims(access_token):
    part = access_token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def changed(access_token):
    """The same with another subject under the old signature."""
    head, _, signature = access_token.split(".")
    body = claims(access_token) | {"sub": str(uuid.uuid4())}
    body = base64.urlsafe_b64encode(json.dumps(body).encode()).rstrip(b"=").decode()
    return ".".join((head, body, signature))


class Form(html.parser.HTMLParser):
    """One form of a page, the first that has the button `press` and the fields `filled`: where it goes, and what it sends."""

    def __init__(self, page, press=None, filled=()):
        super().__init__()
        self.forms, self.press = [], press
        self.feed(page)
        wanted = set(filled) | ({press} if press else set())
        self.action, self.fields = next(((action, fields) for action, fields in self.forms if wanted <= fields.keys()), (None, {}))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.forms.append((attrs["action"], {}))
        if not self.forms:
            return
        _, fields = self.forms[-1]
        if tag == "button" and attrs.get("name") == self.press and self.press:
            fields[self.press] = attrs["value"]
        if tag != "input" or "name" not in attrs:
            return
        if attrs.get("type") in ("radio", "checkbox") and "checked" not in attrs:
            return
        if attrs.get("type") != "submit":
            fields[attrs["name"]] = attrs.get("value", "")


class Person:
    """Somebody with a browser that shows forms and follows redirects."""

    def __init__(self, username, password):
        self.username, self.password = username, password
        self.browser = requests.Session()

    def submit(self, page, press=None, **filled):
        form = Form(page.text, press, filled)
        assert form.action, page.text
        return self.browser.post(
            urllib.parse.urljoin(page.url, form.action), data=form.fields | filled, timeout=60, allow_redirects=False
        )

    def follow(self, answer):
        """Goes where an answer points, as far as the issuer itself; the last answer."""
        while answer.is_redirect and answer.headers["location"].startswith(ISSUER):
            answer = self.browser.get(answer.headers["location"], timeout=60, allow_redirects=False)
        return answer

    def open(self, url):
        """Opens an address, logging in on the way when asked to."""
        page = self.follow(self.browser.get(url, timeout=60, allow_redirects=False))
        if "Log in" in page.text:
            page = self.follow(self.submit(page, username=self.username, password=self.password))
        return page

    def authorize(self, url, press="authorize"):
        """Opens an authorization request and answers it: the address the browser is sent back to."""
        page = self.open(url)
        assert "Approve access" in page.text, page.text
        answer = self.submit(page, press)
        assert answer.is_redirect, (answer.status_code, answer.text)
        return answer.headers["location"]

    def connect(self, url, press="authorize"):
        """Opens the address that a device shows, and answers."""
        page = self.open(url)
        assert "Approve access" in page.text, page.text
        return self.submit(page, press)
