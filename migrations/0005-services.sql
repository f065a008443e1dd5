-- Registered services, one row a ServiceRecord.

CREATE TABLE services (
  id            INTEGER PRIMARY KEY REFERENCES kv (id) ON DELETE CASCADE, -- kv.id of the ServiceRecord
  service_id    TEXT    NOT NULL,                                         -- id of this instance
  network       TEXT    NOT NULL,                                         -- network it is offered in
  name          TEXT    NOT NULL,                                         -- service name, shared by its instances
  node_id       TEXT    NOT NULL,                                         -- node it runs on; empty for an address outside
  address       TEXT    NOT NULL,                                         -- address it answers at
  port          INTEGER NOT NULL,                                         -- port, 0 for none
  protocol      TEXT    NOT NULL,                                         -- tcp or udp
  type          TEXT    NOT NULL,                                         -- component type
  channel       TEXT    NOT NULL,                                         -- alpha, beta or stable; empty for none
  role          TEXT    NOT NULL,                                         -- what the instance is within its service
  expires_at_ms INTEGER NOT NULL,                                         -- UTC ms the lease ends, 0 without lease
  withheld      TEXT    NOT NULL,                                         -- why it is not answered at the moment; empty when it is
  mod_rev       INTEGER NOT NULL                                          -- revision of the ServiceRecord
);

CREATE INDEX services_name ON services (network, name, service_id);
CREATE INDEX services_id   ON services (service_id);
CREATE INDEX services_node ON services (node_id);

CREATE TRIGGER services_count_insert AFTER INSERT ON services
BEGIN
  INSERT INTO counters (name, network, n) VALUES ('services', NEW.network, 1) ON CONFLICT (name, network) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER services_count_delete AFTER DELETE ON services
BEGIN
  UPDATE counters SET n = n - 1 WHERE name = 'services' AND network = OLD.network;
END;
