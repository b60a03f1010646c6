-- Delivery by several channels and providers: where people can be reached, what each attempt went through, what came back.

-- Push tokens, openids, user ids of office messengers. Sealed; looked up by a keyed hash (D7).
CREATE TABLE push_target (
    id              TEXT PRIMARY KEY,
    person          TEXT NOT NULL REFERENCES person (id),
    channel         TEXT NOT NULL,
    vendor          TEXT NOT NULL DEFAULT '',
    app             TEXT NOT NULL DEFAULT '',
    token_idx       TEXT NOT NULL,
    token_enc       BLOB NOT NULL,
    key_enc         BLOB,
    device          TEXT NOT NULL DEFAULT '',
    state           TEXT NOT NULL,
    reason          TEXT NOT NULL DEFAULT '',
    registered_wall INTEGER NOT NULL,
    seen_wall       INTEGER NOT NULL,
    UNIQUE (channel, vendor, app, token_idx)
) STRICT;
CREATE INDEX push_target_person ON push_target (person, channel, state);

-- How many messages of a template somebody accepted (WeChat): counted down by each send, so that none is tried in vain.
CREATE TABLE consent (
    target       TEXT NOT NULL REFERENCES push_target (id),
    template     TEXT NOT NULL,
    left_n       INTEGER NOT NULL,
    long_term    INTEGER NOT NULL,
    changed_wall INTEGER NOT NULL,
    PRIMARY KEY (target, template)
) STRICT;

-- Who wants nothing more by a channel: answered 退订, or is on a list of the provider. Never holds back duty messages (P0, P1).
CREATE TABLE opt_out (
    person  TEXT NOT NULL REFERENCES person (id),
    channel TEXT NOT NULL,
    source  TEXT NOT NULL,
    at_wall INTEGER NOT NULL,
    PRIMARY KEY (person, channel)
) STRICT;

-- step: place in the plan. tried: providers that could not carry it, with commas around each. not_before: end of quiet hours.
ALTER TABLE delivery ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN target TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN provider TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN tried TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN verdict TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN provider TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN ref TEXT NOT NULL DEFAULT '';
DROP INDEX delivery_lane;
CREATE INDEX delivery_lane ON delivery (state, lane, channel, due_wall, id);
CREATE INDEX delivery_provider ON delivery (state, provider, updated_wall);

-- What a provider told after its answer. A receipt that came first waits here without a delivery.
CREATE TABLE receipt (
    provider TEXT NOT NULL,
    ref      TEXT NOT NULL,
    kind     TEXT NOT NULL,
    delivery TEXT NOT NULL DEFAULT '',
    detail   TEXT NOT NULL DEFAULT '',
    at_wall  INTEGER NOT NULL,
    PRIMARY KEY (provider, ref, kind)
) STRICT;
CREATE INDEX receipt_delivery ON receipt (delivery);
CREATE INDEX receipt_at ON receipt (at_wall);

-- The words of a text, for templates of providers; what must be read, by when; who read where.
ALTER TABLE notice ADD COLUMN var_t TEXT NOT NULL DEFAULT '';
ALTER TABLE notice ADD COLUMN var_x TEXT NOT NULL DEFAULT '';
ALTER TABLE notice ADD COLUMN deadline_wall INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notice ADD COLUMN read_by TEXT NOT NULL DEFAULT '';

-- An operator's hand on a provider.
CREATE TABLE provider_hold (
    provider TEXT PRIMARY KEY,
    person   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    at_wall  INTEGER NOT NULL
) STRICT;

-- Ids of messages are the provider's own: two providers may give the same one.
ALTER TABLE sms_part RENAME TO sms_part_old;
CREATE TABLE sms_part (
    provider TEXT NOT NULL,
    msg_id   TEXT NOT NULL,
    delivery TEXT NOT NULL REFERENCES delivery (id),
    n        INTEGER NOT NULL,
    stat     TEXT NOT NULL DEFAULT '',
    at_wall  INTEGER NOT NULL,
    PRIMARY KEY (msg_id, provider, delivery)
) STRICT;
INSERT INTO sms_part (provider, msg_id, delivery, n, stat, at_wall) SELECT '', msg_id, delivery, n, stat, at_wall FROM sms_part_old;
DROP TABLE sms_part_old;
CREATE INDEX sms_part_delivery ON sms_part (delivery);
CREATE INDEX sms_part_at ON sms_part (at_wall);
