-- A lease is renewed in memory; what is stored is when it ended. The column was 0 until now.

ALTER TABLE services RENAME COLUMN expires_at_ms TO lapsed_at_ms; -- UTC ms the lease ended or the node left, 0 while the instance is held
ALTER TABLE services ADD COLUMN health TEXT NOT NULL DEFAULT ''; -- passing or failing; empty when nobody checks
