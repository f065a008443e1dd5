/**
 * Runs `npm ci`, but only when node_modules is not what package-lock.json says: a second `npm test` starts at once.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

if (!isFresh()) {
  console.log('Installing the packages of package-lock.json …');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], { stdio: 'inherit' });
}

/** Whether npm's own record of what it installed holds every wanted package in the wanted version, and no other version. */
function isFresh() {
  const wanted = packagesOf('package-lock.json');
  const installed = packagesOf('node_modules/.package-lock.json');
  if (wanted === undefined || installed === undefined) return false;
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    const there = installed[path];
    // A package for another platform is in the lock and rightly not installed.
    return path === '' || (there === undefined ? optional === true : there.version === version);
  });
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
