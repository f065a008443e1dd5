-- Who did what to which object and how it ended, one row an AuditRecord.

CREATE TABLE audit_log (
  id           INTEGER PRIMARY KEY REFERENCES kv (id) ON DELETE CASCADE, -- kv.id of the AuditRecord
  at_ms        INTEGER NOT NULL,                                         -- UTC ms
  actor        TEXT    NOT NULL,                                         -- node:<id>, admin:<name>, local, token:<id>, anonymous, system
  peer_address TEXT    NOT NULL,                                         -- address the call came from
  serial       TEXT    NOT NULL,                                         -- serial of the caller's certificate; empty without
  method       TEXT    NOT NULL,                                         -- RPC or job
  object       TEXT    NOT NULL,                                         -- what it was done to
  network      TEXT    NOT NULL,                                         -- network concerned; empty for none
  result       TEXT    NOT NULL,                                         -- ok or the error code
  reason       TEXT    NOT NULL                                          -- why, in words
);

CREATE INDEX audit_log_at     ON audit_log (at_ms);
CREATE INDEX audit_log_actor  ON audit_log (actor, at_ms);
CREATE INDEX audit_log_object ON audit_log (object, at_ms);
