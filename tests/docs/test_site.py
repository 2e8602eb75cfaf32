"""The built site: no warning, no broken link, nothing from elsewhere, and how a browser shows it."""

import functools
import html
import html.parser
import http.server
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from site_parts import api, notebooks, recipes

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)

PACKAGES = ("mkdocs", "material", "mkdocstrings", "math_core", "ziamath")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, PACKAGES)),
        reason="what requirements-site.txt names is not installed: make site installs it",
    ),
]
in_a_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium or Chrome is installed to open the site in"
)

# Attributes that make a browser fetch something by itself.
FETCHED = {
    *(("script", "src"), ("img", "src"), ("img", "srcset"), ("source", "src"), ("source", "srcset")),
    *(("iframe", "src"), ("video", "src"), ("audio", "src"), ("embed", "src"), ("object", "data")),
    *(("link", "href"), ("input", "src"), ("use", "href"), ("image", "href")),
}


class Page(html.parser.HTMLParser):
    """A page's links, what it fetches, its identifiers, its styles and its text."""

    def __init__(self, text):
        super().__init__()
        self.links, self.fetched, self.ids, self.styles = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes[a] for a in ("id", "name") if attributes.get(a)}
        self.styles.append(attributes.get("style") or "")
        for name, value in attributes.items():
            if value and (tag, name) in FETCHED:
                self.fetched.append(value)
            elif value and tag == "a" and name == "href":
                self.links.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site") / "site"
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr, built.stderr
    return folder


@pytest.fixture(scope="module")
def built_pages(site):
    """Every page's path below the site's folder, and the page."""
    return {
        path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
    }


def is_elsewhere(link):
    return bool(urlsplit(link).netloc)


def test_every_link_leads_to_a_page_or_file_and_to_a_place_on_it(site, built_pages):
    broken = []
    for name, page in built_pages.items():
        for link in {*page.links, *page.fetched}:
            parts = urlsplit(urljoin(f"/{name}", link))
            if is_elsewhere(link) or parts.scheme:
                continue
            path = unquote(parts.path).lstrip("/")
            if (site / path).is_dir():
                path = f"{path.rstrip('/')}/index.html".lstrip("/")
            if not (site / path).is_file():
                broken.append((name, link))
            elif parts.fragment and path in built_pages:
                ids = built_pages[path].ids | {"__search"}
                if unquote(parts.fragment) not in ids and parts.fragment not in ids:
                    broken.append((name, link))
    assert broken == []


def test_nothing_is_fetched_from_elsewhere(site, built_pages):
    fetched = [(name, u) for name, page in built_pages.items() for u in page.fetched if is_elsewhere(u)]
    assert fetched == []
    styles = [style for page in built_pages.values() for style in page.styles]
    styles += [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    styles += re.findall(
        r"<style[^>]*>(.*?)</style>", (site / "index.html").read_text(encoding="utf-8"), re.DOTALL
    )
    urls = [
        u
        for style in styles
        for u in re.findall(r"(?:url\(|@import(?!\s+url))\s*[\"']?([^\"')]+)", style)
    ]
    assert urls and [u for u in urls if is_elsewhere(u)] == []


def test_every_recipe_notebook_and_name_of_the_library_has_its_page(built_pages):
    for name in recipes.names():
        assert f"recipes/{name}.html" in built_pages
    for name in notebooks.names():
        assert f"notebooks/{name}.html" in built_pages
    for module in api.offered():
        ids = built_pages[f"api/{module}.html"].ids
        assert {f"rnn_kit.{module}.{name}" for name in api.offered(module)} <= ids


def test_every_formula_of_the_notebooks_is_set(site):
    for name in notebooks.names():
        text = (site / f"notebooks/{name}.html").read_text(encoding="utf-8")
        assert text.count("<math") >= (ROOT / f"notebooks/{name}.py").read_text().count("$$") // 2 > 0
        assert 'class="arithmatex"' not in text
        for formula in re.findall(r"<math.*?</math>", text, re.DOTALL):
            assert "\\" not in re.sub(r"<annotation.*?</annotation>|<[^>]*>", "", formula), formula


# --- in a browser ------------------------------------------------------------------------------------

# A page that shows another one in a frame, asks it a question over and over until it has an answer, and
# then holds nothing but the answer. Until then `/wait` keeps the browser from dumping what it holds.
DRIVER = """<!doctype html><meta charset="utf-8"><body>
<iframe id="frame" width="%(width)s" height="900" src="%(page)s"></iframe><img src="/wait">
<script>
const frame = document.getElementById("frame"), began = Date.now();
function ask() {
  const page = frame.contentDocument, view = frame.contentWindow;
  const $ = (query) => [...page.querySelectorAll(query)];
  const there = page && page.readyState === "complete" && page.URL !== "about:blank";
  let answer = null;
  try {
    if (there) answer = (() => { %(question)s })();
  } catch (error) {
    answer = String(error);
  }
  if (answer === null && Date.now() - began < 120000) return setTimeout(ask, 100);
  document.body.textContent = JSON.stringify(answer);
  fetch("/answered");
}
ask();
</script>
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site, and a driver page in which it is asked."""

    def do_GET(self):
        if self.path == "/driver":
            self.answer(self.server.driver.encode())
        elif self.path == "/answered":
            self.server.answered.set()
            self.answer(b"")
        elif self.path == "/wait":
            self.server.answered.wait(150)
            self.answer(b"")
        else:
            super().do_GET()

    def answer(self, content):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server(site):
    """A server of the built site on the loopback address."""
    handler = functools.partial(Handler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def ask(server, tmp_path):
    """Opens a page in a browser, and asks it, in JavaScript, until it answers."""

    def ask(page, question, width=1280):
        server.driver = DRIVER % {"page": page, "width": width, "question": question}
        server.answered = threading.Event()
        dom = opened(f"http://127.0.0.1:{server.server_port}/driver", tmp_path)
        return json.loads(html.unescape(re.search(r"<body>(.*)</body>", dom, re.DOTALL)[1]))

    return ask


def opened(address, folder, *flags):
    """A page as its scripts have left it, in a browser that reaches this machine alone."""
    return subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
         f"--user-data-dir={folder / 'profile'}", *flags, "--dump-dom", address],
        capture_output=True, text=True, timeout=180, check=True,
    ).stdout  # fmt: skip


