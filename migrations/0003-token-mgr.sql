-- Bootstrap tokens, one row a TokenRecord. LiteKube's columns come first and unchanged.

CREATE TABLE "token_mgr" (
  "id"          integer primary key autoincrement,                             -- kv.id of the TokenRecord
  "token"       text not null unique,                                          -- SHA-256 of the secret, hex
  "expire_time" timestamp default (datetime(CURRENT_TIMESTAMP,'localtime')),   -- local time, for people; NULL for never; expires_at_ms is what counts
  "create_time" timestamp default (datetime(CURRENT_TIMESTAMP,'localtime')),   -- local time, for people; created_at_ms is what counts
  "update_time" timestamp default (datetime(CURRENT_TIMESTAMP,'localtime')),   -- local time of the last change of one of the columns above
  token_id      TEXT    NOT NULL,                                              -- the public half of the token
  network       TEXT    NOT NULL,                                              -- network it admits to
  label         TEXT    NOT NULL,                                              -- the admin's words for it
  created_by    TEXT    NOT NULL,                                              -- actor that made it
  created_at_ms INTEGER NOT NULL,                                              -- UTC ms
  expires_at_ms INTEGER NOT NULL,                                              -- UTC ms, 0 for never
  max_uses      INTEGER NOT NULL,                                              -- nodes it may admit, 0 for without bound
  revoked_at_ms INTEGER NOT NULL,                                              -- UTC ms of the revocation, 0 when not revoked
  mod_rev       INTEGER NOT NULL,                                              -- revision of the TokenRecord
  FOREIGN KEY (id) REFERENCES kv (id) ON DELETE CASCADE
);

CREATE INDEX token_mgr_id      ON token_mgr (token_id);
CREATE INDEX token_mgr_network ON token_mgr (network, token_id);
CREATE INDEX token_mgr_expires ON token_mgr (expires_at_ms) WHERE expires_at_ms > 0;

CREATE TRIGGER update_time_trigger2 UPDATE OF id, token, create_time, expire_time ON token_mgr
BEGIN
  UPDATE token_mgr SET update_time = datetime(CURRENT_TIMESTAMP, 'localtime') WHERE id = OLD.id;
END;
