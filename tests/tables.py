"""The journal's table, as template.yml makes it, for tests on moto."""

from __future__ import annotations

from typing import Any


def create_table(client: Any, table: str) -> None:
    """Make it, with its time to live, by a boto3 client of DynamoDB."""
    client.create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "stream", "AttributeType": "S"}, {"AttributeName": "seq", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "stream", "KeyType": "HASH"}, {"AttributeName": "seq", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName=table)
    client.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"})
