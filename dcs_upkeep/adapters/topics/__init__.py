"""Topics: SMN on huaweicloudsdksmn, SNS on boto3. Each SDK is imported when the first message to its kind of topic goes out."""

from __future__ import annotations

from collections.abc import Sequence

from dcs_upkeep.adapters.account import Account
from dcs_upkeep.adapters.topics.smn import SmnTopic
from dcs_upkeep.adapters.topics.sns import SnsTopic
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.ports import Topic


def build_topics(names: Sequence[str], *, account: Account, smn_endpoint: str = "", deadline: Deadline) -> tuple[Topic, ...]:
    """The topics of these URNs and ARNs. `account`: whose calls those to SMN are, too."""
    return tuple(SnsTopic(name, deadline) if name.startswith("arn:") else SmnTopic(name, account, smn_endpoint, deadline) for name in names)
