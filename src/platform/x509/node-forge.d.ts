/** node-forge's ASN.1 encoder alone; loading it leaves RSA, TLS, PKCS #12 and the rest of the package unloaded. */
declare module 'node-forge/lib/asn1.js' {
  import type { asn1 as whole } from 'node-forge';

  namespace asn1 {
    type Asn1 = whole.Asn1;
  }
  const asn1: Omit<typeof whole, 'fromDer'> & {
    fromDer(
      bytes: string,
      options: { strict: boolean; parseAllBytes: boolean; decodeBitStrings: boolean; maxDepth: number },
    ): whole.Asn1;
  };
  export default asn1;
}
