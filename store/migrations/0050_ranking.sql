-- Ranking and what time does: praise of the province, a revision for evaluations (a changed one must raise the version of the boards),
-- and which reminders were given.

CREATE TABLE praise (
    doc_no       TEXT NOT NULL,
    unit         TEXT NOT NULL REFERENCES unit (code),
    entered_by   TEXT NOT NULL,
    entered_unit TEXT NOT NULL,
    at_biz       INTEGER NOT NULL,
    PRIMARY KEY (doc_no, unit)
) STRICT;

ALTER TABLE evaluation ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;

-- One row per reminder given (domain.md 3.4); name is also the dedupe key of its notices.
CREATE TABLE reminder (
    name   TEXT PRIMARY KEY,
    at_biz INTEGER NOT NULL
) STRICT;

CREATE INDEX task_unit_sign_due ON task_unit (sign_due_biz);
