-- The first rooms: people, units, plans, tasks, instructions, notices. Times: *_wall and *_biz are milliseconds UTC; dates are
-- TEXT YYYY-MM-DD in +08. Portable to PostgreSQL by the substitutions named in store/migrate.c.

CREATE TABLE kv (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE unit (
    code             TEXT PRIMARY KEY,
    full_name        TEXT NOT NULL,
    short_name       TEXT NOT NULL,
    board_name       TEXT NOT NULL,
    level            TEXT NOT NULL,
    type             TEXT NOT NULL,
    is_group         INTEGER NOT NULL DEFAULT 0,
    members_complete INTEGER NOT NULL DEFAULT 1,
    scope            TEXT NOT NULL DEFAULT '',
    user_kind        TEXT NOT NULL DEFAULT '',
    roles            TEXT NOT NULL DEFAULT '',
    region           TEXT NOT NULL DEFAULT '',
    parent           TEXT,
    note             TEXT NOT NULL DEFAULT '',
    ord              INTEGER NOT NULL DEFAULT 0,
    valid_from       TEXT,
    valid_to         TEXT,
    replaced_by      TEXT
) STRICT;

CREATE TABLE unit_alias (
    alias TEXT NOT NULL,
    unit  TEXT NOT NULL REFERENCES unit (code),
    PRIMARY KEY (alias, unit)
) STRICT;

CREATE TABLE unit_member (
    grp  TEXT NOT NULL REFERENCES unit (code),
    unit TEXT NOT NULL REFERENCES unit (code),
    ord  INTEGER NOT NULL,
    PRIMARY KEY (grp, unit)
) STRICT;

-- roles: bit mask of enum role (handlers/method.h), never renumbered.
CREATE TABLE person (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    title        TEXT NOT NULL DEFAULT '',
    unit         TEXT REFERENCES unit (code),
    roles        INTEGER NOT NULL,
    phone_enc    BLOB,
    phone_idx    TEXT UNIQUE,
    active       INTEGER NOT NULL DEFAULT 1,
    simulated    INTEGER NOT NULL DEFAULT 0,
    created_wall INTEGER NOT NULL
) STRICT;
CREATE INDEX person_unit ON person (unit);

CREATE TABLE device (
    id             TEXT PRIMARY KEY,
    person         TEXT NOT NULL REFERENCES person (id),
    pubkey         TEXT NOT NULL,
    name           TEXT NOT NULL,
    platform       TEXT NOT NULL,
    state          TEXT NOT NULL,
    last_serial    INTEGER NOT NULL DEFAULT 0,
    created_wall   INTEGER NOT NULL,
    activated_wall INTEGER,
    lost_wall      INTEGER
) STRICT;
CREATE INDEX device_person ON device (person);

-- One-time activation codes; leaders need a second administrator.
CREATE TABLE activation (
    device       TEXT PRIMARY KEY REFERENCES device (id),
    code_mac     TEXT NOT NULL,
    issued_by    TEXT NOT NULL,
    second_by    TEXT,
    tries        INTEGER NOT NULL DEFAULT 0,
    expires_wall INTEGER NOT NULL
) STRICT;

CREATE TABLE sms_challenge (
    id           TEXT PRIMARY KEY,
    phone_idx    TEXT NOT NULL,
    person       TEXT,
    code_mac     TEXT NOT NULL,
    nonce        TEXT NOT NULL,
    address      TEXT NOT NULL,
    tries        INTEGER NOT NULL DEFAULT 0,
    used         INTEGER NOT NULL DEFAULT 0,
    created_wall INTEGER NOT NULL,
    expires_wall INTEGER NOT NULL
) STRICT;
CREATE INDEX sms_challenge_phone ON sms_challenge (phone_idx, created_wall);

CREATE TABLE login_fail (
    account      TEXT NOT NULL,
    address      TEXT NOT NULL,
    fails        INTEGER NOT NULL,
    first_wall   INTEGER NOT NULL,
    locked_until INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, address)
) STRICT;

CREATE TABLE session_revoked (
    session TEXT PRIMARY KEY,
    person  TEXT NOT NULL,
    at_wall INTEGER NOT NULL
) STRICT;

CREATE TABLE system_key (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    secret_enc   BLOB NOT NULL,
    active       INTEGER NOT NULL DEFAULT 1,
    created_wall INTEGER NOT NULL
) STRICT;

CREATE TABLE inbound_event (
    source  TEXT NOT NULL,
    id      TEXT NOT NULL,
    kind    TEXT NOT NULL,
    body    TEXT NOT NULL,
    at_wall INTEGER NOT NULL,
    PRIMARY KEY (source, id)
) STRICT;

CREATE TABLE plan (
    id         TEXT PRIMARY KEY,
    title      TEXT NOT NULL,
    doc_no     TEXT NOT NULL,
    issuer     TEXT NOT NULL REFERENCES unit (code),
    meeting    TEXT NOT NULL DEFAULT '',
    issued_on  TEXT NOT NULL,
    printed_on TEXT NOT NULL,
    disclosure TEXT NOT NULL DEFAULT 'open'
) STRICT;

