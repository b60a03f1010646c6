-- What every notice paid for and nobody reads: ids of carriers are found in sms_part. The people of a unit come in the order of
-- the index.
DROP INDEX delivery_ref;
CREATE INDEX person_unit_id ON person (unit, id);
DROP INDEX person_unit;
