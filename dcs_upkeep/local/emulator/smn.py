"""The SMN routes: publish a message to a topic, read a topic's attributes and its subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .exchange import Answer, Call, Route, smn_error
from .smn_forms import MAX_MESSAGE_BYTES, attributes_problem, read_object, structure_problem
from .truth import Message, Truth

UNCONFIRMED, CONFIRMED = 0, 1
MAX_SUBJECT_BYTES = 512
MAX_PAGE = 100


class SmnService:
    """Keeps what is published in `truth.messages`. `topics` None: any topic URN exists."""

    def __init__(self, topics: Iterable[str] | None, truth: Truth, now: Callable[[], float]) -> None:
        self._topics = None if topics is None else frozenset(topics)
        self._subscriptions: dict[str, list[dict[str, object]]] = {}
        self._truth = truth
        self._now = now

    def routes(self) -> list[Route]:
        topic = "/v2/{project_id}/notifications/topics/{topic_urn}"
        return [
            Route("POST", topic + "/publish", "publish", self.publish),
            Route("GET", topic + "/attributes", "attributes", self.list_attributes),
            Route("GET", topic + "/subscriptions", "subscriptions", self.list_subscriptions),
        ]

    def sign_up(self, topic_urn: str, status: int = UNCONFIRMED, *, protocol: str = "email", endpoint: str = "ops@example.com") -> None:
        """Subscribe somebody: a status of 0 waits to be confirmed, 1 is confirmed, 3 was given up again."""
        rows = self._subscriptions.setdefault(topic_urn, [])
        urn = f"{topic_urn}:{len(rows):032x}"
        owner = topic_urn.split(":")[3]
        told = {"topic_urn": topic_urn, "protocol": protocol, "subscription_urn": urn, "owner": owner, "endpoint": endpoint, "remark": ""}
        rows.append({**told, "status": status})

    def list_subscriptions(self, call: Call) -> Answer:
        """In the order in which they were made, at most 100 of them (SMN API reference, subscriptions of a topic)."""
        topic_urn, request_id = call.path_values["topic_urn"], call.record.request_id
        if self._topics is not None and topic_urn not in self._topics:
            return smn_error(404, "SMN.0006", "Topic not found.", request_id)
        rows = self._subscriptions.get(topic_urn, [])
        offset, limit = int(call.query.get("offset", 0)), int(call.query.get("limit", MAX_PAGE))
        if not 1 <= limit <= MAX_PAGE:
            return smn_error(400, "SMN.0014", "Invalid limit.", request_id)
        page = rows[offset : offset + limit]
        return Answer(200, {"request_id": request_id, "subscription_count": len(rows), "subscriptions": page})

    def list_attributes(self, call: Call) -> Answer:
        """The policy is empty until somebody sets one (SMN API reference, topic attribute list)."""
        request_id = call.record.request_id
        if self._topics is not None and call.path_values["topic_urn"] not in self._topics:
            return smn_error(404, "SMN.0006", "Topic not found.", request_id)
        return Answer(200, {"request_id": request_id, "attributes": {"access_policy": "", "introduction": ""}})

    def publish(self, call: Call) -> Answer:
        request_id = call.record.request_id
        topic_urn = call.path_values["topic_urn"]
        if self._topics is not None and topic_urn not in self._topics:
            return smn_error(404, "SMN.0006", "Topic not found.", request_id)
        body = read_object(call.body)
        subject, text = body.get("subject"), _text_of(body)
        if "message_structure" in body and (why := structure_problem(body["message_structure"])):
            return smn_error(400, "SMN.0021", f"MessageStructure is invalid: {why}.", request_id)
        # (Which code these have is on no public page.)
        if why := attributes_problem(body.get("message_attributes")):
            return smn_error(403, "SMN.0009", f"Invalid message: {why}.", request_id)
        # Bad input is 403 at SMN, not 400 (SMN error codes).
        if subject is not None and (not isinstance(subject, str) or len(subject.encode()) > MAX_SUBJECT_BYTES):
            return smn_error(403, "SMN.0008", "Invalid subject.", request_id)
        if not text or len(text.encode()) > MAX_MESSAGE_BYTES:
            return smn_error(403, "SMN.0009", "Invalid message.", request_id)
        message_id = f"{call.record.number:032x}"
        if not call.dry:
            message = Message(topic_urn, subject, text, message_id, self._now(), dict(body))
            self._truth.add_message(message)
            call.record.executed = (topic_urn,)
        return Answer(200, {"message_id": message_id, "request_id": request_id})


def _text_of(body: Mapping[str, object]) -> str | None:
    """The text that goes out: message_structure beats template beats message."""
    if "message_structure" in body:
        text = read_object(body["message_structure"]).get("default")
    else:
        text = body.get("message_template_name", body.get("message"))
    return text if isinstance(text, str) else None
