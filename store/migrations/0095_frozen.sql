-- What a frozen period was judged by besides its history: rules that are configuration, and the units as they were called then.
CREATE TABLE ranking_rules (
    period      TEXT PRIMARY KEY,
    min_tasks   INTEGER NOT NULL,
    yellow_days INTEGER NOT NULL
) STRICT;

CREATE TABLE ranking_unit (
    period     TEXT NOT NULL REFERENCES ranking_rules (period),
    unit       TEXT NOT NULL REFERENCES unit (code),
    board_name TEXT NOT NULL,
    short_name TEXT NOT NULL,
    scope      INTEGER NOT NULL,
    PRIMARY KEY (period, unit)
) STRICT;
