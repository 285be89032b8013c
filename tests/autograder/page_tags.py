"""The tags of a page, and those that our own pages have."""

from __future__ import annotations

from html.parser import HTMLParser


class Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs


OWN_TAGS = set(
    "html head meta title style body main header section h1 h2 p div b strong svg rect text g image circle path span "
    "details summary ul li dl dt dd code footer".split()
)
