"""The page that shows an API document needs nothing from elsewhere and shows everything."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from libs.service.app import create_app
from libs.service.docs_page import page
from libs.service.tests.pond import POND


class Opened(HTMLParser):
    """Counts the elements of a page and keeps the addresses it names."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One more of this element."""
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src"}]


def test_every_operation_is_on_the_page_and_nothing_comes_from_elsewhere() -> None:
    document = create_app(POND).openapi()
    html = page(document)
    operations = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert sorted(re.findall(r'<details id="(\w+)">', html)) == sorted(operations)
    opened = Opened()
    opened.feed(html)
    assert opened.tags["details"] == len(operations)
    assert {"script", "link", "img"}.isdisjoint(opened.tags)
    assert all(address.startswith(("#", "/")) for address in opened.addresses)


def test_the_page_is_no_part_of_the_api() -> None:
    assert "/docs" not in create_app(POND).openapi()["paths"]
