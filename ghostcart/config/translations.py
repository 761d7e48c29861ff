"""The translations, without GNU gettext: `python -m ghostcart.config.translations extract|compile|check`.

extract   collects the texts of the sources into locale/<language>/LC_MESSAGES/django.po
compile   writes the .mo beside each .po, which is what Django reads; needs no settings
check     tells what is missing or wrong, and ends with 1 if anything is

The texts in the sources are English, so English needs no catalogue.
"""

import html.parser
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).resolve().parent.parent
LOCALE = PACKAGE / "locale"

# Language: its name, and how it counts. French has the singular for 0 too. CLDR's form for whole millions
# ("1 milione di ...") belongs to numbers in words; ours are in figures.
LANGUAGES = {
    "it": ("Italian", "nplurals=2; plural=(n != 1);"),
    "es": ("Spanish", "nplurals=2; plural=(n != 1);"),
    "de": ("German", "nplurals=2; plural=(n != 1);"),
    "fr": ("French", "nplurals=2; plural=(n > 1);"),
    "nl": ("Dutch", "nplurals=2; plural=(n != 1);"),
}

# No dates and no names: a catalogue changes only when a text does.
HEADER = r"""# The {name} texts of Ghostcart, collected by "python -m ghostcart.config.translations extract".
msgid ""
msgstr ""
"Language: {language}\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"
"Plural-Forms: {plural_forms}\n"

"""

# Which arguments are texts; "c" marks the context.
KEYWORDS: dict[str, tuple | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}

Key = tuple[str, str | None]  # text and context: what a message is looked up by


# -- extract -----------------------------------------------------------------------------------------------------


def python_sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)


def template_sources() -> list[Path]:
    return sorted(path for kind in ("html", "txt", "mjml") for path in PACKAGE.glob(f"*/templates/**/*.{kind}"))


def as_python(path: Path) -> bytes:
    """A template as the calls of gettext that its tags stand for."""
    from django.utils.translation.template import templatize

    calls = templatize(path.read_text(encoding="utf-8"), origin=str(path))
    # The reader of Python minds indentation, and a template's means nothing.
    return "\n".join(line.strip() for line in calls.split("\n")).encode()


def found() -> Catalog:
    """Every text of the sources, without translations."""
    from babel.messages.extract import extract, extract_python

    python: Any = extract_python  # by name it would be looked for among all installed packages
    texts = Catalog()
    sources = [(path, path.read_bytes()) for path in python_sources()]
    sources += [(path, as_python(path)) for path in template_sources()]
    for path, source in sources:
        place = path.relative_to(PACKAGE.parent).as_posix()
        for _line, text, comments, context in extract(
            python, BytesIO(source), KEYWORDS, comment_tags=("Translators",), options={"encoding": "utf-8"}
        ):
            if text and text != ("", ""):
                texts.add(text, None, [(place, 0)], auto_comments=comments, context=context)
    return texts


def path_of(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def read(language: str) -> Catalog:
    """The catalogue as it lies on disk; empty if there is none."""
    path = path_of(language)
    name, plural_forms = LANGUAGES[language]
    empty = HEADER.format(name=name, language=language, plural_forms=plural_forms).encode()
    return read_po(BytesIO(path.read_bytes() if path.exists() else empty), locale=language)


def key(message: Message) -> Key:
    return (message.id if isinstance(message.id, str) else message.id[0]), message.context


def texts_of(catalog: Catalog) -> dict[Key, Message]:
    return {key(message): message for message in catalog if message.id}


def kept(message: Message, old: Message | None, plurals: int) -> str | tuple[str, ...]:
    """The translation a text had, if it still is that text. Never a guess from one that looks like it."""
    if old is not None and old.id == message.id:
        return old.string if isinstance(old.string, str) else strings_of(old)
    return ("",) * plurals if message.pluralizable else ""


def merged(language: str, texts: Catalog) -> bytes:
    """The catalogue as it should lie on disk: the texts of the sources with the translations it has."""
    old = read(language)
    known = texts_of(old)
    new = Catalog(locale=language)
    name, new_plural_forms = LANGUAGES[language]
    new.mime_headers = [("Plural-Forms", new_plural_forms)]
    for message in sorted(texts_of(texts).values(), key=lambda m: (key(m)[0], m.context or "")):
        was = known.get(key(message))
        new.add(
            message.id,
            kept(message, was, new.num_plurals),
            message.locations,
            flags=was.flags & {"fuzzy"} if was else (),
            auto_comments=message.auto_comments,
            user_comments=was.user_comments if was else (),
            context=message.context,
        )
    file = BytesIO(HEADER.format(name=name, language=language, plural_forms=new_plural_forms).encode())
    file.seek(0, os.SEEK_END)
    write_po(file, new, width=0, omit_header=True, include_lineno=False)
    return file.getvalue().rstrip() + b"\n"


def replace(path: Path, content: bytes) -> None:
    """Writes a file at one stroke: a running server may be reading the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(path)


def extract_all() -> None:
    texts = found()
    for language in LANGUAGES:
        before = len(texts_of(read(language)))
        content = merged(language, texts)
        replace(path_of(language), content)
        after = texts_of(read(language))
        empty = sum(not is_translated(message) for message in after.values())
        print(f"{language}: {len(after)} texts ({len(after) - before:+d}), {empty} without translation")


# -- compile -----------------------------------------------------------------------------------------------------


def compiled(language: str) -> bytes:
    """The .mo of a catalogue: the same bytes for the same texts."""
    from datetime import UTC, datetime

    catalog = read(language)
    catalog.creation_date = catalog.revision_date = datetime(2000, 1, 1, tzinfo=UTC)
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def compile_all() -> None:
    for language in LANGUAGES:
        if path_of(language).exists():
            replace(path_of(language).with_suffix(".mo"), compiled(language))


# -- check -------------------------------------------------------------------------------------------------------

PLACEHOLDER = re.compile(r"%\([^)]*\)[a-zA-Z]|%[sdifr]|\{[^{}]*\}")
GOOD_PLACEHOLDER = re.compile(r"%\([a-z_][a-z0-9_.]*\)[sd]|\{[a-z_][a-z0-9_]*\}", re.IGNORECASE)


class Tags(html.parser.HTMLParser):
    """The HTML tags of a text, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[f"{tag} {sorted(attrs)}"] += 1

    def handle_endtag(self, tag: str) -> None:
        self.found[f"/{tag}"] += 1


def placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text.replace("%%", "")))


