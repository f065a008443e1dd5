import { generateWireGuardKeys } from '../../src/platform/wireguard/keys.js';
import { generateP256 } from '../../src/platform/x509/p256.js';

/** Makes as many keys of each kind as its argument says, and says so: a thread that stands still cannot be tested from within. */
const count = Number(process.argv[2]);
for (let n = 0; n < count; n++) {
  generateP256();
  generateWireGuardKeys();
}
console.log(`${count} made`);
