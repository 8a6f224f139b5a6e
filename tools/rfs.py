"""`make package HOST=rfs`: the deployment as one template for Huawei Cloud's Resource Formation Service (RFS), made from the same files.

RFS runs Terraform in the cloud. Its templates may read no file, hold no provisioner or backend, and make no object in a bucket; one that is
uploaded has at most 1 MB, one that is pasted 50 KB. So the zip is put into a bucket by hand, and named by its address.
Source: template reference, "Template Constraints and Limitations" (tr-aos/rf_05_0028), and "Supported Provider Versions" (rf_02_0006).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "deploy" / "functiongraph"
PARTS = ("main", "variables", "journal", "rights", "topics", "alarms", "function", "outputs")
LEFT_OUT = "package"  # the part that reads a file
MOST_BYTES = 50_000
FUNCTIONS = (
    *("abspath", "basename", "dirname", "file", "filebase64", "filebase64sha256", "filebase64sha512", "fileexists", "fileset"),
    *("filemd5", "filesha1", "filesha256", "filesha512", "pathexpand", "templatefile"),
)
RESOURCES = ("huaweicloud_obs_bucket_object", "huaweicloud_identity_access_key")
BLOCKS = ("provisioner", "backend", "cloud", "module", "check")
# What differs: where the provider comes from, and that the zip is in a bucket already.
CHANGED = (
    ('source  = "huaweicloud/huaweicloud"', 'source  = "huawei.com/provider/huaweicloud"'),
    # RFS offers a few versions at a time, later ones than this: the first that has every argument.
    ('version = "1.78.5"', 'version = ">= 1.74.0"'),
    ('required_version = ">= 1.5"', 'required_version = ">= 1.3"'),  # what `optional` in a type needs; 1.5 was for the check
    (", where it is in a bucket of the region already; instead of package_file.", ": put it into a bucket of the region first."),
    (
        "Name the package once: package_file for a zip on this machine, or package_url for one that is in OBS.",
        "Set package_url: RFS takes no file.",
    ),
)
PACKAGE = """# The zip is in a bucket already: RFS reads no file.
locals {
  from_file      = false
  packages_named = var.package_url != "" ? 1 : 0
  code_url       = var.package_url
}
"""


def template() -> str:
    """The template. Raises: ValueError if a part no longer holds what is changed here, or if RFS would refuse the whole."""
    texts = {name: (FOLDER / f"{name}.tf").read_text(encoding="utf-8") for name in PARTS}
    head, _, main = texts["main"].partition("terraform {")
    del head  # it speaks of the pinned version
    text = "\n".join(["terraform {" + main, *(texts[name] for name in PARTS[1:]), PACKAGE])
    for old, new in CHANGED:
        if text.count(old) != 1:
            raise ValueError(f"{old!r} stands {text.count(old)} times in {FOLDER.name}, not once.")
        text = text.replace(old, new)
    text = re.sub(r"(?:^#[^\n]*\n)?^check \"timeout\" \{\n.*?^\}\n\n", "", text, flags=re.MULTILINE | re.DOTALL)
    if found := list(complaints(text)):
        raise ValueError("\n".join(found))
    return text


def complaints(text: str) -> Iterator[str]:
    """What RFS refuses in a template."""
    code = re.sub(r"^\s*#[^\n]*$", "", text, flags=re.MULTILINE)
    for name in FUNCTIONS:
        if re.search(rf"(?<![\w.]){name}\(", code):
            yield f"the function {name} is forbidden"
    for name in RESOURCES:
        if name in code:
            yield f"the resource {name} is forbidden"
    for name in BLOCKS:
        if re.search(rf"^\s*{name}\b[^=\n]*\{{", code, flags=re.MULTILINE):
            yield f"a {name} block is forbidden or not known there"
    for number in re.findall(r"^\s*count\s*=\s*(\d+)\s*$", code, flags=re.MULTILINE):
        if int(number) > 1024:
            yield f"count is {number}, and 1024 at most"
    if len(text.encode()) > MOST_BYTES:
        yield f"the template has {len(text.encode())} bytes, and {MOST_BYTES} at most where it is pasted"


def build(output: Path) -> Path:
    """Write the template and return its path."""
    output.mkdir(parents=True, exist_ok=True)
    made = output / "dcs-upkeep-rfs.tf"
    try:
        made.write_text(template(), encoding="utf-8")
    except ValueError as error:
        sys.exit(f"No template for RFS was made:\n{error}")
    return made
