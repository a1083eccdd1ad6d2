"""The API page at /docs: whole, ours alone, and without a script. The browser is a real one where one is installed."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from network import QuietHandler, listening
from processes import wait_for

from service.reference import reference
from service.settings import Settings

TOKEN = "a-secret-of-this-test"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BROWSERS_OWN = ("google.com", "googleapis.com", "gvt1.com")
"""Whom the browser asks on its own account, whatever it shows."""
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-default-apps"),
)


@pytest.fixture(scope="module")
def http(serving: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with serving(Settings(data=tmp_path_factory.mktemp("data"), database=None)) as found:
        yield found


@pytest.fixture(scope="module")
def page(http: httpx.Client) -> str:
    answer = http.get("/docs")
    assert answer.status_code == 200
    return answer.text


@pytest.fixture(scope="module")
def document(http: httpx.Client) -> dict[str, Any]:
    return http.get("/openapi.json").json()


def test_every_operation_of_the_description_has_its_place_and_a_link(page: str, document: dict[str, Any]) -> None:
    asked = [
        (method.upper(), path, of) for path, methods in document["paths"].items() for method, of in methods.items()
    ]

    assert len(asked) > 20
    for method, path, of in asked:
        section = page.partition(f'<section id="{of["operationId"]}">')[2].partition("</section>")[0]
        assert f">{method}</span> <code>{path}</code>" in section
        assert f'href="#{of["operationId"]}"' in page


def test_every_link_within_the_page_leads_somewhere(page: str) -> None:
    wanted, there = set(re.findall(r'href="#([^"]+)"', page)), re.findall(r'id="([^"]+)"', page)

    assert len(wanted) > 60
    assert wanted <= set(there)
    assert len(there) == len(set(there))


def test_it_holds_no_script_no_inline_style_and_no_address_of_another_host(page: str) -> None:
    assert page.startswith("<!doctype html>")
    assert not re.search(r"<script|\son\w+=|javascript:|\sstyle=|<style|<iframe|<img", page)
    assert set(re.findall(r'(?:src|href)="([^"#][^"]*)"', page)) == {"docs/style.css", "openapi.json"}


def test_its_style_sheet_asks_for_nothing(http: httpx.Client) -> None:
    answer = http.get("/docs/style.css")

    assert answer.headers["Content-Type"].startswith("text/css")
    assert not re.search(r"@import|url\(|@font-face", answer.text)
    assert "prefers-color-scheme: dark" in answer.text


@pytest.mark.parametrize("path", ["/docs", "/docs/style.css"])
def test_its_policy_allows_its_own_style_sheet_and_nothing_else(http: httpx.Client, path: str) -> None:
    policy = dict(part.strip().split(" ", 1) for part in http.get(path).headers["Content-Security-Policy"].split(";"))

    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == "'self'"
    assert not {"script-src", "img-src", "connect-src"} & set(policy)


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_commands_that_need_no_study_and_no_worker_run_as_they_are_printed(http: httpx.Client, page: str) -> None:
    commands = [html.unescape(found) for found in re.findall(r"<pre>(curl .*?)</pre>", page, re.DOTALL)]
    ready = [one for one in commands if "$STUDY" not in one and ("-X" not in one or "/schedules/preview" in one)]

    assert len(commands) > 20
    assert len(ready) >= 7
    for command in ready:
        asked = subprocess.run(
            ["sh", "-c", command],
            env={**os.environ, "SERVICE": str(http.base_url), "no_proxy": "*"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert asked.returncode == 0, (command, asked.stderr)


def test_where_a_token_is_set_the_page_is_open_and_its_commands_send_one(serving: Any, tmp_path: Path) -> None:
    with (
        serving(Settings(data=tmp_path, database=None, token=TOKEN), TOKEN) as locked,
        httpx.Client(base_url=locked.base_url, trust_env=False) as stranger,
    ):
        shown, described = stranger.get("/docs"), stranger.get("/openapi.json")

    assert (shown.status_code, described.status_code) == (200, 401)
    assert TOKEN not in shown.text
    commands = re.findall(r"<pre>(curl .*?)</pre>", shown.text, re.DOTALL)
    without = [command for command in commands if "Authorization: Bearer $CLR_TOKEN" not in html.unescape(command)]
    assert [command.split("$SERVICE")[1] for command in without] == ["/healthz"]


def test_the_reference_is_that_of_the_document_alone(document: dict[str, Any]) -> None:
    shown = reference(document)

    assert {model.name for model in shown.models} == set(document["components"]["schemas"])
    assert sum(len(subject.operations) for subject in shown.subjects) == sum(map(len, document["paths"].values()))
    assert {"401", "422", "503"} <= set(shown.problems)


@dataclass
class Proxy:
    """Between browser and service: lets the service be reached, and writes down and refuses everything else.

    `added`: what it slips into the page.
    """

    target: str
    added: str = ""
    asked: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def proxy(http: httpx.Client) -> Iterator[Proxy]:
    found = Proxy(urlsplit(str(http.base_url)).netloc)

    class Handler(QuietHandler):
        def do_CONNECT(self) -> None:
            self._refuse(self.path.partition(":")[0])

        def _refuse(self, host: str) -> None:
            found.foreign += [] if host.endswith(BROWSERS_OWN) else [host]
            self.send_error(502)

        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers["Content-Length"])).decode()
            found.violations += [said] if self.path.endswith("/violations") else []
            self.send_response(204)
            self.end_headers()

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.netloc != found.target:
                self._refuse(parts.hostname or "")
                return
            found.asked.append(parts.path)
            answer = http.get(parts.path)
            content = answer.content.replace(b"</body>", found.added.encode() + b"</body>")
            self.send_response(answer.status_code)
            policy = answer.headers.get("Content-Security-Policy", "default-src 'none'")
            self.send_header("Content-Security-Policy", f"{policy}; report-uri /violations")
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with listening(Handler) as found.url:
        yield found


def browse(proxy: Proxy, folder: Path) -> str:
    """The page as a browser makes it, whose every request goes through the proxy; its picture is page.png."""
    through = (f"--proxy-server={proxy.url}", "--proxy-bypass-list=<-loopback>", f"--user-data-dir={folder / 'user'}")
    shown = (f"--screenshot={folder / 'page.png'}", "--dump-dom", f"http://{proxy.target}/docs")
    command = [str(CHROMIUM), *QUIET, *through, *shown]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_shows_every_operation_and_asks_no_other_host(
    proxy: Proxy, document: dict[str, Any], tmp_path: Path
) -> None:
    dumped = browse(proxy, tmp_path)

    for path, methods in document["paths"].items():
        for method, asked in methods.items():
            assert f'id="{asked["operationId"]}"' in dumped
            assert f"{method.upper()}</span> <code>{path}</code>" in dumped
    assert "/docs/style.css" in proxy.asked
    assert set(proxy.asked) <= {"/docs", "/docs/style.css", "/favicon.ico"}
    assert proxy.foreign == []
    assert proxy.violations == []
    assert (tmp_path / "page.png").stat().st_size > 20_000


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_picture_from_elsewhere_and_an_inline_script_would_be_refused_and_seen(proxy: Proxy, tmp_path: Path) -> None:
    proxy.added = '<img src="http://elsewhere.example/x.png"><script>document.body.id = "ran"</script>'

    dumped = browse(proxy, tmp_path)

    assert 'id="ran"' not in dumped
    assert proxy.foreign == []
    wait_for(lambda: len(proxy.violations) >= 2, f"two reports, of {proxy.violations}", 10)
