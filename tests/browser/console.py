"""The console as somebody sees it: a page of Chromium, and whatever it complains of."""

import re
from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

PROBLEM = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")


@dataclass
class Console:
    """`complaints` must stay empty; `refusals` are statuses of answers that the test provokes."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    refusals: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        refused = PROBLEM.match(message.text)
        if message.type not in {"error", "warning"} or (refused and int(refused[1]) in self.refusals):
            return
        self.complaints.append(f"{message.type}: {message.text}")

    def keep_key(self, key: str) -> None:
        """Be signed in from the start, as a tab is that is loaded again."""
        script = f"sessionStorage.getItem('likeness.key') ?? sessionStorage.setItem('likeness.key', '{key}')"
        self.page.add_init_script(script)

    def open(self, path: str, heading: str | None = None) -> Page:
        """Go to a page of the console; wait until it is shown."""
        self.page.goto(f"{self.url}/console#{path}")
        if heading is not None:
            expect(self.heading(heading)).to_be_visible()
        return self.page

    def heading(self, text: str) -> Locator:
        return self.page.get_by_role("heading", level=1, name=text, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def focused(self) -> str:
        """The words of what has the focus."""
        return str(
            self.page.evaluate(
                "() => { const e = document.activeElement; return e === document.body ? '' "
                ": e.getAttribute('aria-label') "
                "|| (e.labels?.length ? e.labels[0].innerText : '') || e.innerText || e.name || e.tagName }"
            )
        ).strip()

    def tab_to(self, words: str, most: int = 60) -> None:
        """Press Tab until something of that name has the focus, which must be seen to have it."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if words in self.focused():
                assert self.page.evaluate("document.activeElement.matches(':focus-visible')")
                return
        raise AssertionError(f"Tab never reaches {words!r}; it is at {self.focused()!r}")
