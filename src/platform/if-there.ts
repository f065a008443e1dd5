/**
 * What is read from a file or folder, or undefined when there is none.
 *
 * @throws Whatever else goes wrong, as the file system says it.
 */
export async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  return reading.catch(undefinedIfMissing);
}

/** The same for what is read at once. */
export function ifThereSync<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    return undefinedIfMissing(error);
  }
}

function undefinedIfMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  return undefined;
}
