"""Calling the function again, asynchronously, so that a run goes on in an invocation of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.model import Credentials

# What the code asks of each cloud here, for the shipped policies.
PERMISSIONS = {"async_invoke_function": "functiongraph:function:invokeAsync", "invoke": "lambda:InvokeFunction"}
TIMEOUT_S = (2.0, 3.0)


def on_functiongraph(
    urn: str, region: str, project_id: str, endpoint: str, credentials: Callable[[], Credentials]
) -> Callable[[Mapping[str, object]], None]:
    """Calls this function by AsyncInvokeFunction, POST /v2/{project_id}/fgs/functions/{urn}/invocations-async."""

    def call_self(event: Mapping[str, object]) -> None:
        from huaweicloudsdkcore.auth.credentials import BasicCredentials
        from huaweicloudsdkcore.exceptions.exceptions import SdkException, ServiceResponseException
        from huaweicloudsdkcore.http.http_config import HttpConfig
        from huaweicloudsdkfunctiongraph.v2 import AsyncInvokeFunctionRequest, FunctionGraphClient

        pair = credentials()
        basic = BasicCredentials(pair.ak, pair.sk, project_id)
        if pair.security_token:
            basic.with_security_token(pair.security_token)
        # A lost answer is not asked again: two invocations of one run do no harm, but the sweep finds a lost one anyway.
        config = HttpConfig(retry_times=0, timeout=TIMEOUT_S, user_agent="dcs-upkeep")
        address = endpoint or f"https://functiongraph.{region}.myhuaweicloud.com"
        client = FunctionGraphClient.new_builder().with_http_config(config).with_credentials(basic).with_endpoint(address).build()
        fix = f"Grant {PERMISSIONS['async_invoke_function']} to the agency."
        try:
            client.async_invoke_function(AsyncInvokeFunctionRequest(function_urn=urn, body=dict(event)))
        except ServiceResponseException as err:
            what = f"the function could not be called again: answered {err.status_code} {err.error_code}"
            raise CloudError("async_invoke_function", what, fix, status=err.status_code, code=err.error_code) from None
        except (SdkException, OSError) as err:
            what = f"the function could not be called again: no answer came ({type(err).__name__})"
            raise CloudError("async_invoke_function", what, "Check UPKEEP_FUNCTIONGRAPH_ENDPOINT and the network path to it.") from None

    return call_self


def on_lambda(arn: str) -> Callable[[Mapping[str, object]], None]:
    """Calls this function by Invoke with `InvocationType=Event`."""

    def call_self(event: Mapping[str, object]) -> None:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        config = Config(connect_timeout=TIMEOUT_S[0], read_timeout=TIMEOUT_S[1], retries={"total_max_attempts": 1})
        parts = arn.split(":")
        fix = f"Grant {PERMISSIONS['invoke']} on the function to its own role."
        try:
            client = boto3.client("lambda", region_name=parts[3] if len(parts) > 3 else None, config=config)
            answer = client.invoke(FunctionName=arn, InvocationType="Event", Payload=json.dumps(event).encode())
        except (BotoCoreError, ClientError) as err:
            code = err.response["Error"]["Code"] if isinstance(err, ClientError) else type(err).__name__
            raise CloudError("invoke", f"the function could not be called again ({code})", fix, code=code) from None
        if answer["StatusCode"] != 202:
            raise CloudError("invoke", f"the function could not be called again: answered {answer['StatusCode']}", fix)

    return call_self
