"""Every relative link leads somewhere, and every `doorbell …` command exists."""

from __future__ import annotations

import argparse
import functools
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from doorbell.cli.main import build_parser

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
# What a page writes in place of a word of the reader's: NAME, PHOTO…, [TARGET], …
PLACEHOLDER = re.compile(r"^\[?[A-Z]+…?\]?$|^…$|^\[")

pytestmark = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT))
)


def anchors(page: Path) -> set[str]:
    """The headings' anchors, as GitHub makes them."""
    headings = HEADING.findall(FENCE.sub("", page.read_text()))
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def console_commands(text: str) -> Iterator[list[str]]:
    """The words after `doorbell` of each line that a reader is told to type."""
    for language, body in FENCE.findall(text):
        for line in body.splitlines() if language == "console" else ():
            if line.startswith("$ "):
                words = shlex.split(line[2:], comments=True)
                yield from doorbell_words(words)


def doorbell_words(words: list[str]) -> Iterator[list[str]]:
    """What follows `doorbell` in a line, up to the shell's own signs."""
    while words and ("=" in words[0] or words[0] == "sudo"):
        words = words[1:]
    if words and words[0] == "doorbell":
        ends = [words.index(sign) for sign in (">", "|", "&&") if sign in words]
        yield words[1 : min(ends, default=len(words))]


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


@functools.cache
def whole_parser() -> argparse.ArgumentParser:
    return build_parser()


def is_understood(words: list[str]) -> bool:
    """Whether the program takes these arguments."""
    try:
        whole_parser().parse_args(words)
    except SystemExit as end:
        return not end.code
    return True


def unknown_word(mention: str) -> str | None:
    """The first word of a command in running text that the program does not know."""
    parser = whole_parser()
    for word in mention.split()[1:]:
        inner = subcommands(parser)
        if word == "…":
            return None  # any command: what follows belongs to some of them
        if word.startswith("-"):
            if word.rstrip("]") not in parser._option_string_actions:
                return word
        elif word in inner:
            parser = inner[word]
        elif inner and "|" in word:
            return next((one for one in word.split("|") if one not in inner), None)
        elif inner and not PLACEHOLDER.match(word):
            return word
    return None


def test_every_relative_link_leads_somewhere(page: Path) -> None:
    prose = FENCE.sub("", page.read_text())
    for link in LINK.findall(prose):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_command_to_be_typed_is_understood(page: Path) -> None:
    for words in console_commands(page.read_text()):
        assert is_understood(words), words


def test_every_command_that_is_mentioned_exists(page: Path) -> None:
    for mention in INLINE.findall(FENCE.sub("", page.read_text())):
        if mention.split()[0] == "doorbell":
            assert unknown_word(mention) is None, mention
