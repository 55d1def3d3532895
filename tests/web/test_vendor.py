"""The libraries of the pages are those that npm distributes, byte for byte."""

import hashlib
import json

from eventtrack.web.assets import STATIC

VENDOR = STATIC / "vendor"


def test_every_library_is_as_it_was_fetched_and_nothing_lies_beside_them() -> None:
    manifest = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))
    promised = {path: sha256 for one in manifest for path, sha256 in one["sha256"].items()}
    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert found == promised


def test_every_library_comes_with_its_licence_and_where_it_is_from() -> None:
    for one in json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8")):
        assert any(path.endswith("/LICENSE") for path in one["sha256"]), one["package"]
        assert one["version"]
        assert one["integrity"].startswith("sha512-")
