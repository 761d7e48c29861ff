"""A drawn mail, read as a mail program would: its tags, links and pictures, and the words that a person sees."""

import re
from html.parser import HTMLParser

TAGS = {
    "html", "head", "title", "meta", "style", "body", "div", "table", "tbody", "tr", "td", "p", "br", "ul", "li", "a",
    "img", "span", "strong", "bdi",
}  # fmt: skip
"""All that a mail is made of: no script, no form, no frame, no link to a style sheet."""


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.title = ""
        self._inside: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        values = dict(attributes)
        if tag == "a":
            self.links.append(values["href"])
        if tag == "img":
            self.pictures.append(values["src"])
        if tag in ("title", "style"):
            self._inside.append(tag)

    def handle_endtag(self, tag):
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data):
        if not self._inside:
            self.words.append(data)
        elif self._inside[-1] == "title":
            self.title += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def addresses(text: str) -> set[str]:
    """The links of a text part: each stands at the end of its line."""
    return set(re.findall(r"https?://\S+$", text, re.MULTILINE))
