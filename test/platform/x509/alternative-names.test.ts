import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalIp, listNames } from '../../../src/platform/x509/alternative-names.js';
import { openssl } from '../../support/openssl.js';
import { testCa, testLeaf } from '../../support/test-ca.js';

const invalid = expect.objectContaining({ code: 'certificate_invalid' });

describe('alternative names', () => {
  it.each([
    'email:root@example',
    'DirName:CN = root',
    'othername:<unsupported>',
    'Registered ID:1.2.3',
    'DNS:',
    'dns:a',
    'DNS:a,URI:b"',
    'URI:"nc://c1/node/n-1, URI:nc://c1/admin/root"',
    'DNS:a,  DNS:b',
    'IP Address:<invalid>',
    'IP Address:10.66.0',
  ])('are refused when they are %j', (text) => {
    expect(() => listNames(text)).toThrow(invalid);
  });

  it('are not read out of one name that looks like two', () => {
    const config = ['[req]', 'prompt=no', 'distinguished_name=dn', 'x509_extensions=ext', '[dn]', 'CN=x', '[ext]', 'subjectAltName=@san', '[san]', 'URI.1=nc://c1/node/n-1\\, URI:nc://c1/admin/root'];
    const key = openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout'], {});
    const pem = openssl(['req', '-new', '-x509', '-config', '@config', '-key', '@key'], { config: config.join('\n'), key });
    const printed = new X509Certificate(pem).subjectAltName;
    expect(printed).toContain('admin/root');

    expect(() => listNames(printed)).toThrow(invalid);
  });

  it('are none when the certificate has none', () => {
    expect([listNames(undefined), listNames('')]).toEqual(Array(2).fill({ dns: [], uris: [], ips: [] }));
  });

  it('are read as they were issued, addresses in their one text', () => {
    const ca = testCa();
    const names = fc.record({
      dns: fc.array(fc.domain(), { maxLength: 3 }),
      uris: fc.array(fc.stringMatching(/^nc:\/\/[a-z0-9]{1,9}\/(node|wg|admin)\/[A-Za-z0-9._-]{1,20}$/), { maxLength: 3 }),
      ips: fc.array(fc.oneof(fc.ipV4(), fc.ipV6().map(canonicalIp)), { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(names, (wanted) => {
        const { der } = testLeaf(ca, { names: wanted }, ca.issuer.key);

        expect(listNames(new X509Certificate(der).subjectAltName)).toEqual(wanted);
      }),
      { seed: 20260107, numRuns: 200 },
    );
  });
});
