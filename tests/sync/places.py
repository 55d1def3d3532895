"""Places that only keep bytes, as tests look into them: a folder, and a bucket on a real server."""

import json
import urllib.request
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from eventtrack.spaces.bucket import BucketSpace
from eventtrack.spaces.folder import FolderSpace
from eventtrack.spaces.space import Space
from eventtrack.sync.segments import SegmentRemote


class Place(Protocol):
    """Where machines meet, and what lies there behind the product's back."""

    url: str

    def space(self) -> Space:
        """It, as the product sees it."""
        ...

    def names(self, folder: str = "") -> list[str]:
        """What is there, in order."""
        ...

    def get(self, name: str) -> bytes:
        """The bytes of something."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Write over something, or make it."""
        ...

    def delete(self, name: str) -> None:
        """Take something away."""
        ...

    def beside(self, name: str) -> "Place":
        """Another place of the kind."""
        ...


class FolderPlace:
    """A folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = str(path)

    def space(self) -> Space:
        return FolderSpace(self.path)

    def names(self, folder: str = "") -> list[str]:
        found = (self.path / folder).rglob("*")
        return sorted(str(one.relative_to(self.path)) for one in found if one.is_file())

    def get(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def put(self, name: str, data: bytes) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def delete(self, name: str) -> None:
        (self.path / name).unlink()

    def beside(self, name: str) -> "FolderPlace":
        return FolderPlace(self.path.with_name(name))


class BucketPlace:
    """A bucket's prefix; the environment says where its server is."""

    def __init__(self, url: str) -> None:
        from obstore.store import S3Store

        self.url = url
        self._store = S3Store.from_url(url)

    def space(self) -> Space:
        return BucketSpace(self.url)

    def names(self, folder: str = "") -> list[str]:
        return sorted(one["path"] for page in self._store.list(folder) for one in page)

    def get(self, name: str) -> bytes:
        return self._store.get(name).bytes().to_bytes()

    def put(self, name: str, data: bytes) -> None:
        self._store.put(name, data)

    def delete(self, name: str) -> None:
        self._store.delete(name)

    def beside(self, name: str) -> "BucketPlace":
        return BucketPlace(f"{self.url}-{name}")


def remote_of(place: Place, *, create: bool = False) -> SegmentRemote:
    """The place as a remote."""
    return SegmentRemote(place.space(), create=create)


def segments_of(place: Place, replica: bytes) -> list[str]:
    """The names of a feed's segments."""
    return place.names(f"feeds/{replica.hex()}")


def requests_since(server: str) -> list[str]:
    """What a server of buckets was asked since this was called the last time."""
    with urllib.request.urlopen(f"{server}/-/requests") as answer:
        found: list[str] = json.load(answer)
    return [one for one in found if urlsplit(one.partition(" ")[2]).path != "/"]
