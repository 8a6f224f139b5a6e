"""Topics: SMN on huaweicloudsdksmn, SNS on boto3. Each SDK is imported when the first message to its kind of topic goes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dcs_upkeep.adapters.topics.smn import SmnTopic
from dcs_upkeep.adapters.topics.sns import SnsTopic
from dcs_upkeep.domain.model import Credentials
from dcs_upkeep.domain.ports import Topic


def build_topics(
    names: Sequence[str],
    *,
    credentials: Callable[[], Credentials],
    smn_endpoint: str = "",
    left: Callable[[], float],
) -> tuple[Topic, ...]:
    """The topics of these URNs and ARNs. `credentials` is asked when something goes to SMN; `left`: seconds left for calls."""
    return tuple(SnsTopic(name, left) if name.startswith("arn:") else SmnTopic(name, credentials, smn_endpoint, left) for name in names)
