-- Addresses that are not free, one row an AddressRecord: what the address pools are rebuilt from.

CREATE TABLE addresses (
  id                   INTEGER PRIMARY KEY REFERENCES kv (id) ON DELETE CASCADE, -- kv.id of the AddressRecord
  network              TEXT    NOT NULL,                                         -- network of the address
  address              TEXT    NOT NULL,                                         -- IPv4 or IPv6 address as in the key
  node_id              TEXT    NOT NULL,                                         -- owner; empty when none
  token_id             TEXT    NOT NULL,                                         -- unused bootstrap token it is kept for; empty when none
  quarantined_until_ms INTEGER NOT NULL,                                         -- UTC ms until which an address without owner rests
  mod_rev              INTEGER NOT NULL                                          -- revision of the AddressRecord
);

CREATE INDEX addresses_network     ON addresses (network, address);
CREATE INDEX addresses_quarantined ON addresses (network, quarantined_until_ms) WHERE node_id = '' AND token_id = '';

CREATE TRIGGER addresses_count_insert AFTER INSERT ON addresses
BEGIN
  INSERT INTO counters (name, network, n) VALUES (iif(NEW.node_id = '' AND NEW.token_id = '', 'addresses_quarantined', 'addresses_owned'), NEW.network, 1)
    ON CONFLICT (name, network) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER addresses_count_delete AFTER DELETE ON addresses
BEGIN
  UPDATE counters SET n = n - 1
    WHERE name = iif(OLD.node_id = '' AND OLD.token_id = '', 'addresses_quarantined', 'addresses_owned') AND network = OLD.network;
END;

CREATE TRIGGER addresses_count_update AFTER UPDATE OF node_id, token_id ON addresses
  WHEN (OLD.node_id = '' AND OLD.token_id = '') <> (NEW.node_id = '' AND NEW.token_id = '')
BEGIN
  UPDATE counters SET n = n - 1
    WHERE name = iif(OLD.node_id = '' AND OLD.token_id = '', 'addresses_quarantined', 'addresses_owned') AND network = OLD.network;
  INSERT INTO counters (name, network, n) VALUES (iif(NEW.node_id = '' AND NEW.token_id = '', 'addresses_quarantined', 'addresses_owned'), NEW.network, 1)
    ON CONFLICT (name, network) DO UPDATE SET n = n + 1;
END;
