"""`make bench`: start-up, memory and sending, each against the API page's own Python sample, in one run.

Everything runs on loopback: the emulator for DCS and SMN, moto for SNS.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dcs_upkeep.local.emulator import Emulator, Instance, make_fleet

HERE = Path(__file__).resolve().parent
SAMPLE = str(HERE / "page_sample.py")
OURS = str(HERE / "our_handler.py")
ONE_ID = "2e803f66-fbb0-47ad-b6cb-fb87f5bed4ef"
TOPIC = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:bench"


def environment(**more: str) -> dict[str, str]:
    """A clean environment for a child: bytecode allowed, no settings of the caller's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("UPKEEP_", "AWS_", "HUAWEICLOUD_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, **more}


def time_to_first_request_s(command: Sequence[str], env: Mapping[str, str], listener: socket.socket) -> float:
    """Seconds from starting the process to the first bytes of its first request."""
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, *command], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1)
            return time.perf_counter() - started
    finally:
        child.kill()
        child.wait()


def start_up(rounds: int) -> None:
    """Process start to first request on the wire, alternating between the two so that noise hits both."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        keys = {"CLOUD_SDK_AK": "bench-ak", "CLOUD_SDK_SK": "bench-sk"}
        settings = {"UPKEEP_ENDPOINT": url, "UPKEEP_REGION": "cn-north-4", "UPKEEP_PROJECT_ID": "0" * 32}
        event = json.dumps({"action": "restart", "instances": [ONE_ID]})
        sample = [SAMPLE, url, "0" * 32, ONE_ID]
        for command in (sample, [OURS, event]):  # once unmeasured, so that bytecode is there
            time_to_first_request_s(command, environment(**keys, **settings), listener)
        theirs, ours = [], []
        for _ in range(rounds):
            theirs.append(time_to_first_request_s(sample, environment(**keys, **settings), listener))
            ours.append(time_to_first_request_s([OURS, event], environment(**keys, **settings), listener))
    median_theirs, median_ours = statistics.median(theirs), statistics.median(ours)
    print(f"start to first request, median of {rounds}: page sample {median_theirs * 1000:.0f} ms, dcs-upkeep {median_ours * 1000:.0f} ms")
    print(f"  ratio {median_ours / median_theirs:.2f} (limit 1.7)")


def memory() -> None:
    """Peak memory of a whole run of 24 instances, publishing to SMN, and to SNS as well."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        aws = {
            "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }
        import boto3

        os.environ.update(aws)
        arn = boto3.client("sns", region_name="eu-west-1").create_topic(Name="bench")["TopicArn"]
        for label, topics, limit, extra in (("without boto3", TOPIC, 80, {}), ("with boto3", f"{TOPIC},{arn}", 110, aws)):
            told = run_once(make_fleet(24, tags={"env": "bench"}), topics, extra)
            mib = told["peak_kib"] / 1024
            print(f"peak memory {label}: {mib:.0f} MB (limit {limit}); run {told['status']}, boto3 loaded: {told['boto3']}")
    finally:
        server.stop()


def run_once(fleet: Sequence[Instance], topics: str, extra: Mapping[str, str]) -> dict[str, Any]:
    """One restart of the whole fleet in a child process, watched to the end."""
    with Emulator(fleet, time_scale=100.0, security_token="bench-token") as emu:
        event = json.dumps({"action": "restart", "select": {"tags": {"env": "bench"}}, "rollout": {"wave_size": 50}})
        env = environment(
            CLOUD_SDK_AK=emu.ak,
            CLOUD_SDK_SK=emu.sk,
            UPKEEP_ENDPOINT=emu.url,
            UPKEEP_SMN_ENDPOINT=emu.url,
            UPKEEP_REGION="cn-north-4",
            UPKEEP_PROJECT_ID=emu.project_id,
            UPKEEP_TOPICS=topics,
            UPKEEP_POLL_S="1",
            UPKEEP_SETTLE_S="2",
            **extra,
        )
        done = subprocess.run([sys.executable, OURS, event], env=env, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def sending(instances: int, sampled: int) -> None:
    """Sending to 1,000 instances at 100 ms a call, against one call per instance."""
    fleet = make_fleet(instances, tags={"env": "bench"})
    ids = [one.instance_id for one in fleet]
    with Emulator(fleet, latency_s=0.1) as emu:
        keys = {"CLOUD_SDK_AK": emu.ak, "CLOUD_SDK_SK": emu.sk}
        subprocess.run([sys.executable, SAMPLE, emu.url, emu.project_id, *ids[:sampled]], env=environment(**keys), check=True)
        puts = emu.truth.puts
        theirs_s = (puts[-1].at - puts[0].at) / (len(puts) - 1) * instances
    with Emulator(fleet, latency_s=0.1, security_token="bench-token") as emu:
        event = json.dumps(
            {"action": "restart", "instances": ids, "rollout": {"canary": 0, "wave_size": instances}, "watch": {"timeout_s": 60}}
        )
        env = environment(
            CLOUD_SDK_AK=emu.ak,
            CLOUD_SDK_SK=emu.sk,
            UPKEEP_ENDPOINT=emu.url,
            UPKEEP_REGION="cn-north-4",
            UPKEEP_PROJECT_ID=emu.project_id,
            UPKEEP_MAX_INSTANCES=str(instances),
            UPKEEP_POLL_S="5",
        )
        subprocess.run([sys.executable, OURS, event], env=env, capture_output=True, check=True)
        puts = emu.truth.puts
        ours_s = puts[-1].at - puts[0].at + 0.1
        before = [one for one in emu.truth.requests if one.at < puts[0].at]
        after = [one for one in emu.truth.requests if one.at > puts[-1].at and one.operation == "list"]
    scaled = "" if sampled == instances else f" ({sampled} calls measured, scaled)"
    print(f"sending to {instances} instances at 100 ms a call: one call each {theirs_s:.1f} s{scaled}, dcs-upkeep {ours_s:.2f} s")
    print(
        f"  ratio {ours_s / theirs_s:.3f} (limit 0.1); {len(puts)} PUTs (limit 20), "
        f"{len(before)} requests before sending, {len(after)} list pages after"
    )


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="start-ups measured of each (default 9)")
    parser.add_argument("--sampled", type=int, default=1000, help="calls of the page sample to measure, out of 1000 (default all)")
    options = parser.parse_args()
    start_up(options.rounds)
    memory()
    sending(1000, options.sampled)


if __name__ == "__main__":
    main()
