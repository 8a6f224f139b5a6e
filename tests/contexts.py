"""Contexts as the two platforms hand them to a handler."""

from __future__ import annotations

from collections.abc import Mapping


class FunctionGraphContext:
    """As FunctionGraph's developer guide has it; `without` leaves out methods that an older runtime lacks."""

    def __init__(
        self, settings: Mapping[str, str], *, ak: str, sk: str, token: str, left_s: float = 900.0, without: tuple[str, ...] = ()
    ) -> None:
        answers: dict[str, object] = {
            "getRequestID": "8f1a3b1c-0000-4000-8000-000000000001",
            "getRemainingTimeInMilliSeconds": int(left_s * 1000),
            "getSecurityAccessKey": ak,
            "getSecuritySecretKey": sk,
            "getSecurityToken": token,
            "getFunctionName": "dcs-upkeep",
            "getRunningTimeInSeconds": 900,
            "getVersion": "latest",
            "getPackage": "default",
            "getProjectID": "0123456789abcdef0123456789abcdef",
        }
        for name, answer in answers.items():
            if name not in without:
                setattr(self, name, lambda answer=answer: answer)
        self.getUserData = settings.get


class LambdaContext:
    """As AWS Lambda's Python runtime has it."""

    function_name = "dcs-upkeep"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:dcs-upkeep"

    def __init__(self, left_s: float = 900.0) -> None:
        self._left_ms = int(left_s * 1000)

    def get_remaining_time_in_millis(self) -> int:
        return self._left_ms
