"""`page`, as a person types it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from os.path import commonpath
from pathlib import Path

import pytest

from tests.local.test_cli import BY_TAG, cli, write
from tools.package import NOT_OURS

ROOT = Path(__file__).resolve().parents[3]


def page(*words: str, home: Path, stdin: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return cli("page", *words, "-o", str(home / "page.html"), home=home, stdin=stdin, **env)


def test_a_run_on_record_its_report_and_its_plan_are_pages(tmp_path: Path) -> None:
    journal = ("--journal", f"sqlite:///{tmp_path}/runs.db")
    event = write(tmp_path, {**BY_TAG, "run_id": "nightly-2026-11-24"})
    report = json.loads(cli("run", "--json", event, "--instances", "3", "--time-scale", "300", *journal, home=tmp_path).stdout)
    short = hashlib.sha256(report["run_id"].encode()).hexdigest()[:8]
    for word in (report["run_id"], report["run_id"][:12], report["run_id"][-8:], short):
        done = page(word, *journal, home=tmp_path, UPKEEP_LANGUAGE="zh-CN", UPKEEP_TIMEZONE="Asia/Shanghai")
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith("page.html: succeeded, 3个实例")
        html = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert all(word in html for word in ("正常：3/3", "Asia/Shanghai", report["run_id"], "运行记录"))
    file = tmp_path / "report.json"
    file.write_text(json.dumps(report), encoding="utf-8")
    assert page(str(file), "--language", "en", home=tmp_path, UPKEEP_LANGUAGE="zh-CN").returncode == 0
    assert "OK 3 of 3" in (tmp_path / "page.html").read_text(encoding="utf-8")
    for several in ({"runs": [report]}, {"dcs_upkeep_plan": 1, "event": {}, "reports": [report]}):
        done = page("-", home=tmp_path, stdin=json.dumps(several))
        assert done.returncode == 0, done.stderr
    done = page("-", home=tmp_path, stdin=json.dumps({"runs": [report, report]}))
    assert (done.returncode, "2 reports" in done.stderr) == (2, True)
    done = page(event, "--instances", "3", home=tmp_path)
    assert "page.html: planned, 3 instances" in done.stdout
    assert "PLAN for 3 of 3" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_several_runs_that_a_word_fits_are_named(tmp_path: Path) -> None:
    journal = ("--journal", f"sqlite:///{tmp_path}/runs.db")
    run_ids = []
    for run_id in ("nightly-1", "nightly-2"):
        event = write(tmp_path, {**BY_TAG, "run_id": run_id, "select": {"name": "none*"}})
        run_ids.append(json.loads(cli("run", "--json", event, "--instances", "2", *journal, home=tmp_path).stdout)["run_id"])
    done = page(commonpath(run_ids), *journal, home=tmp_path)
    assert done.returncode == 2
    assert "fits 2 runs" in done.stderr
    assert run_ids[0] in done.stderr.replace("\n", "")


@pytest.mark.parametrize("command", [{"command": "halt", "reason": "x"}, {"command": "sweep"}, {"resume": "some-run"}])
def test_a_page_of_a_command_carries_nothing_out(command: dict[str, str], tmp_path: Path) -> None:
    """Whoever asks for a page asks to see, not to act."""
    journal = ("--journal", f"sqlite:///{tmp_path}/runs.db")
    done = page(write(tmp_path, command), *journal, home=tmp_path)
    assert (done.returncode, (tmp_path / "page.html").exists()) == (2, False)
    assert "nothing was done" in done.stderr
    assert json.loads(cli("runs", *journal, home=tmp_path).stdout)["halt"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nobody",), "'nobody' is no file here, so it has to be a run. No demo runs now"),
        (("README.md",), "not valid JSON"),
        (("LICENSE",), "not valid JSON"),
        (("nobody", "--language", "fr"), "en, zh-CN"),
        (("events/sqs-restart.json",), "holds no report"),
    ],
)
def test_what_can_be_typed_wrong_gets_a_sentence(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = page(*words, home=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ['{"report_version": 1}', '{"report_version": 1, "instances": "x"}', '{"report_version": 1, "runs": []}'])
def test_what_is_half_a_report_is_named(text: str, tmp_path: Path) -> None:
    done = page("-", home=tmp_path, stdin=text)
    assert done.returncode == 2, done.stdout
    assert "report" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    done = cli("page", "events/direct-dry-run.json", "-o", str(tmp_path / "no" / "page.html"), home=tmp_path)
    assert done.returncode == 2
    assert "No such file" in done.stderr


def test_the_functions_zip_has_no_pages_and_the_wheel_has_all_of_them() -> None:
    """What a page is made of is no Python, and a build could leave it out."""
    assert "local" in NOT_OURS
    ignored = subprocess.run(["git", "check-ignore", *_parts()], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ignored.stdout == "", "hatch leaves out what git ignores"
    assert len(_parts()) >= 9


def _parts() -> list[str]:
    folder = ROOT / "dcs_upkeep" / "local" / "pages"
    return [str(path.relative_to(ROOT)) for path in sorted([*folder.glob("*.css"), *folder.glob("*.js"), *folder.glob("templates/*")])]
