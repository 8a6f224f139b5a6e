"""`page`: a run on record, a report or a plan as one HTML file for a browser."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dcs_upkeep import bootstrap, triggers
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.domain.errors import RecordError, RefusedError, SettingsError, UpkeepError
from dcs_upkeep.domain.problems import list_some, one_line, shorten
from dcs_upkeep.domain.settings import read_settings
from dcs_upkeep.journal.run_stream import run_stream
from dcs_upkeep.local.answers import NOT_ALL
from dcs_upkeep.local.demo import let_alarms_fire
from dcs_upkeep.local.environment import Environment, Terminal, open_environment, open_journal_alone
from dcs_upkeep.local.event_files import fill_in
from dcs_upkeep.local.options import AsJson, Cloud, Fleet, Instances, JournalUrl, PlansFile
from dcs_upkeep.local.progress import Silent
from dcs_upkeep.triggers.json_input import InvalidJsonError, parse_untrusted_json
from dcs_upkeep.triggers.plans_file import load_plans

if TYPE_CHECKING:  # loaded when a page is written
    from dcs_upkeep.local.pages.words import Words

Subject = Annotated[
    str,
    typer.Argument(
        metavar="RUN|FILE", help="A run on record, by its id; or a JSON file: a report, or an event to plan now; - for standard input."
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")]
# A report, the entries of its run as far as there are any, and the kind and name of what they come from.
Found = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]], tuple[str, str]]
Language = Annotated[str | None, typer.Option("--language", help="en or zh-CN; UPKEEP_LANGUAGE if left out.")]


def add_to(app: typer.Typer) -> None:
    """Make it a command of this command line."""
    app.command()(page)


def page(
    subject: Subject,
    output: Output,
    language: Language = None,
    cloud: Cloud = False,
    as_json: AsJson = False,
    fleet: Fleet = None,
    instances: Instances = 24,
    journal: JournalUrl = None,
    plans: PlansFile = bootstrap.PLANS_PATH,
) -> None:
    """Write a run, a report or a plan as one page for a browser."""
    surface = Terminal(as_json=as_json)
    words = _words(surface, language)
    given = _given(surface, subject)
    opened = (
        open_journal_alone(surface, cloud=cloud, journal=journal, about=f"{shorten(subject)} is no file here, so it has to be a run. ")
        if given is None
        else open_environment(surface, cloud=cloud, journal=journal, fleet=fleet, instances=instances, time_scale=60.0, kept=False)
    )
    with opened as here:
        report = _page(surface, here, output, words, lambda: _found(surface, here, subject, given, plans))
    told = {"page": str(output), "run_id": report["run_id"], "status": report["status"], "instances": len(report["instances"])}
    if as_json:
        surface.print_json(told)
    else:
        surface.show([one_line(f"{output}: {report['status']}, {surface.texts.count('instances', len(report['instances']))}")])


def write_page(surface: Terminal, here: Environment, reports: Sequence[Mapping[str, Any]], output: Path) -> None:
    """The page of the first of these runs, from its record in the journal here. A dry run and a refusal leave none."""
    run_id = next((str(report["run_id"]) for report in reports if report["status"] not in ("planned", "rejected")), None)
    if run_id is None:
        return

    def found() -> Found:
        report, entries, name = _on_record(surface, here, run_id)
        return report, entries, ("journal", name)

    _page(surface, here, output, _words(surface, None), found)
    if not surface.as_json:
        surface.show([one_line(surface.texts("page.written", file=output))])


def _words(surface: Terminal, language: str | None) -> Words:
    """In the language that is asked for, else that of the settings."""
    from dcs_upkeep.local.pages.words import words_for

    try:
        return words_for(language or os.environ.get("UPKEEP_LANGUAGE"), os.environ.get("UPKEEP_TIMEZONE"))
    except ValueError as err:
        surface.fail(str(err))


def _page(surface: Terminal, here: Environment, output: Path, words: Words, find: Callable[[], Found]) -> Mapping[str, Any]:
    """Write the page of what is found. Returns its report."""
    from dcs_upkeep.local.pages.model import build_page
    from dcs_upkeep.local.pages.record import read_record
    from dcs_upkeep.local.pages.render import Source, render

    try:
        report, entries, source = find()
        record = read_record(entries, run_stream(report["run_id"])) if entries else None
        text = render(build_page(report, record), words, Source(*source, here.clock.now().timestamp()))
    except RecordError as err:
        surface.fail(str(err), NOT_ALL)
    except UpkeepError as err:
        surface.fail(str(err))
    _write(surface, output, text)
    return report


def _found(surface: Terminal, here: Environment, subject: str, given: str | None, plans: Path) -> Found:
    """What the page is about. `given`: the text of the file that `subject` names; None if it names a run."""
    if given is None:
        report, entries, name = _on_record(surface, here, subject)
        return report, entries, ("journal", name)
    told = _report_in(surface, subject, given)
    if told is not None:
        return told, (), ("file", subject)
    return _planned(here, given, plans), (), ("plan", subject)


def _given(surface: Terminal, subject: str) -> str | None:
    """The text of the file that is named; None if the word names none, so that it is a run."""
    if subject == "-":
        return sys.stdin.read()
    path = Path(subject)
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else None
    except (OSError, UnicodeDecodeError) as err:
        surface.fail(f"{subject}: {getattr(err, 'strerror', None) or 'this is not text in UTF-8'}. Name a report's JSON file or an event.")


def _report_in(surface: Terminal, subject: str, text: str) -> Mapping[str, Any] | None:
    """The report in a file; None if the file holds an event."""
    from dcs_upkeep.local.pages.reading import NotAReportError, read_report

    try:
        return read_report(parse_untrusted_json(text) if '"report_version"' in text else None)
    except (InvalidJsonError, NotAReportError) as err:
        surface.fail(f"{subject}: {err}")


def _on_record(surface: Terminal, here: Environment, word: str) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]], str]:
    """The report of a run as it is on record, its entries, and the journal that has them."""
    from dcs_upkeep.local.pages.reading import find_runs, read_report

    host = LocalHost(here.environ)
    journal = bootstrap.Adapters(host, read_settings(host.setting), here.clock, Silent(), here.journal).journal
    if journal is None:
        surface.fail("There is no journal. Set UPKEEP_JOURNAL or give --journal, or name a report's JSON file.")
    found = find_runs(journal, word, here.clock.now())
    if not found:
        surface.fail(
            f"{shorten(word)} is no file here, and no run in {journal.name}. Write a run's id, its beginning or its end, or name a report."
        )
    if len(found) > 1:
        surface.fail(f"{shorten(word)} fits {len(found)} runs: {list_some(found)}. Write more of the id.")
    answer = bootstrap.handle({"command": "show", "run": found[0]}, host=host, clock=here.clock, log=Silent(), journal=here.journal)
    report = read_report(answer)
    if report is None:
        raise AssertionError("a run on record has a report")
    return report, [entry for _, entry in journal.read(run_stream(found[0]))], journal.name


def _planned(here: Environment, text: str, plans: Path) -> Mapping[str, Any]:
    """The report of a dry run of this event, made now; nobody is told of it. Raises: UpkeepError if there can be none."""
    from dcs_upkeep.local.pages.reading import NotAReportError, read_report

    try:
        body = parse_untrusted_json(fill_in(text, here.clock.now()))
        _refuse_commands(body, here, plans)
        if here.emulator is not None:
            let_alarms_fire(here.emulator, body, plans, here.clock.now())
        host = LocalHost(_without_topics(here.environ))
        answer: Mapping[str, Any] = bootstrap.handle(
            body, host=host, clock=here.clock, log=Silent(), journal=here.journal, plans_path=plans, dry_run=True
        )
    except RefusedError as err:
        answer = json.loads(json.dumps(err.report))
    except InvalidJsonError as err:
        raise UpkeepError(f"{err}. Name a report's JSON file or an event.") from None
    try:
        report = read_report(json.loads(answer["body"]) if isinstance(answer.get("body"), str) else answer)
    except NotAReportError as err:
        raise UpkeepError(str(err)) from None
    if report is None:
        raise UpkeepError("The answer to this event holds no report, so there is no plan to show. Name a file with the request alone.")
    return report


def _refuse_commands(body: object, here: Environment, plans: Path) -> None:
    """A page shows and does nothing: a command, or a run to go on with, would be carried out although it is a dry run."""
    try:
        known = load_plans(plans.read_bytes())
    except (OSError, SettingsError):
        known = None
    nowhere = triggers.RunIdScope(host="local", function="", region="", project_id="", request_id="")
    items = triggers.parse(body, nowhere, known, here.clock.now()).items
    if any(not isinstance(item, triggers.StartRun | triggers.Invalid | triggers.Ignored) for item in items):
        raise UpkeepError("This event is a command, not a request: there is no plan to show, and nothing was done.")


def _without_topics(environ: Mapping[str, str]) -> dict[str, str]:
    """The same settings for what nobody is to be told of."""
    kept = {name: value for name, value in environ.items() if name != "UPKEEP_TOPICS"}
    try:
        bundle = json.loads(kept.get("UPKEEP_SETTINGS", "{}"))
    except (ValueError, RecursionError):
        return kept  # whoever reads the settings says what is wrong with them
    if isinstance(bundle, dict) and bundle.pop("UPKEEP_TOPICS", None) is not None:
        kept["UPKEEP_SETTINGS"] = json.dumps(bundle)
    return kept


def _write(surface: Terminal, output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as err:
        surface.fail(f"{output}: {err.strerror}. Name a file that can be written.")
