-- What an instruction led to (F108): a task drafted from it, or one changed. Both sides read it here.
CREATE TABLE instruction_task (
    instruction TEXT NOT NULL REFERENCES instruction (id),
    task        TEXT NOT NULL REFERENCES task (id),
    how         TEXT NOT NULL,
    person      TEXT NOT NULL,
    at_biz      INTEGER NOT NULL,
    PRIMARY KEY (instruction, task)
) STRICT;
CREATE INDEX instruction_task_task ON instruction_task (task);
