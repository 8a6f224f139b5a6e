"""What the API page's own Python sample does: one client, one call per invocation, nothing else.

The yardstick of the other benchmarks. Takes the endpoint, the project id and the IDs to restart, one call each.
"""

from __future__ import annotations

import os
import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions import exceptions
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkdcs.v2 import ChangeInstanceStatusBody, DcsClient, RestartOrFlushInstancesRequest


def main() -> None:
    """Restart each ID with a call of its own."""
    endpoint, project_id, *ids = sys.argv[1:]
    credentials = BasicCredentials(os.environ["CLOUD_SDK_AK"], os.environ["CLOUD_SDK_SK"], project_id)
    client = DcsClient.new_builder().with_credentials(credentials).with_region(Region("sample", endpoint)).build()
    for instance_id in ids:
        try:
            request = RestartOrFlushInstancesRequest()
            request.body = ChangeInstanceStatusBody(action="restart", instances=[instance_id])
            client.restart_or_flush_instances(request)
        except exceptions.ClientRequestException as err:
            print(err.status_code, err.error_code)


if __name__ == "__main__":
    main()
