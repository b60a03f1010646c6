-- A delivery changes its state four times: each index keeps only the rows of the state it is asked for, so that a change touches two of them
-- and those that are over none.
DROP INDEX delivery_due;
DROP INDEX delivery_lane;
DROP INDEX delivery_provider;
CREATE INDEX delivery_due ON delivery (due_wall) WHERE state = 'waiting';
CREATE INDEX delivery_waiting ON delivery (lane, channel, due_wall, id) WHERE state = 'waiting';
CREATE INDEX delivery_queued ON delivery (lane, channel, due_wall, id) WHERE state = 'queued';
CREATE INDEX delivery_claimed ON delivery (lane, channel, due_wall) WHERE state = 'claimed';
CREATE INDEX delivery_sent ON delivery (provider, updated_wall) WHERE state = 'sent';
CREATE INDEX delivery_dead ON delivery (id) WHERE state IN ('failed', 'unknown');

-- Receipts of nothing we know are looked for by age, and never all of them at once.
DROP INDEX receipt_delivery;
CREATE INDEX receipt_delivery ON receipt (delivery) WHERE delivery <> '';
CREATE INDEX receipt_orphan ON receipt (at_wall) WHERE delivery = '';
