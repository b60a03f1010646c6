-- Sessions that hold a device (bootstrap binding, loss), signatures of receipt, and look-ups of log-in limits.

CREATE TABLE session_device (
    session TEXT PRIMARY KEY,
    person  TEXT NOT NULL REFERENCES person (id),
    device  TEXT NOT NULL REFERENCES device (id),
    at_wall INTEGER NOT NULL
) STRICT;
CREATE INDEX session_device_device ON session_device (device);

CREATE INDEX sms_challenge_address ON sms_challenge (address, created_wall);
CREATE INDEX sms_challenge_created ON sms_challenge (created_wall);
CREATE INDEX session_revoked_at ON session_revoked (at_wall);

ALTER TABLE instruction_unit ADD COLUMN signed_by TEXT;
ALTER TABLE instruction_unit ADD COLUMN signed_biz INTEGER;
ALTER TABLE inbound_event ADD COLUMN event_at TEXT NOT NULL DEFAULT '';
