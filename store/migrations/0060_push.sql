-- Carrier's ids of the parts of an SMS: a status report names one of them. stat: what the report said, '' before.
CREATE TABLE sms_part (
    msg_id   TEXT NOT NULL,
    delivery TEXT NOT NULL REFERENCES delivery (id),
    n        INTEGER NOT NULL,
    stat     TEXT NOT NULL DEFAULT '',
    at_wall  INTEGER NOT NULL,
    PRIMARY KEY (msg_id, delivery)
) STRICT;
CREATE INDEX sms_part_delivery ON sms_part (delivery);
CREATE INDEX sms_part_at ON sms_part (at_wall);

-- Due ones of one lane in order; claims of a worker.
CREATE INDEX delivery_lane ON delivery (state, lane, due_wall, id);
CREATE INDEX direct_sms_expires ON direct_sms (expires_wall);
-- Limits per person and object (F110, F119).
CREATE INDEX delivery_person ON delivery (person, channel, id);
