-- The records, their history, and where both stand. Every replica has these, whichever engine orders the writes.

CREATE TABLE kv (
  id           INTEGER PRIMARY KEY,        -- this replica's number for the record; the row of the same record in every table below has the same id
  key          TEXT    NOT NULL UNIQUE,    -- full key, ordered by its UTF-8 bytes; src/server/store/keys.ts lists what stands where
  value        BLOB    NOT NULL,           -- the record: protobuf, networkcontroller.store.v1
  create_rev   INTEGER NOT NULL,           -- revision that created the key
  mod_rev      INTEGER NOT NULL,           -- revision that wrote the value
  expire_at_ms INTEGER                     -- UTC ms after which the store deletes the key; NULL for never
);

CREATE INDEX kv_expire ON kv (expire_at_ms) WHERE expire_at_ms IS NOT NULL;

CREATE TABLE event_log (
  rev   INTEGER NOT NULL,                      -- revision of the change
  seq   INTEGER NOT NULL,                      -- place of the change within its revision, from 0
  op    INTEGER NOT NULL CHECK (op IN (0, 1)), -- 0 put, 1 delete
  key   TEXT    NOT NULL,                      -- key that changed
  value BLOB,                                  -- new value; NULL for a delete
  at_ms INTEGER NOT NULL,                      -- UTC ms of the commit
  PRIMARY KEY (rev, seq)
) WITHOUT ROWID;

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,                  -- rev: the newest revision; compact_rev: the newest revision whose history is forgotten
  value INTEGER NOT NULL                   -- the revision
) WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('rev', 0), ('compact_rev', 0);

CREATE TABLE counters (
  name    TEXT    NOT NULL,                -- what is counted: nodes, nodes_connected, addresses_owned, addresses_quarantined, services
  network TEXT    NOT NULL,                -- network it is counted in
  n       INTEGER NOT NULL DEFAULT 0,      -- how many; kept by triggers, because counting a million rows takes too long for a status line
  PRIMARY KEY (name, network)
) WITHOUT ROWID;
