-- DNS records that admins added, one row a record of a DnsNameRecord.

CREATE TABLE dns_records (
  id            INTEGER NOT NULL REFERENCES kv (id) ON DELETE CASCADE, -- kv.id of the DnsNameRecord of this name
  record_id     TEXT    NOT NULL,                                      -- id of this record
  name          TEXT    NOT NULL,                                      -- complete name, lower case, without the final dot
  network       TEXT    NOT NULL,                                      -- network whose nodes alone see it; empty for everybody
  type          TEXT    NOT NULL,                                      -- A, AAAA, CAA, CNAME, MX, NS, PTR, SRV or TXT
  value         TEXT    NOT NULL,                                      -- data as a zone file has it
  ttl_seconds   INTEGER NOT NULL,                                      -- how long an answer may be kept, seconds
  created_at_ms INTEGER NOT NULL,                                      -- UTC ms when it was added
  created_by    TEXT    NOT NULL,                                      -- who added it: admin:<name> or local
  mod_rev       INTEGER NOT NULL,                                      -- revision of the DnsNameRecord
  PRIMARY KEY (id, record_id)
);

CREATE INDEX dns_records_name ON dns_records (name, record_id);
CREATE INDEX dns_records_id   ON dns_records (record_id);
