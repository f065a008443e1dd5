-- Nodes, one row a NodeRecord, with what its PresenceRecord says. LiteKube's columns come first and unchanged.

CREATE TABLE "network_mgr" (
  "id"          integer primary key autoincrement,                             -- kv.id of the NodeRecord
  "token"       text not null unique,                                          -- SHA-256 of the node token's secret, hex; `reserverd` for the controller's own row
  "state"       integer not null,                                              -- -1 idle, 1 init, 3 connected
  "bind_ip"     text not null default "",                                      -- IPv4 address in the network
  "create_time" timestamp default (datetime(CURRENT_TIMESTAMP,'localtime')),   -- local time, for people; created_at_ms is what counts
  "update_time" timestamp default (datetime(CURRENT_TIMESTAMP,'localtime')),   -- local time of the last change of one of the columns above
  node_id        TEXT    NOT NULL,                                             -- the node's id, stable and given by the server
  network        TEXT    NOT NULL,                                             -- network the node is in
  name           TEXT    NOT NULL,                                             -- DNS label, unique within the network
  bind_ip6       TEXT    NOT NULL,                                             -- IPv6 address in the network, empty without
  wg_public_key  BLOB    NOT NULL,                                             -- X25519, 32 bytes
  reserved       INTEGER NOT NULL,                                             -- 1 for the controller's own row, which is never issued nor unregistered
  static_address INTEGER NOT NULL,                                             -- 1 when the address came with the token and is never reclaimed
  ephemeral      INTEGER NOT NULL,                                             -- 1 when the node goes after being idle
  created_at_ms  INTEGER NOT NULL,                                             -- UTC ms of the registration
  revoked_at_ms  INTEGER NOT NULL,                                             -- UTC ms of the revocation, 0 when not revoked
  mod_rev        INTEGER NOT NULL,                                             -- revision of the NodeRecord
  last_seen_ms   INTEGER NOT NULL DEFAULT 0,                                   -- UTC ms the node was last known to be there, 0 for never
  idle_since_ms  INTEGER NOT NULL,                                             -- last_seen_ms, or created_at_ms before the first time: the order of reclaiming
  endpoint       TEXT    NOT NULL DEFAULT '',                                  -- underlay address:port seen last
  version        TEXT    NOT NULL DEFAULT '',                                  -- version of the agent
  FOREIGN KEY (id) REFERENCES kv (id) ON DELETE CASCADE
);

CREATE INDEX network_mgr_node    ON network_mgr (node_id);
CREATE INDEX network_mgr_network ON network_mgr (network, node_id);
CREATE INDEX network_mgr_state   ON network_mgr (state, network, node_id);
-- The reclaimable alone: a connected node costs these indexes nothing when it is seen again.
CREATE INDEX network_mgr_idle      ON network_mgr (network, idle_since_ms) WHERE state = -1 AND reserved = 0 AND static_address = 0;
CREATE INDEX network_mgr_ephemeral ON network_mgr (idle_since_ms) WHERE state = -1 AND reserved = 0 AND ephemeral = 1;

CREATE TRIGGER update_time_trigger UPDATE OF id, token, state, bind_ip, create_time ON network_mgr
BEGIN
  UPDATE network_mgr SET update_time = datetime(CURRENT_TIMESTAMP, 'localtime') WHERE id = OLD.id;
END;

CREATE TRIGGER network_mgr_count_insert AFTER INSERT ON network_mgr WHEN NEW.reserved = 0
BEGIN
  INSERT INTO counters (name, network, n) VALUES ('nodes', NEW.network, 1), ('nodes_connected', NEW.network, NEW.state = 3)
    ON CONFLICT (name, network) DO UPDATE SET n = n + excluded.n;
END;

CREATE TRIGGER network_mgr_count_delete AFTER DELETE ON network_mgr WHEN OLD.reserved = 0
BEGIN
  UPDATE counters SET n = n - 1 WHERE name = 'nodes' AND network = OLD.network;
  UPDATE counters SET n = n - (OLD.state = 3) WHERE name = 'nodes_connected' AND network = OLD.network;
END;

CREATE TRIGGER network_mgr_count_update AFTER UPDATE OF state ON network_mgr WHEN OLD.reserved = 0 AND (OLD.state = 3) <> (NEW.state = 3)
BEGIN
  UPDATE counters SET n = n + (NEW.state = 3) - (OLD.state = 3) WHERE name = 'nodes_connected' AND network = OLD.network;
END;
