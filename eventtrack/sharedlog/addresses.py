"""Addresses of shared logs: `postgresql://`, `nats://` and `s3://`."""

from urllib.parse import urlsplit

POSTGRESQL = ("postgresql", "postgres")
NATS = ("nats", "tls")


def without_password(url: str) -> str:
    """The address without its secrets, fit to be shown.

    The user of a `nats://` address without a password is a token, and so a secret too.
    """
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    if not at:
        return url
    name, colon, _ = user.partition(":")
    kept = "" if parts.scheme in NATS and not colon else f"{name}@"
    return parts._replace(netloc=kept + place).geturl()


def names_log(url: str) -> bool:
    """Whether an address may be that of a shared log: a bucket may hold other things."""
    return url.partition("://")[0] in (*POSTGRESQL, *NATS, "s3") and "://" in url
