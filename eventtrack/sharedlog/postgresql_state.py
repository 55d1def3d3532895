"""The standbys of a database, and the settings with which it may lose what it acknowledged."""

from eventtrack.sharedlog.postgresql_connections import Connection
from eventtrack.sharedlog.protocol import Node

_STANDBYS = """
SELECT coalesce(application_name, ''), coalesce(sync_state, ''), coalesce(state, '')
FROM pg_stat_replication ORDER BY 1
"""
# By setting: the values that lose what was acknowledged, and why.
_LOSING = {
    "fsync": (("off",), "a power cut loses or damages what was acknowledged"),
    "full_page_writes": (("off",), "a power cut damages pages"),
    "synchronous_commit": (("off", "local"), "other programs and roles lose what they commit"),
}


def risks_of(connection: Connection) -> list[str]:
    """The risks of a database, and of the tables of a log in its schema."""
    risks = []
    # The value that sessions begin with: this session has set its own.
    rows = connection.execute(
        "SELECT name, reset_val FROM pg_settings WHERE name = ANY(%s) ORDER BY name",
        (list(_LOSING),),
    ).fetchall()
    for name, value in rows:
        losing, why = _LOSING[name]
        if value in losing:
            risks.append(f"{name} = {value}: {why}; set it to on")
    kinds = connection.execute(
        "SELECT relname FROM pg_class WHERE relname LIKE 'eventtrack\\_%%' "
        "AND relpersistence = 'u' AND relkind = 'r' AND pg_table_is_visible(oid)"
    ).fetchall()
    risks += [
        f"the table {name} is unlogged: a crash empties it; ALTER TABLE {name} SET LOGGED"
        for (name,) in kinds
    ]
    standbys = standbys_of(connection)
    if standbys and not any(node.role in ("sync", "quorum") for node in standbys):
        risks.append(
            "no standby is synchronous: a failover loses what the standby does not have; set "
            "synchronous_standby_names"
        )
    return risks


def standbys_of(connection: Connection) -> list[Node]:
    """The standbys of a database, as far as this role sees them."""
    return [
        Node(name, role or "standby", "" if state in ("streaming", "") else state)
        for name, role, state in connection.execute(_STANDBYS).fetchall()
    ]
