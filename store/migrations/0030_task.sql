-- Reports carry evidence and numbers; who refused a place and why.
ALTER TABLE task_report ADD COLUMN kind TEXT NOT NULL DEFAULT 'progress';
ALTER TABLE task_report ADD COLUMN evidence TEXT NOT NULL DEFAULT '[]';
ALTER TABLE task_report ADD COLUMN quantities TEXT NOT NULL DEFAULT '{}';
ALTER TABLE task_unit ADD COLUMN refused_reason TEXT NOT NULL DEFAULT '';

CREATE INDEX task_deadline ON task (deadline, id);
CREATE INDEX task_created ON task (created_biz, id);
CREATE INDEX task_supervising ON task (supervising_unit);
CREATE INDEX task_monitor_unit ON task_monitor (unit);
CREATE INDEX task_event_unit ON task_event (task, unit, event);