CREATE TABLE plan_part (
    plan  TEXT NOT NULL REFERENCES plan (id),
    part  INTEGER NOT NULL,
    title TEXT NOT NULL,
    PRIMARY KEY (plan, part)
) STRICT;

CREATE TABLE task (
    id               TEXT PRIMARY KEY,
    plan             TEXT REFERENCES plan (id),
    part             INTEGER NOT NULL DEFAULT 0,
    section          TEXT NOT NULL DEFAULT '',
    ord              INTEGER NOT NULL DEFAULT 0,
    title            TEXT NOT NULL,
    requirement      TEXT NOT NULL,
    kind             TEXT NOT NULL DEFAULT '',
    urgency          TEXT NOT NULL DEFAULT 'normal',
    source_kind      TEXT NOT NULL DEFAULT '',
    source_no        TEXT NOT NULL DEFAULT '',
    source_date      TEXT,
    issued_on        TEXT,
    lead_unit        TEXT REFERENCES unit (code),
    supervising_unit TEXT REFERENCES unit (code),
    deadline         TEXT,
    deadline_text    TEXT NOT NULL DEFAULT '',
    deadline_rule    TEXT NOT NULL DEFAULT '',
    long_term        INTEGER NOT NULL DEFAULT 0,
    continues_after  INTEGER NOT NULL DEFAULT 0,
    late_at_creation INTEGER NOT NULL DEFAULT 0,
    past_reason      TEXT NOT NULL DEFAULT '',
    steps            TEXT NOT NULL DEFAULT '[]',
    quantities       TEXT NOT NULL DEFAULT '{}',
    seed_refs        TEXT NOT NULL DEFAULT '[]',
    state            TEXT NOT NULL,
    version          INTEGER NOT NULL DEFAULT 1,
    return_count     INTEGER NOT NULL DEFAULT 0,
    grace_until      TEXT,
    quality          TEXT NOT NULL DEFAULT '',
    created_by       TEXT NOT NULL,
    submitted_by     TEXT NOT NULL DEFAULT '',
    created_biz      INTEGER NOT NULL,
    created_wall     INTEGER NOT NULL,
    dispatched_biz   INTEGER,
    done_biz         INTEGER,
    closed_biz       INTEGER
) STRICT;
CREATE INDEX task_plan ON task (plan, ord);
CREATE INDEX task_state ON task (state, deadline);

-- Units as printed (groups included); task_unit holds the units after expansion.
CREATE TABLE task_listed (
    task TEXT NOT NULL REFERENCES task (id),
    ord  INTEGER NOT NULL,
    unit TEXT NOT NULL REFERENCES unit (code),
    PRIMARY KEY (task, ord)
) STRICT;

CREATE TABLE task_unit (
    task         TEXT NOT NULL REFERENCES task (id),
    unit         TEXT NOT NULL REFERENCES unit (code),
    ord          INTEGER NOT NULL,
    is_lead      INTEGER NOT NULL DEFAULT 0,
    from_group   TEXT,
    state        TEXT NOT NULL DEFAULT 'waiting',
    sign_due_biz INTEGER,
    signed_biz   INTEGER,
    signed_by    TEXT,
    reported_biz INTEGER,
    PRIMARY KEY (task, unit)
) STRICT;
CREATE INDEX task_unit_unit ON task_unit (unit);

CREATE TABLE task_monitor (
    task TEXT NOT NULL REFERENCES task (id),
    unit TEXT NOT NULL REFERENCES unit (code),
    PRIMARY KEY (task, unit)
) STRICT;

-- Every transition and act, in order; the ranking is recomputed from here.
CREATE TABLE task_event (
    task       TEXT NOT NULL REFERENCES task (id),
    seq        INTEGER NOT NULL,
    event      TEXT NOT NULL,
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    actor      TEXT NOT NULL,
    unit       TEXT NOT NULL DEFAULT '',
    reason     TEXT NOT NULL DEFAULT '',
    data       TEXT NOT NULL DEFAULT '{}',
    device     TEXT NOT NULL DEFAULT '',
    at_biz     INTEGER NOT NULL,
    at_wall    INTEGER NOT NULL,
    PRIMARY KEY (task, seq)
) STRICT;
CREATE INDEX task_event_at ON task_event (at_biz);

CREATE TABLE task_report (
    task     TEXT NOT NULL REFERENCES task (id),
    unit     TEXT NOT NULL REFERENCES unit (code),
    seq      INTEGER NOT NULL,
    person   TEXT NOT NULL,
    text     TEXT NOT NULL,
    progress INTEGER,
    at_biz   INTEGER NOT NULL,
    PRIMARY KEY (task, unit, seq)
) STRICT;

CREATE TABLE evaluation (
    period TEXT NOT NULL,
    unit   TEXT NOT NULL REFERENCES unit (code),
    leader TEXT NOT NULL,
    value  INTEGER NOT NULL,
    at_biz INTEGER NOT NULL,
    PRIMARY KEY (period, unit, leader)
) STRICT;

