"""The journal on the DynamoDB API: Amazon's, or GeminiDB's by its endpoint. One conditional put is all it needs."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from dcs_upkeep.adapters import aws_sdk
from dcs_upkeep.adapters.journals.rows import Access, checked, expiry, to_text
from dcs_upkeep.domain.addresses import check_endpoint, check_region
from dcs_upkeep.domain.errors import JournalError, SeqTakenError

# What the code asks of the store here, for the shipped policies.
PERMISSIONS = {"put_item": "dynamodb:PutItem", "query": "dynamodb:Query", "get_item": "dynamodb:GetItem"}
CONNECT_S, READ_S = 3.0, 5.0
ATTEMPTS = 4
CONNECTIONS = 32  # claims are read 16 at a time
DEFAULT_REGION = "cn-north-4"  # for the signature alone, if the address has an endpoint


def open_at(address: SplitResult, access: Access) -> DynamoJournal:
    """The journal of `dynamodb://<table>?region=<region>&endpoint=<endpoint>`, one of the two at least. Raises: ValueError."""
    options = dict(parse_qsl(address.query, keep_blank_values=True))
    endpoint, region = options.get("endpoint"), options.get("region")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", address.netloc):  # so no user and no password either
        raise ValueError("no table is named, or not as DynamoDB names tables")
    if address.path or address.fragment or re.search(r"[\s@]", address.query):
        raise ValueError("what stands after the table is not ?region=<region>&endpoint=<endpoint>")
    if unknown := sorted(set(options) - {"region", "endpoint"}):
        raise ValueError(f"no part of the address is called {unknown[0][:40]!r}")
    if not region and not endpoint:
        raise ValueError("neither a region nor an endpoint is named")
    if region:
        try:
            check_region(region)
        except ValueError as err:
            raise ValueError(f"its region names none. {err}") from None
    if endpoint:
        try:
            check_endpoint(endpoint)
        except ValueError as err:
            raise ValueError(f"its endpoint cannot be called. {err}") from None
    return DynamoJournal(address.netloc, region or DEFAULT_REGION, endpoint, access)


class DynamoJournal:
    """Implements ports.Journal. Thread-safe.

    Table: `stream` (S, partition key), `seq` (N, sort key), `entry` (S, JSON), `token` (S), `expires_at` (N, TTL).
    Only `attribute_not_exists` is used as a condition, and no transaction: GeminiDB has none.
    """

    durable = True

    def __init__(self, table: str, region: str, endpoint: str | None, access: Access) -> None:
        self._table = table
        self._region = region
        self._endpoint = endpoint
        self._access = access
        self._clock = access.clock
        self._lock = threading.Lock()
        self._made: Any = None
        self._expiries: dict[str, int | None] = {}

    @property
    def name(self) -> str:
        """Its table."""
        return f"dynamodb://{self._table}?region={self._region}" + (f"&endpoint={self._endpoint}" if self._endpoint else "")

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        """See ports.Journal. Our own write whose answer was lost is known again by its token."""
        token = uuid.uuid4().hex
        item: dict[str, Any] = {
            "stream": {"S": stream},
            "seq": {"N": str(seq)},
            "entry": {"S": to_text(stream, entry)},
            "token": {"S": token},
        }
        if (expires_at := self._expires_at(stream, seq)) is not None:
            item["expires_at"] = {"N": str(expires_at)}
        # `stream` is a word that the API keeps for itself, hence the placeholder.
        condition = {"ConditionExpression": "attribute_not_exists(#s)", "ExpressionAttributeNames": {"#s": "stream"}}
        try:
            self._client().put_item(TableName=self._table, Item=item, **condition)
        except ClientError as err:
            if aws_sdk.code_of(err) != "ConditionalCheckFailedException":
                raise self._failed("put_item", err) from None
            # The SDK may have sent it twice, and then our own first attempt is what stands there.
            if self._token_at(stream, seq) != token:
                raise SeqTakenError(f"{stream}: place {seq} is taken") from None
        except aws_sdk.LOST as err:
            # Nobody knows whether it was written: what stands there now says so.
            found = self._token_at(stream, seq)
            if found is None:
                raise self._failed("put_item", err) from None
            if found != token:
                raise SeqTakenError(f"{stream}: place {seq} is taken") from None

    def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
        """See ports.Journal."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "#s = :stream AND #q > :after",
            "ExpressionAttributeNames": {"#s": "stream", "#q": "seq"},
            "ExpressionAttributeValues": {":stream": {"S": stream}, ":after": {"N": str(after)}},
        }
        rows: list[tuple[int, str, int | None]] = []
        while True:
            try:
                page = self._client().query(**query)
            except aws_sdk.FAULTS as err:
                raise self._failed("query", err) from None
            for item in page["Items"]:
                expires_at = int(item["expires_at"]["N"]) if "expires_at" in item else None
                text = item.get("entry", {}).get("S", "")  # what a stranger put there without one is no entry, and `checked` says so
                rows.append((int(item["seq"]["N"]), text, expires_at))
            if "LastEvaluatedKey" not in page:
                break
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        if rows and after == -1:
            self._expiries[stream] = rows[0][2]
        return checked(stream, rows, after, self._clock.now().timestamp())

    def _expires_at(self, stream: str, seq: int) -> int | None:
        """One for a whole stream, set by its first entry, so that no part of it goes before another."""
        if seq == 0:
            self._expiries[stream] = expiry(stream, self._clock.now().timestamp())
        elif stream not in self._expiries:
            first = self._item(stream, 0)
            known = first.get("expires_at") if first else None
            self._expiries[stream] = int(known["N"]) if known else expiry(stream, self._clock.now().timestamp())
        return self._expiries[stream]

    def _token_at(self, stream: str, seq: int) -> str | None:
        item = self._item(stream, seq)
        return str(item["token"]["S"]) if item else None

    def _item(self, stream: str, seq: int) -> Mapping[str, Any] | None:
        key = {"stream": {"S": stream}, "seq": {"N": str(seq)}}
        try:
            found: Mapping[str, Any] | None = self._client().get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        except aws_sdk.FAULTS as err:
            raise self._failed("get_item", err) from None
        return found

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                user, password = self._access.key_pair or (None, None)
                self._made = aws_sdk.build_client(
                    "dynamodb",
                    self._region,
                    self._access.deadline.remaining_s,
                    (CONNECT_S, READ_S),
                    attempts=ATTEMPTS,
                    session=boto3.session.Session(aws_access_key_id=user, aws_secret_access_key=password),
                    endpoint_url=self._endpoint,
                    config=Config(max_pool_connections=CONNECTIONS),
                )
            return self._made

    def _failed(self, operation: str, err: Exception) -> JournalError:
        """Where, what, what to do; never the text of the SDK's exception, which may hold anything."""
        code = aws_sdk.code_of(err)
        match code:
            case "ResourceNotFoundException":
                fix = f"Create the table {self._table} as docs/journal.md says."
            case "AccessDeniedException" | "UnrecognizedClientException" | "NoCredentialsError":
                fix = f"Grant {PERMISSIONS[operation]} on the table, and check the credentials."
            case _:
                fix = "Check the region, the endpoint and the network path to it; then try again."
        return JournalError(f"{self.name}: {operation} failed ({code}). {fix}")
