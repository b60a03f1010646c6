-- What people answered by SMS: sealed, once however often the carrier repeats it, kept for a while.
CREATE TABLE sms_reply (
    provider  TEXT NOT NULL,
    ref       TEXT NOT NULL,
    person    TEXT NOT NULL DEFAULT '',
    phone_idx TEXT NOT NULL,
    text_enc  BLOB NOT NULL,
    refusal   INTEGER NOT NULL DEFAULT 0,
    at_wall   INTEGER NOT NULL,
    PRIMARY KEY (provider, ref)
) STRICT;
CREATE INDEX sms_reply_at ON sms_reply (at_wall);
