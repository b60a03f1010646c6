-- Must-read notices: who is told, who was reached and by what, who read. Counters follow marks (store/circular.h).

CREATE TABLE circular (
    id            TEXT PRIMARY KEY,
    sender        TEXT NOT NULL REFERENCES person (id),
    unit          TEXT NOT NULL DEFAULT '',
    title         TEXT NOT NULL,
    text          TEXT NOT NULL,
    priority      INTEGER NOT NULL,
    reason        TEXT NOT NULL DEFAULT '',
    dedupe        TEXT NOT NULL,
    digest        TEXT NOT NULL,
    deadline_biz  INTEGER NOT NULL DEFAULT 0,
    deadline_wall INTEGER NOT NULL DEFAULT 0,
    state         TEXT NOT NULL,
    created_biz   INTEGER NOT NULL,
    created_wall  INTEGER NOT NULL,
    closed_wall   INTEGER NOT NULL DEFAULT 0,
    urged_n       INTEGER NOT NULL DEFAULT 0,
    urged_wall    INTEGER NOT NULL DEFAULT 0,
    urged_level   INTEGER NOT NULL DEFAULT 0,
    job           TEXT NOT NULL DEFAULT '',
    job_ord       INTEGER NOT NULL DEFAULT 0,
    job_after     TEXT NOT NULL DEFAULT '',
    changed       INTEGER NOT NULL DEFAULT 0,
    total         INTEGER NOT NULL,
    waiting_n     INTEGER NOT NULL DEFAULT 0,
    sent_n        INTEGER NOT NULL DEFAULT 0,
    reached_n     INTEGER NOT NULL DEFAULT 0,
    failed_n      INTEGER NOT NULL DEFAULT 0,
    read_n        INTEGER NOT NULL DEFAULT 0,
    confirmed_n   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (sender, dedupe)
) STRICT;
CREATE INDEX circular_sender ON circular (sender, id);
CREATE INDEX circular_unit ON circular (unit, id);
CREATE INDEX circular_job ON circular (id) WHERE job <> '';
CREATE INDEX circular_changed ON circular (id) WHERE changed <> 0;

-- Whom it is for, groups expanded, without overlaps. kind: all, unit, person. roles: bits of enum role.
CREATE TABLE circular_to (
    circular TEXT NOT NULL REFERENCES circular (id),
    ord      INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    ref      TEXT NOT NULL,
    roles    INTEGER NOT NULL,
    PRIMARY KEY (circular, ord)
) STRICT;

-- One person of one circular. stage: as it is counted (store/circular.h). reached, failed: bits of enum delivery_channel.
CREATE TABLE circular_person (
    circular       TEXT NOT NULL REFERENCES circular (id),
    person         TEXT NOT NULL REFERENCES person (id),
    unit           TEXT NOT NULL,
    stage          INTEGER NOT NULL DEFAULT -1,
    reached        INTEGER NOT NULL DEFAULT 0,
    failed         INTEGER NOT NULL DEFAULT 0,
    reached_by     TEXT NOT NULL DEFAULT '',
    reached_wall   INTEGER NOT NULL DEFAULT 0,
    read_wall      INTEGER NOT NULL DEFAULT 0,
    read_by        TEXT NOT NULL DEFAULT '',
    confirmed_wall INTEGER NOT NULL DEFAULT 0,
    is_confirmed   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (circular, person)
) STRICT;
CREATE INDEX circular_person_unit ON circular_person (unit, circular, person);
CREATE INDEX circular_person_inbox ON circular_person (person, circular);

CREATE TABLE circular_channel (
    circular  TEXT NOT NULL REFERENCES circular (id),
    channel   TEXT NOT NULL,
    reached_n INTEGER NOT NULL,
    failed_n  INTEGER NOT NULL,
    PRIMARY KEY (circular, channel)
) STRICT;

CREATE TABLE circular_urge (
    circular TEXT NOT NULL REFERENCES circular (id),
    n        INTEGER NOT NULL,
    person   TEXT NOT NULL,
    level    INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    people   INTEGER NOT NULL,
    at_wall  INTEGER NOT NULL,
    PRIMARY KEY (circular, n)
) STRICT;

-- Something of this person's deliveries or reading has changed since it was counted; written with the change.
CREATE TABLE circular_mark (
    circular TEXT NOT NULL,
    person   TEXT NOT NULL,
    PRIMARY KEY (circular, person)
) STRICT;

ALTER TABLE notice ADD COLUMN circular TEXT NOT NULL DEFAULT '';
CREATE INDEX notice_circular ON notice (circular, person) WHERE circular <> '';