def is_word(text: str) -> bool:
    return any(character.isalpha() for character in text)


def strings_of(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def is_translated(message: Message) -> bool:
    return bool(message.string) and all(string.strip() for string in strings_of(message))


def pairs_of(language: str, message: Message) -> Iterator[tuple[str, str]]:
    """Each translated string with the English one it has to agree with."""
    if isinstance(message.id, str):
        yield message.id, strings_of(message)[0]
        return
    one, many = message.id
    for form, string in enumerate(strings_of(message)):
        if form > 0:
            yield many, string
        elif placeholders(many) >= placeholders(string) > placeholders(one) or language == "fr":
            # "1 cart" may be said for "one cart"; in French this form also stands for 0, so it must count.
            yield many, string
        else:
            yield one, string


def faults_of(english: str, string: str) -> Iterator[str]:
    """What a translated string lost or invented."""
    if placeholders(english) != placeholders(string):
        wanted, has = sorted(placeholders(english)), sorted(placeholders(string))
        yield f"placeholders {has} instead of {wanted}"
    if Tags(english).found != Tags(string).found:
        yield "other HTML tags"
    # A colon alone has a space before it in French.
    if is_word(english) and len(english) - len(english.strip()) != len(string) - len(string.strip()):
        yield "other white space at an end"


def problems(language: str, texts: Catalog) -> Iterator[str]:
    wanted, known = texts_of(texts), texts_of(read(language))
    for name in sorted(wanted.keys() - known.keys(), key=str):
        yield f"not in the catalogue: {name[0]!r}"
    for name in sorted(known.keys() - wanted.keys(), key=str):
        yield f"no longer in the sources: {name[0]!r}"
    for message in known.values():
        text = key(message)[0]
        if message.fuzzy:
            yield f"fuzzy: {text!r}"
        if not is_translated(message):
            yield f"without translation: {text!r}"
            continue
        for english, string in pairs_of(language, message):
            for fault in faults_of(english, string):
                yield f"{fault}: {english!r} -> {string!r}"
    path = path_of(language)
    if not path.exists() or path.read_bytes() != merged(language, texts):
        yield "not up to date: run 'python -m ghostcart.config.translations extract'"


def bad_texts(texts: Catalog) -> Iterator[str]:
    """Texts that no translator could do well: they name no word for a value, or carry a filter."""
    for message in texts_of(texts).values():
        for text in [message.id] if isinstance(message.id, str) else message.id:
            for placeholder in sorted(placeholders(text)):
                if not GOOD_PLACEHOLDER.fullmatch(placeholder):
                    places = ", ".join(place for place, _line in message.locations)
                    yield f"placeholder {placeholder!r} is not a plain name: {text!r} ({places})"


def all_problems() -> list[str]:
    texts = found()
    lines = [f"en: {problem}" for problem in bad_texts(texts)]
    for language in LANGUAGES:
        lines += [f"{language}: {problem}" for problem in problems(language, texts)]
    return lines


def check() -> int:
    """Prints what is wrong; the number of faults."""
    lines = all_problems()
    print("\n".join(lines) or "The translations are complete.")
    return len(lines)


def main(arguments: list[str]) -> int:
    match arguments:
        case ["extract"]:
            extract_all()
        case ["compile"]:
            compile_all()
        case ["check"]:
            return 1 if check() else 0
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
