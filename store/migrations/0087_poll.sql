-- Who has read a message of an office messenger is asked of its provider: when next (0: no more), and how often so far.
ALTER TABLE delivery ADD COLUMN poll_due INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN polls_n INTEGER NOT NULL DEFAULT 0;
CREATE INDEX delivery_poll ON delivery (provider, poll_due) WHERE poll_due > 0;

-- An outcome was unknown and the provider drops repetitions: only this provider until then, and how often so far.
ALTER TABLE delivery ADD COLUMN once_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN once_n INTEGER NOT NULL DEFAULT 0;

-- No message, but what makes the one of this delivery louder.
ALTER TABLE delivery ADD COLUMN raise_of TEXT NOT NULL DEFAULT '';
