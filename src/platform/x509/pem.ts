/** What a PEM block may be labelled with here. @see RFC 7468 §3 */
export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'X509 CRL';

/** Writes DER as PEM, 64 characters a line. @see RFC 7468 §2 */
export function toPem(der: Uint8Array, label: PemLabel = 'CERTIFICATE'): string {
  const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The DER of every block of `label` in `text`, in order; other blocks and text between are skipped. */
export function fromPem(text: string, label: PemLabel = 'CERTIFICATE'): Buffer[] {
  const blocks = text.matchAll(new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`, 'g'));
  return Array.from(blocks, ([, body = '']) => Buffer.from(body, 'base64'));
}
