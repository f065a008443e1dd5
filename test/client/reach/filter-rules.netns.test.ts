import { expect, it } from 'vitest';
import { filterRules, tableOf, type FilterInput } from '../../../src/client/reach/filter-rules.js';
import { aLab, describeLab } from '../../support/lab-vitest.js';

const PLAIN: FilterInput = { interfaceName: 'nc0', cidr: '10.66.0.0/24', cidr6: '', routes: [], guardsForwarding: false, redirects: false };

describeLab('the table of an agent', () => {
  it.each<[string, Partial<FilterInput>, string[]]>([
    ['a node alone', {}, ['strangers', 'leaks']],
    ['a node with IPv6', { cidr6: 'fd00:66::/64' }, ['strangers', 'leaks']],
    ['an interface whose name begins with a digit', { interfaceName: '9nc' }, ['strangers', 'leaks']],
    ['a node before networks', { routes: ['192.168.7.0/24', '192.168.8.0/25'] }, ['strangers', 'leaks', 'passing', 'disguised', 'segments']],
    ['a node that forwards for this alone', { routes: ['192.168.7.0/24'], guardsForwarding: true }, ['strangers', 'leaks', 'passing', 'disguised', 'segments']],
    ['an exit', { routes: ['0.0.0.0/0'] }, ['strangers', 'leaks', 'passing', 'disguised', 'segments']],
    ['a node that leaves through an exit', { redirects: true }, ['strangers', 'leaks', 'returning', 'sent']],
  ])('is taken by nft for %s, once and again, and has these chains', async (_what, change, chains) => {
    const lab = aLab();
    await lab.machine('n1');
    const input = { ...PLAIN, ...change };

    await lab.nft('n1', filterRules(input));
    const { stdout: first } = await lab.exec('n1', ['nft', 'list', 'table', 'inet', tableOf(input.interfaceName)]);
    await lab.nft('n1', filterRules(input));

    expect((await lab.exec('n1', ['nft', 'list', 'ruleset'])).stdout).toBe(first);
    expect([...first.matchAll(/chain (\w+) \{/g)].map(([, name]) => name).sort()).toEqual([...chains].sort());
  });

  it('takes the place of the one before as a whole, and leaves tables of others alone', async () => {
    const lab = aLab();
    await lab.machine('n1');
    await lab.nft('n1', 'table inet mine {\nchain kept {\ntype filter hook input priority 0; policy accept;\n}\n}');
    await lab.nft('n1', filterRules({ ...PLAIN, routes: ['192.168.7.0/24'], redirects: true }));

    await lab.nft('n1', filterRules(PLAIN));

    const { stdout } = await lab.exec('n1', ['nft', 'list', 'ruleset']);
    expect([...stdout.matchAll(/chain (\w+) \{/g)].map(([, name]) => name)).toEqual(['kept', 'strangers', 'leaks']);
    expect(stdout).not.toContain('192.168.7.0');
  });

  it('lets pass nothing but what was approved when it alone forwards', async () => {
    const lab = aLab();
    await lab.machine('n1');

    await lab.nft('n1', filterRules({ ...PLAIN, routes: ['192.168.7.0/24'], guardsForwarding: true }));

    const { stdout } = await lab.exec('n1', ['nft', 'list', 'chain', 'inet', tableOf('nc0'), 'passing']);
    const rules = stdout.split('\n').map((line) => line.trim()).filter((line) => / (accept|drop)$/.test(line) && !line.startsWith('type'));
    expect(rules.at(-1)).toBe('meta nfproto ipv4 drop');
    expect(rules.slice(0, -1).every((rule) => rule.includes('192.168.7.0/24') && rule.includes('10.66.0.0/24'))).toBe(true);
    expect(rules).toHaveLength(3);
  });
});
