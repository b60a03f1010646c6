-- What the store itself needs: sequences, the outbox, the ledger.
CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO counter (name, value) VALUES ('outbox', 0);

CREATE TABLE outbox (
    seq      INTEGER PRIMARY KEY,
    channel  TEXT NOT NULL,
    item_key TEXT,
    data     TEXT NOT NULL,
    at_wall  INTEGER NOT NULL
) STRICT;

-- seq and hash are given when the batch is sealed; NULL only inside a transaction.
CREATE TABLE ledger (
    id          TEXT PRIMARY KEY,
    seq         INTEGER UNIQUE,
    at_wall     INTEGER NOT NULL,
    at_business INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    actor       TEXT NOT NULL,
    unit        TEXT NOT NULL,
    object      TEXT NOT NULL,
    body        TEXT NOT NULL,
    mac         TEXT NOT NULL,
    hash        TEXT
) STRICT;

CREATE TABLE ledger_head (
    seq     INTEGER PRIMARY KEY,
    hash    TEXT NOT NULL,
    sig     TEXT NOT NULL,
    at_wall INTEGER NOT NULL
) STRICT;
