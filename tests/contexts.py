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


class OddContext(FunctionGraphContext):
    """A published runtime whose times are not what their names say. `left`, `limit`: what the two methods answer, or raise."""

    def __init__(self, settings: Mapping[str, str], left: object, limit: object) -> None:
        super().__init__(settings, ak="ak", sk="sk", token="token")
        self.getRemainingTimeInMilliSeconds = lambda: _answer(left)
        self.getRunningTimeInSeconds = lambda: _answer(limit)


def openyuanrong(settings: Mapping[str, str], timeout_s: int = 900, elapsed_ms: int = 3) -> OddContext:
    """The open-source engine: it adds the timeout's seconds to the milliseconds of its start."""
    return OddContext(settings, left=timeout_s - elapsed_ms, limit=timeout_s)


def openyuanrong_text(settings: Mapping[str, str]) -> OddContext:
    """The same where RUNTIME_TIMEOUT is text: what computes with it raises."""
    error = TypeError("unsupported operand type(s) for +: 'int' and 'str'")
    return OddContext(settings, left=error, limit=error)


def otc(settings: Mapping[str, str], timeout_s: int = 900, elapsed_ms: int = 3) -> OddContext:
    """Open Telekom Cloud's published runtime: its `getRunningTimeInSeconds` gives milliseconds."""
    return OddContext(settings, left=timeout_s * 1000 - elapsed_ms, limit=timeout_s * 1000)


def _answer(given: object) -> object:
    if isinstance(given, Exception):
        raise given
    return given


class LambdaContext:
    """As AWS Lambda's Python runtime has it."""

    function_name = "dcs-upkeep"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:dcs-upkeep"

    def __init__(self, left_s: float = 900.0, *, told: object = None) -> None:
        self._told = int(left_s * 1000) if told is None else told

    def get_remaining_time_in_millis(self) -> object:
        return _answer(self._told)