FOUND = """
  const found = $(".md-search-result__item a").map((a) => a.href.replace(/[?][^#]*/, ""));
  return found.length ? found : null;
"""


@in_a_browser
@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("peephole", "api/layers.html#rnn_kit.layers.PeepholeLSTM"),
        ("TemperatureSampler", "api/sampling.html#rnn_kit.sampling.TemperatureSampler"),
        ("循环神经网络", "zh.html"),
    ],
)
def test_the_search_finds(ask, words, page):
    found = ask(f"/index.html?q={words}", FOUND)
    assert any(link.endswith(f"/{page}") for link in found), found


@in_a_browser
def test_the_search_finds_in_pages_that_are_opened_from_the_disk(site, tmp_path):
    address = f"{(site / 'index.html').as_uri()}?q=peephole"
    found = Page(opened(address, tmp_path, "--virtual-time-budget=30000")).links
    assert any(
        re.search(r"api/layers.html(\?h=\w+)?#rnn_kit.layers.PeepholeLSTM$", link) for link in found
    )


LOOK = """
  const seen = {width: page.documentElement.scrollWidth, height: page.documentElement.scrollHeight};
  seen.title = $("h1")[0].textContent;
  seen.tabs = $(".md-tabs__link").map((a) => a.textContent.trim());
  seen.lost = $("img").filter((i) => i.loading !== "lazy" && !i.naturalWidth).map((i) => i.src);
  const fetched = view.performance.getEntriesByType("resource").map((r) => new URL(r.name).host);
  seen.hosts = [...new Set(fetched)];
  seen.formulas = $("math").filter((m) => m.getBoundingClientRect().height > 8).length;
  seen.fonts = [...page.fonts].map((f) => f.status);
  seen.equations = $("pre").map((p) => p.textContent).filter((t) => t.includes("∘ w_ci"));
  return seen;
"""
LOOKED_AT = ("index.html", "api/layers.html", "notebooks/2_text_generation.html")


@in_a_browser
@pytest.mark.parametrize("page", [*LOOKED_AT, "recipes/nietzsche_generation.html", "results.html"])
def test_a_page_fits_a_laptop_and_shows_what_it_has(ask, server, page):
    seen = ask(f"/{page}", LOOK)
    assert seen["width"] <= 1280 and seen["height"] > 900
    assert seen["lost"] == [] and seen["hosts"] == [f"127.0.0.1:{server.server_port}"]
    assert {"Home", "Recipes", "Notebooks", "Library", "中文"} <= set(seen["tabs"])
    if page == "api/layers.html":
        assert len(seen["equations"]) == 2  # the layer's and the cell's, each sign of them
    if page.startswith("notebooks/"):
        assert seen["formulas"] > 10 and seen["fonts"] == ["loaded"]


# Measures the page in the frame, and opens the next one there until all are measured.
MEASURE = """
  window.widths = window.widths || {};
  widths[view.location.pathname.slice(1)] = page.documentElement.scrollWidth;
  const next = %s.find((path) => !(path in widths));
  if (!next) return widths;
  if (frame.dataset.next !== next) frame.src = "/" + (frame.dataset.next = next);
  return null;
"""


@in_a_browser
def test_every_page_fits_a_phone(ask, built_pages):
    paths = sorted(path for path in built_pages if not path.startswith("source/"))
    widths = ask("/index.html", MEASURE % json.dumps(paths), width=400)
    assert set(widths) == set(paths)
    assert {path: width for path, width in widths.items() if width > 400} == {}
