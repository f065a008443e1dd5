/** Column → SQL of its value; `$name` is a field of the record or of its place. */
type Columns = Readonly<Record<string, string>>;

/**
 * The statement that writes a row whether it is there or not.
 *
 * @param first Columns written only when the row is made.
 * @param always Columns written each time.
 */
function upsert(table: string, first: Columns, always: Columns): string {
  const columns = { id: '$id', ...first, ...always };
  const updates = Object.keys(always).map((column) => `${column} = excluded.${column}`);
  return `INSERT INTO ${table} (${Object.keys(columns).join(', ')}) VALUES (${Object.values(columns).join(', ')})
    ON CONFLICT (id) DO UPDATE SET ${updates.join(', ')}`;
}

/** UTC ms as LiteKube's text columns show it. */
function localTime(ms: string): string {
  return `datetime(${ms} / 1000, 'unixepoch', 'localtime')`;
}

/** One statement a table of the read model, with named parameters. */
export const UPSERTS = {
  node: upsert(
    'network_mgr',
    {
      state: '-1',
      create_time: localTime('$createdAtMs'),
      created_at_ms: '$createdAtMs',
      idle_since_ms: '$createdAtMs',
      node_id: '$nodeId',
      network: '$network',
      reserved: '$reserved',
    },
    {
      token: '$token',
      bind_ip: '$bindIp',
      name: '$name',
      bind_ip6: '$bindIp6',
      wg_public_key: '$wgPublicKey',
      static_address: '$staticAddress',
      ephemeral: '$ephemeral',
      revoked_at_ms: '$revokedAtMs',
      mod_rev: '$modRev',
    },
  ),
  token: upsert(
    'token_mgr',
    { create_time: localTime('$createdAtMs'), created_at_ms: '$createdAtMs', token_id: '$tokenId' },
    {
      token: '$token',
      expire_time: `iif($expiresAtMs = 0, NULL, ${localTime('$expiresAtMs')})`,
      network: '$network',
      label: '$label',
      created_by: '$createdBy',
      expires_at_ms: '$expiresAtMs',
      max_uses: '$maxUses',
      revoked_at_ms: '$revokedAtMs',
      mod_rev: '$modRev',
    },
  ),
  address: upsert(
    'addresses',
    { network: '$network', address: '$address' },
    { node_id: '$nodeId', token_id: '$tokenId', quarantined_until_ms: '$quarantinedUntilMs', mod_rev: '$modRev' },
  ),
  service: upsert(
    'services',
    { service_id: '$serviceId', network: '$network', name: '$name' },
    {
      node_id: '$nodeId',
      address: '$address',
      port: '$port',
      protocol: '$protocol',
      type: '$type',
      channel: '$channel',
      role: '$role',
      lapsed_at_ms: '$lapsedAtMs',
      withheld: '$withheld',
      health: '$health',
      mod_rev: '$modRev',
    },
  ),
  certificate: upsert(
    'certificates',
    { serial: '$serial' },
    {
      subject_kind: '$subjectKind',
      subject_id: '$subjectId',
      network: '$network',
      purpose: '$purpose',
      state: '$state',
      not_after_ms: '$notAfterMs',
      role: '$role',
      revoked_at_ms: '$revokedAtMs',
      ca_generation: '$caGeneration',
      mod_rev: '$modRev',
    },
  ),
  audit: upsert(
    'audit_log',
    {},
    {
      at_ms: '$atMs',
      actor: '$actor',
      peer_address: '$peerAddress',
      serial: '$serial',
      method: '$method',
      object: '$object',
      network: '$network',
      result: '$result',
      reason: '$reason',
    },
  ),
} as const;
