"""Fetch the libraries of the web pages into eventtrack/web/static/vendor/.

The files are those that npm distributes, unmodified, with their licences; `manifest.json` beside
them says what each is. Only whoever updates a library needs npm, and runs this: users, tests and
the package do not.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).resolve().parent.parent / "eventtrack" / "web" / "static" / "vendor"
# Package, version, and which of its files the pages load; licences come along by themselves.
WANTED = (
    ("preact", "11.2.0", ("dist/preact.mjs", "hooks/dist/hooks.mjs")),
    ("@preact/signals-core", "1.14.5", ("dist/signals-core.mjs",)),
    ("@preact/signals", "2.11.4", ("dist/signals.mjs",)),
    ("htm", "3.1.1", ("dist/htm.mjs",)),
)


def fetch(name: str, version: str, files: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Download one package, put its files below `VENDOR`, and say what they are."""
    command = ["npm", "pack", f"{name}@{version}", "--json", "--pack-destination", str(folder)]
    [packed] = json.loads(subprocess.check_output(command, text=True))
    archive = folder / packed["filename"]
    digest = hashlib.sha512(archive.read_bytes()).digest()
    integrity = f"sha512-{base64.b64encode(digest).decode()}"
    if integrity != packed["integrity"]:
        sys.exit(f"{name} {version}: npm promised {packed['integrity']}, {integrity} came")
    target = name.removeprefix("@").replace("/", "-")
    hashes = {}
    with tarfile.open(archive) as tar:
        for file in ("LICENSE", *files):
            source = tar.extractfile(f"package/{file}")
            assert source is not None, file
            path = VENDOR / target / Path(file).name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.read())
            hashes[f"{target}/{path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"package": name, "version": version, "integrity": integrity, "sha256": hashes}


def main() -> None:
    """Fetch all of them."""
    with tempfile.TemporaryDirectory() as folder:
        found = [fetch(name, version, files, Path(folder)) for name, version, files in WANTED]
    text = json.dumps(found, indent=2) + "\n"
    (VENDOR / "manifest.json").write_text(text, encoding="utf-8")
    print(f"{len(found)} packages in {VENDOR}")


if __name__ == "__main__":
    main()
