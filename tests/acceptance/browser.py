"""A real browser, logged in to the console, that notes what its pages complain about."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.sync_api import Browser, Page, sync_playwright

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


@dataclass(slots=True)
class Chromium:
    """Debian's Chromium before one platform; somebody logs in once, and each window is his."""

    browser: Browser
    platform: Platform
    _login: Any = None

    @contextmanager
    def window(
        self, *, width: int = 1440, scheme: Literal["dark", "light"] = "light", has_clock: bool = False
    ) -> Iterator[Window]:
        """A window on the overview; `has_clock` leaves the page's time to the test."""
        self._login = self._login or self._logged_in()
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, storage_state=self._login
        )
        page = context.new_page()
        if has_clock:
            page.clock.install()
        opened = Window(page, f"http://127.0.0.1:{self.platform.port}")
        page.on("console", lambda said: opened.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.open("/admin/")
        try:
            yield opened
        finally:
            context.close()

    def _logged_in(self) -> Any:
        user, password = self.platform.login()
        context = self.browser.new_context()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{self.platform.port}/admin/login/?next=/admin/")
        page.fill("#id_username", user)
        page.fill("#id_password", password)
        page.click("[type=submit]")
        page.wait_for_selector("#live")
        state = context.storage_state()
        context.close()
        return state


@contextmanager
def chromium(platform: Platform) -> Iterator[Chromium]:
    """Start the browser; without it the test is skipped by name, or fails where none may be."""
    program = shutil.which("chromium")
    if program is None:
        is_missing("browser", package="chromium")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        try:
            yield Chromium(browser, platform)
        finally:
            browser.close()
