"""`make pictures`: draws what the README shows from a real run on the embedded emulator. A test fails when the terminal's are stale.

    python -m tools.pictures                     docs/pictures/: the terminal, and the page if there is a browser
    python -m tools.pictures page.html page.png  a page as a browser shows it

The terminal is a real one (a pty of so many columns), so that whatever the command line prints is drawn; the time is `tools.demo_run`'s.
"""

from __future__ import annotations

import contextlib
import fcntl
import html
import io
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pyte
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tools import demo_run

ROOT = demo_run.ROOT
FOLDER = ROOT / "docs" / "pictures"
COLUMNS, ROWS = 100, 200  # rows: more than anything prints, so that nothing scrolls away
RUN = ("run", demo_run.EVENT)
# File -> the language that it is printed in.
PICTURES: Mapping[str, str] = {"run.svg": "en", "run.zh-CN.svg": "zh-CN"}
PAGES: Mapping[str, str] = {"page.png": "en", "page.zh-CN.png": "zh-CN"}
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', monospace"
TEXT = re.compile(r'(<text class="[\w-]+-r\d+" x=")([\d.]+)(" y="[\d.]+" textLength=")([\d.]+)("[^>]*>)([^<]+)</text>')
NO_BREAK = "\N{NO-BREAK SPACE}"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# A page stands still, asks no network, and shows its beginning.
LOOKS = ("--headless", "--disable-gpu", "--no-sandbox", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND")
SIZE = ("--window-size=1100,900", "--force-device-scale-factor=1.5")


def terminal_after(args: Sequence[str], language: str) -> pyte.Screen:
    """A terminal in which the command line has run."""
    screen = pyte.Screen(COLUMNS, ROWS)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    with tempfile.TemporaryDirectory() as home, os.fdopen(ours, "rb", buffering=0) as terminal:
        environ = demo_run.surroundings(home, TERM="xterm-256color", UPKEEP_LANGUAGE=language)
        with subprocess.Popen(demo_run.words(*args), cwd=ROOT, env=environ, stdin=theirs, stdout=theirs, stderr=theirs) as running:
            os.close(theirs)
            if not _read(terminal, pyte.ByteStream(screen)):
                running.kill()
    if running.returncode:
        shown = "\n".join(line.rstrip() for line in screen.display).rstrip()
        raise SystemExit(f"dcs-upkeep {' '.join(args)} ended with {running.returncode}:\n{shown}")
    return screen


def _read(terminal: io.FileIO, stream: pyte.ByteStream) -> bool:
    """Until the other side is closed, which Linux tells by an error. Returns whether it was in time."""
    until = time.monotonic() + demo_run.LIMIT_S
    with contextlib.suppress(OSError):
        while select.select([terminal], [], [], max(0.0, until - time.monotonic()))[0]:
            read = terminal.read(65536)
            if not read:
                break
            stream.feed(read)
    return time.monotonic() < until


def lines_of(screen: pyte.Screen) -> list[Text]:
    """What it shows, with its colours, down to the last line that is not empty."""
    last = max((number for number, line in enumerate(screen.display) if line.strip()), default=-1)
    return [_line(screen, number) for number in range(last + 1)]


def _line(screen: pyte.Screen, number: int) -> Text:
    cells = [screen.buffer[number][column] for column in range(COLUMNS)]
    while cells and not cells[-1].data.strip() and cells[-1].bg == "default":
        cells.pop()
    made = Text()
    for cell in cells:
        style = Style(
            color=_colour(cell.fg),
            bgcolor=_colour(cell.bg),
            bold=cell.bold or None,
            italic=cell.italics or None,
            underline=cell.underscore or None,
            reverse=cell.reverse or None,
        )
        made.append(cell.data, style)
    return made


def _colour(name: str) -> str | None:
    """Rich's name of what pyte calls so."""
    if name == "default":
        return None
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    return name.replace("brown", "yellow").replace("bright", "bright_")


def drawn(screen: pyte.Screen, args: Sequence[str], name: str) -> str:
    """The terminal as an SVG that needs nothing from elsewhere. `name`: makes its identifiers differ from another's on one page."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "bold green"), (f"dcs-upkeep {' '.join(args)}", "bold")), soft_wrap=True)
    for line in lines_of(screen):
        console.print(line, soft_wrap=True)
    svg = console.export_svg(title="DCS Upkeep", theme=MONOKAI, unique_id=re.sub(r"\W", "-", name))
    svg = re.sub(r"\s*@font-face \{.*?\}|<!--.*?-->", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", FONTS)
    svg = TEXT.sub(_spread, svg)
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE).rstrip() + "\n"


def _spread(found: re.Match[str]) -> str:
    """Each wide sign by itself, over its two cells: Rich counts a sign as a cell."""
    left, x, between, length, after, text = found.groups()
    shown = html.unescape(text)
    if not any(cell_len(sign) > 1 for sign in shown):
        return found[0]
    cell, at, made = float(length) / len(shown), float(x), []
    for _, signs in groupby(enumerate(shown), key=lambda sign: sign[0] if cell_len(sign[1]) > 1 else -1):
        part = "".join(sign for _, sign in signs)
        width = cell_len(part) * cell
        made.append(f"{left}{at:g}{between}{width:g}{after}{html.escape(part).replace(NO_BREAK, '&#160;')}</text>")
        at += width
    return "".join(made)


def terminals() -> dict[Path, str]:
    """File -> what belongs into it."""
    return {FOLDER / name: drawn(terminal_after(RUN, language), RUN, name) for name, language in PICTURES.items()}


def browser() -> str | None:
    """Where a browser is; None if there is none."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def photograph(program: str, page: Path, picture: Path) -> None:
    """A page as a browser shows it."""
    with tempfile.TemporaryDirectory() as profile:
        words = [program, *LOOKS, *SIZE, f"--user-data-dir={profile}", f"--screenshot={picture.resolve()}", page.resolve().as_uri()]
        subprocess.run(words, check=True, capture_output=True, timeout=demo_run.LIMIT_S)


def write_page(page: Path, language: str) -> None:
    """The page of the same run, from its journal."""
    with tempfile.TemporaryDirectory() as folder:
        journal = ("--journal", f"sqlite:///{folder}/journal.db")
        run_id = json.loads(demo_run.printed((*RUN, "--json", *journal)))["run_id"]
        demo_run.printed(("page", run_id, *journal, "-o", str(page)), UPKEEP_LANGUAGE=language)


def main() -> None:
    """Draw them."""
    program = browser()
    if sys.argv[1:]:
        if program is None:
            sys.exit(f"There is no browser here. Install one of {', '.join(BROWSERS)}.")
        photograph(program, Path(sys.argv[1]), Path(sys.argv[2]))
        return
    FOLDER.mkdir(exist_ok=True)
    for path, svg in terminals().items():
        path.write_text(svg, encoding="utf-8")
        print(path.relative_to(ROOT))
    if program is None:
        print(f"SKIPPED: {', '.join(PAGES)}. They need one of {', '.join(BROWSERS)}.", file=sys.stderr)
        return
    for name, language in PAGES.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                write_page(Path(folder) / "page.html", language)
            except subprocess.CalledProcessError as err:
                sys.exit(f"{name} was not drawn: {' '.join(err.cmd[1:])} ended with {err.returncode}.")
            photograph(program, Path(folder) / "page.html", FOLDER / name)
        print((FOLDER / name).relative_to(ROOT))


if __name__ == "__main__":
    main()
