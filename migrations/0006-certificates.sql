-- Issued certificates, one row a CertificateRecord.

CREATE TABLE certificates (
  id            INTEGER PRIMARY KEY REFERENCES kv (id) ON DELETE CASCADE, -- kv.id of the CertificateRecord
  serial        TEXT    NOT NULL,                                         -- serial number, hex
  subject_kind  TEXT    NOT NULL,                                         -- node, admin or relay
  subject_id    TEXT    NOT NULL,                                         -- node id, admin name or relay id
  network       TEXT    NOT NULL,                                         -- network of a node; empty for others
  purpose       TEXT    NOT NULL,                                         -- grpc or network
  state         INTEGER NOT NULL,                                         -- 1 pending, 2 current, 3 superseded, 4 revoked
  not_after_ms  INTEGER NOT NULL,                                         -- UTC ms the certificate ends
  role          TEXT    NOT NULL,                                         -- admin or viewer; empty for others
  revoked_at_ms INTEGER NOT NULL,                                         -- UTC ms of the revocation, 0 when not revoked
  ca_generation INTEGER NOT NULL,                                         -- generation of the CA that signed it
  mod_rev       INTEGER NOT NULL                                          -- revision of the CertificateRecord
);

-- The revocation list is made of these.
CREATE INDEX certificates_revoked ON certificates (purpose, not_after_ms) WHERE state = 4;

CREATE INDEX certificates_generation ON certificates (purpose, ca_generation, not_after_ms);

CREATE INDEX certificates_subject ON certificates (subject_kind, subject_id);
