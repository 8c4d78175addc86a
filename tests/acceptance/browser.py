"""A real browser, logged in to the console, that notes what its pages complain about."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from playwright.sync_api import Page, sync_playwright

from tests.acceptance.platform import Platform
from tests.debian import is_missing


@dataclass(slots=True)
class Window:
    """A page of the console; `complaints` are errors of its scripts, refusals of its policy and what did not load."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a path of the console, and wait until it has loaded."""
        self.page.goto(self.base + path, wait_until="load")


@contextmanager
def window(
    platform: Platform, *, width: int = 1440, scheme: Literal["dark", "light"] = "light", has_clock: bool = False
) -> Iterator[Window]:
    """Debian's Chromium with one page, logged in; `has_clock` leaves the page's time to the test."""
    program = shutil.which("chromium")
    if program is None:
        is_missing("browser", package="chromium")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        if has_clock:
            page.clock.install()
        opened = Window(page, f"http://127.0.0.1:{platform.port}")
        page.on("console", lambda said: opened.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        _log_in(opened, platform)
        yield opened
        browser.close()


def _log_in(opened: Window, platform: Platform) -> None:
    user, password = platform.login()
    opened.open("/admin/login/")
    opened.page.fill("#id_username", user)
    opened.page.fill("#id_password", password)
    opened.page.click("[type=submit]")
    opened.page.wait_for_selector("#live")
