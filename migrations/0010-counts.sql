-- What asks about all nodes or all certificates reads an index and no rows.

-- The answer to how many a CA has signed that are in use: 1 pending, 2 current.
DROP INDEX certificates_generation;
CREATE INDEX certificates_generation ON certificates (purpose, ca_generation, not_after_ms, state);

-- Nodes that have been seen at all, so that a registration writes nothing to it.
CREATE INDEX network_mgr_seen ON network_mgr (last_seen_ms, id) WHERE reserved = 0 AND last_seen_ms > 0;
