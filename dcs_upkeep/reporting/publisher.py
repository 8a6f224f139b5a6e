"""The report goes to every topic, at least once. A topic that fails changes nothing about the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dcs_upkeep.domain.errors import FencedError, JournalError, describe_error
from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.domain.ports import Message, Ports, Topic
from dcs_upkeep.journal.run_writer import RunWriter
from dcs_upkeep.reporting import messages
from dcs_upkeep.reporting.report import Report


def publish(ports: Ports, report: Report, writer: RunWriter | None = None, *, only_failed: bool = False) -> None:
    """Send the report to every topic that the journal does not show to have it, told with the same status.

    Each failure is logged, counted under `calls` and noted in the report that is returned. If an earlier invocation
    may have published without writing it down, the message says so. `only_failed`: to those topics alone.
    A fault of the journal keeps no report from a topic. Where somebody sits in front of it, nothing is sent but what was really done.
    Raises: FencedError.
    """
    if ports.tells_only_what_was_sent and not any(OutcomeKind(row["outcome"]).sent for row in report["instances"]):
        return
    known = writer.state.topics if writer is not None else {}
    told = writer.state.told if writer is not None else {}
    status = report["status"]
    for topic in _topics(ports, report):
        if known.get(topic.name) == "published" and told.get(topic.name) in (None, status):
            continue
        if only_failed and topic.name not in known:
            continue
        shown: Report = {**report, "possibly_repeated": True} if known.get(topic.name) == "publishing" else report
        if writer is not None:
            _note(ports, lambda name=topic.name: writer.publishing(name, status))  # type: ignore[misc]  # a default binds it
        try:
            message = messages.compose(shown, ports.reader)
            message_id = topic.publish(message)
            ports.log("topic.published", topic=topic.name, message_id=message_id, subject=message.subject)
        except Exception as err:  # whatever a topic does, the others still get the report
            _failed(ports, report, topic.name, err)
            continue
        if writer is not None:
            _note(ports, lambda name=topic.name: writer.published(name, status))  # type: ignore[misc]  # as above


def _note(ports: Ports, write: Callable[[], None]) -> None:
    """Put on record that a topic is being told, if the journal takes it: telling a person comes before book-keeping."""
    try:
        write()
    except FencedError:
        raise
    except JournalError as err:
        ports.log("journal.failed", level="error", reason=str(err))


def publish_progress(ports: Ports, message: Message) -> dict[str, str]:
    """A short word, to every topic. A failure is logged, no more. Returns topic -> why it failed; empty text where it did not."""
    told: dict[str, str] = {}
    for topic in _topics(ports, None):
        try:
            topic.publish(message)
            told[topic.name] = ""
        except Exception as err:  # whatever a topic does, the run goes on
            told[topic.name] = describe_error(err)
            ports.log("topic.failed", level="warning", topic=topic.name, reason=told[topic.name])
    return told


def _topics(ports: Ports, report: Report | None) -> Sequence[Topic]:
    try:
        return ports.topics()
    except Exception as err:  # an SDK that cannot be imported must not change the run either
        if report is not None:
            _failed(ports, report, "the topics", err)
        return ()


def _failed(ports: Ports, report: Report, where: str, err: Exception) -> None:
    ports.log("topic.failed", level="error", topic=where, reason=describe_error(err))
    report["calls"]["publish_failed"] = report["calls"].get("publish_failed", 0) + 1
    report["notes"].append(f"the report could not be published to {where}: {describe_error(err)}")
