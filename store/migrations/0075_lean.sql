-- What every notice and every report pays for and nobody reads: delivery_lane serves all that asked delivery_due, and the
-- carrier's ids are found in sms_part. The people of a unit come in the order of the index.
DROP INDEX delivery_due;
DROP INDEX delivery_ref;
CREATE INDEX person_unit_id ON person (unit, id);
DROP INDEX person_unit;