CREATE TABLE ranking_frozen (
    period     TEXT NOT NULL,
    scope      TEXT NOT NULL,
    rule       TEXT NOT NULL,
    board      TEXT NOT NULL,
    frozen_biz INTEGER NOT NULL,
    PRIMARY KEY (period, scope)
) STRICT;

CREATE TABLE instruction (
    id             TEXT PRIMARY KEY,
    leader         TEXT NOT NULL REFERENCES person (id),
    device         TEXT NOT NULL REFERENCES device (id),
    serial         INTEGER NOT NULL,
    signed_at      INTEGER NOT NULL,
    kind           TEXT NOT NULL,
    urgency        TEXT NOT NULL,
    object         TEXT NOT NULL,
    object_version INTEGER NOT NULL,
    units          TEXT NOT NULL,
    reply_by       TEXT NOT NULL,
    due_on         TEXT,
    text           TEXT NOT NULL,
    canonical      TEXT NOT NULL,
    signature      TEXT NOT NULL,
    pubkey         TEXT NOT NULL,
    state          TEXT NOT NULL,
    created_biz    INTEGER NOT NULL,
    created_wall   INTEGER NOT NULL,
    closed_biz     INTEGER,
    UNIQUE (device, serial)
) STRICT;
CREATE INDEX instruction_object ON instruction (object);

CREATE TABLE instruction_unit (
    instruction TEXT NOT NULL REFERENCES instruction (id),
    unit        TEXT NOT NULL REFERENCES unit (code),
    ord         INTEGER NOT NULL,
    state       TEXT NOT NULL DEFAULT 'sent',
    replied_by  TEXT,
    replied_biz INTEGER,
    reply       TEXT,
    PRIMARY KEY (instruction, unit)
) STRICT;
CREATE INDEX instruction_unit_unit ON instruction_unit (unit);

CREATE TABLE instruction_withdrawal (
    instruction TEXT PRIMARY KEY REFERENCES instruction (id),
    device      TEXT NOT NULL,
    serial      INTEGER NOT NULL,
    signed_at   INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    canonical   TEXT NOT NULL,
    signature   TEXT NOT NULL,
    at_biz      INTEGER NOT NULL,
    UNIQUE (device, serial)
) STRICT;

-- What is said to one person; dedupe makes it once.
CREATE TABLE notice (
    id           TEXT PRIMARY KEY,
    person       TEXT NOT NULL REFERENCES person (id),
    kind         TEXT NOT NULL,
    priority     INTEGER NOT NULL,
    object       TEXT NOT NULL DEFAULT '',
    title        TEXT NOT NULL,
    body         TEXT NOT NULL,
    dedupe       TEXT NOT NULL,
    created_biz  INTEGER NOT NULL,
    created_wall INTEGER NOT NULL,
    read_wall    INTEGER,
    UNIQUE (person, dedupe)
) STRICT;
CREATE INDEX notice_person ON notice (person, id);

-- One way of saying it: state waiting -> queued -> claimed -> sent -> delivered | failed | unknown | cancelled.
CREATE TABLE delivery (
    id           TEXT PRIMARY KEY,
    notice       TEXT REFERENCES notice (id),
    person       TEXT NOT NULL,
    channel      TEXT NOT NULL,
    lane         TEXT NOT NULL,
    state        TEXT NOT NULL,
    due_wall     INTEGER NOT NULL,
    worker       TEXT NOT NULL DEFAULT '',
    claimed_wall INTEGER,
    attempts     INTEGER NOT NULL DEFAULT 0,
    detail       TEXT NOT NULL DEFAULT '',
    provider_ref TEXT NOT NULL DEFAULT '',
    updated_wall INTEGER NOT NULL
) STRICT;
CREATE INDEX delivery_due ON delivery (state, due_wall);
CREATE INDEX delivery_notice ON delivery (notice);
CREATE INDEX delivery_ref ON delivery (provider_ref);

-- A text to a number that belongs to nobody we know (codes): sealed, erased after the final verdict (D7).
CREATE TABLE direct_sms (
    delivery     TEXT PRIMARY KEY REFERENCES delivery (id),
    ref          TEXT NOT NULL,
    phone_enc    BLOB NOT NULL,
    text_enc     BLOB NOT NULL,
    expires_wall INTEGER NOT NULL
) STRICT;

CREATE TABLE attempt (
    delivery     TEXT NOT NULL REFERENCES delivery (id),
    n            INTEGER NOT NULL,
    worker       TEXT NOT NULL,
    started_wall INTEGER NOT NULL,
    ended_wall   INTEGER,
    verdict      TEXT NOT NULL DEFAULT '',
    detail       TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (delivery, n)
) STRICT;

CREATE TABLE idem (
    person  TEXT NOT NULL,
    method  TEXT NOT NULL,
    key     TEXT NOT NULL,
    request TEXT NOT NULL,
    reply   TEXT NOT NULL,
    at_wall INTEGER NOT NULL,
    PRIMARY KEY (person, method, key)
) STRICT;
CREATE INDEX idem_at ON idem (at_wall);
